/** A piece of a line with the class of its colour. */
export interface Token {
  text: string;
  classes?: string;
}

/** What a highlighter makes: a tree of texts and spans. */
export interface Tree {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: Tree[];
}

/** lines cuts a coloured tree into lines. */
export function lines(tree: readonly Tree[]): Token[][] {
  const found: Token[][] = [[]];
  const walk = (nodes: readonly Tree[], classes?: string) => {
    for (const node of nodes) {
      if (node.type !== 'text') {
        const own = node.properties?.className;
        walk(node.children ?? [], Array.isArray(own) ? own.join(' ') : classes);
        continue;
      }
      (node.value ?? '').split('\n').forEach((text, i) => {
        if (i) found.push([]);
        if (text) found.at(-1)?.push({ text, classes });
      });
    }
  };
  walk(tree);
  return found;
}

/** A stretch of a line, from one character to before another. */
export type Stretch = readonly [from: number, to: number];

/** emphasise adds a class to stretches of a line. */
export function emphasise(tokens: readonly Token[], stretches: readonly Stretch[], mark: string): Token[] {
  const out: Token[] = [];
  let at = 0;
  for (const token of tokens) {
    const end = at + token.text.length;
    const edges = [at, ...stretches.flat().filter((e) => e > at && e < end), end];
    for (let i = 0; i + 1 < edges.length; i++) {
      const [from = 0, to = 0] = [edges[i], edges[i + 1]];
      const inside = stretches.some((s) => from >= s[0] && to <= s[1]);
      const classes = [token.classes, inside ? mark : ''].filter(Boolean).join(' ') || undefined;
      out.push({ text: token.text.slice(from - at, to - at), classes });
    }
    at = end;
  }
  return out;
}
