import type { QueryClient } from '@tanstack/react-query';
import { afterEach, expect, test, vi } from 'vitest';
import { live } from '../src/api/live';

afterEach(() => vi.unstubAllGlobals());

/** A stream that says what the test says. */
class Source extends EventTarget {
  static readonly CLOSED = 2;
  static last: Source;
  readyState = 1;
  constructor(readonly url: string) {
    super();
    Source.last = this;
  }
  close = () => void (this.readyState = Source.CLOSED);
  say = (type: string, data = {}) => this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
}

/** listen begins a live view; what is to be read anew comes to asked. */
function listen(tab = { hidden: false }) {
  vi.stubGlobal('EventSource', Source);
  vi.stubGlobal('document', Object.assign(new EventTarget(), tab));
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  const queries = {
    invalidateQueries: ({ queryKey, predicate = () => true }: { queryKey: string[]; predicate?: (q: { queryKey: string[] }) => boolean }) => {
      asked.push(`${queryKey.join(' ')}${predicate({ queryKey: ['pipeline', 'site', 'state'] }) ? ' state' : ''}${predicate({ queryKey: ['pipeline', 'site', 'actions'] }) ? ' rest' : ''}`);
      return new Promise<void>((done) => waiting.push(done));
    },
  } as unknown as QueryClient;
  const ended = vi.fn();
  return { asked, ended, answer: () => waiting.splice(0).forEach((done) => done()), stop: live(queries, ended) };
}

test('a burst is read once, where the pipeline stands first, and what happens meanwhile afterwards', async () => {
  const { asked, answer, stop } = listen();
  for (let i = 0; i < 3; i++) Source.last.say('changed', { source: 'aws.codepipeline', name: 'site' });
  const states = ['pipeline site state', 'summary state'];
  await vi.waitFor(() => expect(asked).toEqual(states));
  answer();
  const all = [...states, 'pipeline site rest', 'summary rest'];
  await vi.waitFor(() => expect(asked).toEqual(all));
  Source.last.say('changed', { source: 'aws.codebuild', name: 'site' });
  expect(asked).toHaveLength(4);
  answer();
  await vi.waitFor(() => expect(asked).toEqual([...all, 'build state']));
  stop();
  expect(Source.last.readyState).toBe(Source.CLOSED);
});

test('a tab behind others reads when it is brought to the front', async () => {
  const { asked, answer, stop } = listen({ hidden: true });
  const seen = vi.spyOn(document, 'addEventListener');
  Source.last.say('changed', { source: 'aws.codebuild', name: 'site' });
  await vi.waitFor(() => expect(seen).toHaveBeenCalled());
  expect(asked).toEqual([]);
  document.dispatchEvent(new Event('visibilitychange'));
  await vi.waitFor(() => expect(asked).toEqual(['build state']));
  answer();
  stop();
});

test('an ended session is told, a refused stream makes the page look whether it is one', async () => {
  const { asked, ended, stop } = listen();
  Source.last.say('ended');
  expect(ended).toHaveBeenCalledOnce();
  Source.last.say('error');
  await vi.waitFor(() => expect(asked).toEqual(['session state rest']));
  stop();
});
