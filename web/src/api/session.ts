import { here, refusal } from './aws';
import { forget, get } from './early';

/** Who is signed in, and where. */
export interface Person {
  arn: string;
  name: string;
  root: boolean;
  region: string;
  account: string;
  database: string;
  url: string;
}

export async function whoAmI(): Promise<Person | null> {
  const res = await get(`${here}session`);
  if (res.status === 401) return null;
  if (!res.ok) throw await refusal(res);
  return (await res.json()) as Person;
}

export type Credentials = { accessKeyId: string; secretAccessKey: string } | { link: string };

export async function signIn(credentials: Credentials): Promise<Person> {
  forget();
  const res = await fetch(`${here}session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(credentials),
  });
  if (!res.ok) throw await refusal(res);
  return (await res.json()) as Person;
}

export async function signOut(): Promise<void> {
  await fetch(`${here}session`, { method: 'DELETE' });
}
