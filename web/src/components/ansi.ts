/** A piece of a line with the classes of its colours. No inline styles: the policy of the pages forbids them. */
export interface Span {
  text: string;
  classes?: string;
}

// Colours (SGR), titles (OSC), and every other control sequence, which is left out.
// oxlint-disable-next-line no-control-regex
const sequence = /\x1b\[([0-9;:]*)m|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-ln-z]|\x1b[()][A-Za-z0-9]/g;

const on: Record<number, string> = { 1: 'a-bold', 2: 'a-dim', 3: 'a-italic', 4: 'a-under', 7: 'a-invert' };
const off: Record<number, string[]> = { 22: ['a-bold', 'a-dim'], 23: ['a-italic'], 24: ['a-under'], 27: ['a-invert'] };

class Pen {
  fore = '';
  back = '';
  marks = new Set<string>();

  get classes(): string | undefined {
    return [this.fore, this.back, ...this.marks].filter(Boolean).join(' ') || undefined;
  }

  apply(codes: number[]) {
    for (let i = 0; i < codes.length; i++) {
      const n = codes[i] ?? 0;
      const mark = on[n];
      if (n === 0) this.reset();
      else if (mark) this.marks.add(mark);
      else if (off[n]) off[n].forEach((m) => this.marks.delete(m));
      else if (n === 38 || n === 48) i += this.extended(n, codes.slice(i + 1));
      else this.plain(n);
    }
  }

  private reset() {
    this.fore = this.back = '';
    this.marks.clear();
  }

  private plain(n: number) {
    if (n >= 30 && n <= 37) this.fore = `f${n - 30}`;
    else if (n >= 90 && n <= 97) this.fore = `f${n - 82}`;
    else if (n === 39) this.fore = '';
    else if (n >= 40 && n <= 47) this.back = `g${n - 40}`;
    else if (n >= 100 && n <= 107) this.back = `g${n - 100}`;
    else if (n === 49) this.back = '';
  }

  /** 256 colours and true colour, as the nearest of sixteen. Returns how many codes it took. */
  private extended(which: number, [kind, a = 0, b = 0, c = 0]: number[]): number {
    const set = (n: number) => (which === 38 ? (this.fore = `f${n}`) : (this.back = `g${n % 8}`));
    if (kind === 5) {
      if (a < 16) set(a);
      else if (a >= 232) set(a > 243 ? 15 : 8);
      else set(nearest(Math.floor((a - 16) / 36), Math.floor((a - 16) / 6) % 6, (a - 16) % 6));
      return 2;
    }
    if (kind === 2) {
      set(nearest(Math.floor(a / 51), Math.floor(b / 51), Math.floor(c / 51)));
      return 4;
    }
    return 0;
  }
}

const nearest = (r: number, g: number, b: number) => (r > 2 ? 1 : 0) + (g > 2 ? 2 : 0) + (b > 2 ? 4 : 0) + (Math.max(r, g, b) > 3 ? 8 : 0);

export function ansi(line: string): Span[] {
  if (!line.includes('\x1b')) return [{ text: line }];
  const spans: Span[] = [];
  const pen = new Pen();
  let last = 0;
  for (const m of line.matchAll(sequence)) {
    if (m.index > last) spans.push({ text: line.slice(last, m.index), classes: pen.classes });
    last = m.index + m[0].length;
    if (m[1] !== undefined) pen.apply(m[1].split(/[;:]/).map(Number));
  }
  if (last < line.length) spans.push({ text: line.slice(last), classes: pen.classes });
  return spans;
}

export const plain = (line: string) => line.replace(sequence, '');
