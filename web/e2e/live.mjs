// How soon a change shows, in a real browser, as JSON for bench: the times, in milliseconds, from the moment a transition is
// asked to close or to open until every tab shows it, with one tab, with the one in front of nine and with ten windows side by
// side, and those of warm reloads until the first row of the pipelines is there. The server is the one AWS_ENDPOINT_URL points to; LIVE_PIPELINE has the transition.
import { browser, context, page, t, url } from './browser.mjs';

const pipeline = process.env.LIVE_PIPELINE;
const stage = process.env.LIVE_STAGE;
const changes = 40;
const reloads = 12;

async function signIn() {
  await page.goto(url);
  await page.getByLabel(t('accessKey')).fill(process.env.AWS_ACCESS_KEY_ID);
  await page.getByLabel(t('secretKey')).fill(process.env.AWS_SECRET_ACCESS_KEY);
  await page.getByRole('button', { name: t('signIn'), exact: true }).click();
  await page.getByRole('link', { name: pipeline, exact: true }).waitFor();
}

/** A tab that shows the pipeline and can tell when it shows a reason for closing, or none. */
async function open(tab) {
  await tab.goto(`${url}/conveyor/pipelines/${pipeline}`);
  await tab.getByRole('button', { name: t('closeTransition', { stage }), exact: true }).waitFor();
  await tab.evaluate(() => {
    window.shown = (text, there) =>
      new Promise((done) => {
        const look = () => document.body.innerText.includes(text) === there && (watch.disconnect(), done(Date.now()));
        const watch = new MutationObserver(look);
        watch.observe(document.body, { subtree: true, childList: true, characterData: true });
        look();
      });
    window.ask = async (operation, input) => {
      const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `CodePipeline_20150709.${operation}` };
      const asked = Date.now();
      const answer = await fetch('/conveyor/console/aws', { method: 'POST', headers, body: JSON.stringify(input) });
      if (!answer.ok) throw new Error(await answer.text());
      return asked;
    };
  });
}

/** A browser without a screen shows all its tabs: this one is told that it is behind others, or in front again. */
const putBehind = (tab, behind) =>
  tab.evaluate((hidden) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event('visibilitychange'));
  }, behind);

/** The time each change took until the last tab had it. */
async function measure(tabs) {
  const times = [];
  for (let i = 0; i < changes; i++) {
    const reason = `freeze ${i >> 1} of ${tabs.length}`;
    const close = i % 2 === 0;
    const shown = tabs.map((tab) => tab.evaluate(([text, there]) => window.shown(text, there), [reason, close]));
    const where = { pipelineName: pipeline, stageName: stage, transitionType: 'Inbound' };
    const asked = await tabs[0].evaluate(([operation, input]) => window.ask(operation, input), close ? ['DisableStageTransition', { ...where, reason }] : ['EnableStageTransition', where]);
    times.push(Math.max(...(await Promise.all(shown))) - asked);
  }
  return times;
}

async function reload() {
  const times = [];
  for (let i = 0; i < reloads; i++) {
    const begun = Date.now();
    await page.goto(`${url}/conveyor/`, { waitUntil: 'commit' });
    await page.getByRole('link', { name: pipeline, exact: true }).waitFor();
    times.push(Date.now() - begun);
  }
  return times.slice(2); // the first fill the cache
}

try {
  await signIn();
  const reloaded = await reload();
  await open(page);
  const one = await measure([page]);
  const others = await Promise.all(Array.from({ length: 9 }, () => context.newPage()));
  for (const tab of others) await open(tab);
  for (const tab of others) await putBehind(tab, true);
  const front = await measure([page]);
  for (const tab of others) await putBehind(tab, false);
  const ten = await measure([page, ...others]);
  console.log(JSON.stringify({ reloaded, one, front, ten }));
} finally {
  await browser.close();
}
