import { infiniteQueryOptions, keepPreviousData, queryOptions, useQuery } from '@tanstack/react-query';
import { aws, here, refusal } from './aws';
import { get } from './early';
import { listBuckets } from './s3';
import { whoAmI } from './session';
import { wishURL, type Wish } from './wish';

/** One execution in the summary of pipelines. */
export interface Run {
  id: string;
  status: string;
  reason: string;
  started: string;
  updated: string;
  trigger: { triggerType?: string; triggerDetail?: string };
  revisions?: { action: string; revision: { revisionId?: string; revisionSummary?: string } }[];
}

/** A pipeline in the list. `recent` is absent when the caller may not see its executions. */
export interface Summary {
  name: string;
  version: number;
  pipelineType: string;
  executionMode: string;
  created: number;
  updated: number;
  recent: Run[] | null;
}

export const sessionQ = () => queryOptions({ queryKey: ['session'], queryFn: whoAmI, staleTime: Infinity });

/** useARN names resources of this server that are yet to be made. */
export function useARN(): (service: string, resource: string) => string {
  const { region = '', account = '' } = useQuery(sessionQ()).data ?? {};
  return (service, resource) => `arn:aws:${service}:${service === 'iam' ? '' : region}:${account}:${resource}`;
}

/** One page of the list of pipelines, and how many match on all pages. */
export interface Summaries {
  pipelines: Summary[];
  matching: number;
}

export const summaryQ = (wish: Wish) =>
  queryOptions({
    queryKey: ['summary', wish],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const res = await get(wishURL(wish), signal);
      if (!res.ok) throw await refusal(res);
      return (await res.json()) as Summaries;
    },
  });

export const definitionQ = (name: string) =>
  queryOptions({ queryKey: ['pipeline', name, 'definition'], queryFn: ({ signal }) => aws('codepipeline', 'GetPipeline', { name }, signal) });

export const stateQ = (name: string) =>
  queryOptions({ queryKey: ['pipeline', name, 'state'], queryFn: ({ signal }) => aws('codepipeline', 'GetPipelineState', { name }, signal) });

/** The executions of a pipeline, newest first, as many pages of them as were asked for. */
export const executionsQ = (pipelineName: string) =>
  infiniteQueryOptions({
    queryKey: ['pipeline', pipelineName, 'executions'],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ signal, pageParam }) => aws('codepipeline', 'ListPipelineExecutions', { pipelineName, maxResults: 50, nextToken: pageParam }, signal),
    getNextPageParam: (page) => page.nextToken,
    select: ({ pages }) => pages.flatMap((page) => page.pipelineExecutionSummaries ?? []),
  });

export const actionsQ = (pipelineName: string, pipelineExecutionId?: string) =>
  queryOptions({
    queryKey: ['pipeline', pipelineName, 'actions', pipelineExecutionId],
    enabled: !!pipelineExecutionId,
    queryFn: async ({ signal }) =>
      (await aws('codepipeline', 'ListActionExecutions', { pipelineName, filter: { pipelineExecutionId } }, signal)).actionExecutionDetails ?? [],
  });

/** Why an execution is where it is. */
export interface Explanation {
  pipelineExecutionId: string;
  status: string;
  reason: string;
  stages: { name: string; status?: string; reason?: string; actions?: { name: string; status?: string; reason?: string }[] }[];
}

export const explainQ = (name: string, execution?: string) =>
  queryOptions({
    queryKey: ['pipeline', name, 'explain', execution],
    enabled: !!execution,
    queryFn: async ({ signal }) => {
      const res = await fetch(`${here}explain/${encodeURIComponent(name)}/${encodeURIComponent(execution ?? '')}`, { signal });
      if (!res.ok) throw await refusal(res);
      return ((await res.json()) as { explanations: Explanation[] }).explanations[0];
    },
  });

export const buildQ = (id: string) =>
  queryOptions({
    queryKey: ['build', id],
    queryFn: async ({ signal }) => (await aws('codebuild', 'BatchGetBuilds', { ids: [id] }, signal)).builds?.[0] ?? null,
  });

export const projectsQ = () =>
  queryOptions({ queryKey: ['projects'], queryFn: async ({ signal }) => (await aws('codebuild', 'ListProjects', {}, signal)).projects ?? [] });

export const buildsQ = () =>
  queryOptions({
    queryKey: ['build', 'list'],
    queryFn: async ({ signal }) => {
      const ids = (await aws('codebuild', 'ListBuilds', { sortOrder: 'DESCENDING' }, signal)).ids ?? [];
      if (!ids.length) return [];
      return (await aws('codebuild', 'BatchGetBuilds', { ids: ids.slice(0, 100) }, signal)).builds ?? [];
    },
  });

export const repositoriesQ = () =>
  queryOptions({
    queryKey: ['repository', 'list'],
    queryFn: async ({ signal }) => (await aws('codecommit', 'ListRepositories', { sortBy: 'repositoryName' }, signal)).repositories ?? [],
  });

export const bucketsQ = () => queryOptions({ queryKey: ['buckets'], queryFn: listBuckets });

export const actionTypesQ = () =>
  queryOptions({
    queryKey: ['actionTypes'],
    staleTime: 60_000,
    queryFn: async ({ signal }) => (await aws('codepipeline', 'ListActionTypes', {}, signal)).actionTypes ?? [],
  });

export const ruleTypesQ = () =>
  queryOptions({
    queryKey: ['ruleTypes'],
    staleTime: 60_000,
    queryFn: async ({ signal }) => (await aws('codepipeline', 'ListRuleTypes', {}, signal)).ruleTypes ?? [],
  });
