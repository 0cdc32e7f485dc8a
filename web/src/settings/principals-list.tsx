import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useARN } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { useSettingsWords } from '../i18n/settings';
import { principals, principalsQ, type Kind, type Principal } from './principals';

const path = (kind: Kind, name: string) => `/settings/${kind.toLowerCase()}s/${encodeURIComponent(name)}`;

/** All users, groups or roles. */
export function PrincipalsList({ kind }: { kind: Kind }) {
  const { t, at } = useSettingsWords();
  const found = useQuery(principalsQ(kind));
  const [making, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<Principal>();
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  return (
    <>
      <Table<Principal>
        variant="embedded"
        items={found.data ?? []}
        loading={found.isLoading}
        loadingText={t('loading')}
        empty={t('nobody')}
        ariaLabels={{ tableLabel: t(`${kind}s`) }}
        header={<Header variant="h2" actions={<Button variant="primary" onClick={() => setMaking(true)}>{t(`create${kind}`)}</Button>}>{t(`${kind}s`)}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (p) => <LinkTo to={path(kind, p.name)}>{p.name}</LinkTo> },
          { id: 'arn', header: 'ARN', cell: (p) => <code>{p.arn}</code> },
          { id: 'created', header: t('since'), cell: (p) => at(Date.parse(p.created) / 1000) },
          { id: 'do', header: t('actions'), minWidth: 150, cell: (p) => <Permitted action={`iam:Delete${kind}`} on={p.arn} variant="inline-link" ariaLabel={`${t('del')}: ${p.name}`} onClick={() => setLeaving(p)}>{t('del')}</Permitted> },
        ]}
      />
      {making && <Create kind={kind} onClose={() => setMaking(false)} />}
      {leaving && <Delete kind={kind} name={leaving.name} onClose={() => setLeaving(undefined)} />}
    </>
  );
}

const trusted = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: ['codepipeline.amazonaws.com', 'codebuild.amazonaws.com'] }, Action: 'sts:AssumeRole' }] }, null, 2);

function Create({ kind, onClose }: { kind: Kind; onClose: () => void }) {
  const { t } = useSettingsWords();
  const queries = useQueryClient();
  const [name, setName] = useState('');
  const arn = useARN();
  const takes = name ? ([`iam:Create${kind}`, arn('iam', `${kind.toLowerCase()}/${name}`)] as const) : undefined;
  const [trust, setTrust] = useState(trusted);
  const create = async () => {
    await principals.create(kind, name, trust);
    await queries.invalidateQueries({ queryKey: ['iam', kind] });
  };
  return (
    <FormModal title={t(`create${kind}`)} submit={t('create')} disabled={!name} takes={takes} onSubmit={create} onClose={onClose}>
      <SpaceBetween size="m">
        <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
        {kind === 'Role' && <FormField label={t('trustPolicy')}><Textarea value={trust} rows={10} spellcheck={false} onChange={(e) => setTrust(e.detail.value)} /></FormField>}
      </SpaceBetween>
    </FormModal>
  );
}

function Delete({ kind, name, onClose }: { kind: Kind; name: string; onClose: () => void }) {
  const { t } = useSettingsWords();
  const queries = useQueryClient();
  const remove = async () => {
    await principals.empty(kind, name);
    await principals.remove(kind, name);
    await queries.invalidateQueries({ queryKey: ['iam', kind] });
  };
  return <FormModal title={t('deleteTitle', { name })} submit={t('del')} onSubmit={remove} onClose={onClose}>{t('deleteHint')}</FormModal>;
}
