import { useWords } from '../i18n';
import { useClock } from './clock';
import './timeline.css';

interface Item {
  actionExecutionId?: string;
  stageName?: string;
  actionName?: string;
  startTime?: number;
  lastUpdateTime?: number;
  status?: string;
}

/** When each action of an execution ran, as bars on one axis. */
export function Timeline({ items }: { items: Item[] }) {
  const { at, duration } = useWords();
  const now = useClock(items.some((i) => i.status === 'InProgress'));
  const begin = (i: Item) => i.startTime ?? now;
  const end = (i: Item) => (i.status === 'InProgress' ? now : (i.lastUpdateTime ?? now));
  const rows = [...items].sort((a, b) => begin(a) - begin(b));
  const first = Math.min(...rows.map(begin));
  const span = Math.max(0.001, Math.max(...rows.map(end)) - first);
  const scale = (seconds: number) => (seconds / span) * 1000;
  return (
    <ul className="gantt">
      {rows.map((r) => (
        <li key={r.actionExecutionId} title={`${at(begin(r))} – ${at(end(r))}`}>
          <span><em>{r.stageName}</em> {r.actionName}</span>
          <svg preserveAspectRatio="none" viewBox="0 0 1000 10" aria-hidden="true">
            <rect className={`bar bar-${r.status}`} x={Math.min(996, scale(begin(r) - first))} width={Math.max(4, scale(end(r) - begin(r)))} height="10" rx="2" />
          </svg>
          <span className="gantt-time">{duration(end(r) - begin(r))}</span>
        </li>
      ))}
    </ul>
  );
}
