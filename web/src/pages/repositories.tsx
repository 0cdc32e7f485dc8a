import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { aws } from '../api/aws';
import { codePath } from '../api/code';
import { repositoriesQ, useARN } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import Table from '../components/table';
import { useCodeWords } from '../i18n/code';

/** What is told of repositories beyond their names: a request for each hundred. */
async function details(names: string[], signal: AbortSignal) {
  const pieces = Array.from({ length: Math.ceil(names.length / 100) }, (_, i) => names.slice(i * 100, (i + 1) * 100));
  const answers = await Promise.all(pieces.map((repositoryNames) => aws('codecommit', 'BatchGetRepositories', { repositoryNames }, signal)));
  return new Map(answers.flatMap((a) => a.repositories ?? []).map((r) => [r.repositoryName, r]));
}

export default function Repositories() {
  const { t, at, ago } = useCodeWords();
  const list = useQuery(repositoriesQ());
  const names = (list.data ?? []).map((r) => r.repositoryName ?? '');
  const about = useQuery({ queryKey: ['repository', 'list', 'details', names], enabled: names.length > 0, queryFn: ({ signal }) => details(names, signal) });
  const [sought, setSought] = useState('');
  const [making, setMaking] = useState(false);
  const found = names.filter((name) => `${name} ${about.data?.get(name)?.repositoryDescription ?? ''}`.toLowerCase().includes(sought.toLowerCase()));
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={found}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={names.length ? t('matches', { n: 0 }) : t('noRepositories')}
        ariaLabels={{ tableLabel: t('repositories') }}
        filter={<TextFilter filteringText={sought} filteringPlaceholder={t('findRepositories')} filteringAriaLabel={t('findRepositories')} countText={t('matches', { n: found.length })} onChange={(e) => setSought(e.detail.filteringText)} />}
        header={<Header variant="h1" counter={list.data && `(${list.data.length})`} actions={<Button variant="primary" onClick={() => setMaking(true)}>{t('createRepository')}</Button>}>{t('repositories')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (name) => <LinkTo to={codePath(name)}>{name}</LinkTo> },
          { id: 'description', header: t('description'), cell: (name) => <span className="cut">{about.data?.get(name)?.repositoryDescription ?? '–'}</span> },
          { id: 'branch', header: t('branch'), cell: (name) => about.data?.get(name)?.defaultBranch ?? '–' },
          { id: 'at', header: t('modified'), cell: (name) => <span title={at(about.data?.get(name)?.lastModifiedDate)}>{ago(about.data?.get(name)?.lastModifiedDate)}</span> },
        ]}
      />
      {making && <CreateRepository onClose={() => (setMaking(false), void list.refetch())} />}
    </SpaceBetween>
  );
}

function CreateRepository({ onClose }: { onClose: () => void }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const arn = useARN();
  async function create() {
    await aws('codecommit', 'CreateRepository', { repositoryName: name, ...(description && { repositoryDescription: description }) });
    await go(codePath(name));
  }
  return (
    <FormModal title={t('createRepository')} submit={t('create')} disabled={!name} takes={name ? ['codecommit:CreateRepository', arn('codecommit', name)] : undefined} onSubmit={create} onClose={onClose}>
      <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
      <FormField label={t('description')}><Input value={description} onChange={(e) => setDescription(e.detail.value)} /></FormField>
    </FormModal>
  );
}
