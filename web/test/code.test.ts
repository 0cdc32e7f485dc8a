import { readFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { base64, bytes, codePath, makeTag, textOf } from '../src/api/code';
import { beside, compare, count, fold, linesOf, type Row } from '../src/code/diff';
import { colour, languageOf } from '../src/code/highlight';
import { resolvePath } from '../src/code/paths';
import { emphasise, lines } from '../src/code/tokens';
import { threads } from '../src/api/pulls';
import { ruleContent } from '../src/pages/pull/add-rule';
import { runsWith } from '../src/pages/pull/statuses';
import { cloneCommands } from '../src/pages/repository/clone';

afterEach(() => vi.unstubAllGlobals());

const kinds = (rows: Row[] = []) => rows.map((r) => `${r.kind[0]}${r.before ?? ''}/${r.after ?? ''}`).join(' ');
const numbered = (n: number) => Array.from({ length: n }, (_, i) => `line ${i + 1}\n`).join('');

test('a comparison numbers the lines of both sides and marks what changed within them', () => {
  const rows = compare('a\nold price\nc\n', 'a\nnew price\nc\nd\n');
  expect(kinds(rows)).toBe('s1/1 r2/ a/2 s3/3 a/4');
  expect(rows[1]?.changed).toEqual([[0, 3]]);
  expect(rows[2]?.changed).toEqual([[0, 3]]);
  expect(count(rows)).toEqual({ added: 2, removed: 1 });
});

test('an empty file, a last line without an end and equal texts', () => {
  expect(linesOf('')).toEqual([]);
  expect(linesOf('a\nb')).toEqual(['a', 'b']);
  expect(kinds(compare('', 'a\n'))).toBe('a/1');
  expect(kinds(compare('a\n', 'a\n'))).toBe('s1/1');
});

test('of what differs beyond measure, one stands in the other\'s place', () => {
  const numbers = (from: number) => Array.from({ length: 2000 }, (_, i) => `${from + i}`).join('\n');
  expect(count(compare(numbers(0), numbers(100_000)))).toEqual({ added: 2000, removed: 2000 });
});

test('what has not changed is folded, and unfolds', () => {
  const rows = compare(numbered(40), numbered(40).replace('line 20\n', 'LINE 20\n'));
  const folded = fold(rows, new Set());
  expect(folded.map((r) => r.hidden ?? 0).filter(Boolean)).toEqual([16, 17]);
  expect(folded.filter((r) => r.kind === 'same')).toHaveLength(6);
  expect(fold(rows, new Set([1]))).toHaveLength(folded.length + 15);
  expect(fold(rows, new Set([1, 24])).every((r) => r.kind !== 'gap')).toBe(true);
});

test('side by side, lines stand beside those in their place', () => {
  const rows = compare('a\nb\nc\n', 'x\nc\ny\n');
  expect(beside(rows).map(([l, r]) => `${l?.text ?? '-'}|${r?.text ?? '-'}`)).toEqual(['a|x', 'b|-', 'c|c', '-|y']);
});

test('colours are cut into lines and keep every character', () => {
  const text = 'package main\n\n/* two\nlines */ func main() {}\n';
  const found = colour(text, languageOf('cmd/main.go') ?? '');
  expect(found.map((l) => l.map((s) => s.text).join('')).join('\n')).toBe(text);
  expect(found[2]?.[0]?.classes).toContain('comment');
  expect(found[3]?.[0]?.classes).toContain('comment');
  expect(languageOf('Dockerfile')).toBe('dockerfile');
  expect(languageOf('a.unknown')).toBeUndefined();
  expect(lines([{ type: 'text', value: 'a\nb' }])).toEqual([[{ text: 'a' }], [{ text: 'b' }]]);
});

test('emphasis cuts pieces where it begins and ends', () => {
  expect(emphasise([{ text: 'abcd', classes: 'k' }, { text: 'ef' }], [[2, 5]], 'changed')).toEqual([
    { text: 'ab', classes: 'k' }, { text: 'cd', classes: 'k changed' }, { text: 'e', classes: 'changed' }, { text: 'f', classes: undefined },
  ]);
});

test('texts survive Base64, and what is none is told apart', () => {
  expect(textOf(bytes(base64('안녕, world')))).toBe('안녕, world');
  expect(textOf(new Uint8Array([0, 1]))).toBeUndefined();
  expect(textOf(new Uint8Array([0xff, 0xfe]))).toBeUndefined();
});

test('links of documents stay within the repository', () => {
  expect(resolvePath('docs/guide.md', '../README.md#top')).toBe('README.md');
  expect(resolvePath('docs/guide.md', 'img/a%20b.png')).toBe('docs/img/a b.png');
  expect(resolvePath('docs/guide.md', '/cmd')).toBe('cmd');
  expect(resolvePath('docs/guide.md', '../../secret')).toBeUndefined();
  expect(resolvePath('README.md', '%zz')).toBeUndefined();
});

test('addresses of pages leave out what is not chosen', () => {
  expect(codePath('site')).toBe('/repositories/site');
  expect(codePath('site', 'file', { ref: 'feature/a&b', path: '' })).toBe('/repositories/site/file?ref=feature%2Fa%26b');
});

test('a tag with slashes is one name', async () => {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response(null, { status: 204 }));
  vi.stubGlobal('fetch', fetch);
  await makeTag('site', 'release/1 a', 'c0ffee');
  expect(fetch.mock.calls[0]?.[0]).toBe('/conveyor/console/code/site/tags/release/1%20a?commit=c0ffee');
});

test('the commands to clone name the server', () => {
  const text = cloneCommands.cli('http://127.0.0.1:4566/v1/repos/site');
  expect(text).toContain('credential.http://127.0.0.1:4566.UseHttpPath true');
  expect(text.split('\n')).toHaveLength(3);
});

test('answers stand below what they answer, in the order of time', () => {
  const comment = (commentId: string, creationDate: number, inReplyTo?: string) => ({ commentId, creationDate, inReplyTo, content: commentId });
  const found = threads([
    { afterCommitId: 'c2', comments: [comment('b', 30), comment('a', 10), comment('a1', 40, 'a')] },
    { afterCommitId: 'c1', location: { filePath: 'x', filePosition: 3, relativeFileVersion: 'AFTER' }, comments: [comment('l', 20), comment('l1', 25, 'l'), comment('l2', 50, 'l1')] },
  ]);
  expect(found.map((x) => [x.root.commentId, ...x.replies.map((r) => r.commentId)].join(' '))).toEqual(['a a1', 'l l1 l2', 'b']);
  expect(found[1]).toMatchObject({ commit: 'c1', location: { filePosition: 3 } });
});

test('an approval rule names people and pipelines', () => {
  expect(JSON.parse(ruleContent(2, 'mina\n\n arn:aws:codepipeline:us-east-1:000000000000:site '))).toEqual({
    Version: '2018-11-08',
    Statements: [{ Type: 'Approvers', NumberOfApprovalsNeeded: 2, ApprovalPoolMembers: ['arn:aws:iam::000000000000:user/mina', 'arn:aws:codepipeline:us-east-1:000000000000:site'] }],
  });
  expect(ruleContent(1, '')).not.toContain('ApprovalPoolMembers');
});

test('the newest run of each pipeline with a commit tells of it', () => {
  const run = (id: string, revisionId: string) => ({ id, status: 'Succeeded', reason: '', started: '', updated: '', trigger: {}, revisions: [{ action: 'Source', revision: { revisionId } }] });
  const pipeline = (name: string, recent: ReturnType<typeof run>[] | null) => ({ name, version: 1, pipelineType: 'V2', executionMode: 'QUEUED', created: 0, updated: 0, recent });
  expect(runsWith([pipeline('a', [run('2', 'x'), run('1', 'x')]), pipeline('b', null), pipeline('c', [run('3', 'y')])], 'x').map((f) => f.run.id)).toEqual(['2']);
});

test('what changed can be read in every colour of code, in both themes', () => {
  const css = readFileSync(new URL('../src/code/code.css', import.meta.url), 'utf8');
  const themes = [/^\.code-box \{([\s\S]*?)\}/m, /^\.awsui-dark-mode \.code-box \{([\s\S]*?)\}/m].map((theme) => new Map(Array.from((theme.exec(css)?.[1] ?? '').matchAll(/--([\w-]+): (#[0-9a-f]{6});/g), (m) => [m[1] ?? '', m[2] ?? ''] as const)));
  const channel = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  const light = (colour = '') => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => sum + part * channel(parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16) / 255), 0);
  const contrast = (a: number, b: number) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const grounds = ['added', 'added-word', 'removed', 'removed-word'];
  for (const theme of themes) {
    expect([...theme.keys()]).toEqual(expect.arrayContaining(grounds));
    for (const ground of grounds)
      for (const [name, colour] of theme) if (!grounds.includes(name) && name !== 'gap') expect(contrast(light(colour), light(theme.get(ground))), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
  }
});
