import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { call } from '../api/aws';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';

const target = (op: string) => `com.amazonaws.codeconnections.CodeConnections_20231201.${op}`;

interface Connection {
  ConnectionName: string;
  ConnectionArn: string;
  ProviderType: string;
  ConnectionStatus: string;
}

async function connections(signal: AbortSignal): Promise<Connection[]> {
  const all: Connection[] = [];
  for (let NextToken: string | undefined; ; ) {
    const page = await call<{ Connections?: Connection[]; NextToken?: string }>(target('ListConnections'), { NextToken }, signal);
    all.push(...(page.Connections ?? []));
    if (!page.NextToken) return all;
    NextToken = page.NextToken;
  }
}

/** The connections to forges. */
export function Connections() {
  const { t } = useSettingsWords();
  const queries = useQueryClient();
  const found = useQuery({ queryKey: ['connections'], queryFn: ({ signal }) => connections(signal) });
  const [making, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<Connection>();
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  const anew = () => queries.invalidateQueries({ queryKey: ['connections'] });
  return (
    <>
      <Table<Connection>
        variant="embedded"
        items={found.data ?? []}
        loading={found.isLoading}
        loadingText={t('loading')}
        empty={t('noConnections')}
        ariaLabels={{ tableLabel: t('connections') }}
        header={<Header variant="h2" description={t('connectionHint')} actions={<Permitted action="codeconnections:CreateConnection" variant="primary" onClick={() => setMaking(true)}>{t('createConnection')}</Permitted>}>{t('connections')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (c) => c.ConnectionName },
          { id: 'forge', header: t('forge'), cell: (c) => c.ProviderType },
          { id: 'status', header: t('status'), cell: (c) => c.ConnectionStatus },
          { id: 'arn', header: 'ARN', cell: (c) => <code>{c.ConnectionArn}</code> },
          { id: 'do', header: t('actions'), minWidth: 150, cell: (c) => <Permitted action="codeconnections:DeleteConnection" on={c.ConnectionArn} variant="inline-link" ariaLabel={`${t('del')}: ${c.ConnectionName}`} onClick={() => setLeaving(c)}>{t('del')}</Permitted> },
        ]}
      />
      {making && <Create onDone={anew} onClose={() => setMaking(false)} />}
      {leaving && <FormModal title={t('deleteTitle', { name: leaving.ConnectionName })} submit={t('del')} onSubmit={async () => (await call(target('DeleteConnection'), { ConnectionArn: leaving.ConnectionArn }), await anew())} onClose={() => setLeaving(undefined)}>{t('deleteHint')}</FormModal>}
    </>
  );
}

const forges = ['GitHub', 'GitLab', 'Bitbucket'].map((value) => ({ value, label: value }));

function Create({ onDone, onClose }: { onDone: () => Promise<void>; onClose: () => void }) {
  const { t } = useSettingsWords();
  const [name, setName] = useState('');
  const [forge, setForge] = useState('GitHub');
  return (
    <FormModal title={t('createConnection')} submit={t('create')} disabled={!name} onSubmit={async () => (await call(target('CreateConnection'), { ConnectionName: name, ProviderType: forge }), await onDone())} onClose={onClose}>
      <SpaceBetween size="m">
        <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
        <FormField label={t('forge')}><Select selectedOption={forges.find((f) => f.value === forge) ?? null} options={forges} onChange={(e) => setForge(e.detail.selectedOption.value ?? '')} /></FormField>
      </SpaceBetween>
    </FormModal>
  );
}
