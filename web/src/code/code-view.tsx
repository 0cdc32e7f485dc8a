import Alert from '@cloudscape-design/components/alert';
import { useEffect, useMemo } from 'react';
import { useLocation } from 'react-router';
import { useCodeWords } from '../i18n/code';
import './code.css';
import { useColours } from './colours';
import { linesOf } from './diff';
import { Line } from './line';

/** Lines that are put into the document at most. */
const shownLines = 5000;

/** A file with numbered lines. The number of a line is a link to it. */
export function CodeView({ path, text }: { path: string; text: string }) {
  const { t } = useCodeWords();
  const { hash } = useLocation();
  const lines = useMemo(() => linesOf(text), [text]);
  const colours = useColours(path, text);
  useEffect(() => {
    if (/^#L\d+$/.test(hash)) document.getElementById(hash.slice(1))?.scrollIntoView({ block: 'center' });
  }, [hash, text]);
  return (
    <>
      {lines.length > shownLines && <Alert type="info">{t('onlyFirstLines', { n: shownLines, of: lines.length })}</Alert>}
      <div className="code-box" role="region" aria-label={path} tabIndex={0}>
        {lines.slice(0, shownLines).map((line, i) => (
          <div key={i} id={`L${i + 1}`} className={hash === `#L${i + 1}` ? 'code-line hit' : 'code-line'}>
            <a className="code-number" href={`#L${i + 1}`} aria-label={t('lineNumber', { n: i + 1 })}>{i + 1}</a>
            <Line text={line} tokens={colours?.[i]} />
          </div>
        ))}
      </div>
    </>
  );
}
