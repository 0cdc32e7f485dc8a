import type { Explanation } from './api/queries';

/** How many actions are named. */
const most = 2;

/** Why a run is where it is, in a sentence or two: while it is under way, also what its actions wait for. */
export function why(e?: Explanation): string | undefined {
  if (e?.status !== 'InProgress') return e?.reason;
  const waits = e.stages.flatMap((s) => s.actions ?? []).filter((a) => a.status === 'InProgress' && a.reason);
  return [e.reason, ...waits.slice(0, most).map((a) => `${a.name}: ${a.reason}`)].join(' ');
}
