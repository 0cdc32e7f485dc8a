// The filters of a trigger as one list, and back into AWS's two. Pure, like the rest of the model.
import type { Declaration } from './model';

export type Trigger = NonNullable<Declaration['triggers']>[number];
export type Git = NonNullable<Trigger['gitConfiguration']>;
type Push = NonNullable<Git['push']>[number];
type PullRequest = NonNullable<Git['pullRequest']>[number];

export type Filter = ({ kind: 'push' } & Push) | ({ kind: 'pullRequest' } & PullRequest);
export type Globs = 'branches' | 'filePaths' | 'tags';

/** Sources whose changes triggers can filter. */
export const triggerable = ['CodeStarSourceConnection', 'CodeCommit', 'ConveyorGit'];

export const pullRequestEvents = ['OPEN', 'UPDATED', 'CLOSED'] as const;

/** filtersOf lists what a trigger starts for, pushes first. */
export const filtersOf = (git: Git): Filter[] => [
  ...(git.push ?? []).map((f): Filter => ({ kind: 'push', ...f })),
  ...(git.pullRequest ?? []).map((f): Filter => ({ kind: 'pullRequest', ...f })),
];

/** withFilters gives a trigger a list of filters in the place of what it had. */
export function withFilters(git: Git, filters: Filter[]): Git {
  const { push: _, pullRequest: __, ...rest } = git;
  const push: Push[] = [];
  const pullRequest: PullRequest[] = [];
  for (const { kind, ...filter } of filters) (kind === 'push' ? push : pullRequest).push(filter);
  return { ...rest, ...(push.length && { push }), ...(pullRequest.length && { pullRequest }) };
}

/** turned is a filter for the other kind of change: what that does not know is left out. */
export function turned(f: Filter, kind: Filter['kind']): Filter {
  if (f.kind === kind) return f;
  if (kind === 'push') {
    const { kind: _, events: __, ...common } = f as { kind: 'pullRequest' } & PullRequest;
    return { kind, ...common };
  }
  const { kind: _, tags: __, ...common } = f as { kind: 'push' } & Push;
  return { kind: 'pullRequest', events: [...pullRequestEvents], ...common };
}

/** globbed sets one side of the globs of a filter. Globs of nothing are left out. */
export function globbed(f: Filter, of: Globs, side: 'includes' | 'excludes', names: string[]): Filter {
  const { [of]: before, ...rest } = f as Filter & { tags?: Push['tags'] };
  const { [side]: _, ...other } = before ?? {};
  const after = { ...other, ...(names.length && { [side]: names }) };
  return { ...rest, ...(Object.keys(after).length && { [of]: after }) } as Filter;
}
