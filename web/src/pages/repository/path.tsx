import { codePath } from '../../api/code';
import { LinkTo } from '../../components/link-to';
import { useCodeWords } from '../../i18n/code';

/** Where in the tree a file or folder is, each part a link. */
export function Path({ repository, gitRef, path }: { repository: string; gitRef: string; path: string }) {
  const { t } = useCodeWords();
  const parts = path.split('/').filter(Boolean);
  return (
    <nav className="path-of" aria-label={t('filePath')}>
      {parts.length ? <LinkTo to={codePath(repository, 'code', { ref: gitRef })}>{repository}</LinkTo> : <strong>{repository}</strong>}
      {parts.map((part, i) => (
        <span key={i}>
          {' / '}
          {i === parts.length - 1 ? <strong>{part}</strong> : <LinkTo to={codePath(repository, 'code', { ref: gitRef, path: parts.slice(0, i + 1).join('/') })}>{part}</LinkTo>}
        </span>
      ))}
    </nav>
  );
}
