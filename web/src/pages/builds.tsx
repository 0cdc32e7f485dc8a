import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Table from '@cloudscape-design/components/table';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../api/aws';
import { buildsQ, projectsQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import { Status } from '../components/status';
import { useWords } from '../i18n';
import { project } from '../recipes';

export default function Builds() {
  const { t, at, duration } = useWords();
  const projects = useQuery(projectsQ());
  const builds = useQuery(buildsQ());
  const [making, setMaking] = useState(false);
  const error = projects.error ?? builds.error;
  return (
    <SpaceBetween size="l">
      {error && <ErrorBox error={error} retry={() => void Promise.all([projects.refetch(), builds.refetch()])} />}
      <Table
        items={builds.data ?? []}
        loading={builds.isLoading}
        loadingText={t('loading')}
        empty={t('noBuilds')}
        ariaLabels={{ tableLabel: t('builds') }}
        header={<Header variant="h1" actions={<Button variant="primary" onClick={() => setMaking(true)}>{t('createProject')}</Button>}>{t('builds')}</Header>}
        columnDefinitions={[
          { id: 'id', header: t('name'), isRowHeader: true, cell: (b) => <LinkTo to={`/builds/${encodeURIComponent(b.id ?? '')}`}>{`${b.projectName} #${b.buildNumber}`}</LinkTo> },
          { id: 'status', header: t('status'), cell: (b) => <Status value={b.buildStatus} /> },
          { id: 'by', header: t('initiator'), cell: (b) => b.initiator },
          { id: 'at', header: t('started'), cell: (b) => at(b.startTime) },
          { id: 'for', header: t('duration'), cell: (b) => duration(b.startTime && b.endTime ? b.endTime - b.startTime : undefined) },
        ]}
      />
      <Table
        items={projects.data ?? []}
        loading={projects.isLoading}
        loadingText={t('loading')}
        empty={t('noProjects')}
        ariaLabels={{ tableLabel: t('projects') }}
        header={<Header variant="h2">{t('projects')}</Header>}
        columnDefinitions={[{ id: 'name', header: t('name'), isRowHeader: true, cell: (name) => name }]}
      />
      {making && <CreateProject onClose={() => (setMaking(false), void projects.refetch())} />}
    </SpaceBetween>
  );
}

function CreateProject({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const [name, setName] = useState('');
  const [buildspec, setBuildspec] = useState('');
  return (
    <FormModal title={t('createProject')} submit={t('create')} disabled={!name} onSubmit={() => aws('codebuild', 'CreateProject', project(name, buildspec))} onClose={onClose}>
      <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
      <FormField label={t('buildspec')} constraintText={t('buildspecHint')}><Textarea value={buildspec} rows={8} spellcheck={false} onChange={(e) => setBuildspec(e.detail.value)} /></FormField>
    </FormModal>
  );
}
