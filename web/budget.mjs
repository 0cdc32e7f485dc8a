// Fails the build when the first load, the list of pipelines, needs more JavaScript than a person should wait for.
import { readFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';

const kilobytes = 300;
const dist = new URL('dist/', import.meta.url);
const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', dist), 'utf8'));
const library = 'node_modules/@cloudscape-design/components/i18n/messages/all';

/** weigh sums up the modules and all they import, compressed. What they may import later does not count. */
function weigh(entries) {
  const seen = new Set();
  const visit = (key) => {
    const chunk = manifest[key];
    if (!chunk) throw new Error(`the first load needs ${key}, which the build does not have: say in web/budget.mjs what it needs instead`);
    if (seen.has(chunk.file)) return;
    seen.add(chunk.file);
    chunk.imports?.forEach(visit);
  };
  entries.forEach(visit);
  return [...seen].reduce((sum, file) => sum + brotliCompressSync(readFileSync(new URL(file, dist))).length, 0) / 1024;
}

for (const language of ['en', 'ko']) {
  const size = weigh(['index.html', 'src/boot.tsx', 'src/pages/pipelines.tsx', `src/i18n/${language}.ts`, `${library}.${language}.js`]);
  console.log(`first load, ${language}: ${size.toFixed(1)} KB of ${kilobytes} KB of JavaScript`);
  if (size > kilobytes) {
    console.error('That is too much. Load pages and what few people need later, by import().');
    process.exitCode = 1;
  }
}
