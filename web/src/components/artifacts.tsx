import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Out } from '../api/aws';
import { downloadURL } from '../api/s3';
import { contents } from '../api/zip';
import { useWords } from '../i18n';
import { ErrorBox } from './error-box';
import Table from './table';

type Details = NonNullable<Out<typeof CodePipeline, 'ListActionExecutions'>['actionExecutionDetails']>;

/** What the actions of an execution have made, to look into and to download. */
export function Artifacts({ actions }: { actions: Details }) {
  const { t } = useWords();
  const [opened, setOpened] = useState<{ name: string; url: string }>();
  const rows = actions.flatMap((a) => (a.output?.outputArtifacts ?? []).map(({ name, s3location: at }) => ({ action: a.actionName, name: name ?? '', key: at?.key, url: at?.bucket && at.key ? downloadURL(at.bucket, at.key) : '' })));
  return (
    <SpaceBetween size="l">
      <Table
        variant="embedded"
        items={rows}
        empty="–"
        ariaLabels={{ tableLabel: t('artifacts') }}
        columnDefinitions={[
          { id: 'action', header: t('actions'), cell: (r) => r.action },
          { id: 'name', header: t('name'), isRowHeader: true, cell: (r) => (r.url ? <Button variant="inline-link" onClick={() => setOpened(r)}>{r.name}</Button> : r.name) },
          { id: 'get', header: t('download'), cell: (r) => (r.url ? <Link external={false} href={r.url}>{r.key}</Link> : '–') },
        ]}
      />
      {opened && <Contents {...opened} />}
    </SpaceBetween>
  );
}

function Contents({ name, url }: { name: string; url: string }) {
  const { t, locale } = useWords();
  const files = useQuery({ queryKey: ['zip', url], staleTime: Infinity, queryFn: ({ signal }) => contents(url, signal) });
  if (files.isError) return <ErrorBox error={files.error} retry={() => void files.refetch()} />;
  return (
    <Table
      variant="embedded"
      items={files.data ?? []}
      loading={files.isLoading}
      loadingText={t('loading')}
      empty="–"
      ariaLabels={{ tableLabel: name }}
      header={<Header variant="h3" counter={files.data && `(${files.data.length})`}>{name}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (f) => <code>{f.name}</code> },
        { id: 'size', header: t('size'), cell: (f) => f.size.toLocaleString(locale) },
      ]}
    />
  );
}
