import Container from '@cloudscape-design/components/container';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { aws } from '../../api/aws';
import { commentsQ, eventsQ, nameOf, target, type PullRequest } from '../../api/pulls';
import { ErrorBox } from '../../components/error-box';
import { usePullWords } from '../../i18n/pulls';
import { Approvals } from './approvals';
import { CommentForm } from './comment-form';
import { happened } from './happened';
import { MergeBox } from './merge-box';
import { Statuses } from './statuses';
import { ThreadView } from './thread-view';

const Document = lazy(() => import('../../code/markdown'));

/** What is said of a pull request and what happened to it, in the order of time; beside it, what it needs to be merged. */
export function Conversation({ pull, onChange }: { pull: PullRequest; onChange: () => void }) {
  const { t, ago, at } = usePullWords();
  const to = target(pull);
  const id = pull.pullRequestId ?? '';
  const comments = useQuery(commentsQ(id, to.repositoryName ?? ''));
  const events = useQuery(eventsQ(id));
  const post = (content: string) =>
    aws('codecommit', 'PostCommentForPullRequest', {
      pullRequestId: id, repositoryName: to.repositoryName ?? '', beforeCommitId: to.destinationCommit ?? '', afterCommitId: to.sourceCommit ?? '', content,
    }).then(() => comments.refetch());
  const items = [
    ...(events.data ?? []).map((e, i) => ({ time: e.eventDate ?? 0, key: `e${i}`, node: <Event key={`e${i}`} text={happened(e, t)} when={e.eventDate} /> })),
    ...(comments.data ?? []).map((thread) => ({ time: thread.root.creationDate ?? 0, key: thread.root.commentId, node: <li key={thread.root.commentId}><ThreadView thread={thread} current={to.sourceCommit} onChange={() => void comments.refetch()} /></li> })),
  ].sort((a, b) => a.time - b.time);
  const error = comments.error ?? events.error;
  return (
    <div className="pull">
      <SpaceBetween size="m">
        <Container>
          <div className="remark-head"><strong>{nameOf(pull.authorArn)}</strong> <span className="quiet" title={at(pull.creationDate)}>{ago(pull.creationDate)}</span></div>
          {pull.description ? <Suspense><Document text={pull.description} /></Suspense> : <span className="quiet">{t('noDescription')}</span>}
        </Container>
        {error && <ErrorBox error={error} />}
        <ol className="story">{items.map((i) => i.node)}</ol>
        <Container><CommentForm label={t('writeComment')} submit={t('postComment')} onSubmit={post} /></Container>
      </SpaceBetween>
      <aside className="pull-side">
        <SpaceBetween size="m">
          <MergeBox pull={pull} onChange={onChange} />
          <Approvals pull={pull} onChange={onChange} />
          <Statuses commit={to.sourceCommit ?? ''} />
        </SpaceBetween>
      </aside>
    </div>
  );
}

function Event({ text, when }: { text: string; when?: number }) {
  const { ago, at } = usePullWords();
  return <li className="event"><span>{text}</span> <span className="quiet" title={at(when)}>{ago(when)}</span></li>;
}
