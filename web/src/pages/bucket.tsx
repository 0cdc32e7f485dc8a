import Button from '@cloudscape-design/components/button';
import FileUpload from '@cloudscape-design/components/file-upload';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { downloadURL, isWebsite, listObjects, publish, remove, siteURL, upload } from '../api/s3';
import { ErrorBox } from '../components/error-box';
import { complain } from '../flash';
import { useWords } from '../i18n';

interface Row {
  key: string;
  folder: boolean;
  size?: number;
  modified?: string;
}

export default function Bucket() {
  const name = useParams().name ?? '';
  const { t, at, locale } = useWords();
  const [prefix, setPrefix] = useState('');
  const list = useQuery({ queryKey: ['bucket', name, prefix], queryFn: () => listObjects(name, prefix) });
  const website = useQuery({ queryKey: ['bucket', name, 'website'], queryFn: () => isWebsite(name) });
  const rows: Row[] = [
    ...(list.data?.folders ?? []).map((key) => ({ key, folder: true })),
    ...(list.data?.objects ?? []).map((o) => ({ ...o, folder: false })),
  ];
  const bytes = new Intl.NumberFormat(locale, { style: 'unit', unit: 'byte', unitDisplay: 'narrow', notation: 'compact' });
  const change = (what: Promise<unknown>) => void what.then(() => Promise.all([list.refetch(), website.refetch()])).catch(complain);
  const up = () => setPrefix(prefix.split('/').slice(0, -2).map((p) => `${p}/`).join(''));
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table<Row>
        items={rows}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noObjects')}
        ariaLabels={{ tableLabel: t('objects') }}
        footer={list.data?.truncated ? t('more') : undefined}
        header={
          <Header
            variant="h1"
            description={prefix}
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                {prefix && <Button onClick={up}>{t('parent')}</Button>}
                <FileUpload
                  value={[]}
                  i18nStrings={{ uploadButtonText: () => t('upload'), removeFileAriaLabel: () => t('del'), limitShowFewer: '', limitShowMore: '', errorIconAriaLabel: t('failed') }}
                  onChange={(e) => change(Promise.all(e.detail.value.map((f) => upload(name, prefix + f.name, f))))}
                  multiple
                />
                {website.data ? <Button variant="primary" href={siteURL(name)} target="_blank" rel="noopener">{t('openSite')}</Button> : <Button onClick={() => change(publish(name))}>{t('makeWebsite')}</Button>}
              </SpaceBetween>
            }
          >
            {name}
          </Header>
        }
        columnDefinitions={[
          { id: 'key', header: t('name'), isRowHeader: true, cell: (r) => (r.folder ? <Link onFollow={() => setPrefix(r.key)}>{r.key.slice(prefix.length)}</Link> : <Link href={downloadURL(name, r.key)}>{r.key.slice(prefix.length)}</Link>) },
          { id: 'size', header: t('size'), cell: (r) => (r.size === undefined ? '–' : bytes.format(r.size)) },
          { id: 'at', header: t('updated'), cell: (r) => (r.modified ? at(Date.parse(r.modified) / 1000) : '–') },
          { id: 'del', header: t('actions'), cell: (r) => !r.folder && <Button variant="inline-link" ariaLabel={`${t('del')} ${r.key}`} onClick={() => change(remove(name, r.key))}>{t('del')}</Button> },
        ]}
      />
    </SpaceBetween>
  );
}
