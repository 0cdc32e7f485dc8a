import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useMay } from '../../api/ask';
import { aws } from '../../api/aws';
import { buildPagesQ, buildPath, projectQ, type Build } from '../../api/builds';
import { Confirm } from '../../components/confirm';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { complain } from '../../flash';
import { useBuildWords } from '../../i18n/build';
import { Batches } from './batches';
import { BuildTable } from './build-table';
import { EditProject } from './edit-project';
import { Facts } from './project-facts';
import { StartBuild } from './start-build';

/** A build project: what it does and what came of it. */
export default function Project() {
  const name = useParams().name ?? '';
  const { t } = useBuildWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const project = useQuery(projectQ(name));
  const builds = useInfiniteQuery(buildPagesQ(name));
  const [open, setOpen] = useState<'start' | 'edit' | 'delete'>();
  const arn = project.data?.arn ?? '*';
  const may = useMay([['codebuild:StartBuild', arn], ['codebuild:UpdateProject', arn], ['codebuild:StartBuildBatch', arn], ['codebuild:DeleteProject', arn]]);
  const unless = (action: string) => ({ disabled: !may(action), disabledReason: t('denied') });
  if (project.isError) return <ErrorBox error={project.error} retry={() => void project.refetch()} />;
  if (project.isLoading) return <Waiting />;
  if (!project.data) return <Alert type="info" header={name}>{t('noSuchProject')}</Alert>;
  const all = builds.data?.pages.flatMap((p) => p.builds) ?? [];
  const start = () => void aws('codebuild', 'StartBuild', { projectName: name }).then((r) => go(buildPath(r.build?.id))).catch(complain);
  const batch = () => void aws('codebuild', 'StartBuildBatch', { projectName: name }).then((r) => go(`/batches/${encodeURIComponent(r.buildBatch?.id ?? '')}`)).catch(complain);
  const close = () => (setOpen(undefined), void queries.invalidateQueries({ queryKey: ['build'] }));
  async function remove() {
    await aws('codebuild', 'DeleteProject', { name });
    await queries.invalidateQueries({ queryKey: ['projects'] });
    await go('/builds');
  }
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('builds'), to: '/builds' }, { text: name }]} />
      <Header
        variant="h1"
        description={project.data.description}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <ButtonDropdown
              onItemClick={(e) => (e.detail.id === 'batch' ? batch() : setOpen(e.detail.id as typeof open))}
              items={[{ id: 'edit', text: t('editProject'), ...unless('codebuild:UpdateProject') }, { id: 'batch', text: t('startBatch'), ...unless('codebuild:StartBuildBatch') }, { id: 'delete', text: t('deleteProject'), ...unless('codebuild:DeleteProject') }]}
            >
              {t('actions')}
            </ButtonDropdown>
            <Button {...unless('codebuild:StartBuild')} onClick={() => setOpen('start')}>{t('startWith')}</Button>
            <Button variant="primary" {...unless('codebuild:StartBuild')} onClick={start}>{t('startBuild')}</Button>
          </SpaceBetween>
        }
      >
        {name}
      </Header>
      <History builds={all} />
      <Facts project={project.data} />
      <BuildTable
        builds={all}
        loading={builds.isLoading}
        header={<Header variant="h2">{t('history')}</Header>}
        footer={builds.hasNextPage && <Box textAlign="center"><Button loading={builds.isFetchingNextPage} onClick={() => void builds.fetchNextPage()}>{t('olderBuilds')}</Button></Box>}
      />
      <Batches project={name} />
      {open === 'start' && <StartBuild project={project.data} onClose={close} />}
      {open === 'edit' && <EditProject project={project.data} onClose={close} />}
      {open === 'delete' && <Confirm title={`${t('deleteProject')}: ${name}`} hint={t('deleteProjectHint')} submit={t('del')} onConfirm={remove} onClose={close} />}
    </SpaceBetween>
  );
}

const shown = 40;
const outcomes: Record<string, string> = { SUCCEEDED: 'Succeeded', IN_PROGRESS: 'InProgress', STOPPED: 'Stopped' };

/** The newest builds as a strip: how long each took, and how it ended. */
function History({ builds }: { builds: Build[] }) {
  const { t, at, duration } = useBuildWords();
  const go = useNavigate();
  const some = builds.slice(0, shown).reverse();
  const ended = some.filter((b) => b.buildStatus !== 'IN_PROGRESS');
  if (!ended.length) return null;
  const took = (b: Build) => (b.startTime && b.endTime ? b.endTime - b.startTime : 0);
  const longest = Math.max(1, ...ended.map(took));
  const good = ended.filter((b) => b.buildStatus === 'SUCCEEDED').length;
  return (
    <Container>
      <div className="history">
        <svg width={some.length * 12} height="48" role="img" aria-label={t('successRate', { n: Math.round((good / ended.length) * 100), of: ended.length })}>
          {some.map((b, i) => {
            const height = Math.max(6, (took(b) / longest) * 46);
            return (
              <rect key={b.id} className={`bar bar-${outcomes[b.buildStatus ?? ''] ?? 'Failed'}`} x={i * 12} y={48 - height} width="9" height={height} rx="2" onClick={() => void go(buildPath(b.id))}>
                <title>{`#${b.buildNumber} · ${at(b.startTime)} · ${duration(took(b))}`}</title>
              </rect>
            );
          })}
        </svg>
        <span>{t('successRate', { n: Math.round((good / ended.length) * 100), of: ended.length })}</span>
      </div>
    </Container>
  );
}
