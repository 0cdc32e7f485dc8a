import { here } from '../api/aws';
import { plain } from './ansi';

/** The lines of a log as they arrive. React sees a counter; half a million lines cost it nothing. */
export class LogStore {
  lines: string[] = [];
  private version = 0;
  private readonly listeners = new Set<() => void>();

  subscribe = (f: () => void) => {
    this.listeners.add(f);
    return () => void this.listeners.delete(f);
  };

  current = () => this.version;

  /** open streams a log, from its beginning and as it grows, until the returned function is called. */
  open(group: string, stream: string): () => void {
    this.lines = [];
    const source = new EventSource(`${here}log?${new URLSearchParams({ group, stream })}`);
    source.addEventListener('lines', (e) => this.append((JSON.parse(e.data as string) as { messages: string[] }).messages));
    return () => source.close();
  }

  append(messages: string[]) {
    for (const m of messages) this.lines.push(m.replace(/\r?\n$/, '').replace(/^.*\r(?!$)/, ''));
    this.version++;
    for (const f of this.listeners) f();
  }

  /** find returns the numbers of the lines that contain what is sought. */
  find(sought: string): number[] {
    const low = sought.toLowerCase();
    return this.lines.flatMap((line, i) => (plain(line).toLowerCase().includes(low) ? [i] : []));
  }

  /** firstError is the first line that looks like one, -1 without. */
  firstError(): number {
    return this.lines.findIndex((line) => /\b(error|fatal|failed|panic|exception|did not exit successfully)\b/i.test(plain(line)));
  }
}
