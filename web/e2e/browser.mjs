// The browser of the walk and what all its parts ask of it. It is imported once: one browser, one page.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

export const url = process.env.AWS_ENDPOINT_URL;
export const language = process.env.WALK_LANGUAGE ?? 'en';
export const pictures = join(process.env.WALK_PICTURES || new URL('../screenshots', import.meta.url).pathname, language);
const patience = 30_000;

/** The texts of a language, from the very files the console has them from. Parts may use the same name for texts of their
 * own: such a name is of no use to the walk. */
function texts() {
  const folder = new URL('../src/i18n/', import.meta.url);
  const read = (name) => readFileSync(new URL(name, folder), 'utf8');
  const evaluate = (text, pattern) => Function(`return ${pattern.exec(text)[1]}`)();
  const common = evaluate(read(`${language}.ts`), /export const \w+[^=]*= (\{[\s\S]*\});/);
  const parts = readdirSync(folder).filter((name) => /^[a-z-]{3,}\.ts$/.test(name));
  const all = new Map();
  for (const part of [common, ...parts.map((name) => evaluate(read(name), /vocabulary\((\{[\s\S]*\})\);/)[language])]) {
    for (const [name, text] of Object.entries(part)) all.set(name, (all.get(name) ?? new Set()).add(text));
  }
  return all;
}

const words = texts();

export function t(key, values = {}) {
  const [text, ...others] = words.get(key) ?? [];
  assert.ok(text && !others.length, `the name ${key} stands for ${others.length + (text ? 1 : 0)} texts`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function chromiumPath() {
  const found = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => existsSync(p));
  assert.ok(found, 'Chromium is not installed');
  return found;
}

export const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });

/** What the browser itself reports: errors, and requests to other hosts. A walk ends without any. */
export const complaints = [];

/** newcomer is a page of somebody who has not signed in yet. */
export async function newcomer() {
  const theirs = await browser.newContext({ locale: language === 'ko' ? 'ko-KR' : 'en-US', viewport: { width: 1440, height: 900 }, colorScheme: 'light' });
  theirs.setDefaultTimeout(patience);
  const page = await theirs.newPage();
  page.on('console', (m) => m.type() === 'error' && !/401 \(Unauthorized\)|404 \(Not Found\)/.test(m.text()) && complaints.push(`${m.text()} ${m.location().url}`));
  page.on('pageerror', (e) => complaints.push(String(e)));
  page.on('request', (r) => !r.url().startsWith(url) && !/^(data|blob):/.test(r.url()) && complaints.push(`a request to ${r.url()}`));
  return page;
}

export const page = await newcomer();
export const context = page.context();

/** What the page has asked for and has no answer to yet. Streams have no end, and the end of a shared worker's script is not told. */
const waiting = new Set();
page.on('request', (r) => r.resourceType() !== 'eventsource' && !r.url().includes('/stream-worker-') && waiting.add(r));
for (const end of ['requestfinished', 'requestfailed']) page.on(end, (r) => waiting.delete(r));
page.on('framenavigated', (frame) => frame === page.mainFrame() && waiting.clear());

/** Everything that belongs to the page is there: for a few frames it has asked for nothing more, and nothing turns. */
export async function settled() {
  const end = Date.now() + patience;
  for (let calm = 0, turns = true; calm < 5; calm = waiting.size || turns ? 0 : calm + 1) {
    assert.ok(Date.now() < end, `the page still waits for ${[...waiting].map((r) => r.url()).join(' ') || 'what turns'}`);
    await page.evaluate(() => new Promise(requestAnimationFrame));
    turns = await page.evaluate(() => !!document.querySelector('[class*="awsui_circle-left"]'));
  }
}

export const button = (name, exact = true) => page.getByRole('button', { name, exact });
export const nav = (name) => page.getByRole('link', { name, exact: true }).first().click();
export const dialog = () => page.getByRole('dialog');
export const see = (text) => page.getByText(text).first().waitFor();
export const step = (text) => console.log(`- ${text}`);

/** operation calls one of AWS's operations as who has signed in, for what the walk does not do by clicking. */
export const operation = (target, input) =>
  page.evaluate(
    async ([name, body]) => {
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': name };
      const answer = await fetch('/conveyor/console/aws', { method: 'POST', headers, body });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.json();
    },
    [target, JSON.stringify(input)],
  );

/** press goes to a thing with the Tab key and does with Enter what a click does: for those who have no mouse. */
export async function press(thing) {
  await thing.waitFor();
  for (let i = 0; i < 100; i++) {
    if (await thing.evaluate((e) => e === document.activeElement)) return page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
  }
  return assert.fail(`the keyboard does not get to ${thing}`);
}

export async function choose(label, option) {
  await page.getByLabel(label).click();
  await page.getByRole('option', { name: option, exact: true }).click();
}

export async function make(where, what, fill) {
  step(what);
  await nav(where);
  await button(what).click();
  await fill(dialog());
  await dialog().getByRole('button', { name: t('create'), exact: true }).click();
  await dialog().waitFor({ state: 'hidden' });
}
