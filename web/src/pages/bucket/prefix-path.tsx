import { LinkTo } from '../../components/link-to';
import '../repository/repository.css';
import { placePath } from './objects';

/** Where in a bucket a folder is, each part a link. */
export function PrefixPath({ bucket, prefix }: { bucket: string; prefix: string }) {
  const parts = prefix.split('/').slice(0, -1);
  return (
    <span className="path-of">
      {parts.length ? <LinkTo to={`/buckets/${bucket}`} fontSize="inherit">{bucket}</LinkTo> : bucket}
      {parts.map((part, i) => (
        <span key={i}>
          {' / '}
          {i === parts.length - 1 ? part : <LinkTo to={placePath(bucket, { prefix: parts.slice(0, i + 1).map((p) => `${p}/`).join('') })} fontSize="inherit">{part}</LinkTo>}
        </span>
      ))}
    </span>
  );
}
