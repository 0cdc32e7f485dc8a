// What the editor does to a definition. Everything here is pure: a definition goes in, a new one comes out.
import type * as CodePipeline from '@aws-sdk/client-codepipeline';
import type { In, Out } from '../api/aws';

export type Declaration = NonNullable<In<typeof CodePipeline, 'UpdatePipeline'>['pipeline']>;
export type Stage = NonNullable<Declaration['stages']>[number];
export type Action = NonNullable<Stage['actions']>[number];
export type TypeID = NonNullable<Action['actionTypeId']>;
export type ActionType = NonNullable<Out<typeof CodePipeline, 'ListActionTypes'>['actionTypes']>[number];
export type RuleType = NonNullable<Out<typeof CodePipeline, 'ListRuleTypes'>['ruleTypes']>[number];

export const stagesOf = (d: Declaration): Stage[] => d.stages ?? [];
export const actionsOf = (s?: Stage): Action[] => s?.actions ?? [];

/** The id of a type of actions or rules. Rules leave out what is always the same. */
interface ID {
  category?: string;
  owner?: string;
  provider?: string;
  version?: string;
}

export const typeName = (id?: ID) => `${id?.category}/${id?.owner ?? 'AWS'}/${id?.provider}/${id?.version ?? '1'}`;
export const sameType = (a?: ID, b?: ID) => typeName(a) === typeName(b);

/** fresh is a name that is not taken: Build, Build2, Build3 ... */
export function fresh(base: string, taken: (string | undefined)[]): string {
  for (let n = 1; ; n++) {
    const name = n === 1 ? base : `${base}${n}`;
    if (!taken.includes(name)) return name;
  }
}

function moved<T>(list: T[], from: number, to: number): T[] {
  const item = list[from];
  if (item === undefined || to < 0 || to >= list.length) return list;
  return list.toSpliced(from, 1).toSpliced(to, 0, item);
}

export const setStage = (d: Declaration, i: number, stage: Stage): Declaration => ({ ...d, stages: stagesOf(d).with(i, stage) });

export const addStage = (d: Declaration, at: number): Declaration => ({
  ...d,
  stages: stagesOf(d).toSpliced(at, 0, { name: fresh('Stage', stagesOf(d).map((s) => s.name)), actions: [] }),
});

export const removeStage = (d: Declaration, i: number): Declaration => ({ ...d, stages: stagesOf(d).toSpliced(i, 1) });

export const moveStage = (d: Declaration, from: number, to: number): Declaration => ({ ...d, stages: moved(stagesOf(d), from, to) });

/** setAction puts an action into a stage, in the place of one or, with the index -1, after the last. */
export function setAction(d: Declaration, stage: number, index: number, action: Action): Declaration {
  const s = stagesOf(d)[stage];
  if (!s) return d;
  const before = actionsOf(s)[index];
  const actions = before ? actionsOf(s).with(index, action) : [...actionsOf(s), action];
  return followRenames(setStage(d, stage, { ...s, actions }), before, action);
}

export function removeAction(d: Declaration, stage: number, index: number): Declaration {
  const s = stagesOf(d)[stage];
  return s ? setStage(d, stage, { ...s, actions: actionsOf(s).toSpliced(index, 1) }) : d;
}

/** moveAction puts an action into another stage, after what is there. */
export function moveAction(d: Declaration, from: number, index: number, to: number): Declaration {
  const action = actionsOf(stagesOf(d)[from])[index];
  return action && stagesOf(d)[to] ? setAction(removeAction(d, from, index), to, -1, { ...action, runOrder: undefined }) : d;
}

/** followRenames lets what refers to an action or its artifacts refer to their new names. */
function followRenames(d: Declaration, before: Action | undefined, after: Action): Declaration {
  if (!before) return d;
  const olds = (before.outputArtifacts ?? []).map((o) => o.name);
  const news = (after.outputArtifacts ?? []).map((o) => o.name);
  const renamed = olds.length === news.length ? new Map(olds.map((old, i) => [old, news[i]])) : new Map<string | undefined, string | undefined>();
  return {
    ...d,
    stages: stagesOf(d).map((s) => ({
      ...s,
      actions: actionsOf(s).map((a) => (a.inputArtifacts ? { ...a, inputArtifacts: a.inputArtifacts.map((i) => ({ ...i, name: renamed.get(i.name) ?? i.name })) } : a)),
    })),
    triggers: d.triggers?.map((t) =>
      t.gitConfiguration?.sourceActionName === before.name ? { ...t, gitConfiguration: { ...t.gitConfiguration, sourceActionName: after.name } } : t),
  };
}

const order = (a: Action) => a.runOrder ?? 1;

/** offered are the artifacts that an action can read: those of actions that have ended before it begins. */
export function offered(d: Declaration, stage: number, action: Action): string[] {
  const names = stagesOf(d).flatMap((s, i) =>
    actionsOf(s)
      .filter((a) => i < stage || (i === stage && order(a) < order(action)))
      .flatMap((a) => (a.outputArtifacts ?? []).map((o) => o.name ?? '')),
  );
  return [...new Set(names)];
}

/** A mistake that can be seen before the server is asked, and where it is. */
export interface Mistake {
  kind: 'emptyStage' | 'unknownInput' | 'twiceNamed' | 'twiceMade' | 'missing';
  stage: string;
  action?: string;
  name: string;
}

/** mistakes looks at what is wired to what. The server has the last word. */
export function mistakes(d: Declaration, types: ActionType[]): Mistake[] {
  const made = new Set<string>();
  return stagesOf(d).flatMap((s, i) => {
    const stage = s.name ?? '';
    if (!actionsOf(s).length) return [{ kind: 'emptyStage', stage, name: stage } as const];
    const names = new Set<string>();
    return actionsOf(s).flatMap((a): Mistake[] => {
      const at = { stage, action: a.name ?? '' };
      const found: Mistake[] = [];
      if (names.has(at.action)) found.push({ kind: 'twiceNamed', ...at, name: at.action });
      names.add(at.action);
      const known = offered(d, i, a);
      for (const { name = '' } of a.inputArtifacts ?? []) if (!known.includes(name)) found.push({ kind: 'unknownInput', ...at, name });
      for (const { name = '' } of a.outputArtifacts ?? []) {
        if (made.has(name)) found.push({ kind: 'twiceMade', ...at, name });
        made.add(name);
      }
      const type = types.find((t) => sameType(t.id, a.actionTypeId));
      for (const p of type?.actionConfigurationProperties ?? []) {
        if (p.required && !a.configuration?.[p.name ?? '']) found.push({ kind: 'missing', ...at, name: p.name ?? '' });
      }
      return found;
    });
  });
}

/** create is a new action of a type, wired to what suggests itself. */
export function create(d: Declaration, stage: number, type: ActionType): Action {
  const provider = type.id?.provider ?? '';
  const action: Action = {
    name: fresh(provider.replace(/^Conveyor/, ''), stagesOf(d).flatMap((s) => actionsOf(s).map((a) => a.name))),
    actionTypeId: { ...type.id } as TypeID,
  };
  const last = Math.max(0, ...actionsOf(stagesOf(d)[stage]).map(order));
  if (last > 0) action.runOrder = last + 1;
  const known = offered(d, stage, action);
  const newest = known.at(-1);
  if ((type.inputArtifactDetails?.minimumCount ?? 0) > 0 && newest) action.inputArtifacts = [{ name: newest }];
  if ((type.outputArtifactDetails?.minimumCount ?? 0) > 0) action.outputArtifacts = [{ name: fresh(`${action.name}Output`, known) }];
  return action;
}

const empty = (v: unknown) => v === undefined || v === '' || (typeof v === 'object' && v !== null && !Object.keys(v).length);

/** tidy leaves out what is empty, so that an edit changes nothing that was not touched. */
export function tidy<T>(value: T): T {
  if (Array.isArray(value)) return value.map(tidy) as T;
  if (value === null || typeof value !== 'object') return value;
  const members = Object.entries(value).map(([k, v]) => [k, tidy(v)] as const);
  return Object.fromEntries(members.filter(([, v]) => !empty(v))) as T;
}
