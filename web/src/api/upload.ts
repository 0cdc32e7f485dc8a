import { escape, keyPath, parse, s3 } from './s3';

/** Larger files go in parts: what is lost on the way is one part, and the server never holds more. */
export const partSize = 8 << 20;
const atOnce = 3;

/** upload puts a file into a bucket and tells how many of its bytes have arrived. */
export async function upload(bucket: string, key: string, file: Blob, tell: (sent: number) => void = () => undefined, signal?: AbortSignal): Promise<void> {
  const path = keyPath(bucket, key);
  const type = file.type || 'application/octet-stream';
  if (file.size <= 2 * partSize) {
    await s3('PUT', path, file, type, signal);
    tell(file.size);
    return;
  }
  const id = parse(await (await s3('POST', `${path}?uploads`, undefined, type, signal)).text(), 'UploadId')[0]?.textContent ?? '';
  const query = new URLSearchParams({ uploadId: id });
  try {
    const parts = await sendParts(path, query, file, tell, signal);
    const list = parts.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${escape(etag)}</ETag></Part>`).join('');
    const answer = await (await s3('POST', `${path}?${query}`, `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`, 'application/xml', signal)).text();
    if (answer.includes('<Error>')) throw new Error(parse(answer, 'Message')[0]?.textContent ?? answer); // S3 may find out after it has said 200
  } catch (e) {
    await s3('DELETE', `${path}?${query}`).catch(() => undefined); // the reason why it failed is what counts
    throw e;
  }
}

/** sendParts sends the parts of a file, some at once, and returns their tags in order. */
async function sendParts(path: string, query: URLSearchParams, file: Blob, tell: (sent: number) => void, signal?: AbortSignal): Promise<string[]> {
  const count = Math.ceil(file.size / partSize);
  const tags: string[] = [];
  let [next, sent] = [0, 0];
  async function work() {
    for (let i = next++; i < count; i = next++) {
      const part = file.slice(i * partSize, (i + 1) * partSize);
      const res = await s3('PUT', `${path}?partNumber=${i + 1}&${query}`, part, undefined, signal);
      tags[i] = res.headers.get('etag') ?? '';
      tell((sent += part.size));
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
  return tags;
}
