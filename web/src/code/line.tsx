import { emphasise, type Stretch, type Token } from './tokens';

/** The text of a line, coloured when its colours are known, with what has changed in it made plain. */
export function Line({ text, tokens, changed }: { text: string; tokens?: Token[]; changed?: Stretch[] }) {
  const plain = tokens ?? [{ text }];
  const shown = changed?.length ? emphasise(plain, changed, 'changed') : plain;
  return <code className="code-text">{shown.map((s, i) => (s.classes ? <span key={i} className={s.classes}>{s.text}</span> : s.text))}{'\n'}</code>;
}
