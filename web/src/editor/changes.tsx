import { useMemo } from 'react';
import { useEditorWords } from '../i18n/editor';
import { diff, near } from './line-diff';
import './editor.css';

const signs = { same: ' ', less: '-', more: '+' };

/** What differs between two documents, line by line; what is far from any change is left out. */
export function Changes({ before, after }: { before: string; after: string }) {
  const { t } = useEditorWords();
  const lines = useMemo(() => near(diff(before, after)), [before, after]);
  if (!lines.length) return <span>{t('noChanges')}</span>;
  return (
    <div className="diff" tabIndex={0} role="region" aria-label={t('compare')}>
      {lines.map((line, i) => (line ? <div key={i} className={line.kind}>{`${signs[line.kind]} ${line.text}`}</div> : <div key={i}>⋯</div>))}
    </div>
  );
}
