import { readFileSync } from 'node:fs';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const generated = 'node_modules/@cloudscape-design/components/internal/generated/styles/tokens.js';

/** `t(colorTextBodyDefault)` in our CSS becomes the variable of that design token. Its name carries a hash that changes
 * with every release, so it is read from the very package that defines it. */
function designTokens(): Plugin {
  const names = readFileSync(generated, 'utf8').matchAll(/export var (\w+) = "(.*)";/g);
  const tokens = new Map([...names].map((m) => [m[1], m[2]]));
  return {
    name: 'design-tokens',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/src\/.*\.css$/.test(id.split('?')[0] ?? '')) return undefined;
      return code.replace(/\bt\((\w+)\)/g, (_, name: string) => tokens.get(name) ?? this.error(`unknown design token ${name}`));
    },
  };
}

/** Cloudscape's global styles carry their fonts inside; as files they load when they are used, and `font-src 'self'`
 * suffices. */
function fontFiles(): Plugin {
  const font = /url\((['"])data:font\/woff2;(?:charset=[^;]+;)?base64,([A-Za-z0-9+/=]+)\1\)/g;
  return {
    name: 'font-files',
    enforce: 'pre',
    apply: 'build',
    load(id) {
      const file = id.split('?')[0] ?? '';
      if (!file.endsWith('global-styles/index.css')) return undefined;
      let n = 0;
      return readFileSync(file, 'utf8')
        .replace(font, (_, _quote, base64: string) => {
          const ref = this.emitFile({ type: 'asset', name: `open-sans-${n++}.woff2`, source: Buffer.from(base64, 'base64') });
          return `url("__FONT_${ref}__")`;
        })
        .replace(/(@font-face \{)/g, '$1\n  font-display: swap;');
    },
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type !== 'asset' || !file.fileName.endsWith('.css')) continue;
        file.source = String(file.source).replace(/__FONT_([^_]+(?:_[^_]+)*?)__/g, (_, ref: string) => `/conveyor/${this.getFileName(ref)}`);
      }
    },
  };
}

export default defineConfig({
  base: '/conveyor/',
  plugins: [react(), designTokens(), fontFiles()],
  worker: { format: 'es' },
  build: { target: 'es2022', manifest: true, reportCompressedSize: false, modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
});
