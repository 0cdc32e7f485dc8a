import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../api/aws';
import { repositoriesQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import { useWords } from '../i18n';

export default function Repositories() {
  const { t } = useWords();
  const list = useQuery(repositoriesQ());
  const [making, setMaking] = useState(false);
  return (
    <SpaceBetween size="l">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table
        items={list.data ?? []}
        loading={list.isLoading}
        loadingText={t('loading')}
        empty={t('noRepositories')}
        ariaLabels={{ tableLabel: t('repositories') }}
        header={<Header variant="h1" counter={list.data && `(${list.data.length})`} actions={<Button variant="primary" onClick={() => setMaking(true)}>{t('createRepository')}</Button>}>{t('repositories')}</Header>}
        columnDefinitions={[{ id: 'name', header: t('name'), isRowHeader: true, cell: (r) => <LinkTo to={`/repositories/${encodeURIComponent(r.repositoryName ?? '')}`}>{r.repositoryName}</LinkTo> }]}
      />
      {making && <CreateRepository onClose={() => (setMaking(false), void list.refetch())} />}
    </SpaceBetween>
  );
}

function CreateRepository({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [description, setDescription] = useState('');
  const create = () => aws('codecommit', 'CreateRepository', { repositoryName: name, ...(description && { repositoryDescription: description }) });
  return (
    <FormModal title={t('createRepository')} submit={t('create')} disabled={!name} onSubmit={create} onClose={onClose}>
      <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
      <FormField label={t('description')}><Input value={description} onChange={(e) => setDescription(e.detail.value)} /></FormField>
    </FormModal>
  );
}
