// Every page of the console, as pictures for people and as documents for axe. See docs/console.md.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { button, complaints, context, dialog, language, nav, operation, page, pictures, see, settled, t, url } from './browser.mjs';

/** Each page at one look: its theme and widths. WALK_MATRIX=full takes every page in both themes at three widths; by
 * default each language shows one theme, and together they show both. */
const full = process.env.WALK_MATRIX === 'full';
const widths = full ? [1440, 1024, 390] : [1440, 390];
const modes = full ? ['light', 'dark'] : [language === 'ko' ? 'dark' : 'light'];

/** The group of the checks, and a report that tells of failures; one of covered lines. */
async function reports(site) {
  const of = async (group, row) => {
    await page.goto(`${url}/conveyor/reports`);
    await page.getByRole('link', { name: `${site}-${group}`, exact: true }).click();
    await row().waitFor();
    const at = new URL(page.url());
    await row().getByRole('link').click();
    await page.getByRole('table').waitFor();
    const report = new URL(page.url());
    return [at.pathname + at.search, report.pathname + report.search];
  };
  const [group, report] = await of('checks', () => page.getByRole('row').filter({ hasText: t('rFAILED') }));
  const [, coverage] = await of('lines', () => page.getByRole('row').nth(1));
  return { group, report, coverage };
}

/** What main has beyond its first commit. */
async function compared(site) {
  await page.goto(`${url}/conveyor/repositories/${site}/commits`);
  const first = await page.getByRole('link', { name: 'The first page', exact: true }).getAttribute('href');
  return `/conveyor/repositories/${site}/compare?from=${first.split('/').pop()}&to=main`;
}

const graph = `version: 0.2
batch:
  build-graph:
    - {identifier: compile}
    - {identifier: test, depend-on: [compile]}
    - {identifier: lint, ignore-failure: true}
    - {identifier: package, depend-on: [test, lint]}
phases: {build: {commands: ['[ $CODEBUILD_BATCH_BUILD_IDENTIFIER != lint ]']}}
`;

/** A batch of builds, watched to its end. One of them fails, which is allowed. */
async function batch(site) {
  const name = `${site}-batch`;
  const serviceRole = 'arn:aws:iam::000000000000:role/conveyor';
  await operation('CodeBuild_20161006.CreateProject', {
    name,
    serviceRole,
    source: { type: 'NO_SOURCE', buildspec: graph },
    artifacts: { type: 'NO_ARTIFACTS' },
    environment: { type: 'LINUX_CONTAINER', computeType: 'BUILD_GENERAL1_SMALL', image: 'aws/codebuild/standard:7.0' },
    buildBatchConfig: { serviceRole },
  });
  const { buildBatch } = await operation('CodeBuild_20161006.StartBuildBatch', { projectName: name });
  const path = `/conveyor/batches/${encodeURIComponent(buildBatch.id)}`;
  await page.goto(url + path);
  await button(t('retryBatch')).waitFor(); // it is there when the batch has ended
  return path;
}

/** The pages of a console in which the scenario has been played. */
async function places(site, pull) {
  await nav(t('builds'));
  await page.getByRole('link', { name: new RegExp(`^${site} #`) }).first().click();
  await see('the last line');
  const build = new URL(page.url()).pathname;
  return {
    pipelines: '/conveyor/',
    pipeline: `/conveyor/pipelines/${site}`,
    edit: `/conveyor/pipelines/${site}/edit`,
    create: '/conveyor/create',
    builds: '/conveyor/builds',
    build,
    repositories: '/conveyor/repositories',
    repository: `/conveyor/repositories/${site}`,
    references: `/conveyor/repositories/${site}/references`,
    compare: await compared(site),
    commits: `/conveyor/repositories/${site}/commits`,
    pull,
    project: `/conveyor/projects/${site}`,
    batch: await batch(site),
    reports: '/conveyor/reports',
    ...(await reports(site)),
    deployments: '/conveyor/deployments',
    buckets: '/conveyor/buckets',
    bucket: `/conveyor/buckets/${site}`,
    object: `/conveyor/buckets/${site}?object=index.html`,
    access: `/conveyor/buckets/${site}?tab=access`,
    insights: '/conveyor/insights',
    settings: '/conveyor/settings',
    policies: '/conveyor/settings/policies',
    user: `/conveyor/settings/users/mina-${language}`,
    server: '/conveyor/settings/server',
    missing: '/conveyor/no/such/page',
    ...(full || language === 'en' ? corners(site) : {}),
  };
}

/** What is seen less often. A place that is more than an address is a pair of it and what is clicked there. */
const corners = (site) => ({
  website: `/conveyor/buckets/${site}?tab=site`,
  pulls: `/conveyor/repositories/${site}/pulls`,
  'repository-settings': `/conveyor/repositories/${site}/settings`,
  ...Object.fromEntries(['groups', 'roles', 'connections', 'webhooks', 'types'].map((part) => [part, `/conveyor/settings/${part}`])),
  'no-build': '/conveyor/builds/no%3Asuch',
  release: [`/conveyor/pipelines/${site}`, () => opens(button(t('release')).click())],
  artifacts: [`/conveyor/pipelines/${site}`, () => openArtifact()],
  differences: [`/conveyor/pipelines/${site}`, () => pickRuns()],
  review: [`/conveyor/pipelines/${site}`, () => opens(button(t('review')).first().click())],
  action: [`/conveyor/pipelines/${site}/edit`, () => opens(button(`${t('addAction')}: Approval`).click())],
  start: [`/conveyor/projects/${site}`, () => opens(button(t('startWith')).click())],
});

/** A click that opens a dialogue. */
async function opens(click) {
  await click;
  await dialog().waitFor();
}

/** The files of an artifact of the run that is shown. */
async function openArtifact() {
  await page.getByRole('tab', { name: t('artifacts'), exact: true }).click();
  await button('Built').click();
  await button('index.html').evaluate((e) => e.scrollIntoView({ block: 'center' }));
}

/** Two runs, and below them what differs. */
async function pickRuns() {
  const runs = page.getByRole('table', { name: t('executions') }).getByRole('row');
  for (const i of [1, 2]) await runs.nth(i).getByRole('checkbox').check();
  await page.getByRole('table', { name: t('compare') }).getByRole('row').nth(1).evaluate((e) => e.scrollIntoView({ block: 'center' }));
}

/** photographs takes pictures of every page and has axe examine them. */
export async function photographs(site, pull) {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const pages = await places(site, pull);
  mkdirSync(pictures, { recursive: true });
  const findings = [];
  for (const mode of modes) {
    await page.evaluate((m) => localStorage.setItem('conveyor-mode', m), mode);
    for (const [name, path] of Object.entries(pages)) findings.push(...(await photograph(axe, `${name}-${mode}`, path)));
  }
  findings.push(...(await mishaps(axe)));
  assert.deepEqual(findings, []);
}

/** When things are not as they should be: what does not exist, a server that is away, nobody signed in. It ends the session. */
async function mishaps(axe) {
  assert.deepEqual(complaints, [], 'errors in the browser console');
  const findings = [];
  findings.push(...(await photograph(axe, 'no-pipeline', '/conveyor/pipelines/no-such')));
  await page.setViewportSize({ width: widths[0], height: 900 });
  await page.goto(url);
  await see(t('createPipeline'));
  await context.route('**/*', (route) => route.abort());
  await nav(t('insights')); // whose code is not here yet
  await see(t('unreachable'));
  findings.push(...(await looks(axe, 'unreachable')));
  await context.unroute('**/*');
  await button(t('again')).click();
  await page.getByRole('heading', { name: t('insights'), level: 1 }).waitFor();
  await context.clearCookies();
  await page.goto(url);
  await button(t('signIn')).waitFor();
  findings.push(...(await looks(axe, 'sign-in')));
  complaints.length = 0; // the browser itself reports what it could not load
  return findings;
}

async function photograph(axe, name, place) {
  const [path, act] = [place].flat();
  await page.setViewportSize({ width: widths[0], height: 900 });
  await page.goto(url + path);
  await page.locator('h1, [class*="awsui_alert"]').first().waitFor();
  await settled();
  await act?.();
  await settled();
  return looks(axe, name);
}

/** looks takes the page as it stands, at each width. */
async function looks(axe, name) {
  const findings = [];
  for (const width of widths) {
    await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await page.screenshot({ path: join(pictures, `${name}-${width}.png`) });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (width !== 1024) findings.push(...(await examine(axe, `${name} ${width}`)));
    if (wider > 0) findings.push(`${name} at ${width}: ${wider} px wider than the window`);
  }
  return findings;
}

/** The one finding that is Cloudscape's own: an attribute too many on its toolbar for phones, which changes nothing. */
const theirs = 'mobile-toolbar-nav';

/** examine has the page looked at by axe. It runs beside the page, whose policy lets no foreign script in. */
async function examine(axe, where) {
  const session = await context.newCDPSession(page);
  const { executionContextId } = await isolated(session);
  const run = async (expression) =>
    (await session.send('Runtime.evaluate', { expression, contextId: executionContextId, awaitPromise: true, returnByValue: true })).result.value;
  await run(axe);
  const found = await run(`axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations
    .filter((v) => v.impact === 'serious' || v.impact === 'critical').map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html.slice(0, 160)).join(' | ')))`);
  await session.detach();
  return found.filter((f) => !f.includes(theirs)).map((f) => `${where}: ${f}`);
}

async function isolated(session) {
  const { frameTree } = await session.send('Page.getFrameTree');
  return session.send('Page.createIsolatedWorld', { frameId: frameTree.frame.id });
}
