import type { QueryClient } from '@tanstack/react-query';
import { here } from './aws';

/** What the stream says: one pipeline has moved, or anything may have ('' ). */
type News = { pipeline: string } | { ended: true };

/** live drives every page of this browser from one stream of server-sent events. The tabs elect one that holds the
 * connection (a browser has only six of them for a host) and tells the others; when it closes, the next one takes over.
 * Where there are no locks (plain HTTP on another machine) each tab has a stream of its own. */
export function live(queries: QueryClient, onEnd: () => void): () => void {
  const channel = new BroadcastChannel('conveyor-live');
  const stop = new AbortController();
  const heard = (news: News) => ('ended' in news ? onEnd() : refresh(queries, news.pipeline));
  channel.onmessage = (e) => heard(e.data as News);
  const hold = () => listen(stop.signal, (news) => (heard(news), channel.postMessage(news)));
  if (navigator.locks) {
    navigator.locks.request('conveyor-live', { signal: stop.signal }, hold).catch(() => undefined);
  } else {
    void hold();
  }
  return () => (stop.abort(), channel.close());
}

/** listen holds the stream until the signal comes. */
function listen(signal: AbortSignal, tell: (news: News) => void): Promise<void> {
  return new Promise((done) => {
    const source = new EventSource(`${here}events`);
    source.addEventListener('moved', (e) => tell(JSON.parse(e.data as string) as News));
    source.addEventListener('look', () => tell({ pipeline: '' }));
    source.addEventListener('ended', () => tell({ ended: true }));
    signal.addEventListener('abort', () => (source.close(), done()));
  });
}

let due: ReturnType<typeof setTimeout> | undefined;
const moved = new Set<string>();

/** refresh reads anew what pages show of a pipeline. A burst of steps becomes one reading. */
function refresh(queries: QueryClient, pipeline: string): void {
  moved.add(pipeline);
  due ??= setTimeout(() => {
    due = undefined;
    const all = moved.has('');
    for (const name of moved) void queries.invalidateQueries({ queryKey: name ? ['pipeline', name] : ['pipeline'] });
    void queries.invalidateQueries({ queryKey: ['summary'] });
    void queries.invalidateQueries({ queryKey: ['build'] });
    if (all) void queries.invalidateQueries({ queryKey: ['repository'] });
    moved.clear();
  }, 60);
}
