import { queryOptions, useQueries } from '@tanstack/react-query';
import { here, refusal } from './aws';

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const res = await fetch(here + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal });
  if (!res.ok) throw await refusal(res);
  return (await res.json()) as T;
}

/** An action and the ARN it is done to, * for what has none. */
export type Question = readonly [action: string, resource: string];

/** together makes one call of what is asked in one turn, in portions of at most so many. */
export function together<Q, A>(most: number, ask: (questions: Q[]) => Promise<A[]>): (question: Q) => Promise<A | undefined> {
  let waiting: { question: Q; answer: (a: A | undefined) => void; refuse: (reason: unknown) => void }[] = [];
  function send() {
    const all = waiting;
    waiting = [];
    for (let i = 0; i < all.length; i += most) {
      const some = all.slice(i, i + most);
      ask(some.map((w) => w.question)).then(
        (answers) => some.forEach((w, at) => w.answer(answers[at])),
        (reason: unknown) => some.forEach((w) => w.refuse(reason)),
      );
    }
  }
  return (question) =>
    new Promise((answer, refuse) => {
      if (!waiting.length) setTimeout(send);
      waiting.push({ question, answer, refuse });
    });
}

/** How many questions the server answers at once. */
const most = 200;

const asked = together(most, async (questions: Question[]) => {
  const { allowed } = await post<{ allowed: boolean[] }>('may', { questions: questions.map(([action, resource]) => ({ action, resource })) });
  return allowed;
});

const mayQ = (question: Question) => queryOptions({ queryKey: ['may', ...question], staleTime: 60_000, queryFn: async () => (await asked(question)) ?? true });

/** May tells whether an action may be done, on one of the resources it was asked for or on each of them. */
export type May = (action: string, resource?: string) => boolean;

/** useMay asks for what a page offers, all of it at once. Until the answers are there, and when there are none, everything
 * may be tried: the server decides. */
export function useMay(questions: readonly Question[]): May {
  const forbidden = useQueries({
    queries: questions.map(mayQ),
    combine: (answers) => questions.filter((_, i) => answers[i]?.data === false),
  });
  return (action, resource) => !forbidden.some((q) => q[0] === action && (resource === undefined || q[1] === resource));
}

/** What the server would say of a definition: nothing, or why it would refuse it. */
export interface Verdict {
  problem?: string;
  message?: string;
}

export const checkQ = (definition: unknown) =>
  queryOptions({
    queryKey: ['check', JSON.stringify(definition)],
    staleTime: Infinity,
    gcTime: 60_000,
    queryFn: ({ signal }) => post<Verdict>('check', { pipeline: definition }, signal),
  });
