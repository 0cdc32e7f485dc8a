import { useMemo, useState, type ReactNode } from 'react';
import { useCodeWords } from '../i18n/code';
import './code.css';
import { useColours } from './colours';
import { beside, fold, type Row } from './diff';
import { Line } from './line';

export type Side = 'BEFORE' | 'AFTER';

/** What people say about lines: what stands below a line, and what begins a remark on it. */
export interface Remarks {
  below: (path: string, side: Side, line: number) => ReactNode;
  begin?: (path: string, side: Side, line: number) => void;
}

interface Props {
  path: string;
  rows: Row[];
  before: string;
  after: string;
  split: boolean;
  remarks?: Remarks;
}

const signs = { same: '', added: '+', removed: '−', gap: '' };

/** The differing lines of a file, below one another or side by side. */
export function DiffTable(p: Props) {
  const { t } = useCodeWords();
  const [opened, setOpened] = useState<ReadonlySet<number>>(new Set());
  const rows = useMemo(() => fold(p.rows, opened), [p.rows, opened]);
  const old = useColours(p.path, p.before);
  const now = useColours(p.path, p.after);
  const text = (r: Row) => <Line text={r.text} tokens={r.after ? now?.[r.after - 1] : old?.[(r.before ?? 0) - 1]} changed={r.changed} />;
  const number = (side: Side, line: number | undefined, kind: string) => (
    <td className={`code-number ${kind}`}>
      {line && p.remarks?.begin ? <button type="button" aria-label={t('remarkOn', { n: line })} onClick={() => p.remarks?.begin?.(p.path, side, line)}>{line}</button> : line}
    </td>
  );
  const gap = (r: Row, i: number, columns: number) => (
    <tr key={i} className="gap">
      <td colSpan={columns}><button type="button" onClick={() => setOpened(new Set([...opened, r.after ?? 0]))}>{t('hiddenLines', { n: r.hidden ?? 0 })}</button></td>
    </tr>
  );
  const below = (r: Row | undefined, columns: number, key: string) => {
    if (!r || !p.remarks) return null;
    const notes = [r.before && r.kind !== 'added' && p.remarks.below(p.path, 'BEFORE', r.before), r.after && r.kind !== 'removed' && p.remarks.below(p.path, 'AFTER', r.after)].filter(Boolean);
    return notes.length ? <tr key={key}><td colSpan={columns} className="note">{notes}</td></tr> : null;
  };
  const unified = () =>
    rows.flatMap((r, i) =>
      r.kind === 'gap'
        ? [gap(r, i, 4)]
        : [
            <tr key={i} className={r.kind}>
              {number('BEFORE', r.before, '')}
              {number('AFTER', r.after, '')}
              <td className="sign">{signs[r.kind]}</td>
              <td>{text(r)}</td>
            </tr>,
            below(r, 4, `n${i}`),
          ],
    );
  const sides = () =>
    beside(rows).flatMap(([left, right], i) => {
      if (left?.kind === 'gap') return [gap(left, i, 4)];
      const half = (r: Row | undefined, side: Side) => {
        const kind = !r ? 'none' : r.kind;
        return (
          <>
            {number(side, side === 'BEFORE' ? r?.before : r?.after, kind)}
            <td className={kind}>{r && text(r)}</td>
          </>
        );
      };
      return [
        <tr key={i}>{half(left, 'BEFORE')}{half(right, 'AFTER')}</tr>,
        left === right ? below(left, 4, `n${i}`) : [below(left, 4, `l${i}`), below(right, 4, `r${i}`)],
      ];
    });
  return (
    <div className="code-box" role="region" aria-label={p.path} tabIndex={0}>
      <table className={p.split ? 'diff split' : 'diff'}><tbody>{p.split ? sides() : unified()}</tbody></table>
    </div>
  );
}
