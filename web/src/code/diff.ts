// What differs between two texts, as rows to show. The comparison itself is the library's.
import { diffArrays, diffWordsWithSpace } from 'diff';
import type { Stretch } from './tokens';

/** A row of a comparison: a line of one side or of both, or lines that are left out. */
export interface Row {
  kind: 'same' | 'removed' | 'added' | 'gap';
  /** Numbers of the line, from 1. In a gap: its first line. */
  before?: number;
  after?: number;
  text: string;
  /** How many lines a gap leaves out. */
  hidden?: number;
  /** What of the line has changed, where a line stands for another one. */
  changed?: Stretch[];
}

/** Lines around a change that are shown. */
const around = 3;
/** Beyond so many differing lines comparing takes longer than anybody waits: the one text stands in the other's place. */
const maxEdits = 1500;
const longestLine = 600;

/** Splits a text into lines without their ends. A last line that ends leaves no empty one behind it. */
export function linesOf(text: string): string[] {
  const all = text.split('\n');
  if (all.at(-1) === '') all.pop();
  return all;
}

/** compare tells every line of two texts apart. */
export function compare(before: string, after: string): Row[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  const changes = diffArrays(old, now, { maxEditLength: maxEdits }) ?? [{ value: old, removed: true, added: false }, { value: now, removed: false, added: true }];
  const rows: Row[] = [];
  let [a, b] = [0, 0];
  for (const change of changes) {
    for (const text of change.value) {
      if (change.removed) rows.push({ kind: 'removed', before: ++a, text });
      else if (change.added) rows.push({ kind: 'added', after: ++b, text });
      else rows.push({ kind: 'same', before: ++a, after: ++b, text });
    }
  }
  pairs(rows).forEach(([removed, added]) => refine(removed, added));
  return rows;
}

/** pairs finds lines that stand for one another: where as many were removed as added. */
function pairs(rows: Row[]): [Row, Row][] {
  const found: [Row, Row][] = [];
  for (let i = 0; i < rows.length; ) {
    let removed = i;
    while (rows[removed]?.kind === 'removed') removed++;
    let added = removed;
    while (rows[added]?.kind === 'added') added++;
    const count = removed - i;
    if (count && count === added - removed) {
      for (let k = 0; k < count; k++) found.push([rows[i + k] as Row, rows[removed + k] as Row]);
    }
    i = Math.max(added, i + 1);
  }
  return found;
}

/** refine marks what has changed within two lines, unless almost everything has. */
function refine(removed: Row, added: Row): void {
  if (removed.text.length > longestLine || added.text.length > longestLine) return;
  const [before, after]: [Stretch[], Stretch[]] = [[], []];
  let [a, b, same] = [0, 0, 0];
  for (const part of diffWordsWithSpace(removed.text, added.text)) {
    const n = part.value.length;
    if (part.removed) before.push([a, (a += n)]);
    else if (part.added) after.push([b, (b += n)]);
    else [a, b, same] = [a + n, b + n, same + part.value.trim().length];
  }
  if (same * 3 < Math.max(removed.text.trim().length, added.text.trim().length)) return;
  removed.changed = before;
  added.changed = after;
}

/** fold leaves out what has not changed, except some lines around changes and the gaps whose first line (of the text
 * after) is in opened. */
export function fold(rows: Row[], opened: ReadonlySet<number>): Row[] {
  const out: Row[] = [];
  for (let i = 0; i < rows.length; ) {
    let end = i;
    while (rows[end]?.kind === 'same') end++;
    const from = i === 0 ? 0 : i + around;
    const to = end === rows.length ? end : end - around;
    const first = rows[from];
    if (end > i && first && to - from > 1 && !opened.has(first.after ?? 0)) {
      out.push(...rows.slice(i, from), { kind: 'gap', before: first.before, after: first.after, text: '', hidden: to - from }, ...rows.slice(to, end));
    } else {
      out.push(...rows.slice(i, end));
    }
    while (end < rows.length && rows[end]?.kind !== 'same') out.push(rows[end++] as Row);
    i = end;
  }
  return out;
}

/** A row of two columns. A line that both have is in both; a gap is in the first. */
export type Pair = readonly [left: Row | undefined, right: Row | undefined];

/** beside puts removed lines to the left of the ones added in their place. */
export function beside(rows: Row[]): Pair[] {
  const out: Pair[] = [];
  for (let i = 0; i < rows.length; ) {
    const row = rows[i] as Row;
    if (row.kind === 'same' || row.kind === 'gap') {
      out.push([row, row.kind === 'gap' ? undefined : row]);
      i++;
      continue;
    }
    const [removed, added]: [Row[], Row[]] = [[], []];
    for (; rows[i]?.kind === 'removed'; i++) removed.push(rows[i] as Row);
    for (; rows[i]?.kind === 'added'; i++) added.push(rows[i] as Row);
    for (let k = 0; k < Math.max(removed.length, added.length); k++) out.push([removed[k], added[k]]);
  }
  return out;
}

/** count tells how many lines were added and removed. */
export const count = (rows: Row[]) => ({
  added: rows.filter((r) => r.kind === 'added').length,
  removed: rows.filter((r) => r.kind === 'removed').length,
});
