import { queryOptions, useQuery } from '@tanstack/react-query';
import { here, refusal } from './aws';

async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const res = await fetch(here + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body), signal });
  if (!res.ok) throw await refusal(res);
  return (await res.json()) as T;
}

/** An action and the ARN it is done to, * without one. */
export type Question = readonly [action: string, resource: string];

const mayQ = (questions: readonly Question[]) =>
  queryOptions({
    queryKey: ['may', questions],
    staleTime: 60_000,
    queryFn: async ({ signal }) => {
      const asked = questions.map(([action, resource]) => ({ action, resource }));
      const { allowed } = await post<{ allowed: boolean[] }>('may', { questions: asked }, signal);
      return new Set(questions.filter((_, i) => !allowed[i]).map(([action]) => action));
    },
  });

/** useMay asks once for all that a page offers. What it returns tells whether an action is forbidden to this person. Until
 * the answer is there, and when there is none, everything may be tried: the server decides. */
export function useMay(questions: readonly Question[]): (action: string) => boolean {
  const { data } = useQuery(mayQ(questions));
  return (action) => !data?.has(action);
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
