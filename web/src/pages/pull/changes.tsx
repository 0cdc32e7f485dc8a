import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../../api/aws';
import { commentsQ, target, type PullRequest } from '../../api/pulls';
import { Comparison } from '../../code/comparison';
import type { Side } from '../../code/diff-table';
import { usePullWords } from '../../i18n/pulls';
import { CommentForm } from './comment-form';
import { ThreadView } from './thread-view';

interface Spot {
  path: string;
  side: Side;
  line: number;
}

/** What a pull request changes, with the remarks on its lines where they were made. */
export function Changes({ pull }: { pull: PullRequest }) {
  const { t } = usePullWords();
  const to = target(pull);
  const before = to.mergeBase ?? to.destinationCommit;
  const after = to.sourceCommit ?? '';
  const repositoryName = to.repositoryName ?? '';
  const comments = useQuery(commentsQ(pull.pullRequestId ?? '', repositoryName));
  const [writing, setWriting] = useState<Spot>();
  async function post(content: string) {
    if (!writing) return;
    await aws('codecommit', 'PostCommentForPullRequest', {
      pullRequestId: pull.pullRequestId ?? '', repositoryName, beforeCommitId: before ?? '', afterCommitId: after, content,
      location: { filePath: writing.path, filePosition: writing.line, relativeFileVersion: writing.side },
    });
    setWriting(undefined);
    await comments.refetch();
  }
  function below(path: string, side: Side, line: number) {
    const here = (comments.data ?? []).filter(({ location: l, commit }) => l?.filePath === path && l.filePosition === line && (l.relativeFileVersion ?? 'AFTER') === side && (side === 'BEFORE' || commit === after));
    const open = writing?.path === path && writing.side === side && writing.line === line;
    if (!here.length && !open) return null;
    return (
      <div key={`${side}${line}`} className="in-place">
        {here.map((thread) => <ThreadView key={thread.root.commentId} thread={thread} inPlace onChange={() => void comments.refetch()} />)}
        {open && <CommentForm label={t('onLine', { name: path, n: line })} submit={t('postComment')} focused onSubmit={post} onCancel={() => setWriting(undefined)} />}
      </div>
    );
  }
  return <Comparison repository={repositoryName} before={before} after={after} remarks={{ below, begin: (path, side, line) => setWriting({ path, side, line }) }} />;
}
