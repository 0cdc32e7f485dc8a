import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useParams } from 'react-router';
import { codePath } from '../../api/code';
import { branchOf, nameOf, pullQ, target } from '../../api/pulls';
import { Crumbs } from '../../components/crumbs';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { useCodeWords } from '../../i18n/code';
import { usePullWords } from '../../i18n/pulls';
import { CommitList } from '../repository/commits';
import { Changes } from './changes';
import { Conversation } from './conversation';
import { EditPull } from './edit-pull';
import './pull.css';
import { PullStatus } from './pull-status';

/** One pull request: what is said of it, what it brings, and what keeps it from being merged. */
export default function Pull({ repository }: { repository: string }) {
  const { t } = usePullWords();
  const code = useCodeWords();
  const id = useParams().id ?? '';
  const queries = useQueryClient();
  const pull = useQuery(pullQ(id));
  const [tab, setTab] = useState('conversation');
  const [editing, setEditing] = useState(false);
  if (pull.isError) return <ErrorBox error={pull.error} retry={() => void pull.refetch()} />;
  if (!pull.data) return <Waiting />;
  const p = pull.data;
  const to = target(p);
  const again = () => void queries.invalidateQueries({ queryKey: ['repository'] });
  const branches = { what: branchOf(to.sourceReference), name: branchOf(to.destinationReference) };
  const merged = to.mergeMetadata?.isMerged;
  const sentence = merged ? t('wasMerged', { who: nameOf(to.mergeMetadata?.mergedBy), ...branches }) : p.pullRequestStatus === 'CLOSED' ? t('notMerged', branches) : t('wantsToMerge', { who: nameOf(p.authorArn), ...branches });
  return (
    <SpaceBetween size="m">
      <Crumbs items={[{ text: code.t('pullRequests'), to: codePath(repository, 'pulls') }, { text: `#${id}` }]} />
      <Header
        variant="h2"
        description={<SpaceBetween direction="horizontal" size="s"><PullStatus pull={p} /><span>{sentence}</span></SpaceBetween>}
        actions={<Button disabled={p.pullRequestStatus === 'CLOSED'} disabledReason={t('pullClosed')} onClick={() => setEditing(true)}>{t('editPull')}</Button>}
      >
        {p.title}
      </Header>
      <Tabs
        ariaLabel={p.title}
        activeTabId={tab}
        onChange={(e) => setTab(e.detail.activeTabId)}
        tabs={[
          { id: 'conversation', label: t('conversation'), content: <Conversation pull={p} onChange={again} /> },
          { id: 'commits', label: t('commits'), content: <CommitList repository={repository} of={{ tip: to.sourceCommit, base: to.mergeBase ?? to.destinationCommit }} /> },
          { id: 'changes', label: t('changes'), content: <Changes pull={p} /> },
        ]}
      />
      {editing && <EditPull pull={p} onClose={() => (setEditing(false), again())} />}
    </SpaceBetween>
  );
}
