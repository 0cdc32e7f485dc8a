// Builds, their projects, reports and batches.
import type * as CodeBuild from '@aws-sdk/client-codebuild';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { aws, type Out } from './aws';

export type Build = NonNullable<Out<typeof CodeBuild, 'BatchGetBuilds'>['builds']>[number];
export type Project = NonNullable<Out<typeof CodeBuild, 'BatchGetProjects'>['projects']>[number];
export type Batch = NonNullable<Out<typeof CodeBuild, 'BatchGetBuildBatches'>['buildBatches']>[number];
export type BuildGroup = NonNullable<Batch['buildGroups']>[number];
export type Report = NonNullable<Out<typeof CodeBuild, 'BatchGetReports'>['reports']>[number];
export type ReportGroup = NonNullable<Out<typeof CodeBuild, 'BatchGetReportGroups'>['reportGroups']>[number];
export type Variable = NonNullable<NonNullable<Project['environment']>['environmentVariables']>[number];

const pageOfBuilds = 40;

/** Builds, the newest first: of a project, or all. The service tells a hundred ids at once, the pages fewer builds. */
export const buildPagesQ = (projectName?: string) =>
  infiniteQueryOptions({
    queryKey: ['build', 'pages', projectName ?? ''],
    initialPageParam: { ids: [] as string[], nextToken: '', first: true },
    queryFn: async ({ signal, pageParam }) => {
      let { ids, nextToken } = pageParam;
      if (pageParam.first || (!ids.length && nextToken)) {
        const token = nextToken ? { nextToken } : {};
        const page = projectName ? await aws('codebuild', 'ListBuildsForProject', { projectName, sortOrder: 'DESCENDING', ...token }, signal) : await aws('codebuild', 'ListBuilds', { sortOrder: 'DESCENDING', ...token }, signal);
        [ids, nextToken] = [page.ids ?? [], page.nextToken ?? ''];
      }
      const some = ids.slice(0, pageOfBuilds);
      const builds = some.length ? ((await aws('codebuild', 'BatchGetBuilds', { ids: some }, signal)).builds ?? []) : [];
      return { builds, next: { ids: ids.slice(pageOfBuilds), nextToken, first: false } };
    },
    getNextPageParam: ({ next }) => (next.ids.length || next.nextToken ? next : undefined),
  });

export const projectQ = (name: string) =>
  queryOptions({
    queryKey: ['build', 'project', name],
    queryFn: async ({ signal }) => (await aws('codebuild', 'BatchGetProjects', { names: [name] }, signal)).projects?.[0] ?? null,
  });

export const batchQ = (id: string) =>
  queryOptions({
    queryKey: ['build', 'batch', id],
    queryFn: async ({ signal }) => (await aws('codebuild', 'BatchGetBuildBatches', { ids: [id] }, signal)).buildBatches?.[0] ?? null,
  });

export const batchesOfQ = (projectName: string) =>
  queryOptions({
    queryKey: ['build', 'batches', projectName],
    queryFn: async ({ signal }) => {
      const ids = (await aws('codebuild', 'ListBuildBatchesForProject', { projectName, sortOrder: 'DESCENDING' }, signal)).ids ?? [];
      return ids.length ? ((await aws('codebuild', 'BatchGetBuildBatches', { ids: ids.slice(0, 20) }, signal)).buildBatches ?? []) : [];
    },
  });

export const reportsQ = (reportArns: string[]) =>
  queryOptions({
    queryKey: ['build', 'reports', reportArns],
    enabled: reportArns.length > 0,
    queryFn: async ({ signal }) => (await aws('codebuild', 'BatchGetReports', { reportArns: reportArns.slice(0, 100) }, signal)).reports ?? [],
  });

export const reportGroupsQ = () =>
  queryOptions({
    queryKey: ['build', 'reportGroups'],
    queryFn: async ({ signal }) => {
      const arns = (await aws('codebuild', 'ListReportGroups', { sortBy: 'LAST_MODIFIED_TIME', sortOrder: 'DESCENDING' }, signal)).reportGroups ?? [];
      return arns.length ? ((await aws('codebuild', 'BatchGetReportGroups', { reportGroupArns: arns.slice(0, 100) }, signal)).reportGroups ?? []) : [];
    },
  });

export const reportsOfQ = (reportGroupArn: string) =>
  queryOptions({
    queryKey: ['build', 'reportsOf', reportGroupArn],
    queryFn: async ({ signal }) => {
      const reportArns = (await aws('codebuild', 'ListReportsForReportGroup', { reportGroupArn, sortOrder: 'DESCENDING', maxResults: 50 }, signal)).reports ?? [];
      return reportArns.length ? ((await aws('codebuild', 'BatchGetReports', { reportArns }, signal)).reports ?? []) : [];
    },
  });

export type TrendField = 'PASS_RATE' | 'DURATION' | 'LINE_COVERAGE' | 'BRANCH_COVERAGE';

export const trendQ = (reportGroupArn: string, trendField: TrendField) =>
  queryOptions({
    queryKey: ['build', 'trend', reportGroupArn, trendField],
    queryFn: ({ signal }) => aws('codebuild', 'GetReportGroupTrend', { reportGroupArn, trendField, numOfReports: 50 }, signal),
  });

export const testCasesQ = (reportArn: string, status: string) =>
  infiniteQueryOptions({
    queryKey: ['build', 'tests', reportArn, status],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) => aws('codebuild', 'DescribeTestCases', { reportArn, ...(status && { filter: { status } }), ...(pageParam && { nextToken: pageParam }) }, signal),
    getNextPageParam: (last) => last.nextToken,
  });

export const coverageQ = (reportArn: string) =>
  infiniteQueryOptions({
    queryKey: ['build', 'coverage', reportArn],
    initialPageParam: '',
    queryFn: ({ signal, pageParam }) => aws('codebuild', 'DescribeCodeCoverages', { reportArn, sortBy: 'LINE_COVERAGE_PERCENTAGE', sortOrder: 'ASCENDING', ...(pageParam && { nextToken: pageParam }) }, signal),
    getNextPageParam: (last) => last.nextToken,
  });

export const buildPath = (id = '') => `/builds/${encodeURIComponent(id)}`;
export const projectPath = (name = '') => `/projects/${encodeURIComponent(name)}`;

/** The ARN of the project of a build or a batch: what permissions for it are asked on. */
export const projectArn = (arn = '', project = '') => arn.replace(/:build(-batch)?\/.*$/, `:project/${project}`) || '*';

/** The part of an ARN that names a build, a batch or a report. */
export const idOf = (arn = '') => arn.split('/').slice(1).join('/') || arn;

interface Phase {
  phaseType?: string;
  phaseStatus?: string;
  contexts?: { statusCode?: string; message?: string }[];
}

/** What went wrong: the phase that failed and what it says. */
export function failure(phases?: readonly Phase[]): { phase: string; message: string } | undefined {
  const failed = phases?.find((p) => ['FAILED', 'FAULT', 'TIMED_OUT', 'CLIENT_ERROR'].includes(p.phaseStatus ?? ''));
  const context = failed?.contexts?.find((c) => c.message) ?? failed?.contexts?.[0];
  return failed && { phase: failed.phaseType ?? '', message: [context?.statusCode, context?.message].filter(Boolean).join(': ') };
}

/** Where in S3 something was stored, undefined when it was not. */
export function placeOf(location?: string): { bucket: string; key: string } | undefined {
  const found = /^(?:arn:aws:s3:::)?([a-z0-9][a-z0-9.-]+)\/(.+)$/.exec(location ?? '');
  return found ? { bucket: found[1] ?? '', key: found[2] ?? '' } : undefined;
}

/** levels puts the builds of a batch into columns: each stands after everything it depends on. */
export function levels(groups: BuildGroup[]): BuildGroup[][] {
  const byName = new Map(groups.map((g) => [g.identifier ?? '', g]));
  const depth = new Map<string, number>();
  const measure = (name: string, above: ReadonlySet<string>): number => {
    const known = depth.get(name);
    if (known !== undefined) return known;
    const group = byName.get(name);
    if (!group || above.has(name)) return -1;
    const deepest = Math.max(-1, ...(group.dependsOn ?? []).map((d) => measure(d, new Set([...above, name]))));
    depth.set(name, deepest + 1);
    return deepest + 1;
  };
  const columns: BuildGroup[][] = [];
  for (const g of groups) (columns[Math.max(0, measure(g.identifier ?? '', new Set()))] ??= []).push(g);
  return columns;
}
