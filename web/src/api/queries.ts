import { queryOptions } from '@tanstack/react-query';
import { aws, here, refusal } from './aws';
import { whoAmI } from './session';

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

async function summaries(signal: AbortSignal): Promise<Summary[]> {
  const all: Summary[] = [];
  for (let after = ''; ; ) {
    const res = await fetch(`${here}summary?after=${encodeURIComponent(after)}`, { signal });
    if (!res.ok) throw await refusal(res);
    const page = (await res.json()) as { pipelines: Summary[]; next?: string };
    all.push(...page.pipelines);
    if (!page.next) return all;
    after = page.next;
  }
}

export const summaryQ = () => queryOptions({ queryKey: ['summary'], queryFn: ({ signal }) => summaries(signal) });

export const definitionQ = (name: string) =>
  queryOptions({ queryKey: ['pipeline', name, 'definition'], queryFn: ({ signal }) => aws('codepipeline', 'GetPipeline', { name }, signal) });

export const stateQ = (name: string) =>
  queryOptions({ queryKey: ['pipeline', name, 'state'], queryFn: ({ signal }) => aws('codepipeline', 'GetPipelineState', { name }, signal) });

export const executionsQ = (pipelineName: string) =>
  queryOptions({
    queryKey: ['pipeline', pipelineName, 'executions'],
    queryFn: async ({ signal }) =>
      (await aws('codepipeline', 'ListPipelineExecutions', { pipelineName, maxResults: 50 }, signal)).pipelineExecutionSummaries ?? [],
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
