/** What the first page needs is asked for at once, while the program that shows it is still being read. */
const asked = new Map<string, Promise<Response>>();

export function ask(url: string): void {
  const answer = fetch(url);
  answer.catch(() => undefined); // whoever wants the answer hears of it
  asked.set(url, answer);
}

/** get is fetch, or the answer to what was asked early. */
export function get(url: string, signal?: AbortSignal): Promise<Response> {
  const early = asked.get(url);
  asked.delete(url);
  return early ?? fetch(url, { signal });
}

/** forget drops what was asked: it was asked for whoever was signed in then. */
export const forget = () => asked.clear();
