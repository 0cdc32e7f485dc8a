import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import { queryOptions } from '@tanstack/react-query';
import { aws, type Out } from './aws';
import type { Summary } from './queries';

type Details = NonNullable<Out<typeof CodePipeline, 'ListActionExecutions'>['actionExecutionDetails']>[number];

/** A deploy action that ran, and what its execution brought. */
export interface Deployment extends Details {
  pipeline: string;
  revision?: { revisionId?: string; revisionSummary?: string };
}

/** How many pipelines are asked: each is a request. */
export const askedPipelines = 15;
const perPipeline = 50;

async function deploymentsOf(p: Summary, signal: AbortSignal): Promise<Deployment[]> {
  const { actionExecutionDetails } = await aws('codepipeline', 'ListActionExecutions', { pipelineName: p.name, maxResults: perPipeline }, signal);
  const revisions = new Map((p.recent ?? []).map((r) => [r.id, r.revisions?.[0]?.revision]));
  return (actionExecutionDetails ?? [])
    .filter((d) => d.input?.actionTypeId?.category === 'Deploy')
    .map((d) => ({ ...d, pipeline: p.name, revision: revisions.get(d.pipelineExecutionId ?? '') }));
}

/** The newest deployments of pipelines, the newest first. */
export const deploymentsQ = (pipelines: Summary[] | undefined) =>
  queryOptions({
    queryKey: ['pipeline', 'deployments', pipelines?.map((p) => [p.name, p.updated, p.recent?.[0]?.updated])],
    enabled: !!pipelines,
    queryFn: async ({ signal }) => {
      const visible = (pipelines ?? []).filter((p) => p.recent !== null).slice(0, askedPipelines);
      return (await Promise.all(visible.map((p) => deploymentsOf(p, signal)))).flat().sort((a, b) => (b.startTime ?? 0) - (a.startTime ?? 0));
    },
  });

export const targetsQ = (pipelineName: string, actionExecutionId: string) =>
  queryOptions({
    queryKey: ['pipeline', pipelineName, 'targetsOf', actionExecutionId],
    queryFn: async ({ signal }) => (await aws('codepipeline', 'ListDeployActionExecutionTargets', { pipelineName, actionExecutionId }, signal)).targets ?? [],
  });

/** Where a deployment went, in a few words, and the bucket when it went to one. */
export function targetOf(d: Deployment): { text: string; bucket?: string } {
  const c = d.input?.resolvedConfiguration ?? d.input?.configuration ?? {};
  const bucket = d.input?.actionTypeId?.provider === 'S3' ? c['BucketName'] : undefined;
  if (bucket) return { text: [bucket, c['ObjectKey']].filter(Boolean).join('/'), bucket };
  return { text: [c['ApplicationName'], c['DeploymentGroupName'], c['ClusterName'], c['ServiceName']].filter(Boolean).join(' / ') || (d.input?.actionTypeId?.provider ?? '–') };
}
