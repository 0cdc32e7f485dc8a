// Calls of IAM, which speaks AWS's query protocol: forms in, XML out.
import type * as IAM from '@aws-sdk/client-iam';
import { here, refusal, type In, type OpName } from './aws';

/** What IAM answers: everything is a text, a list, or members. */
export interface Answer {
  [member: string]: Answer | Answer[] | string | undefined;
}

/** fields writes input as the query protocol does: Names.member.1=... */
function fields(value: unknown, name: string, into: URLSearchParams): void {
  if (value === undefined || value === null) return;
  if (Array.isArray(value)) value.forEach((v, i) => fields(v, `${name}.member.${i + 1}`, into));
  else if (typeof value === 'object') for (const [k, v] of Object.entries(value)) fields(v, name ? `${name}.${k}` : k, into);
  else into.set(name, String(value));
}

function read(e: Element): Answer | Answer[] | string {
  const children = [...e.children];
  if (!children.length) return e.textContent ?? '';
  if (children.every((c) => c.localName === 'member')) return children.map(read) as Answer[];
  return Object.fromEntries(children.map((c) => [c.localName, read(c)]));
}

export async function iam<Op extends OpName<typeof IAM> & string>(op: Op, input: In<typeof IAM, Op>, signal?: AbortSignal): Promise<Answer> {
  const form = new URLSearchParams({ Action: op, Version: '2010-05-08' });
  fields(input, '', form);
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-conveyor-service': 'iam' };
  const res = await fetch(`${here}aws`, { method: 'POST', headers, body: form.toString(), signal });
  if (!res.ok) throw await refusal(res);
  const result = new DOMParser().parseFromString(await res.text(), 'application/xml').documentElement.firstElementChild;
  const answer = result?.localName.endsWith('Result') ? read(result) : {};
  return typeof answer === 'string' || Array.isArray(answer) ? {} : answer;
}

/** list is a member that is a list, also when it is empty: XML does not show the difference. */
export const list = (a: Answer | undefined, member: string): Answer[] => (Array.isArray(a?.[member]) ? (a[member] as Answer[]) : []);

/** names is a list of texts. */
export const names = (a: Answer | undefined, member: string) => list(a, member) as unknown as string[];

export const text = (a: Answer | undefined, member: string): string => (typeof a?.[member] === 'string' ? a[member] : '');

/** part is a member that has members. */
export const part = (a: Answer | undefined, member: string): Answer => {
  const value = a?.[member];
  return typeof value === 'object' && !Array.isArray(value) ? value : {};
};

/** The policy documents that IAM sends, made readable. */
export function policyText(encoded: string): string {
  const plain = decodeURIComponent(encoded);
  try {
    return JSON.stringify(JSON.parse(plain), null, 2);
  } catch {
    return plain;
  }
}
