import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../api/aws';
import { buildPagesQ, projectPath, type Build } from '../api/builds';
import { projectsQ, useARN } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { LinkTo } from '../components/link-to';
import { Status } from '../components/status';
import Table from '../components/table';
import { useBuildWords } from '../i18n/build';
import { project } from '../recipes';
import { BuildTable } from './builds/build-table';

export default function Builds() {
  const { t } = useBuildWords();
  const projects = useQuery(projectsQ());
  const builds = useInfiniteQuery(buildPagesQ());
  const [making, setMaking] = useState(false);
  const [sought, setSought] = useState('');
  const all = builds.data?.pages.flatMap((p) => p.builds) ?? [];
  const found = all.filter((b) => `${b.projectName} ${b.initiator}`.toLowerCase().includes(sought.toLowerCase()));
  const error = projects.error ?? builds.error;
  return (
    <SpaceBetween size="l">
      {error && <ErrorBox error={error} retry={() => void Promise.all([projects.refetch(), builds.refetch()])} />}
      <BuildTable
        builds={found}
        loading={builds.isLoading}
        filter={<TextFilter filteringText={sought} filteringPlaceholder={t('findBuilds')} filteringAriaLabel={t('findBuilds')} countText={t('matches', { n: found.length })} onChange={(e) => setSought(e.detail.filteringText)} />}
        header={<Header variant="h1" actions={<Button variant="primary" onClick={() => setMaking(true)}>{t('createProject')}</Button>}>{t('builds')}</Header>}
        footer={builds.hasNextPage && <Box textAlign="center"><Button loading={builds.isFetchingNextPage} onClick={() => void builds.fetchNextPage()}>{t('olderBuilds')}</Button></Box>}
      />
      <Projects names={projects.data ?? []} loading={projects.isLoading} builds={all} />
      {making && <CreateProject onClose={() => (setMaking(false), void projects.refetch())} />}
    </SpaceBetween>
  );
}

function Projects({ names, loading, builds }: { names: string[]; loading: boolean; builds: Build[] }) {
  const { t, ago, at } = useBuildWords();
  const latest = (name: string) => builds.find((b) => b.projectName === name);
  return (
    <Table
      items={names}
      loading={loading}
      loadingText={t('loading')}
      empty={t('noProjects')}
      ariaLabels={{ tableLabel: t('projects') }}
      header={<Header variant="h2" counter={`(${names.length})`}>{t('projects')}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (name) => <LinkTo to={projectPath(name)}>{name}</LinkTo> },
        { id: 'status', header: t('lastBuild'), cell: (name) => (latest(name) ? <Status value={latest(name)?.buildStatus} /> : '–') },
        { id: 'at', header: t('started'), cell: (name) => <span title={at(latest(name)?.startTime)}>{ago(latest(name)?.startTime)}</span> },
      ]}
    />
  );
}

function CreateProject({ onClose }: { onClose: () => void }) {
  const { t } = useBuildWords();
  const [name, setName] = useState('');
  const [buildspec, setBuildspec] = useState('');
  const arn = useARN();
  return (
    <FormModal title={t('createProject')} submit={t('create')} disabled={!name} takes={name ? ['codebuild:CreateProject', arn('codebuild', `project/${name}`)] : undefined} onSubmit={() => aws('codebuild', 'CreateProject', project(name, buildspec))} onClose={onClose}>
      <FormField label={t('name')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
      <FormField label={t('buildspec')} constraintText={t('buildspecHint')}><Textarea value={buildspec} rows={8} onChange={(e) => setBuildspec(e.detail.value)} /></FormField>
    </FormModal>
  );
}
