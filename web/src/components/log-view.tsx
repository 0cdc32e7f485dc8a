import Button from '@cloudscape-design/components/button';
import Input from '@cloudscape-design/components/input';
import Toggle from '@cloudscape-design/components/toggle';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { useWords } from '../i18n';
import { ansi, plain } from './ansi';
import type { LogStore } from './log-store';

const lineHeight = 20;

/** How many lines scroll in one piece. Browsers lose count beyond some millions of pixels, so a longer log is leafed
 * through piece by piece; searching and following turn to the piece they lead to. */
const piece = 200_000;

/** A log of any length: only the lines in sight are in the document. */
export function LogView({ store, name }: { store: LogStore; name: string }) {
  const { t } = useWords();
  const version = useSyncExternalStore(store.subscribe, store.current);
  const [follow, setFollow] = useState(true);
  const [wrap, setWrap] = useState(false);
  const [sought, setSought] = useState('');
  const [hit, setHit] = useState(0);
  const [marked, setMarked] = useState(-1);
  const box = useRef<HTMLDivElement>(null);
  const count = store.lines.length;
  const last = Math.max(0, Math.ceil(count / piece) - 1);
  const [chosen, setPart] = useState(0);
  const part = follow ? last : Math.min(chosen, last);
  const first = part * piece;
  const shown = Math.min(piece, count - first);
  const rows = useVirtualizer({ count: shown, getScrollElement: () => box.current, estimateSize: () => lineHeight, overscan: 20, useFlushSync: false });
  const hits = useMemo(() => (sought.length > 1 ? store.find(sought) : []), [sought, store, version]);

  useEffect(() => rows.measure(), [rows, first]);
  useEffect(() => {
    if (follow && shown) rows.scrollToIndex(shown - 1, { align: 'end' });
  }, [rows, follow, shown]);
  useEffect(() => {
    if (marked >= first && marked < first + piece) rows.scrollToIndex(marked - first, { align: 'center' });
  }, [rows, marked, first]);

  function turn(to: number) {
    setFollow(false);
    setMarked(-1);
    setPart(to);
    box.current?.scrollTo(0, 0);
  }
  function show(line: number) {
    if (line < 0) return;
    setFollow(false);
    setPart(Math.floor(line / piece));
    setMarked(line);
  }
  function jump(step: number) {
    if (!hits.length) return;
    const next = (hit + step + hits.length) % hits.length;
    setHit(next);
    show(hits[next] ?? -1);
  }
  function download() {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([store.lines.map(plain).join('\n')], { type: 'text/plain' }));
    link.download = `${name.replaceAll(/[^\w.-]/g, '-')}.log`;
    link.click();
    URL.revokeObjectURL(link.href);
  }
  return (
    <div className="logbox">
      <div className="logbar">
        <div className="grow">
          <Input type="search" ariaLabel={t('searchLog')} value={sought} placeholder={t('searchLog')} onChange={(e) => (setSought(e.detail.value), setHit(-1))} onKeyDown={(e) => e.detail.key === 'Enter' && jump(e.detail.shiftKey ? -1 : 1)} />
        </div>
        {sought.length > 1 && <span>{t('hits', { i: hits.length ? Math.max(0, hit) + 1 : 0, n: hits.length })}</span>}
        <Button disabled={!count} onClick={() => show(store.firstError())}>{t('firstError')}</Button>
        <Toggle checked={wrap} onChange={(e) => (setWrap(e.detail.checked), rows.measure())}>{t('wrapLines')}</Toggle>
        <Toggle checked={follow} onChange={(e) => (setPart(part), setFollow(e.detail.checked))}>{t('follow')}</Toggle>
        <Button iconName="download" variant="icon" ariaLabel={t('download')} onClick={download} />
        {last > 0 && (
          <>
            <Button variant="icon" iconName="angle-up" ariaLabel={t('earlierLines')} disabled={part === 0} onClick={() => turn(part - 1)} />
            <span>{t('linesOf', { i: first + 1, n: first + shown })}</span>
            <Button variant="icon" iconName="angle-down" ariaLabel={t('laterLines')} disabled={part === last} onClick={() => turn(part + 1)} />
          </>
        )}
        <span>{t('lines', { n: count })}</span>
      </div>
      <div ref={box} className={wrap ? 'log wrap' : 'log'} tabIndex={0} role="log" aria-live="off" aria-label={t('log')} onWheel={(e) => e.deltaY < 0 && follow && (setPart(part), setFollow(false))}>
        <div className="log-inner" ref={(e) => void (e && (e.style.height = `${rows.getTotalSize()}px`))}>
          {rows.getVirtualItems().map((row) => (
            <div
              key={row.key}
              data-index={row.index}
              className={first + row.index === marked ? 'log-line hit' : 'log-line'}
              ref={(e) => {
                if (!e) return;
                e.style.transform = `translateY(${row.start}px)`;
                if (wrap) rows.measureElement(e);
              }}
            >
              <Line n={first + row.index} text={store.lines[first + row.index] ?? ''} />
            </div>
          ))}
        </div>
      </div>
    </div>
  );
}

const Line = memo(function Line({ n, text }: { n: number; text: string }) {
  return (
    <>
      <span className="log-number">{n + 1}</span>
      <span>{ansi(text).map((s, i) => (s.classes ? <span key={i} className={s.classes}>{s.text}</span> : s.text))}</span>
    </>
  );
});
