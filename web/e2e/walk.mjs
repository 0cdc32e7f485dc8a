// The whole scenario in a real browser, by clicking only (and git): sign in, make a repository, a project, a bucket and
// a pipeline, push, watch it move, read the log while it runs, approve, open the site, break it, see why, retry, roll
// back; some of it with the keyboard alone. Then every page is photographed and examined by axe.
//
// The server is the one AWS_ENDPOINT_URL points to. WALK_LANGUAGE is en or ko, WALK_PICTURES a folder for pictures,
// WALK_MATRIX=full takes them all.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browser, button, choose, complaints, context, dialog, language, make, nav, newcomer, page, pictures, press, see, step, t, url } from './browser.mjs';
import { proposal, sending } from './code.mjs';
import { photographs } from './photographs.mjs';

const site = `site-${language}`;
const person = `mina-${language}`;
const work = mkdtempSync(join(tmpdir(), 'walk-'));
const gate = join(work, 'gate');
const fixed = join(work, 'fixed');

async function signIn() {
  step('sign in');
  await page.goto(url, { waitUntil: 'load' });
  await page.getByLabel(t('accessKey')).fill(process.env.AWS_ACCESS_KEY_ID);
  await page.getByLabel(t('secretKey')).fill('wrong');
  await button(t('signIn')).click();
  await see('do not belong to anyone');
  await page.getByLabel(t('secretKey')).fill(process.env.AWS_SECRET_ACCESS_KEY);
  complaints.length = 0; // the browser itself reports the refusal
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: t('pipelines') }).waitFor();
}

const buildspec = `version: 0.2
phases:
  build:
    commands:
      - printf '\\033[32mthe first line\\033[0m\\n'
      - while [ ! -e ${gate} ]; do sleep 0.1; done
      - cp good.xml checks.xml
      - |
        if [ -e broken ] && [ ! -e ${fixed} ]; then cp bad.xml checks.xml; echo 'Error: this page is broken'; exit 1; fi
      - echo 'the last line'
reports:
  checks: {files: [checks.xml]}
  lines: {files: [coverage.xml], file-format: COBERTURAXML}
  browsers: {files: [many.xml]}
artifacts:
  files: [index.html]
`;

/** What the tests of the site say, and which of its lines they ran. */
const junit = (title) => `<testsuite name="site" tests="4">
  <testcase name="has a title" classname="Page" time="0.012">${title}</testcase>
  <testcase name="opens in a second" classname="Page" time="0.431"/>
  <testcase name="links lead somewhere" classname="Links" time="0.08"/>
  <testcase name="reads well aloud" classname="Page"><skipped message="no reader here"/></testcase>
</testsuite>`;
const files = {
  '.gitignore': 'gate\nfixed\n',
  'buildspec.yml': buildspec,
  'good.xml': junit(''),
  'bad.xml': junit('<failure message="the title is missing">expected: The second page\n     got:</failure>'),
  'many.xml': `<testsuite name="browsers">${Array.from({ length: 120 }, (_, i) => `<testcase name="draws page ${i}" classname="Page" time="0.01"/>`).join('')}</testsuite>`,
  'coverage.xml': `<coverage line-rate="0.75" branch-rate="0.5"><packages><package name="site"><classes>
    <class name="Page" filename="src/page.js"><lines><line number="1" hits="3"/><line number="2" hits="1" branch="true" condition-coverage="50% (1/2)"/><line number="3" hits="0"/></lines></class>
    <class name="Links" filename="src/links.js"><lines><line number="1" hits="1"/></lines></class>
  </classes></package></packages></coverage>`,
};

function push(text, broken) {
  const git = (...args) => execFileSync('git', ['-C', work, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  if (!existsSync(join(work, '.git'))) {
    git('init', '-q', '-b', 'main');
    git('remote', 'add', 'origin', `${url}/v1/repos/${site}`);
    for (const [name, content] of Object.entries(files)) writeFileSync(join(work, name), content);
  }
  writeFileSync(join(work, 'index.html'), `<h1>${text}</h1>`);
  if (broken) writeFileSync(join(work, 'broken'), 'yes');
  git('add', '-A');
  git('commit', '-q', '-m', text);
  git('push', '-q', 'origin', 'HEAD:main');
}

async function wizard() {
  step(t('createPipeline'));
  await nav(t('pipelines'));
  await button(t('createPipeline')).click();
  await page.getByLabel(t('name'), { exact: true }).fill(site);
  await button(t('next')).click();
  await choose(t('sourceRepository'), site);
  await button(t('next')).click();
  await choose(t('withBuild'), site);
  await button(t('next')).click();
  await page.getByLabel(t('withApproval')).check();
  await button(t('next')).click();
  await choose(t('withDeploy'), site);
  await button(t('next')).click();
  await page.getByRole('tab', { name: 'Terraform' }).click();
  await see('resource "aws_codepipeline"');
  await button(t('openInEditor')).click();
  await see(t('checksOut'));
  await page.goBack();
  await page.getByRole('heading', { name: site, exact: true }).waitFor();
  await button(t('createPipeline')).click();
  await page.getByRole('heading', { name: site, level: 1 }).waitFor();
}

const stage = (name) => page.locator('.stage').filter({ has: page.getByRole('heading', { name, exact: true }) });
const stageIs = (name, status) => stage(name).locator('.stage-head').getByText(t(status), { exact: true }).waitFor();

async function approve(act = (thing) => thing.click()) {
  await act(stage('Approval').getByRole('button', { name: t('review') }));
  await dialog().getByLabel(t('comments')).fill('looks fine');
  await act(dialog().getByRole('button', { name: t('approve'), exact: true }));
  await dialog().waitFor({ state: 'hidden' });
}

async function readsSite(text) {
  await nav(t('buckets'));
  await page.getByRole('link', { name: 'conveyor-artifacts', exact: true }).waitFor(); // the list is the newest
  await page.getByRole('link', { name: site, exact: true }).click();
  const link = page.getByRole('link', { name: t('openSite') });
  await link.waitFor();
  const [opened] = await Promise.all([context.waitForEvent('page'), link.click()]);
  await opened.getByRole('heading', { name: text }).waitFor();
  await opened.close();
}

/** A window in which nothing is built, and a second approval, are drawn into the pipeline, looked at as a difference, and saved. */
async function edit() {
  await openPipeline();
  await button(t('editPipeline')).click();
  await see(t('checksOut'));
  await button(`${t('actions')}: Build`).first().click();
  await page.getByRole('menuitem', { name: t('edit'), exact: true }).click();
  await button(t('newRule')).click();
  await dialog().getByRole('button', { name: new RegExp(`^${t('rule')} [A-Z]`) }).click();
  await page.getByRole('option', { name: 'DeploymentWindow', exact: true }).click();
  await dialog().getByLabel('Cron').fill('* * 9-17 ? * MON-FRI 2020');
  await dialog().getByRole('button', { name: t('done'), exact: true }).click();
  await button(`${t('addAction')}: Approval`).click();
  await dialog().getByRole('button', { name: new RegExp(t('provider')) }).click();
  await page.getByRole('option', { name: 'Manual' }).click();
  await dialog().getByRole('button', { name: t('done'), exact: true }).click();
  await button(t('save')).click();
  await dialog().locator('.diff .more').filter({ hasText: '"Manual"' }).first().waitFor();
  await dialog().getByRole('button', { name: t('save'), exact: true }).click();
  await page.getByRole('heading', { name: site, level: 1, exact: true }).waitFor();
  await stage('Approval').locator('.action').nth(1).waitFor();
}

/** A person gets an access key, whose secret is shown once, and a policy that allows what they need. */
async function administer() {
  await nav(t('settings'));
  await button(t('createUser')).click();
  await dialog().getByLabel(t('name')).fill(person);
  await dialog().getByRole('button', { name: t('create'), exact: true }).click();
  await page.getByRole('link', { name: person, exact: true }).click();
  await button(t('createKey')).click();
  await dialog().getByText(t('secretOnce')).waitFor();
  const key = await dialog().locator('code').allTextContents();
  await dialog().getByRole('button', { name: t('close'), exact: true }).last().click();
  await button(t('attachPolicy'), false).click();
  await page.getByRole('combobox').last().fill('AWSCodePipeline_ReadOnlyAccess');
  await page.getByRole('option', { name: 'AWSCodePipeline_ReadOnlyAccess', exact: true }).click();
  await page.getByRole('row').filter({ hasText: 'AWSCodePipeline_ReadOnlyAccess' }).waitFor();
  await button(t('decide')).click();
  await page.getByRole('row').filter({ hasText: 's3:GetObject' }).getByText(t('implicitDeny')).waitFor();
  return key;
}

/** Who may only look sees what moves, and beforehand why the buttons do nothing. */
async function lookOn([id, secret]) {
  const theirs = await newcomer();
  await theirs.goto(`${url}/conveyor/pipelines/${site}`);
  await theirs.getByLabel(t('accessKey')).fill(id);
  await theirs.getByLabel(t('secretKey')).fill(secret);
  await theirs.keyboard.press('Enter');
  const forbidden = (action) => t('forbidden', { action: `codepipeline:${action}` });
  await theirs.locator('.gate[aria-disabled=true]').first().waitFor();
  await theirs.getByRole('button', { name: t('release'), exact: true }).hover();
  await theirs.getByText(forbidden('StartPipelineExecution')).filter({ visible: true }).waitFor();
  await theirs.getByTitle(forbidden('DisableStageTransition')).first().click({ force: true });
  await openPipeline();
  await closeWay('a quiet week');
  await theirs.getByText('a quiet week').first().waitFor();
  await openWay();
  await theirs.getByText('a quiet week').first().waitFor({ state: 'hidden' });
  assert.equal(await theirs.getByRole('dialog').count(), 0);
  const before = complaints.length;
  await theirs.goto(`${url}/conveyor/builds`);
  await theirs.getByRole('button', { name: t('createProject'), exact: true }).click();
  await theirs.getByRole('dialog').getByLabel(t('name')).fill('of-mine');
  await theirs.getByRole('dialog').getByRole('button', { name: t('create'), exact: true }).hover();
  await theirs.getByText(t('forbidden', { action: 'codebuild:CreateProject' })).filter({ visible: true }).waitFor();
  complaints.length = before; // the browser reports that the lists of this page are refused to them
  await theirs.context().close();
}

async function closeWay(reason) {
  await button(t('closeTransition', { stage: 'Deploy' })).click();
  await dialog().getByLabel(t('reasonOfClosing')).fill(reason);
  await dialog().getByRole('button', { name: t('close'), exact: true }).last().click();
  await see(reason);
}

async function openWay() {
  await button(t('openTransition', { stage: 'Deploy' })).click();
  await button(t('closeTransition', { stage: 'Deploy' })).waitFor();
}

/** The report of the broken page tells which test failed and why; its group, how it went before and after. */
async function reports() {
  await nav(t('testReports'));
  await page.getByRole('link', { name: `${site}-checks`, exact: true }).click();
  await page.getByRole('img', { name: `${t('trend')}: 75%, 50%, 75%` }).waitFor();
  await page.getByRole('row').filter({ hasText: t('rFAILED') }).getByRole('link').click();
  await button('has a title').click();
  await see('the title is missing');
  await button(t('anyResult'), false).click();
  await page.getByRole('option', { name: t('rSKIPPED'), exact: true }).click();
  await page.getByRole('row').filter({ hasText: 'reads well aloud' }).waitFor();
  assert.equal(await page.getByText('has a title').count(), 0);
  await nav(t('testReports'));
  await page.getByRole('link', { name: `${site}-lines`, exact: true }).click();
  await page.getByRole('heading', { name: `${site}-lines`, level: 1, exact: true }).waitFor();
  await page.getByRole('row').getByRole('link').first().click();
  await page.getByRole('progressbar').first().waitFor();
  await nav(t('testReports'));
  await page.getByRole('link', { name: `${site}-browsers`, exact: true }).click();
  await page.getByRole('heading', { name: `${site}-browsers`, level: 1, exact: true }).waitFor();
  await page.getByRole('row').getByRole('link').first().click();
  await button(t('moreTests')).click();
  await button(t('moreTests')).waitFor({ state: 'hidden' });
  assert.equal(await page.getByRole('row').count(), 1 + 120);
}

/** What a run has made is looked into, and one file of it taken out. */
async function artifacts() {
  await page.getByRole('tab', { name: t('artifacts'), exact: true }).click();
  await button('Built').click();
  await button('index.html').click();
  await dialog().locator('.code-line', { hasText: 'The second page' }).waitFor();
  const [got] = await Promise.all([page.waitForEvent('download'), dialog().getByRole('button', { name: t('download'), exact: true }).click()]);
  assert.equal(readFileSync(await got.path(), 'utf8'), '<h1>The second page</h1>');
  await dialog().getByRole('button', { name: t('close'), exact: true }).click();
}

/** Two runs are compared: another commit made another page. */
async function compare() {
  await page.getByRole('tab', { name: t('executions'), exact: true }).click();
  const runs = page.getByRole('table', { name: t('executions') }).getByRole('row');
  for (const text of ['The second page', 'The first page']) await runs.filter({ hasText: text }).first().getByRole('checkbox').check();
  await page.getByRole('table', { name: t('compare') }).getByRole('row').filter({ hasText: 'CommitId' }).first().waitFor();
}

/** A condition that stops a run is overridden by a person. */
async function override() {
  await openPipeline();
  await see(t('conditionHolds', { stage: 'Build' }));
  await button(t('overrideCondition')).click();
  await stageIs('Build', 'Succeeded');
  await stageIs('Approval', 'Waiting');
}

async function openPipeline() {
  await nav(t('pipelines'));
  await page.getByRole('heading', { name: t('pipelines'), level: 1 }).waitFor();
  await page.getByRole('link', { name: site, exact: true }).click();
  await page.getByRole('heading', { name: site, level: 1 }).waitFor();
}

async function theScenario() {
  await signIn();
  await make(t('repositories'), t('createRepository'), (d) => d.getByLabel(t('name')).fill(site));
  await make(t('builds'), t('createProject'), (d) => d.getByLabel(t('name')).fill(site));
  await make(t('buckets'), t('createBucket'), (d) => d.getByLabel(t('name')).fill(site));
  push('The first page');
  await wizard();

  step('watch it move, read the log while it runs');
  await stageIs('Source', 'Succeeded');
  await stage('Build').getByRole('link', { name: t('viewLog') }).click();
  await see('the first line');
  writeFileSync(gate, '');
  await see('the last line');
  await page.locator('.phases').getByText('COMPLETED').waitFor();

  step('approve, open the site');
  await openPipeline();
  await stageIs('Approval', 'Waiting');
  await approve();
  await stageIs('Deploy', 'Succeeded');
  await readsSite('The first page');

  step('break it, see why');
  push('The second page', true);
  await openPipeline();
  await stageIs('Build', 'Failed');
  await page.getByRole('tab', { name: t('reasons') }).click();
  await page.getByRole('row').filter({ hasText: 'Build' }).first().waitFor();
  await press(stage('Build').getByRole('link', { name: t('viewLog') }));
  await see('Error: this page is broken');
  await button(t('firstError')).click();
  await page.locator('.log-line.hit').waitFor();

  step('retry');
  writeFileSync(fixed, '');
  await openPipeline();
  await stage('Build').getByRole('button', { name: t('retry') }).click();
  await stageIs('Approval', 'Waiting');
  await approve(press);
  await stageIs('Deploy', 'Succeeded');
  await page.waitForFunction(async (path) => (await (await fetch(path)).text()).includes('The second page'), `/conveyor/websites/${site}/`);
  await readsSite('The second page');

  step('what the tests said');
  await reports();

  step('close and open the way');
  await openPipeline();
  await closeWay('a freeze');
  await openWay();

  step('what was made, and what differs');
  await artifacts();
  await compare();

  step('roll back');
  await stage('Deploy').getByRole('button', { name: `${t('actions')}: Deploy` }).click();
  await page.getByRole('menuitem', { name: t('rollback') }).click();
  await dialog().getByRole('button', { name: new RegExp(t('execution')) }).click();
  await page.getByRole('option').last().click();
  await dialog().getByRole('button', { name: t('rollback'), exact: true }).click();
  await dialog().waitFor({ state: 'hidden' });
  await page.waitForFunction(async (path) => (await (await fetch(path)).text()).includes('The first page'), `/conveyor/websites/${site}/`);
  await readsSite('The first page');

  step('edit');
  await edit();

  step('administer');
  const key = await administer();

  step('look on');
  await lookOn(key);
}

try {
  await theScenario();
  const pull = await proposal(site);
  step('override');
  await override();
  await sending(site);
  assert.deepEqual(complaints, [], 'errors in the browser console');
  await photographs(site, pull);
  assert.deepEqual(complaints, [], 'errors in the browser console');
  console.log('the walk is done');
} catch (e) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, 'failed.png') });
  console.log(`at ${page.url()}`);
  throw e;
} finally {
  await browser.close();
}
