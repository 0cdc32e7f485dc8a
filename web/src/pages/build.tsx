import Alert from '@cloudscape-design/components/alert';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { aws } from '../api/aws';
import { buildPath, failure, idOf, projectArn, projectPath } from '../api/builds';
import { buildQ } from '../api/queries';
import { useClock } from '../components/clock';
import { Crumbs } from '../components/crumbs';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import { LogStore } from '../components/log-store';
import { LogView } from '../components/log-view';
import { Permitted } from '../components/permitted';
import { Status } from '../components/status';
import { complain } from '../flash';
import { useBuildWords } from '../i18n/build';
import './build.css';
import { Artifacts } from './builds/artifacts';
import { version } from './builds/build-table';
import { Failed } from './builds/failed';
import { ReportTable } from './builds/report-table';
import { Variables } from './builds/variables';

export default function Build() {
  const id = useParams().id ?? '';
  const { t, ago, duration } = useBuildWords();
  const go = useNavigate();
  const build = useQuery(buildQ(id));
  const [store] = useState(() => new LogStore());
  const { groupName, streamName } = build.data?.logs ?? {};
  const running = build.data?.buildStatus === 'IN_PROGRESS';
  const now = useClock(running);
  useEffect(() => {
    if (!groupName || !streamName) return undefined;
    return store.open(groupName, streamName);
  }, [store, groupName, streamName]);
  if (build.isError) return <ErrorBox error={build.error} retry={() => void build.refetch()} />;
  if (build.data === null) return <Alert type="info" header={id}>{t('noSuchBuild')}</Alert>;
  const b = build.data;
  const title = b ? `${b.projectName} #${b.buildNumber}` : id;
  const stop = () => void aws('codebuild', 'StopBuild', { id }).then(() => build.refetch()).catch(complain);
  const retry = () => void aws('codebuild', 'RetryBuild', { id }).then((r) => go(buildPath(r.build?.id))).catch(complain);
  const project = projectArn(b?.arn, b?.projectName);
  const exported = b?.exportedEnvironmentVariables ?? [];
  const tabs = [
    { id: 'log', label: t('log'), content: <LogView store={store} name={title} /> },
    { id: 'reports', label: `${t('buildReports')} (${b?.reportArns?.length ?? 0})`, content: <ReportTable arns={b?.reportArns ?? []} /> },
    { id: 'artifacts', label: t('artifacts'), content: <Artifacts build={b} /> },
    { id: 'exported', label: `${t('exported')} (${exported.length})`, content: <Variables list={exported} empty={t('noExported')} /> },
    { id: 'environment', label: t('environment'), content: <Variables list={b?.environment?.environmentVariables ?? []} empty={t('noVariables')} /> },
  ];
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: t('builds'), to: '/builds' }, { text: b?.projectName ?? id, to: projectPath(b?.projectName) }, { text: `#${b?.buildNumber ?? ''}` }]} />
      <Header variant="h1" actions={running ? <Permitted action="codebuild:StopBuild" on={project} onClick={stop}>{t('stopBuild')}</Permitted> : <Permitted action="codebuild:RetryBuild" on={project} onClick={retry}>{t(b?.buildStatus === 'SUCCEEDED' ? 'buildAgain' : 'retryBuild')}</Permitted>}>{title}</Header>
      <Failed failure={failure(b?.phases)} />
      <Container>
        <SpaceBetween size="s">
          <KeyValuePairs
            columns={4}
            items={[
              { label: t('status'), value: <Status value={b?.buildStatus} /> },
              { label: t('started'), value: ago(b?.startTime) },
              { label: t('duration'), value: duration(b?.startTime ? (b.endTime ?? now) - b.startTime : undefined) },
              { label: t('initiator'), value: b?.initiator ?? '–' },
              { label: t('sourceVersion'), value: <code>{version(b?.resolvedSourceVersion ?? b?.sourceVersion)}</code> },
              { label: t('image'), value: b?.environment?.image ?? '–' },
              ...(b?.buildBatchArn ? [{ label: t('ofBatch'), value: <LinkTo to={`/batches/${encodeURIComponent(idOf(b.buildBatchArn))}`}>{idOf(b.buildBatchArn).split(':').pop()?.slice(0, 8)}</LinkTo> }] : []),
            ]}
          />
          <ol className="phases" aria-label={t('phases')}>
            {b?.phases?.map((p) => (
              <li key={p.phaseType}>
                <Status value={p.phaseStatus ?? (p.phaseType === 'COMPLETED' ? 'SUCCEEDED' : 'IN_PROGRESS')} of={p.phaseType} />
                <span>{duration(p.startTime && (p.endTime || running) ? (p.endTime ?? now) - p.startTime : undefined)}</span>
              </li>
            ))}
          </ol>
        </SpaceBetween>
      </Container>
      <Tabs ariaLabel={title} tabs={tabs} />
    </SpaceBetween>
  );
}
