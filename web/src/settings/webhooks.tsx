import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import Header from '@cloudscape-design/components/header';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import { aws, type Out } from '../api/aws';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';

type Webhook = NonNullable<Out<typeof CodePipeline, 'ListWebhooks'>['webhooks']>[number];

async function webhooks(signal: AbortSignal): Promise<Webhook[]> {
  const all: Webhook[] = [];
  for (let NextToken: string | undefined; ; ) {
    const page = await aws('codepipeline', 'ListWebhooks', { NextToken }, signal);
    all.push(...(page.webhooks ?? []));
    if (!page.NextToken) return all;
    NextToken = page.NextToken;
  }
}

/** What others may post to, to start a pipeline. */
export function Webhooks() {
  const { t } = useSettingsWords();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ['webhooks'], queryFn: ({ signal }) => webhooks(signal) });
  const [leaving, setLeaving] = useState('');
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  async function remove() {
    await aws('codepipeline', 'DeleteWebhook', { name: leaving });
    await queries.invalidateQueries({ queryKey: ['webhooks'] });
  }
  return (
    <>
      <Table<Webhook>
        variant="embedded"
        items={found.data ?? []}
        loading={found.isLoading}
        loadingText={t('loading')}
        empty={t('noWebhooks')}
        wrapLines
        ariaLabels={{ tableLabel: t('webhooks') }}
        header={<Header variant="h2">{t('webhooks')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (w) => w.definition?.name },
          { id: 'pipeline', header: t('targetPipeline'), cell: (w) => <LinkTo to={`/pipelines/${encodeURIComponent(w.definition?.targetPipeline ?? '')}`}>{w.definition?.targetPipeline}</LinkTo> },
          { id: 'action', header: t('targetAction'), cell: (w) => w.definition?.targetAction },
          { id: 'auth', header: t('authentication'), cell: (w) => w.definition?.authentication },
          { id: 'url', header: t('hook'), cell: (w) => <CopyToClipboard variant="inline" copyButtonAriaLabel={t('copy')} copySuccessText={t('copied')} copyErrorText={t('failed')} textToCopy={w.url ?? ''} /> },
          { id: 'do', header: t('actions'), minWidth: 150, cell: (w) => <Permitted action="codepipeline:DeleteWebhook" on={w.arn} variant="inline-link" ariaLabel={`${t('del')}: ${w.definition?.name}`} onClick={() => setLeaving(w.definition?.name ?? '')}>{t('del')}</Permitted> },
        ]}
      />
      {leaving && <FormModal title={t('deleteTitle', { name: leaving })} submit={t('del')} onSubmit={remove} onClose={() => setLeaving('')}>{t('deleteHint')}</FormModal>}
    </>
  );
}
