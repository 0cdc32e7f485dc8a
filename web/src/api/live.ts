import type { Query, QueryClient } from '@tanstack/react-query';
import { here } from './aws';
import { follow, type News } from './stream';

/** What pages call the things that the sources of events tell of: the first words of their queries' keys. */
const nouns: Record<string, string> = {
  'aws.codepipeline': 'pipeline',
  'aws.codebuild': 'build',
  'aws.codecommit': 'repository',
  'aws.cloudwatch': 'alarm',
};

/** live drives every page of this browser from one stream of server-sent events. A worker that all tabs share holds it:
 * a browser has only six connections for a host. Where there are no such workers each tab has a stream of its own. */
export function live(queries: QueryClient, onEnd: () => void): () => void {
  const refresh = refresher(queries);
  const hear = (news: News) => {
    if (news.kind === 'ended') onEnd();
    else if (news.kind === 'lost') void queries.invalidateQueries({ queryKey: ['session'] });
    else if (news.kind === 'look') Object.values(nouns).forEach((noun) => refresh(noun));
    else refresh(nouns[news.source] ?? news.source, news.name);
  };
  return typeof SharedWorker === 'function' ? share(hear) : follow(`${here}events`, hear);
}

/** share hears what the worker hears, while the page is shown. */
function share(hear: (news: News) => void): () => void {
  const { port } = new SharedWorker(new URL('./stream-worker.ts', import.meta.url), { type: 'module', name: 'conveyor-live' });
  const enter = () => port.postMessage('enter');
  const leave = () => port.postMessage('leave');
  port.onmessage = (e) => hear(e.data as News);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', enter);
  enter();
  return () => {
    removeEventListener('pagehide', leave);
    removeEventListener('pageshow', enter);
    leave();
    port.close();
  };
}

/** How long news is collected: a burst of steps becomes one reading. */
const burst = 20;

/** shown waits until somebody can see the page. */
const shown = () => new Promise<void>((done) => (document.hidden ? document.addEventListener('visibilitychange', () => done(), { once: true }) : done()));

/** isState tells the query that says where a pipeline stands: it is read before what explains it. */
const isState = (query: Query) => query.queryKey[2] === 'state';

/** refresher reads anew what pages show of a thing, or of all things of a kind. While that is being read, what happens
 * meanwhile waits its turn, so that a busy server is not asked faster than it answers. A tab behind others reads when it is
 * brought to the front. */
function refresher(queries: QueryClient) {
  const due = new Map<string, readonly string[]>();
  let busy = false;
  async function read() {
    await new Promise((done) => setTimeout(done, burst));
    while (due.size) {
      await shown();
      const keys = [...due.values()];
      due.clear();
      await Promise.all(keys.map((queryKey) => queries.invalidateQueries({ queryKey, predicate: isState })));
      await Promise.all(keys.map((queryKey) => queries.invalidateQueries({ queryKey, predicate: (q) => !isState(q) })));
    }
    busy = false;
  }
  return (noun: string, name?: string) => {
    const keys = noun === 'pipeline' ? [name ? [noun, name] : [noun], ['summary']] : [[noun]];
    for (const key of keys) due.set(key.join(' '), key);
    if (busy) return;
    busy = true;
    void read();
  };
}
