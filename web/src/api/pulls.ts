// Pull requests.
import type * as CodeCommit from '@aws-sdk/client-codecommit';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { aws, type In, type Out } from './aws';

export type PullRequest = NonNullable<Out<typeof CodeCommit, 'GetPullRequest'>['pullRequest']>;
export type Target = NonNullable<PullRequest['pullRequestTargets']>[number];
export type PullEvent = NonNullable<Out<typeof CodeCommit, 'DescribePullRequestEvents'>['pullRequestEvents']>[number];
type CommentData = NonNullable<Out<typeof CodeCommit, 'GetCommentsForPullRequest'>['commentsForPullRequestData']>[number];
export type Comment = NonNullable<CommentData['comments']>[number];
export type Location = NonNullable<CommentData['location']>;

/** A remark and what was answered, about a line or about the whole. */
export interface Thread {
  root: Comment;
  replies: Comment[];
  location?: Location;
  /** The commit that the remark was made on. */
  commit?: string;
}

export const target = (p: PullRequest): Target => p.pullRequestTargets?.[0] ?? {};
export const branchOf = (reference = '') => reference.replace(/^refs\/heads\//, '');
/** The last part of an ARN: who somebody is. */
export const nameOf = (arn = '') => arn.split(/[:/]/).pop() ?? arn;

export interface PullFilter {
  pullRequestStatus: 'OPEN' | 'CLOSED';
  authorArn?: string;
}

const pullsPerPage = 20;

export const pullsQ = (repositoryName: string, filter: PullFilter) =>
  infiniteQueryOptions({
    queryKey: ['repository', repositoryName, 'pulls', filter],
    initialPageParam: '',
    queryFn: async ({ signal, pageParam }) => {
      const page = await aws('codecommit', 'ListPullRequests', { repositoryName, ...filter, maxResults: pullsPerPage, ...(pageParam && { nextToken: pageParam }) }, signal);
      const pulls = await Promise.all((page.pullRequestIds ?? []).map((pullRequestId) => aws('codecommit', 'GetPullRequest', { pullRequestId }, signal)));
      return { pulls: pulls.flatMap((p) => p.pullRequest ?? []), next: page.nextToken };
    },
    getNextPageParam: (last) => last.next,
  });

export const pullQ = (pullRequestId: string) =>
  queryOptions({
    queryKey: ['repository', 'pull', pullRequestId],
    queryFn: async ({ signal }) => (await aws('codecommit', 'GetPullRequest', { pullRequestId }, signal)).pullRequest ?? {},
  });

/** Who has approved, and what the rules say of it. */
export const approvalsQ = (pullRequestId: string, revisionId: string) =>
  queryOptions({
    queryKey: ['repository', 'pull', pullRequestId, 'approvals', revisionId],
    enabled: !!revisionId,
    queryFn: async ({ signal }) => {
      const [states, evaluation] = await Promise.all([
        aws('codecommit', 'GetPullRequestApprovalStates', { pullRequestId, revisionId }, signal),
        aws('codecommit', 'EvaluatePullRequestApprovalRules', { pullRequestId, revisionId }, signal),
      ]);
      return { approvals: states.approvals ?? [], evaluation: evaluation.evaluation ?? {} };
    },
  });

export const eventsQ = (pullRequestId: string) =>
  queryOptions({
    queryKey: ['repository', 'pull', pullRequestId, 'events'],
    queryFn: async ({ signal }) => {
      const all: PullEvent[] = [];
      for (let nextToken: string | undefined; ; ) {
        const page = await aws('codecommit', 'DescribePullRequestEvents', { pullRequestId, nextToken }, signal);
        all.push(...(page.pullRequestEvents ?? []));
        nextToken = page.nextToken;
        if (!nextToken) return all;
      }
    },
  });

/** threads puts answers below what they answer, in the order they were given. */
export function threads(data: CommentData[]): Thread[] {
  const found = new Map<string, Thread>();
  const byTime = (a: Comment, b: Comment) => (a.creationDate ?? 0) - (b.creationDate ?? 0);
  const all = data.flatMap((d) => (d.comments ?? []).map((comment) => ({ comment, d }))).sort((a, b) => byTime(a.comment, b.comment));
  for (const { comment, d } of all) {
    const above = comment.inReplyTo ? found.get(comment.inReplyTo) : undefined;
    const thread = above ?? { root: comment, replies: [], location: d.location, commit: d.afterCommitId };
    if (above) above.replies.push(comment);
    found.set(comment.commentId ?? '', thread);
  }
  return [...new Set(found.values())];
}

export const commentsQ = (pullRequestId: string, repositoryName: string) =>
  queryOptions({
    queryKey: ['repository', 'pull', pullRequestId, 'comments'],
    queryFn: async ({ signal }) => {
      const all: CommentData[] = [];
      for (let nextToken: string | undefined; ; ) {
        const page = await aws('codecommit', 'GetCommentsForPullRequest', { pullRequestId, repositoryName, nextToken }, signal);
        all.push(...(page.commentsForPullRequestData ?? []));
        nextToken = page.nextToken;
        if (!nextToken) return threads(all);
      }
    },
  });

export type Way = 'FAST_FORWARD_MERGE' | 'SQUASH_MERGE' | 'THREE_WAY_MERGE';

/** How the source can be merged, and which files keep it from that. */
export const mergeQ = (repositoryName: string, t: Target) =>
  queryOptions({
    queryKey: ['repository', repositoryName, 'merge', t.sourceCommit, t.destinationCommit],
    enabled: !!t.sourceCommit,
    queryFn: async ({ signal }) => {
      const sides = { repositoryName, sourceCommitSpecifier: t.sourceReference ?? '', destinationCommitSpecifier: t.destinationReference ?? '', conflictDetailLevel: 'LINE_LEVEL' as const };
      const [options, conflicts] = await Promise.all([
        aws('codecommit', 'GetMergeOptions', sides, signal),
        aws('codecommit', 'GetMergeConflicts', { ...sides, mergeOption: 'THREE_WAY_MERGE' }, signal),
      ]);
      return { ways: (options.mergeOptions ?? []) as Way[], conflicts: conflicts.mergeable ? [] : (conflicts.conflictMetadataList ?? []) };
    },
  });

/** What a merge says of itself. A fast-forward makes no commit and says nothing. */
export interface MergeWords {
  authorName: string;
  email: string;
  commitMessage: string;
}

export async function merge(way: Way, p: PullRequest, words: MergeWords): Promise<void> {
  const t = target(p);
  const which = { pullRequestId: p.pullRequestId ?? '', repositoryName: t.repositoryName ?? '', sourceCommitId: t.sourceCommit };
  const given: In<typeof CodeCommit, 'MergePullRequestBySquash'> = { ...which, ...words, conflictDetailLevel: 'LINE_LEVEL' };
  if (way === 'FAST_FORWARD_MERGE') await aws('codecommit', 'MergePullRequestByFastForward', which);
  else if (way === 'SQUASH_MERGE') await aws('codecommit', 'MergePullRequestBySquash', given);
  else await aws('codecommit', 'MergePullRequestByThreeWay', given);
}
