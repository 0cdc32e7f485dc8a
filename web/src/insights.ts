import type { Summary } from './api/queries';

/** The four measures of delivery, of the newest runs of a pipeline. */
export interface Measures {
  name: string;
  /** How many of its runs have ended. */
  ended: number;
  /** Successful runs a day. */
  perDay?: number;
  /** Median seconds from the start of a run to its success. */
  lead?: number;
  /** Share of ended runs that failed. */
  failures?: number;
  /** Median seconds from a failure to the next success. */
  restore?: number;
}

const median = (list: number[]) => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)];

export function measure(p: Summary): Measures {
  const runs = [...(p.recent ?? [])].reverse().filter((r) => r.status === 'Succeeded' || r.status === 'Failed');
  const at = (time: string) => Date.parse(time) / 1000;
  const good = runs.filter((r) => r.status === 'Succeeded');
  const restores: number[] = [];
  let broken: number | undefined;
  for (const r of runs) {
    if (r.status === 'Failed') broken ??= at(r.updated);
    else if (broken !== undefined) {
      restores.push(at(r.updated) - broken);
      broken = undefined;
    }
  }
  const first = good[0];
  const days = first ? Math.max(1, (Date.now() / 1000 - at(first.updated)) / 86_400) : 1;
  return {
    name: p.name,
    ended: runs.length,
    perDay: good.length ? good.length / days : undefined,
    lead: median(good.map((r) => at(r.updated) - at(r.started))),
    failures: runs.length ? (runs.length - good.length) / runs.length : undefined,
    restore: median(restores),
  };
}

/** overall is how all pipelines do together: what they bring in a day, the median of their times, and the share of all ended
 * runs that failed. */
export function overall(each: Measures[]): Omit<Measures, 'name'> {
  const known = (list: (number | undefined)[]) => list.filter((n) => n !== undefined);
  const sum = (list: number[]) => list.reduce((a, b) => a + b, 0);
  const ended = sum(each.map((m) => m.ended));
  const perDay = known(each.map((m) => m.perDay));
  return {
    ended,
    perDay: perDay.length ? sum(perDay) : undefined,
    lead: median(known(each.map((m) => m.lead))),
    failures: ended ? sum(each.map((m) => (m.failures ?? 0) * m.ended)) / ended : undefined,
    restore: median(known(each.map((m) => m.restore))),
  };
}
