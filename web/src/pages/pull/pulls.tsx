import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SegmentedControl from '@cloudscape-design/components/segmented-control';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Toggle from '@cloudscape-design/components/toggle';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { codePath } from '../../api/code';
import { branchOf, nameOf, pullsQ, target, type PullRequest } from '../../api/pulls';
import { sessionQ } from '../../api/queries';
import { ErrorBox } from '../../components/error-box';
import { LinkTo } from '../../components/link-to';
import Table from '../../components/table';
import { usePullWords } from '../../i18n/pulls';
import { PullStatus } from './pull-status';

/** The pull requests of a repository. */
export default function Pulls({ repository }: { repository: string }) {
  const { t, ago, at } = usePullWords();
  const go = useNavigate();
  const me = useQuery(sessionQ()).data?.arn;
  const [status, setStatus] = useState<'OPEN' | 'CLOSED'>('OPEN');
  const [mine, setMine] = useState(false);
  const list = useInfiniteQuery(pullsQ(repository, { pullRequestStatus: status, ...(mine && me && { authorArn: me }) }));
  const pulls = list.data?.pages.flatMap((p) => p.pulls) ?? [];
  return (
    <SpaceBetween size="m">
      {list.isError && <ErrorBox error={list.error} retry={() => void list.refetch()} />}
      <Table<PullRequest>
        items={pulls}
        loading={list.isLoading}
        loadingText={t('loading')}
        wrapLines
        empty={<Box textAlign="center"><Box fontWeight="bold">{t('noPulls')}</Box><Box color="text-body-secondary">{t('noPullsHint')}</Box></Box>}
        ariaLabels={{ tableLabel: t('noPulls') }}
        header={<Header variant="h2" actions={<Button variant="primary" onClick={() => void go(codePath(repository, 'compare', { pull: '1' }))}>{t('compareBranches')}</Button>}>{status === 'OPEN' ? t('openPulls') : t('closedPulls')}</Header>}
        filter={
          <SpaceBetween direction="horizontal" size="m" alignItems="center">
            <SegmentedControl label={t('status')} selectedId={status} onChange={(e) => setStatus(e.detail.selectedId as typeof status)} options={[{ id: 'OPEN', text: t('openPulls') }, { id: 'CLOSED', text: t('closedPulls') }]} />
            <Toggle checked={mine} onChange={(e) => setMine(e.detail.checked)}>{t('minePulls')}</Toggle>
          </SpaceBetween>
        }
        columnDefinitions={[
          { id: 'title', header: t('pullTitle'), isRowHeader: true, minWidth: 180, cell: (p) => <LinkTo to={codePath(repository, `pulls/${p.pullRequestId}`)}>{`#${p.pullRequestId} ${p.title}`}</LinkTo> },
          { id: 'status', header: t('status'), cell: (p) => <PullStatus pull={p} /> },
          { id: 'author', header: t('author'), cell: (p) => nameOf(p.authorArn) },
          { id: 'branches', header: t('branches'), cell: (p) => `${branchOf(target(p).sourceReference)} → ${branchOf(target(p).destinationReference)}` },
          { id: 'at', header: t('lastActivity'), cell: (p) => <span title={at(p.lastActivityDate)}>{ago(p.lastActivityDate)}</span> },
        ]}
        footer={list.hasNextPage && <Box textAlign="center"><Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('olderPulls')}</Button></Box>}
      />
    </SpaceBetween>
  );
}
