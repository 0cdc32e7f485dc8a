// Colours of programs. It is loaded when the first file is shown, and never before.
import bash from 'highlight.js/lib/languages/bash';
import c from 'highlight.js/lib/languages/c';
import cpp from 'highlight.js/lib/languages/cpp';
import csharp from 'highlight.js/lib/languages/csharp';
import css from 'highlight.js/lib/languages/css';
import dockerfile from 'highlight.js/lib/languages/dockerfile';
import go from 'highlight.js/lib/languages/go';
import ini from 'highlight.js/lib/languages/ini';
import java from 'highlight.js/lib/languages/java';
import javascript from 'highlight.js/lib/languages/javascript';
import json from 'highlight.js/lib/languages/json';
import kotlin from 'highlight.js/lib/languages/kotlin';
import lua from 'highlight.js/lib/languages/lua';
import makefile from 'highlight.js/lib/languages/makefile';
import markdown from 'highlight.js/lib/languages/markdown';
import php from 'highlight.js/lib/languages/php';
import python from 'highlight.js/lib/languages/python';
import ruby from 'highlight.js/lib/languages/ruby';
import rust from 'highlight.js/lib/languages/rust';
import sql from 'highlight.js/lib/languages/sql';
import swift from 'highlight.js/lib/languages/swift';
import typescript from 'highlight.js/lib/languages/typescript';
import xml from 'highlight.js/lib/languages/xml';
import yaml from 'highlight.js/lib/languages/yaml';
import { createLowlight } from 'lowlight';
import { lines, type Token } from './tokens';

const lowlight = createLowlight({
  bash, c, cpp, csharp, css, dockerfile, go, ini, java, javascript, json, kotlin, lua, makefile, markdown, php, python, ruby, rust, sql, swift, typescript, xml, yaml,
});

const names: Record<string, string> = { dockerfile: 'dockerfile', makefile: 'makefile', jenkinsfile: 'java', gemfile: 'ruby', rakefile: 'ruby' };
const endings: Record<string, string> = {
  sh: 'bash', bash: 'bash', zsh: 'bash', h: 'c', cc: 'cpp', hpp: 'cpp', cs: 'csharp', toml: 'ini', cfg: 'ini', conf: 'ini', tf: 'ini', hcl: 'ini', mod: 'go', js: 'javascript', mjs: 'javascript',
  cjs: 'javascript', jsx: 'javascript', ts: 'typescript', tsx: 'typescript', kt: 'kotlin', kts: 'kotlin', mk: 'makefile', md: 'markdown', py: 'python', rb: 'ruby', rs: 'rust', html: 'xml', htm: 'xml',
  svg: 'xml', xhtml: 'xml', yml: 'yaml', jsonc: 'json', scss: 'css', less: 'css',
};

/** The language of a file by its name, undefined when it is none that is known. */
export function languageOf(path: string): string | undefined {
  const name = path.split('/').pop()?.toLowerCase() ?? '';
  const ending = name.split('.').pop() ?? '';
  const found = names[name] ?? endings[ending] ?? ending;
  return lowlight.registered(found) ? found : undefined;
}

/** The lines of a text in the colours of its language. */
export function colour(text: string, language: string): Token[][] {
  return lines(lowlight.highlight(language, text).children);
}

/** The pieces of a block of code in a document. */
export function colourBlock(text: string, name: string): Token[][] | undefined {
  const language = languageOf(`x.${name}`) ?? languageOf(name);
  return language ? colour(text, language) : undefined;
}
