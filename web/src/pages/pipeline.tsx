import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import Alert from '@cloudscape-design/components/alert';
import Badge from '@cloudscape-design/components/badge';
import Box from '@cloudscape-design/components/box';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import Tabs from '@cloudscape-design/components/tabs';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams, useSearchParams } from 'react-router';
import { aws, type Out } from '../api/aws';
import { actionsQ, definitionQ, executionsQ, explainQ, stateQ, type Explanation } from '../api/queries';
import { Artifacts } from '../components/artifacts';
import { useClock } from '../components/clock';
import { commit } from '../components/commit';
import { Conveyor, type Wishes } from '../components/conveyor';
import { CloseGate, Release, Review, Rollback, StopRun } from '../components/dialogs';
import { Differences } from '../components/differences';
import { ErrorBox } from '../components/error-box';
import { needs } from '../components/needs';
import { NeedsList } from '../components/needs-list';
import { Permitted } from '../components/permitted';
import { Status } from '../components/status';
import Table from '../components/table';
import { Timeline } from '../components/timeline';
import { complain } from '../flash';
import { useWords } from '../i18n';
import { useNeedsWords } from '../i18n/needs';
import { why } from '../why';

type Run = NonNullable<Out<typeof CodePipeline, 'ListPipelineExecutions'>['pipelineExecutionSummaries']>[number];
type Details = NonNullable<Out<typeof CodePipeline, 'ListActionExecutions'>['actionExecutionDetails']>;

type Asked =
  | { kind: 'release' }
  | { kind: 'stop' }
  | { kind: 'gate' | 'rollback'; stage: string }
  | { kind: 'review'; stage: string; action: string; token: string };

export default function Pipeline() {
  const name = useParams().name ?? '';
  const { t, at, ago } = useNeedsWords();
  const go = useNavigate();
  const definition = useQuery(definitionQ(name));
  const state = useQuery(stateQ(name));
  const runs = useInfiniteQuery(executionsQ(name));
  const linked = useSearchParams()[0].get('execution'); // as statuses on commits are
  const [picked, setPicked] = useState<string[]>(linked ? [linked] : []);
  const [asked, setAsked] = useState<Asked>();
  const current = picked.at(-1) ?? runs.data?.[0]?.pipelineExecutionId;
  const explanation = useQuery(explainQ(name, current));
  const actions = useQuery(actionsQ(name, current));

  const error = definition.error ?? state.error ?? runs.error;
  if (error) return <ErrorBox error={error} retry={() => void Promise.all([definition.refetch(), state.refetch(), runs.refetch()])} />;
  if (!definition.data || !state.data || !runs.data) return <Box textAlign="center" padding="xxl"><Spinner size="large" /></Box>;

  const latest = runs.data[0];
  const run = runs.data.find((r) => r.pipelineExecutionId === current);
  const revision = commit(run?.sourceRevisions?.[0]);
  const arn = definition.data.metadata?.pipelineArn ?? '*';
  const wishes: Wishes = {
    arn,
    review: (stage, a) => setAsked({ kind: 'review', stage, action: a.actionName ?? '', token: a.latestExecution?.token ?? '' }),
    gate(stage, open) {
      if (open) void aws('codepipeline', 'EnableStageTransition', { pipelineName: name, stageName: stage, transitionType: 'Inbound' }).catch(complain);
      else setAsked({ kind: 'gate', stage });
    },
    retry: (stageName, pipelineExecutionId, all) =>
      void aws('codepipeline', 'RetryStageExecution', { pipelineName: name, stageName, pipelineExecutionId, retryMode: all ? 'ALL_ACTIONS' : 'FAILED_ACTIONS' }).catch(complain),
    rollback: (stage) => setAsked({ kind: 'rollback', stage }),
    override: (stageName, pipelineExecutionId, conditionType) =>
      void aws('codepipeline', 'OverrideStageCondition', { pipelineName: name, stageName, pipelineExecutionId, conditionType }).catch(complain),
  };
  const needed = needs(definition.data, state.data);
  const toReview = asked?.kind === 'review' ? needed.find((n) => n.kind === 'review' && n.stage === asked.stage && n.action.actionName === asked.action) : undefined;
  const closing = { pipeline: name, onClose: () => setAsked(undefined) };
  return (
    <SpaceBetween size="l">
      <BreadcrumbGroup ariaLabel={t('navigation')} items={[{ text: t('pipelines'), href: '/conveyor/' }, { text: name, href: '#' }]} onFollow={(e) => (e.preventDefault(), e.detail.href !== '#' && void go('/'))} />
      <Header
        variant="h1"
        info={<Badge>{definition.data.pipeline?.pipelineType}</Badge>}
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button onClick={() => void go(`/pipelines/${encodeURIComponent(name)}/edit`)}>{t('editPipeline')}</Button>
            <Permitted action="codepipeline:StopPipelineExecution" on={arn} disabled={run?.status !== 'InProgress'} onClick={() => setAsked({ kind: 'stop' })}>{t('stop')}</Permitted>
            <Permitted action="codepipeline:StartPipelineExecution" on={arn} variant="primary" onClick={() => setAsked({ kind: 'release' })}>{t('release')}</Permitted>
          </SpaceBetween>
        }
      >
        {name}
      </Header>
      {!latest && <Alert type="info" header={t('neverRan')}>{t('neverRanHint')}</Alert>}
      <NeedsList needs={needed} wishes={wishes} />
      {run && (
        <Container>
          <KeyValuePairs
            columns={4}
            items={[
              { label: `${t('execution')} ${current?.slice(0, 8)}`, value: <Status value={run.status} /> },
              { label: t('revision'), value: <><code>{revision.id}</code> {revision.message}</> },
              { label: t('started'), value: <span title={at(run.startTime)}>{ago(run.startTime)}</span> },
              { label: t('whereItIs'), value: <div className="few-lines" title={why(explanation.data)}>{why(explanation.data) ?? '–'}</div> },
            ]}
          />
        </Container>
      )}
      <Conveyor definition={definition.data} state={state.data} wishes={wishes} />
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: 'executions', label: t('executions'), content: <Runs runs={runs.data} more={runs.hasNextPage ? () => void runs.fetchNextPage() : undefined} loading={runs.isFetchingNextPage} picked={picked} current={current} onPick={setPicked} pipeline={name} /> },
          { id: 'why', label: t('reasons'), content: <Why explanation={explanation.data} /> },
          { id: 'timeline', label: t('timeline'), content: <Timeline items={actions.data ?? []} /> },
          { id: 'variables', label: t('variables'), content: <Variables actions={actions.data ?? []} /> },
          { id: 'artifacts', label: t('artifacts'), content: <Artifacts actions={actions.data ?? []} /> },
        ]}
      />
      {asked?.kind === 'release' && <Release {...closing} definition={definition.data} />}
      {asked?.kind === 'stop' && current && <StopRun {...closing} execution={current} />}
      {asked?.kind === 'gate' && <CloseGate {...closing} stage={asked.stage} />}
      {asked?.kind === 'rollback' && <Rollback {...closing} stage={asked.stage} />}
      {asked?.kind === 'review' && <Review {...closing} {...asked} note={toReview?.kind === 'review' ? toReview.note : undefined} link={toReview?.kind === 'review' ? toReview.link : undefined} what={`${revision.id} ${revision.message}`} />}
    </SpaceBetween>
  );
}


/** What started a run, where that was no change. */
const triggers: Record<string, 'manual' | 'created' | 'rolledBack'> = {
  StartPipelineExecution: 'manual',
  CreatePipeline: 'created',
  ManualRollback: 'rolledBack',
  AutomatedRollback: 'rolledBack',
};

const moves = (r: Run) => r.status === 'InProgress' || r.status === 'Stopping';

function Runs(p: { runs: Run[]; more?: () => void; loading: boolean; picked: string[]; current?: string; pipeline: string; onPick: (ids: string[]) => void }) {
  const { t, at, duration } = useWords();
  const now = useClock(p.runs.some(moves));
  const chosen = p.runs.filter((r) => p.picked.includes(r.pipelineExecutionId ?? ''));
  const [later, earlier] = chosen.map((r) => r.pipelineExecutionId ?? '');
  const trigger = (r: Run) => t(triggers[r.trigger?.triggerType ?? ''] ?? 'automatic');
  return (
    <SpaceBetween size="l">
      <Table<Run>
        variant="embedded"
        items={p.runs}
        trackBy="pipelineExecutionId"
        selectionType="multi"
        selectedItems={chosen}
        onSelectionChange={(e) => p.onPick(e.detail.selectedItems.map((r) => r.pipelineExecutionId ?? '').slice(-2))}
        empty={t('noRuns')}
        ariaLabels={{ tableLabel: t('executions'), selectionGroupLabel: t('executions'), allItemsSelectionLabel: () => t('executions'), itemSelectionLabel: (_, r) => t('selectRun', { name: r.pipelineExecutionId ?? '' }) }}
        columnDefinitions={[
          { id: 'id', header: t('execution'), isRowHeader: true, cell: (r) => <code>{r.pipelineExecutionId?.slice(0, 8)}</code> },
          { id: 'status', header: t('status'), cell: (r) => <Status value={r.status} /> },
          { id: 'revision', header: t('revision'), cell: (r) => <span className="cut"><code>{commit(r.sourceRevisions?.[0]).id}</code> {commit(r.sourceRevisions?.[0]).message}</span> },
          { id: 'trigger', header: t('trigger'), cell: (r) => <span title={r.trigger?.triggerDetail}>{trigger(r)}</span> },
          { id: 'started', header: t('started'), cell: (r) => at(r.startTime) },
          { id: 'duration', header: t('duration'), cell: (r) => duration(r.startTime && (moves(r) ? now : (r.lastUpdateTime ?? r.startTime)) - r.startTime) },
        ]}
      />
      {p.more && <Box textAlign="center"><Button loading={p.loading} onClick={p.more}>{t('olderRuns')}</Button></Box>}
      {earlier && later ? <Differences pipeline={p.pipeline} earlier={earlier} later={later} /> : p.runs.length > 1 && <Box color="text-body-secondary">{t('compareHint')}</Box>}
    </SpaceBetween>
  );
}

function Why({ explanation }: { explanation?: Explanation }) {
  const { t } = useWords();
  const rows = (explanation?.stages ?? []).flatMap((s) => [{ ...s, depth: 0 }, ...(s.actions ?? []).map((a) => ({ ...a, depth: 1 }))]);
  return (
    <Table
      variant="embedded"
      wrapLines
      items={rows}
      empty={t('noRuns')}
      ariaLabels={{ tableLabel: t('why') }}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (r) => <Box padding={{ left: r.depth ? 'l' : 'n' }} fontWeight={r.depth ? 'normal' : 'bold'}>{r.name}</Box> },
        { id: 'status', header: t('status'), cell: (r) => <Status value={r.status} /> },
        { id: 'why', header: t('why'), cell: (r) => r.reason ?? '–' },
      ]}
    />
  );
}


function Variables({ actions }: { actions: Details }) {
  const { t } = useWords();
  const rows = actions.flatMap((a) => Object.entries(a.output?.outputVariables ?? {}).map(([name, value]) => ({ action: a.actionName, name, value })));
  return (
    <Table
      variant="embedded"
      wrapLines
      items={rows}
      empty="–"
      ariaLabels={{ tableLabel: t('variables') }}
      columnDefinitions={[
        { id: 'action', header: t('actions'), cell: (r) => r.action },
        { id: 'name', header: t('name'), isRowHeader: true, cell: (r) => r.name },
        { id: 'value', header: t('value'), cell: (r) => r.value },
      ]}
    />
  );
}
