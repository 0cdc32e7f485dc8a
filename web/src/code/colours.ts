import { useEffect, useState } from 'react';
import type { Token } from './tokens';

/** Beyond so many characters a file is shown without colours: they would take longer than anybody waits. */
const longest = 300_000;

/** useColours gives the lines of a file in the colours of its language, once these are known; undefined without. */
export function useColours(path: string, text: string | undefined): Token[][] | undefined {
  const [found, setFound] = useState<{ text: string; lines: Token[][] }>();
  useEffect(() => {
    if (!text || text.length > longest) return undefined;
    let wanted = true;
    void import('./highlight').then(({ languageOf, colour }) => {
      const language = languageOf(path);
      if (wanted && language) setFound({ text, lines: colour(text, language) });
    });
    return () => void (wanted = false);
  }, [path, text]);
  return found?.text === text ? found?.lines : undefined;
}
