import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import type { Out } from '../api/aws';

export type State = Out<typeof CodePipeline, 'GetPipelineState'>;
export type Definition = Out<typeof CodePipeline, 'GetPipeline'>;
export type StageState = NonNullable<State['stageStates']>[number];
export type ActionState = NonNullable<StageState['actionStates']>[number];

/** An action as the conveyor draws it. */
export interface Card {
  name: string;
  provider: string;
  status: string;
  state?: ActionState;
}

export interface Station {
  name: string;
  status: string;
  state: StageState;
  /** Actions that run at the same time stand beside each other; the groups follow one another. */
  groups: Card[][];
}

/** layout places stages and actions in the order in which they run. */
export function layout(definition: Definition, state: State): Station[] {
  return (state.stageStates ?? []).map((stage) => {
    const declared = definition.pipeline?.stages?.find((s) => s.name === stage.stageName)?.actions ?? [];
    const orders = [...new Set(declared.map((a) => a.runOrder ?? 1))].sort((a, b) => a - b);
    const groups = orders.map((order) =>
      declared.filter((a) => (a.runOrder ?? 1) === order).map((a): Card => {
        const found = stage.actionStates?.find((x) => x.actionName === a.name);
        return { name: a.name ?? '', provider: a.actionTypeId?.provider ?? '', status: statusOf(found), state: found };
      }),
    );
    const waits = groups.flat().some((c) => c.status === 'Waiting');
    return { name: stage.stageName ?? '', status: waits ? 'Waiting' : (stage.latestExecution?.status ?? 'Idle'), state: stage, groups };
  });
}

function statusOf(a?: ActionState): string {
  const latest = a?.latestExecution;
  if (latest?.token && latest.status === 'InProgress') return 'Waiting';
  return latest?.status ?? 'Idle';
}

/** unmet is the condition of a stage that holds an execution up, if one does: it can be overridden. */
export function unmet(stage: StageState): { type: 'BEFORE_ENTRY' | 'ON_SUCCESS'; execution: string } | undefined {
  const holds = (status?: string) => status === 'InProgress' || status === 'Failed';
  const entering = stage.inboundExecution ?? stage.latestExecution;
  if (holds(stage.beforeEntryConditionState?.latestExecution?.status)) return { type: 'BEFORE_ENTRY', execution: entering?.pipelineExecutionId ?? '' };
  if (holds(stage.onSuccessConditionState?.latestExecution?.status)) return { type: 'ON_SUCCESS', execution: stage.latestExecution?.pipelineExecutionId ?? '' };
  return undefined;
}
