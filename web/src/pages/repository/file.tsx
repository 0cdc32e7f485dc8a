import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { useMay } from '../../api/ask';
import { AwsError } from '../../api/aws';
import { bytes, codePath, dataURL, fileQ, pictureType, referencesQ, repositoryQ, textOf } from '../../api/code';
import { CodeView } from '../../code/code-view';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { save } from '../../download';
import { useCodeWords } from '../../i18n/code';
import { DeleteFile } from './delete-file';
import { Path } from './path';
import { RefPicker, useDefaultRef } from './ref-picker';
import './repository.css';

const Document = lazy(() => import('../../code/markdown'));

/** One file, as text, as a picture, or as a document. */
export default function File({ repository }: { repository: string }) {
  const { t, size } = useCodeWords();
  const go = useNavigate();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const ref = query.get('ref') ?? standard.ref;
  const path = query.get('path') ?? '';
  const file = useQuery({ ...fileQ(repository, ref, path), enabled: !!ref && !!path });
  const references = useQuery(referencesQ(repository));
  const [deleting, setDeleting] = useState(false);
  const content = file.data ? bytes(file.data.fileContent) : undefined;
  const name = path.split('/').pop() ?? '';
  const isBranch = !!references.data?.some((r) => !r.tag && r.name === ref);
  const arn = useQuery(repositoryQ(repository)).data?.Arn ?? '*';
  const may = useMay([['codecommit:PutFile', arn], ['codecommit:DeleteFile', arn]]);
  const why = (action: string) => (!may(action) ? t('denied') : isBranch ? undefined : t('editOnBranch'));
  const [whyNotEdit, whyNotDelete] = [why('codecommit:PutFile'), why('codecommit:DeleteFile')];
  return (
    <SpaceBetween size="m">
      <div className="code-bar">
        <div className="picker"><RefPicker repository={repository} value={ref} label={t('branch')} onChange={(next) => void go(codePath(repository, 'file', { ref: next, path }))} /></div>
        <Path repository={repository} gitRef={ref} path={path} />
        {content && <span className="quiet">{size(content.length)}</span>}
        <SpaceBetween direction="horizontal" size="xs">
          <Button onClick={() => void go(codePath(repository, 'commits', { ref, path }))}>{t('history')}</Button>
          <Button iconName="download" variant="icon" ariaLabel={t('raw')} disabled={!content} onClick={() => content && save(name, content)} />
          <Button iconName="remove" variant="icon" ariaLabel={t('deleteFile')} disabled={!!whyNotDelete} disabledReason={whyNotDelete} onClick={() => setDeleting(true)} />
          <Button iconName="edit" disabled={!!whyNotEdit || !content} disabledReason={whyNotEdit} onClick={() => void go(codePath(repository, 'edit', { ref, path }))}>{t('editFile')}</Button>
        </SpaceBetween>
      </div>
      {file.isError ? <Unreadable error={file.error} /> : content ? <Shown key={path} repository={repository} gitRef={ref} path={path} content={content} /> : <Waiting />}
      {deleting && <DeleteFile repository={repository} branch={ref} path={path} onClose={() => setDeleting(false)} />}
    </SpaceBetween>
  );
}

function Unreadable({ error }: { error: unknown }) {
  const { t } = useCodeWords();
  const code = error instanceof AwsError ? error.code : '';
  if (code === 'FileTooLargeException') return <Alert type="info">{t('fileTooLarge')}</Alert>;
  if (code === 'FileDoesNotExistException') return <Alert type="info">{t('noSuchFile')}</Alert>;
  return <ErrorBox error={error} />;
}

function Shown({ repository, gitRef, path, content }: { repository: string; gitRef: string; path: string; content: Uint8Array }) {
  const { t } = useCodeWords();
  const text = textOf(content);
  const type = pictureType(path);
  const written = /\.(md|markdown)$/i.test(path);
  const [view, setView] = useState(written ? 'document' : 'code');
  if (type && (text === undefined || type === 'image/svg+xml')) {
    return <Container><div className="picture"><img alt={path} src={dataURL(type, content)} /></div></Container>;
  }
  if (text === undefined) return <Container><Box>{t('binaryHint')}</Box></Container>;
  return (
    <SpaceBetween size="s">
      {written && <SegmentedControl label={t('layout')} selectedId={view} onChange={(e) => setView(e.detail.selectedId)} options={[{ id: 'document', text: 'Markdown' }, { id: 'code', text: t('code') }]} />}
      <Container disableContentPaddings={view !== 'document'}>
        {view === 'document' ? <Suspense fallback={<Waiting />}><Document text={text} place={{ repository, ref: gitRef, path }} /></Suspense> : <CodeView path={path} text={text} />}
      </Container>
    </SpaceBetween>
  );
}
