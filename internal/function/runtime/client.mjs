// Speaks Lambda's runtime interface for a Node.js module: _HANDLER is module.function.
import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':')
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

function call(method, url, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, method, agent, path: '/2018-06-01/runtime/' + url, headers: body === undefined ? headers : { ...headers, 'Content-Length': Buffer.byteLength(body) } },
      (response) => {
        const parts = []
        response.on('data', (part) => parts.push(part))
        response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(parts).toString() }))
        response.on('error', reject)
      }
    )
    request.on('error', reject)
    request.end(body)
  })
}

async function postError(url, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  console.error(error)
  const failure = { errorType: error.name, errorMessage: error.message, trace: String(error.stack).split('\n') }
  await call('POST', url, JSON.stringify(failure), { 'Lambda-Runtime-Function-Error-Type': error.name })
}

async function load() {
  const [, module, name] = /^(.+)\.([^./]+)$/.exec(process.env._HANDLER) ?? []
  if (!module) throw new Error(`the handler ${process.env._HANDLER} is not module.function`)
  const base = path.resolve(process.env.LAMBDA_TASK_ROOT, module)
  const file = ['.mjs', '.js', '.cjs'].map((end) => base + end).find((candidate) => fs.existsSync(candidate))
  if (!file) throw new Error(`Cannot find module '${module}'`)
  const loaded = await import(pathToFileURL(file))
  const handler = loaded[name] ?? loaded.default?.[name]
  if (typeof handler !== 'function') throw new Error(`${process.env._HANDLER} is undefined or not exported`)
  return handler
}

function run(handler, event, context) {
  return new Promise((resolve, reject) => {
    const done = (error, answer) => (error ? reject(error) : resolve(answer))
    Object.assign(context, { succeed: resolve, fail: reject, done })
    let result
    try {
      result = handler(event, context, done)
    } catch (error) {
      return reject(error)
    }
    if (typeof result?.then === 'function') result.then(resolve, reject)
    else if (handler.length < 3) resolve(result)
  })
}

let handler
try {
  handler = await load()
} catch (error) {
  await postError('init/error', error)
  process.exit(1)
}
for (;;) {
  const next = await call('GET', 'invocation/next')
  const id = next.headers['lambda-runtime-aws-request-id']
  const deadline = Number(next.headers['lambda-runtime-deadline-ms'])
  const env = process.env
  const context = {
    awsRequestId: id,
    invokedFunctionArn: next.headers['lambda-runtime-invoked-function-arn'],
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  }
  try {
    const answer = JSON.stringify(await run(handler, JSON.parse(next.body), context)) ?? 'null'
    await call('POST', `invocation/${id}/response`, answer, { 'Content-Type': 'application/json' })
  } catch (error) {
    await postError(`invocation/${id}/error`, error)
  }
}
