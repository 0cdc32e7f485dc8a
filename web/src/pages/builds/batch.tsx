import Alert from '@cloudscape-design/components/alert';
import Badge from '@cloudscape-design/components/badge';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { aws } from '../../api/aws';
import { batchQ, buildPath, failure, idOf, levels, projectArn, projectPath, type BuildGroup } from '../../api/builds';
import { useClock } from '../../components/clock';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import { Permitted } from '../../components/permitted';
import { Status } from '../../components/status';
import { Waiting } from '../../components/waiting';
import { complain } from '../../flash';
import { useBuildWords } from '../../i18n/build';
import './builds.css';
import { Failed } from './failed';

/** A batch: builds that belong together, each after what it depends on. */
export default function BatchPage() {
  const id = useParams().id ?? '';
  const { t, ago, duration } = useBuildWords();
  const batch = useQuery(batchQ(id));
  const now = useClock(batch.data?.buildBatchStatus === 'IN_PROGRESS');
  if (batch.isError) return <ErrorBox error={batch.error} retry={() => void batch.refetch()} />;
  const b = batch.data;
  if (batch.isLoading) return <Waiting />;
  if (!b) return <Alert type="info" header={id}>{t('noSuchBuild')}</Alert>;
  const act = (what: Promise<unknown>) => void what.then(() => batch.refetch()).catch(complain);
  const running = b.buildBatchStatus === 'IN_PROGRESS';
  const project = projectArn(b.arn, b.projectName);
  const groups = b.buildGroups ?? [];
  const end = b.endTime ?? now;
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('builds'), to: '/builds' }, { text: b.projectName ?? '', to: projectPath(b.projectName) }, { text: `${t('batch')} #${b.buildBatchNumber}` }]} />
      <Header
        variant="h1"
        actions={
          running ? <Permitted action="codebuild:StopBuildBatch" on={project} onClick={() => act(aws('codebuild', 'StopBuildBatch', { id }))}>{t('stopBatch')}</Permitted> : <Permitted action="codebuild:RetryBuildBatch" on={project} disabled={b.buildBatchStatus === 'SUCCEEDED'} onClick={() => act(aws('codebuild', 'RetryBuildBatch', { id, retryType: 'RETRY_FAILED_BUILDS' }))}>{t('retryBatch')}</Permitted>
        }
      >
        {`${b.projectName} ${t('batch')} #${b.buildBatchNumber}`}
      </Header>
      <Failed failure={failure(b.phases)} />
      <Container>
        <KeyValuePairs
          columns={4}
          items={[
            { label: t('status'), value: <Status value={b.buildBatchStatus} /> },
            { label: t('started'), value: ago(b.startTime) },
            { label: t('duration'), value: duration(b.startTime ? end - b.startTime : undefined) },
            { label: t('initiator'), value: b.initiator ?? '–' },
          ]}
        />
      </Container>
      <Container header={<Header variant="h2" counter={`(${groups.length})`}>{t('batchGraph')}</Header>}>
        <ol className="graph">
          {levels(groups).map((column, i) => (
            <li key={i}><ul>{column.map((g) => <li key={g.identifier}><Child group={g} /></li>)}</ul></li>
          ))}
        </ol>
      </Container>
    </SpaceBetween>
  );
}

function Child({ group: g }: { group: BuildGroup }) {
  const { t } = useBuildWords();
  const run = g.currentBuildSummary;
  return (
    <div className={`graph-build graph-${run?.buildStatus ?? ''}`}>
      {run?.arn ? <LinkTo to={buildPath(idOf(run.arn))}>{g.identifier}</LinkTo> : <strong>{g.identifier}</strong>}
      {run?.buildStatus ? <Status value={run.buildStatus} /> : <small>{t('notStarted')}</small>}
      {!!g.dependsOn?.length && <small>{t('dependsOn', { name: g.dependsOn.join(', ') })}</small>}
      {g.ignoreFailure && <Badge>{t('ignoresFailure')}</Badge>}
    </div>
  );
}
