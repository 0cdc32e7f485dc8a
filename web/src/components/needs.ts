import { layout, unmet, type ActionState, type Definition, type State, type Station } from './conveyor-layout';

/** What a pipeline needs a person for. */
export type Need =
  | { kind: 'review'; stage: string; action: ActionState; note?: string; link?: string }
  | { kind: 'failed'; stage: string; execution: string; action?: string; message?: string; build?: string }
  | { kind: 'condition'; stage: string; execution: string; type: 'BEFORE_ENTRY' | 'ON_SUCCESS'; message?: string }
  | { kind: 'closed'; stage: string; reason?: string; by?: string; since?: number; waiting?: string };

/** needs tells what holds the belt up, in the order of the stages. Its empty answer means: nothing does. */
export function needs(definition: Definition, state: State): Need[] {
  return layout(definition, state).flatMap((station) => [...shut(station), ...condition(station), ...reviews(definition, station), ...failure(station)]);
}

function shut({ name, state }: Station): Need[] {
  const way = state.inboundTransitionState;
  if (way?.enabled !== false) return [];
  return [{ kind: 'closed', stage: name, reason: way.disabledReason, by: way.lastChangedBy, since: way.lastChangedAt, waiting: state.inboundExecution?.pipelineExecutionId }];
}

function condition({ name, state }: Station): Need[] {
  const holds = unmet(state);
  if (!holds) return [];
  const latest = (holds.type === 'BEFORE_ENTRY' ? state.beforeEntryConditionState : state.onSuccessConditionState)?.latestExecution;
  return [{ kind: 'condition', stage: name, ...holds, message: latest?.summary }];
}

function reviews(definition: Definition, { name, groups }: Station): Need[] {
  const declared = definition.pipeline?.stages?.find((s) => s.name === name)?.actions;
  return groups.flat().flatMap((card): Need[] => {
    if (card.status !== 'Waiting' || !card.state) return [];
    const { CustomData: note, ExternalEntityLink: link } = declared?.find((a) => a.name === card.name)?.configuration ?? {};
    const url = card.state.entityUrl ?? link ?? '';
    return [{ kind: 'review', stage: name, action: card.state, note, link: /^https?:/.test(url) ? url : undefined }];
  });
}

function failure({ name, status, state, groups }: Station): Need[] {
  if (status !== 'Failed' || unmet(state)) return [];
  const card = groups.flat().find((c) => c.status === 'Failed');
  const latest = card?.state?.latestExecution;
  return [{
    kind: 'failed', stage: name, execution: state.latestExecution?.pipelineExecutionId ?? '', action: card?.name,
    message: latest?.errorDetails?.message ?? latest?.summary, build: card?.provider === 'CodeBuild' ? latest?.externalExecutionId : undefined,
  }];
}
