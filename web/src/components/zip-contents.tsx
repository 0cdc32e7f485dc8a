import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Modal from '@cloudscape-design/components/modal';
import Spinner from '@cloudscape-design/components/spinner';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { textOf } from '../api/code';
import { contents, take, ZipError, type Entry } from '../api/zip';
import { CodeView } from '../code/code-view';
import { save } from '../download';
import { useArtifactWords } from '../i18n/artifacts';
import { ErrorBox } from './error-box';
import Table from './table';

/** Rows that are shown at once, and how long a text may be to be shown. */
const atOnce = 200;
const shown = 256 << 10;

const baseName = (path: string) => path.split('/').pop() ?? path;

/** What is in a zip, file by file, to read and to download. */
export default function ZipContents({ name, url }: { name: string; url: string }) {
  const { t, size } = useArtifactWords();
  const files = useQuery({ queryKey: ['zip', url], staleTime: Infinity, queryFn: ({ signal }) => contents(url, signal) });
  const [sought, setSought] = useState('');
  const [most, setMost] = useState(atOnce);
  const [read, setRead] = useState<Entry>();
  const [failed, setFailed] = useState<unknown>();
  const error = failed ?? files.error;
  const found = (files.data ?? []).filter((f) => f.name.toLowerCase().includes(sought.toLowerCase()));
  const download = (f: Entry) => void take(url, f).then((content) => (setFailed(undefined), save(baseName(f.name), content)), setFailed);
  return (
    <>
      {!!error && <Refusal error={error} />}
      <Table<Entry>
        variant="embedded"
        items={found.slice(0, most)}
        loading={files.isLoading}
        loadingText={t('loading')}
        empty="–"
        ariaLabels={{ tableLabel: name }}
        header={<Header variant="h3" counter={files.data && `(${files.data.length})`}>{name}</Header>}
        filter={<TextFilter filteringText={sought} filteringPlaceholder={t('findFiles')} filteringAriaLabel={t('findFiles')} onChange={(e) => (setSought(e.detail.filteringText), setMost(atOnce))} />}
        footer={found.length > most && <Box textAlign="center"><Button onClick={() => setMost(most + atOnce)}>{t('moreFiles')}</Button></Box>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (f) => <Button variant="inline-link" onClick={() => setRead(f)}>{f.name}</Button> },
          { id: 'size', header: t('size'), cell: (f) => size(f.size) },
          { id: 'get', header: t('download'), cell: (f) => <Button variant="inline-link" ariaLabel={t('downloadFile', { name: f.name })} onClick={() => download(f)}>{t('download')}</Button> },
        ]}
      />
      {read && <File url={url} file={read} onDownload={() => download(read)} onClose={() => setRead(undefined)} />}
    </>
  );
}

function File({ url, file, onDownload, onClose }: { url: string; file: Entry; onDownload: () => void; onClose: () => void }) {
  const { t } = useArtifactWords();
  const short = file.size <= shown;
  const content = useQuery({ queryKey: ['zip', url, file.name], staleTime: Infinity, gcTime: 0, enabled: short, queryFn: ({ signal }) => take(url, file, signal) });
  const text = content.data && textOf(content.data);
  return (
    <Modal visible size="max" header={file.name} closeAriaLabel={t('close')} onDismiss={onClose} footer={<Box float="right"><Button variant="primary" onClick={onDownload}>{t('download')}</Button></Box>}>
      {content.isError ? <Refusal error={content.error} /> : short && content.isLoading ? <Spinner size="large" /> : text === undefined ? <Box color="text-body-secondary">{t('notShown')}</Box> : <CodeView path={file.name} text={text} />}
    </Modal>
  );
}

function Refusal({ error }: { error: unknown }) {
  const { t } = useArtifactWords();
  return <ErrorBox error={error instanceof ZipError ? new Error(t(error.problem)) : error} />;
}
