/** What the stream says: something has changed, anything may have, the session has ended or may have. */
export type News = { kind: 'changed'; source: string; name: string } | { kind: 'look' } | { kind: 'ended' } | { kind: 'lost' };

/** How long to wait before a stream that the server refused is asked for again. A lost connection the browser repairs. */
const pause = 3000;

/** follow holds the stream until the returned function is called. */
export function follow(url: string, tell: (news: News) => void): () => void {
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;
  function open() {
    source = new EventSource(url);
    source.addEventListener('changed', (e) => tell({ kind: 'changed', ...(JSON.parse(e.data as string) as { source: string; name: string }) }));
    source.addEventListener('look', () => tell({ kind: 'look' }));
    source.addEventListener('ended', () => (source.close(), tell({ kind: 'ended' })));
    source.addEventListener('error', () => {
      if (source.readyState !== EventSource.CLOSED) return;
      tell({ kind: 'lost' });
      again = setTimeout(open, pause);
    });
  }
  open();
  return () => {
    clearTimeout(again);
    source.close();
  };
}
