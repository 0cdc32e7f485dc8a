// What the forms make: documents in AWS's own shapes, and the same in the words of other tools.
import type * as CodeBuild from '@aws-sdk/client-codebuild';
import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import type { In } from './api/aws';

const role = 'arn:aws:iam::000000000000:role/conveyor';

/** A build project that works inside pipelines. */
export function project(name: string, buildspec: string): In<typeof CodeBuild, 'CreateProject'> {
  return {
    name,
    serviceRole: role,
    source: { type: 'CODEPIPELINE', ...(buildspec.trim() && { buildspec }) },
    artifacts: { type: 'CODEPIPELINE' },
    environment: { type: 'LINUX_CONTAINER', image: 'aws/codebuild/standard:7.0', computeType: 'BUILD_GENERAL1_SMALL' },
  };
}

/** What a person chose in the wizard. An empty name leaves that stage out. */
export interface Choice {
  name: string;
  repository: string;
  branch: string;
  project: string;
  approval: boolean;
  bucket: string;
  artifacts: string;
}

type Declaration = NonNullable<In<typeof CodePipeline, 'CreatePipeline'>['pipeline']>;

export function pipeline(c: Choice): Declaration {
  const built = c.project ? 'Built' : 'Source';
  const stages: Declaration['stages'] = [
    {
      name: 'Source',
      actions: [{
        name: 'Checkout', actionTypeId: { category: 'Source', owner: 'AWS', provider: 'CodeCommit', version: '1' },
        configuration: { RepositoryName: c.repository, BranchName: c.branch }, outputArtifacts: [{ name: 'Source' }],
      }],
    },
  ];
  if (c.project) {
    stages.push({
      name: 'Build',
      actions: [{
        name: 'Build', actionTypeId: { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' },
        configuration: { ProjectName: c.project }, inputArtifacts: [{ name: 'Source' }], outputArtifacts: [{ name: 'Built' }],
      }],
    });
  }
  if (c.approval) {
    stages.push({ name: 'Approval', actions: [{ name: 'Approve', actionTypeId: { category: 'Approval', owner: 'AWS', provider: 'Manual', version: '1' } }] });
  }
  if (c.bucket) {
    stages.push({
      name: 'Deploy',
      actions: [{
        name: 'Publish', actionTypeId: { category: 'Deploy', owner: 'AWS', provider: 'S3', version: '1' },
        configuration: { BucketName: c.bucket, Extract: 'true', CacheControl: 'no-cache' }, inputArtifacts: [{ name: built }],
      }],
    });
  }
  return { name: c.name, roleArn: role, pipelineType: 'V2', executionMode: 'QUEUED', artifactStore: { type: 'S3', location: c.artifacts }, stages };
}

const capital = (s: string) => s.charAt(0).toUpperCase() + s.slice(1);

/** capitals gives the members of a document CloudFormation's names; keys of `configuration` are data and stay. */
function capitals(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(capitals);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [capital(k), k === 'configuration' ? v : capitals(v)]));
}

export function cloudFormation(p: Declaration): string {
  const resource = { Type: 'AWS::CodePipeline::Pipeline', Properties: capitals(p) };
  return JSON.stringify({ AWSTemplateFormatVersion: '2010-09-09', Resources: { Pipeline: resource } }, null, 2);
}

export function terraform(p: Declaration): string {
  const quoted = (s?: string) => JSON.stringify(s ?? '').replaceAll('${', () => '$${').replaceAll('%{', '%%{');
  const names = (list?: { name?: string }[]) => `[${(list ?? []).map((a) => quoted(a.name)).join(', ')}]`;
  const action = (a: NonNullable<NonNullable<Declaration['stages']>[number]['actions']>[number]) => `
    action {
      name             = ${quoted(a.name)}
      category         = ${quoted(a.actionTypeId?.category)}
      owner            = ${quoted(a.actionTypeId?.owner)}
      provider         = ${quoted(a.actionTypeId?.provider)}
      version          = ${quoted(a.actionTypeId?.version)}
      input_artifacts  = ${names(a.inputArtifacts)}
      output_artifacts = ${names(a.outputArtifacts)}
      configuration = {
${Object.entries(a.configuration ?? {}).map(([k, v]) => `        ${k} = ${quoted(v)}`).join('\n')}
      }
    }`;
  const stage = (s: NonNullable<Declaration['stages']>[number]) => `
  stage {
    name = ${quoted(s.name)}
${(s.actions ?? []).map(action).join('\n')}
  }`;
  return `resource "aws_codepipeline" "pipeline" {
  name           = ${quoted(p.name)}
  role_arn       = ${quoted(p.roleArn)}
  pipeline_type  = ${quoted(p.pipelineType)}
  execution_mode = ${quoted(p.executionMode)}

  artifact_store {
    type     = "S3"
    location = ${quoted(p.artifactStore?.location)}
  }
${(p.stages ?? []).map(stage).join('\n')}
}
`;
}
