// Puts the built console where the Go program embeds it: compressed files only, and the licences of what is inside.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const from = new URL('dist/', import.meta.url).pathname;
const to = new URL('../internal/console/assets/', import.meta.url).pathname;
const modules = new URL('node_modules/', import.meta.url).pathname;

function files(dir) {
  return readdirSync(dir, { withFileTypes: true, recursive: true }).filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name));
}

/** licences collects the licence texts of every package that can end up in the bundle. */
function licences() {
  const lock = JSON.parse(readFileSync(new URL('package-lock.json', import.meta.url), 'utf8'));
  const parts = [];
  for (const [path, info] of Object.entries(lock.packages)) {
    if (!path || info.dev) continue;
    const dir = join(modules, '..', path);
    if (!existsSync(dir)) continue;
    const texts = readdirSync(dir).filter((n) => /^(licen[cs]e|notice)/i.test(n)).map((n) => readFileSync(join(dir, n), 'utf8').trim());
    parts.push(`${path.replace(/^node_modules\//, '')} ${info.version} (${info.license ?? 'see below'})\n\n${texts.join('\n\n')}`);
  }
  return parts.join(`\n\n${'-'.repeat(80)}\n\n`);
}

for (const name of readdirSync(to)) if (name !== 'README') rmSync(join(to, name), { recursive: true });
writeFileSync(join(from, 'licences.txt'), licences());
for (const file of files(from).filter((f) => !f.includes('/.vite/'))) {
  const body = readFileSync(file);
  const target = join(to, relative(from, file));
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.gz`, gzipSync(body, { level: 9 }));
  writeFileSync(`${target}.br`, brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }));
}
