import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FileDropzone, { useFilesDragging } from '@cloudscape-design/components/file-dropzone';
import FileInput from '@cloudscape-design/components/file-input';
import Header from '@cloudscape-design/components/header';
import Icon from '@cloudscape-design/components/icon';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useMay } from '../../api/ask';
import { chosen, dropped } from '../../api/folders';
import { listObjects, remove, removeFolder } from '../../api/s3';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { useBucketWords } from '../../i18n/bucket';
import { PrefixPath } from './prefix-path';
import { Uploads, useUploads } from './uploads';

interface Row {
  key: string;
  folder: boolean;
  size?: number;
  modified?: string;
}

/** Where a folder or an object of a bucket is shown. */
export const placePath = (bucket: string, at: { prefix?: string; object?: string }) => `/buckets/${bucket}?${new URLSearchParams(at)}`;

/** The objects and folders of a folder; files can be dropped on them. */
export function Objects({ bucket }: { bucket: string }) {
  const { t, at, size } = useBucketWords();
  const prefix = useSearchParams()[0].get('prefix') ?? '';
  const list = useInfiniteQuery({
    queryKey: ['bucket', bucket, 'objects', prefix],
    initialPageParam: '',
    queryFn: ({ pageParam }) => listObjects(bucket, prefix, pageParam),
    getNextPageParam: (last) => last.next,
  });
  const uploads = useUploads(bucket, prefix, () => void list.refetch());
  const { areFilesDragging } = useFilesDragging();
  const [picked, setPicked] = useState<Row[]>([]);
  const [deleting, setDeleting] = useState(false);
  const [gone, setGone] = useState(0);
  const may = useMay([['s3:PutObject', `arn:aws:s3:::${bucket}/*`], ['s3:DeleteObject', `arn:aws:s3:::${bucket}/*`]]);
  const rows: Row[] = (list.data?.pages ?? []).flatMap((p) => [...p.folders.map((key) => ({ key, folder: true })), ...p.objects.filter((o) => o.key !== prefix).map((o) => ({ ...o, folder: false }))]);
  const name = (r: Row) => r.key.slice(prefix.length);
  async function removeAll() {
    for (const r of picked) await (r.folder ? removeFolder(bucket, r.key, setGone) : remove(bucket, r.key));
    setPicked([]);
    await list.refetch();
  }
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Uploads uploads={uploads} />
      {areFilesDragging && (
        <div onDropCapture={(e) => uploads.add(() => dropped(e.dataTransfer))}>
          <FileDropzone onChange={() => undefined /* it knows of no folders */}>{t('dropHere')}</FileDropzone>
        </div>
      )}
      <Table<Row>
        items={rows}
        trackBy="key"
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={<Box textAlign="center"><Box fontWeight="bold">{t('noObjects')}</Box><Box color="text-body-secondary">{prefix ? t('prefixEmpty') : t('emptyBucketHint')}</Box></Box>}
        selectionType="multi"
        selectedItems={picked}
        onSelectionChange={(e) => setPicked(e.detail.selectedItems)}
        ariaLabels={{ tableLabel: t('objects'), selectionGroupLabel: t('objects'), allItemsSelectionLabel: () => t('objects'), itemSelectionLabel: (_, r) => t('selectRun', { name: r.key }) }}
        footer={list.hasNextPage && <Box textAlign="center"><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('moreObjects')}</Button></Box>}
        header={
          <Header
            variant="h2"
            counter={picked.length ? `(${t('selected', { n: picked.length })})` : undefined}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button disabled={!picked.length || !may('s3:DeleteObject')} disabledReason={may('s3:DeleteObject') ? undefined : t('denied')} onClick={() => (setGone(0), setDeleting(true))}>{t('deleteSelected')}</Button>
                <FileInput multiple value={[]} ariaLabel={t('uploadFiles')} onChange={(e) => uploads.add(() => chosen(e.detail.value))}>{t('uploadFiles')}</FileInput>
                <FolderInput onChoose={(files) => uploads.add(() => chosen(files))} />
              </SpaceBetween>
            }
          >
            <PrefixPath bucket={bucket} prefix={prefix} />
          </Header>
        }
        columnDefinitions={[
          { id: 'key', header: t('name'), isRowHeader: true, cell: (r) => <span className="entry"><Icon name={r.folder ? 'folder' : 'file'} variant="subtle" /> <LinkTo to={placePath(bucket, r.folder ? { prefix: r.key } : { object: r.key })}>{name(r)}</LinkTo></span> },
          { id: 'size', header: t('size'), cell: (r) => size(r.size) },
          { id: 'at', header: t('updated'), cell: (r) => (r.modified ? at(Date.parse(r.modified) / 1000) : '–') },
        ]}
      />
      {deleting && (
        <Confirm
          title={t('deleteTitle', { n: picked.length })}
          hint={`${picked.map(name).slice(0, 8).join(', ')}${picked.length > 8 ? ' …' : ''} — ${t('deleteObjectHint')}${gone ? ` ${t('deletingFolder', { n: gone })}` : ''}`}
          submit={t('del')}
          onConfirm={removeAll}
          onClose={() => setDeleting(false)}
        />
      )}
    </SpaceBetween>
  );
}

/** A button that takes a whole folder. */
function FolderInput({ onChoose }: { onChoose: (files: File[]) => void }) {
  const { t } = useBucketWords();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button iconName="folder" onClick={() => input.current?.click()}>{t('uploadFolder')}</Button>
      <input ref={input} type="file" hidden {...{ webkitdirectory: '' }} onChange={(e) => (onChoose([...(e.target.files ?? [])]), (e.target.value = ''))} />
    </>
  );
}
