import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Spinner from '@cloudscape-design/components/spinner';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { blobQ, dataURL, pictureType, textOf, type Difference } from '../api/code';
import { ErrorBox } from '../components/error-box';
import { useCodeWords } from '../i18n/code';
import './code.css';
import { compare, count } from './diff';
import { DiffTable, type Remarks } from './diff-table';

/** What is larger than this, in characters or in lines that differ, is shown when it is asked for. */
const large = { characters: 400_000, lines: 1500 };

interface Props {
  repository: string;
  difference: Difference;
  split: boolean;
  /** Whether it is shown at once; the files behind the first ones wait until somebody wants them. */
  open: boolean;
  remarks?: Remarks;
}

/** pathOf is the file that a difference is about. */
export const pathOf = (d: Difference) => d.afterBlob?.path ?? d.beforeBlob?.path ?? '';

/** One file of a comparison. */
export function DiffFile({ repository, difference: d, split, open, remarks }: Props) {
  const { t } = useCodeWords();
  const [shown, setShown] = useState(open);
  const path = pathOf(d);
  const kinds = { A: ['green', t('fileAdded')], D: ['red', t('fileDeleted')], M: ['grey', t('fileModified')] } as const;
  const [color, kind] = kinds[(d.changeType ?? 'M') as keyof typeof kinds] ?? kinds.M;
  return (
    <section className="diff-file" aria-label={path}>
      <div className="diff-head">
        <Button variant="icon" iconName={shown ? 'angle-down' : 'angle-right'} ariaExpanded={shown} ariaLabel={`${shown ? t('collapse') : t('expand')} ${path}`} onClick={() => setShown(!shown)} />
        <span className="path">{path}</span>
        {d.beforeBlob?.mode && d.afterBlob?.mode && d.beforeBlob.mode !== d.afterBlob.mode && <span>{`${d.beforeBlob.mode} → ${d.afterBlob.mode}`}</span>}
        <Badge color={color}>{kind}</Badge>
      </div>
      {shown && <Body repository={repository} difference={d} split={split} remarks={remarks} />}
    </section>
  );
}

const nothing = new Uint8Array();

function Body({ repository, difference: d, split, remarks }: Omit<Props, 'open'>) {
  const { t } = useCodeWords();
  const [anyway, setAnyway] = useState(false);
  const before = useQuery({ ...blobQ(repository, d.beforeBlob?.blobId ?? ''), enabled: !!d.beforeBlob });
  const after = useQuery({ ...blobQ(repository, d.afterBlob?.blobId ?? ''), enabled: !!d.afterBlob });
  const old = d.beforeBlob ? before.data : nothing;
  const now = d.afterBlob ? after.data : nothing;
  const texts = useMemo(() => (old && now ? [textOf(old), textOf(now)] : undefined), [old, now]);
  const tooLarge = (old?.length ?? 0) + (now?.length ?? 0) > large.characters;
  const rows = useMemo(() => {
    const [a, b] = texts ?? [];
    return a === undefined || b === undefined || (tooLarge && !anyway) ? undefined : compare(a, b);
  }, [texts, tooLarge, anyway]);
  const path = pathOf(d);
  const error = before.error ?? after.error;
  if (error) return <div className="diff-hint"><ErrorBox error={error} /></div>;
  if (!old || !now || !texts) return <div className="diff-hint"><Spinner /></div>;
  if (texts.includes(undefined)) return <Binary path={path} before={d.beforeBlob && old} after={d.afterBlob && now} />;
  const changed = rows && count(rows);
  if (!anyway && (tooLarge || (changed && changed.added + changed.removed > large.lines))) {
    return <div className="diff-hint"><Button onClick={() => setAnyway(true)}>{t('largeDiff')}</Button></div>;
  }
  if (!rows || !changed || changed.added + changed.removed === 0) return <div className="diff-hint"><Box>{t('sameContent')}</Box></div>;
  return <DiffTable path={path} rows={rows} before={texts[0] ?? ''} after={texts[1] ?? ''} split={split} remarks={remarks} />;
}

/** Two versions of a file that is no text: pictures are shown, of others the sizes. */
function Binary({ path, before, after }: { path: string; before?: Uint8Array; after?: Uint8Array }) {
  const { t, size } = useCodeWords();
  const type = pictureType(path);
  return (
    <div className="diff-hint">
      <Box>{t('binaryChanged', { name: size(before?.length), what: size(after?.length) })}</Box>
      {type && (
        <div className="picture">
          {before && <img alt={`${path}, ${t('sideBefore')}`} src={dataURL(type, before)} />}
          {after && <img alt={`${path}, ${t('sideAfter')}`} src={dataURL(type, after)} />}
        </div>
      )}
    </div>
  );
}
