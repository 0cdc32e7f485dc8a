import { expect, test } from 'vitest';
import type { Run, Summary } from '../src/api/queries';
import { measure, overall } from '../src/insights';

const now = Date.now();
const run = (status: string, minutesAgo: number, took: number) =>
  ({ status, started: new Date(now - minutesAgo * 60_000).toISOString(), updated: new Date(now - (minutesAgo - took) * 60_000).toISOString() }) as Run;
const pipeline = (name: string, ...recent: Run[]) => ({ name, recent }) as Summary; // the newest first

test('all pipelines together: what a day brings, medians of times, the share of failures of all runs', () => {
  const steady = measure(pipeline('steady', run('Succeeded', 10, 2), run('Succeeded', 30, 4), run('Succeeded', 60, 6)));
  const shaky = measure(pipeline('shaky', run('Succeeded', 10, 8), run('Failed', 30, 5)));
  expect(shaky.restore).toBeCloseTo(23 * 60);
  const all = overall([steady, shaky, measure(pipeline('new'))]);
  expect(all).toMatchObject({ ended: 5, perDay: 4 });
  expect(all.lead).toBeCloseTo(8 * 60);
  expect(all.failures).toBeCloseTo(0.2);
  expect(all.restore).toBeCloseTo(23 * 60);
});

test('nothing is told of pipelines that never ran', () => {
  expect(overall([measure(pipeline('new'))])).toEqual({ ended: 0, perDay: undefined, lead: undefined, failures: undefined, restore: undefined });
});
