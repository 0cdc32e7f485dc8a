import { describe, expect, it } from 'vitest';
import type { Definition, State } from '../src/components/conveyor-layout';
import { needs } from '../src/components/needs';

const action = (name: string, provider: string, configuration = {}) => ({ name, actionTypeId: { provider }, configuration });
const definition = {
  pipeline: {
    stages: [
      { name: 'Build', actions: [action('Compile', 'CodeBuild')] },
      { name: 'Approval', actions: [action('Approve', 'Manual', { CustomData: 'Look at the prices', ExternalEntityLink: 'https://example.com/' })] },
      { name: 'Deploy', actions: [action('Publish', 'S3')] },
    ],
  },
} as unknown as Definition;

const stage = (stageName: string, actionName: string, status: string, latest: object = {}, more: object = {}) => ({
  stageName, latestExecution: { pipelineExecutionId: 'e1', status }, actionStates: [{ actionName, latestExecution: { status, ...latest } }], ...more,
});
const of = (...stageStates: object[]) => needs(definition, { stageStates } as unknown as State);

describe('what a pipeline needs a person for', () => {
  it('is nothing while all goes well', () => {
    expect(of(stage('Build', 'Compile', 'Succeeded'), stage('Deploy', 'Publish', 'InProgress'))).toEqual([]);
  });

  it('is a decision, with what there is to look at', () => {
    expect(of(stage('Approval', 'Approve', 'InProgress', { token: 't' }))).toMatchObject([
      { kind: 'review', stage: 'Approval', note: 'Look at the prices', link: 'https://example.com/' },
    ]);
  });

  it('is a failure, with its message and its log', () => {
    expect(of(stage('Build', 'Compile', 'Failed', { externalExecutionId: 'site:1', errorDetails: { message: 'exit status 1' } }))).toEqual([
      { kind: 'failed', stage: 'Build', execution: 'e1', action: 'Compile', message: 'exit status 1', build: 'site:1' },
    ]);
  });

  it('is a closed way, with who waits before it', () => {
    const inboundTransitionState = { enabled: false, disabledReason: 'a freeze', lastChangedBy: 'eve', lastChangedAt: 5 };
    expect(of(stage('Deploy', 'Publish', 'Succeeded', {}, { inboundTransitionState, inboundExecution: { pipelineExecutionId: 'e2' } }))).toEqual([
      { kind: 'closed', stage: 'Deploy', reason: 'a freeze', by: 'eve', since: 5, waiting: 'e2' },
    ]);
  });

  it('is a condition that is not met, not the failure it makes', () => {
    const beforeEntryConditionState = { latestExecution: { status: 'Failed', summary: 'an alarm rings' } };
    expect(of(stage('Deploy', 'Publish', 'Failed', {}, { beforeEntryConditionState }))).toEqual([
      { kind: 'condition', stage: 'Deploy', execution: 'e1', type: 'BEFORE_ENTRY', message: 'an alarm rings' },
    ]);
  });
});
