// What people do with code and files, by clicking: a branch, a file, a pull request with a remark on a line, its merge,
// and an upload.
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { button, dialog, nav, page, see, step, t, url } from './browser.mjs';

const tab = (name) => page.getByRole('tab', { name, exact: true }).click();
const link = (name) => page.getByRole('link', { name, exact: true });

/** proposal makes a branch with a new file and merges it with a pull request. It returns where that is. */
export async function proposal(site) {
  step(t('createBranch'));
  await nav(t('repositories'));
  await page.getByRole('heading', { name: t('repositories'), level: 1 }).waitFor();
  await link(site).click();
  await tab(t('refs'));
  await button(t('createBranch')).click();
  await dialog().getByLabel(t('name'), { exact: true }).fill('proposal');
  await dialog().getByRole('button', { name: t('create'), exact: true }).click();
  await link('proposal').click();

  step(t('newFile'));
  await button(t('newFile')).click();
  await page.getByRole('textbox', { name: t('filePath'), exact: true }).fill('README.md');
  await page.getByRole('textbox', { name: t('fileContent') }).fill('# A site\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n```yaml\nversion: 0.2\n```\n');
  await button(t('saveFile')).click();
  await page.getByRole('heading', { name: 'A site' }).waitFor();

  step(t('createPull'));
  await tab(t('pullRequests'));
  await button(t('compareBranches')).click();
  await button(t('compareTo'), false).click();
  await page.getByRole('option', { name: 'proposal', exact: true }).click();
  await dialog().getByLabel(t('pullTitle')).fill('Say what it is');
  await dialog().getByRole('button', { name: t('create'), exact: true }).click();
  await page.getByRole('heading', { name: 'Say what it is' }).waitFor();
  const at = new URL(page.url()).pathname;
  await page.getByLabel(t('writeComment'), { exact: true }).fill('Looks **good**');
  await button(t('postComment')).click();
  await page.locator('.remark strong', { hasText: 'good' }).waitFor();

  step(t('changes'));
  await tab(t('changes'));
  await page.locator('.diff .code-number button').last().click();
  await page.locator('.note').getByRole('textbox').fill('A good name');
  await page.locator('.note').getByRole('button', { name: t('postComment') }).click();
  await page.locator('.note .remark').getByText('A good name').waitFor();

  step(t('mergeIt'));
  await tab(t('conversation'));
  await button(t('mergeIt')).click();
  await dialog().getByRole('button', { name: t('mergeIt'), exact: true }).click();
  await page.locator('h2').locator('xpath=ancestor::*[contains(@class,"awsui_root")][1]').getByText(t('merged'), { exact: true }).waitFor();
  return at;
}

/** sending uploads a file into a bucket, looks at it, and deletes it. */
export async function sending(bucket) {
  step(t('uploadFiles'));
  await page.goto(`${url}/conveyor/buckets/${bucket}`);
  await link('index.html').waitFor();
  await page.locator('input[type=file]:not([webkitdirectory])').setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('first\nsecond\n') });
  await link('notes.txt').click();
  await page.locator('.code-line', { hasText: 'second' }).waitFor();
  await button(t('deleteObject')).click();
  await dialog().getByRole('button', { name: t('del'), exact: true }).click();
  await link('index.html').waitFor();
  await link('notes.txt').waitFor({ state: 'hidden' });
  await see(t('expPublicSite'));

  step(t('uploadFolder'));
  const folder = mkdtempSync(join(tmpdir(), 'album-'));
  mkdirSync(join(folder, 'summer'));
  writeFileSync(join(folder, 'summer', 'beach.txt'), 'sand\n');
  await page.locator('input[webkitdirectory]').setInputFiles(folder);
  await link(`${basename(folder)}/`).click();
  await link('summer/').click();
  await link('beach.txt').waitFor();
}
