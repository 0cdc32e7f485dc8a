import Box from '@cloudscape-design/components/box';
import Header from '@cloudscape-design/components/header';
import Link from '@cloudscape-design/components/link';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import TextFilter from '@cloudscape-design/components/text-filter';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { askedPipelines, deploymentsQ, targetOf, targetsQ, type Deployment } from '../api/deployments';
import { summaryQ } from '../api/queries';
import { commit } from '../components/commit';
import { ErrorBox } from '../components/error-box';
import { LinkTo } from '../components/link-to';
import { Status } from '../components/status';
import Table from '../components/table';
import { useDeploymentWords } from '../i18n/deployments';

/** What was deployed where, over all pipelines. */
export default function Deployments() {
  const { t, ago, at, duration } = useDeploymentWords();
  const pipelines = useQuery(summaryQ({ size: askedPipelines, sort: 'started', descending: true }));
  const list = useQuery(deploymentsQ(pipelines.data?.pipelines));
  const [sought, setSought] = useState('');
  const [open, setOpen] = useState<Deployment>();
  const error = pipelines.error ?? list.error;
  const rows = (list.data ?? []).filter((d) => `${d.pipeline} ${targetOf(d).text}`.toLowerCase().includes(sought.toLowerCase()));
  return (
    <SpaceBetween size="l">
      {error && <ErrorBox error={error} retry={() => void pipelines.refetch()} />}
      <Table<Deployment>
        items={rows}
        trackBy="actionExecutionId"
        loading={!error && !list.data}
        loadingText={t('loading')}
        empty={<Box textAlign="center"><Box fontWeight="bold">{t('noDeployments')}</Box><Box color="text-body-secondary">{t('noDeploymentsHint')}</Box></Box>}
        ariaLabels={{ tableLabel: t('deployments') }}
        header={<Header variant="h1" description={t('deploymentsHint', { n: askedPipelines })}>{t('deployments')}</Header>}
        filter={<TextFilter filteringText={sought} filteringPlaceholder={t('findDeployments')} filteringAriaLabel={t('findDeployments')} countText={t('matches', { n: rows.length })} onChange={(e) => setSought(e.detail.filteringText)} />}
        columnDefinitions={[
          { id: 'target', header: t('deployedTo'), isRowHeader: true, cell: (d) => <Target deployment={d} onOpen={() => setOpen(d)} /> },
          { id: 'status', header: t('status'), minWidth: 120, cell: (d) => <Status value={d.status} /> },
          { id: 'by', header: t('deployedBy'), cell: (d) => <span><LinkTo to={`/pipelines/${encodeURIComponent(d.pipeline)}`}>{d.pipeline}</LinkTo>{` / ${d.stageName} / ${d.actionName}`}</span> },
          { id: 'what', header: t('deployedWhat'), cell: (d) => <span className="cut"><code>{commit(d.revision).id}</code> {commit(d.revision).message}</span> },
          { id: 'at', header: t('started'), cell: (d) => <span title={at(d.startTime)}>{ago(d.startTime)}</span> },
          { id: 'for', header: t('duration'), cell: (d) => duration(d.startTime && d.lastUpdateTime && d.status !== 'InProgress' ? d.lastUpdateTime - d.startTime : undefined) },
        ]}
      />
      {open && <Targets deployment={open} onClose={() => setOpen(undefined)} />}
    </SpaceBetween>
  );
}

/** A bucket is a place of the console; other targets are listed one by one. */
function Target({ deployment, onOpen }: { deployment: Deployment; onOpen: () => void }) {
  const { text, bucket } = targetOf(deployment);
  return bucket ? <LinkTo to={`/buckets/${bucket}`}>{text}</LinkTo> : <Link onFollow={onOpen}>{text}</Link>;
}

function Targets({ deployment: d, onClose }: { deployment: Deployment; onClose: () => void }) {
  const { t } = useDeploymentWords();
  const list = useQuery(targetsQ(d.pipeline, d.actionExecutionId ?? ''));
  return (
    <Modal visible header={`${t('targetsOf')}: ${targetOf(d).text}`} closeAriaLabel={t('close')} onDismiss={onClose}>
      {list.isError ? (
        <ErrorBox error={list.error} />
      ) : (
        <Table
          variant="embedded"
          items={list.data ?? []}
          loading={list.isLoading}
          loadingText={t('loading')}
          empty={t('noTargets')}
          ariaLabels={{ tableLabel: t('targetsOf') }}
          columnDefinitions={[
            { id: 'id', header: t('name'), isRowHeader: true, cell: (x) => x.targetId },
            { id: 'type', header: t('type'), cell: (x) => x.targetType },
            { id: 'status', header: t('status'), cell: (x) => <Status value={x.status} /> },
          ]}
        />
      )}
    </Modal>
  );
}
