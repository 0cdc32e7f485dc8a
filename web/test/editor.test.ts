import { expect, test } from 'vitest';
import { diff, near } from '../src/editor/line-diff';
import { filtersOf, globbed, turned, withFilters, type Git } from '../src/editor/triggers';
import { addStage, create, mistakes, moveAction, moveStage, offered, removeAction, removeStage, setAction, tidy, type Action, type ActionType, type Declaration } from '../src/editor/model';

const id = (category: string, provider: string) => ({ category, owner: 'AWS', provider, version: '1' }) as Action['actionTypeId'];
const source: Action = { name: 'Checkout', actionTypeId: id('Source', 'CodeCommit'), configuration: { RepositoryName: 'site', BranchName: 'main' }, outputArtifacts: [{ name: 'Source' }] };
const build: Action = { name: 'Build', actionTypeId: id('Build', 'CodeBuild'), configuration: { ProjectName: 'site' }, inputArtifacts: [{ name: 'Source' }], outputArtifacts: [{ name: 'Built' }] };
const definition: Declaration = {
  name: 'site', roleArn: 'r', stages: [{ name: 'Source', actions: [source] }, { name: 'Build', actions: [build] }],
  triggers: [{ providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: 'Checkout' } }],
};
const codeBuild = {
  id: id('Build', 'CodeBuild'), inputArtifactDetails: { minimumCount: 1, maximumCount: 5 }, outputArtifactDetails: { minimumCount: 0, maximumCount: 5 },
  actionConfigurationProperties: [{ name: 'ProjectName', required: true, key: true, secret: false }],
} as ActionType;

const shape = (d: Declaration) => d.stages?.map((s) => `${s.name}:${s.actions?.map((a) => a.name).join('+')}`).join(' ');

test('stages and actions are added, moved and removed, and nothing else changes', () => {
  expect(shape(addStage(definition, 1))).toBe('Source:Checkout Stage: Build:Build');
  expect(shape(addStage(addStage(definition, 2), 2))).toBe('Source:Checkout Build:Build Stage2: Stage:');
  expect(shape(moveStage(definition, 1, 0))).toBe('Build:Build Source:Checkout');
  expect(moveStage(definition, 0, -1)).toEqual(definition);
  expect(shape(removeStage(definition, 0))).toBe('Build:Build');
  expect(shape(removeAction(definition, 1, 0))).toBe('Source:Checkout Build:');
  expect(shape(moveAction(definition, 1, 0, 0))).toBe('Source:Checkout+Build Build:');
  expect(shape(definition)).toBe('Source:Checkout Build:Build');
});

test('what refers to an action or its artifact follows when it is renamed', () => {
  const d = setAction(definition, 0, 0, { ...source, name: 'Fetch', outputArtifacts: [{ name: 'Code' }] });
  expect(d.stages?.[1]?.actions?.[0]?.inputArtifacts).toEqual([{ name: 'Code' }]);
  expect(d.triggers?.[0]?.gitConfiguration?.sourceActionName).toBe('Fetch');
});

test('a new action is wired to the newest artifact and runs after the others of its stage', () => {
  expect(create(definition, 1, codeBuild)).toEqual({ name: 'CodeBuild', actionTypeId: codeBuild.id, runOrder: 2, inputArtifacts: [{ name: 'Built' }] });
  expect(offered(definition, 1, build)).toEqual(['Source']);
  expect(offered(definition, 1, { ...build, runOrder: 2 })).toEqual(['Source', 'Built']);
});

test('mistakes of wiring are seen before the server is asked', () => {
  expect(mistakes(definition, [codeBuild])).toEqual([]);
  const kinds = (d: Declaration) => mistakes(d, [codeBuild]).map((m) => `${m.kind} ${m.name}`);
  expect(kinds(moveStage(definition, 1, 0))).toEqual(['unknownInput Source']);
  expect(kinds(addStage(definition, 1))).toEqual(['emptyStage Stage']);
  expect(kinds(setAction(definition, 1, -1, { ...build, configuration: {} }))).toEqual(['twiceNamed Build', 'twiceMade Built', 'missing ProjectName']);
});

test('what is empty is left out', () => {
  expect(tidy({ a: '', b: [], c: { d: undefined }, e: 0, f: false, g: [{ h: '' }], i: 'x' })).toEqual({ e: 0, f: false, g: [{}], i: 'x' });
});

test('a difference shows what has changed and a little around it', () => {
  const lines = (n: number) => Array.from({ length: n }, (_, i) => `line ${i}`);
  const before = lines(40).join('\n');
  const after = lines(40).toSpliced(20, 1, 'new').toSpliced(22, 0, 'more').join('\n');
  expect(diff(before, after).filter((l) => l.kind !== 'same').map((l) => `${l.kind} ${l.text}`)).toEqual(['less line 20', 'more new', 'more more']);
  expect(near(diff(before, after), 1).map((l) => l?.text)).toEqual(['line 19', 'line 20', 'new', 'line 21', 'more', 'line 22', undefined]);
  expect(near(diff(before, before))).toEqual([]);
});

test('every filter of a trigger is edited by itself, and none is lost', () => {
  const git: Git = {
    sourceActionName: 'Checkout', push: [{ branches: { includes: ['main'], excludes: ['x/*'] } }, { tags: { includes: ['v*'] } }],
    pullRequest: [{ events: ['CLOSED'], branches: { includes: ['main'] } }],
  };
  const filters = filtersOf(git);
  expect(filters.map((f) => f.kind)).toEqual(['push', 'push', 'pullRequest']);
  expect(withFilters(git, filters)).toEqual(git);
  expect(withFilters(git, filters.with(2, globbed(filters[2]!, 'filePaths', 'includes', ['src/**'])))).toEqual({
    ...git, pullRequest: [{ events: ['CLOSED'], branches: { includes: ['main'] }, filePaths: { includes: ['src/**'] } }],
  });
  expect(withFilters(git, filters.with(0, globbed(filters[0]!, 'branches', 'includes', []))).push?.[0]).toEqual({ branches: { excludes: ['x/*'] } });
  expect(globbed(filters[1]!, 'tags', 'includes', [])).toEqual({ kind: 'push' });
  expect(withFilters(git, [])).toEqual({ sourceActionName: 'Checkout' });
});

test('a filter that is turned keeps what both kinds know', () => {
  const push = { kind: 'push', branches: { includes: ['main'] }, tags: { includes: ['v*'] } } as const;
  const pull = turned({ ...push, branches: { includes: ['main'] }, tags: { includes: ['v*'] } }, 'pullRequest');
  expect(pull).toEqual({ kind: 'pullRequest', events: ['OPEN', 'UPDATED', 'CLOSED'], branches: { includes: ['main'] } });
  expect(turned(pull, 'push')).toEqual({ kind: 'push', branches: { includes: ['main'] } });
});
