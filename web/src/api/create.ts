import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import { aws, type In } from './aws';
import { createBucket, listBuckets } from './s3';

/** createPipeline makes a pipeline, and the bucket for its artifacts where there is none yet. */
export async function createPipeline(pipeline: NonNullable<In<typeof CodePipeline, 'CreatePipeline'>['pipeline']>): Promise<void> {
  const bucket = pipeline.artifactStore?.location;
  if (bucket && !(await listBuckets()).some((b) => b.name === bucket)) await createBucket(bucket);
  await aws('codepipeline', 'CreatePipeline', { pipeline });
}
