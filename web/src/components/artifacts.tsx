import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { lazy, Suspense, useState } from 'react';
import type { Out } from '../api/aws';
import { downloadURL } from '../api/s3';
import { useWords } from '../i18n';
import Table from './table';

const ZipContents = lazy(() => import('./zip-contents'));

type Details = NonNullable<Out<typeof CodePipeline, 'ListActionExecutions'>['actionExecutionDetails']>;

/** What the actions of an execution have made, to look into and to download. Places are given to artifacts beforehand: where an
 * action did not succeed, nothing lies there. */
export function Artifacts({ actions }: { actions: Details }) {
  const { t } = useWords();
  const [opened, setOpened] = useState<{ name: string; url: string }>();
  const rows = actions.filter((a) => a.status === 'Succeeded').flatMap((a) => (a.output?.outputArtifacts ?? []).map(({ name, s3location: at }) => ({ action: a.actionName, name: name ?? '', key: at?.key, url: at?.bucket && at.key ? downloadURL(at.bucket, at.key) : '' })));
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
      {opened && <Suspense><ZipContents key={opened.url} {...opened} /></Suspense>}
    </SpaceBetween>
  );
}
