import { afterEach, expect, test, vi } from 'vitest';
import { aws, AwsError } from '../src/api/aws';
import { ansi, plain } from '../src/components/ansi';
import { layout, type Definition, type State } from '../src/components/conveyor-layout';
import { LogStore } from '../src/components/log-store';
import { words, type Locale } from '../src/i18n';
import { en } from '../src/i18n/en';
import { ko } from '../src/i18n/ko';
import { measure } from '../src/insights';
import { cloudFormation, pipeline, terraform, type Choice } from '../src/recipes';
import { why } from '../src/why';

afterEach(() => vi.unstubAllGlobals());

test('a call names its operation and gives back what the service says', async () => {
  const fetch = vi.fn(async (_url: string, _init: RequestInit) => new Response('{"pipelines":[{"name":"a"}]}'));
  vi.stubGlobal('fetch', fetch);
  const out = await aws('codepipeline', 'ListPipelines', {});
  expect(out.pipelines?.[0]?.name).toBe('a');
  expect(fetch.mock.calls[0]?.[0]).toBe('/conveyor/console/aws');
  expect(fetch.mock.calls[0]?.[1].headers).toMatchObject({ 'x-amz-target': 'CodePipeline_20150709.ListPipelines' });
});

test('an exception keeps its name, and a lack of permission is recognised', async () => {
  vi.stubGlobal('fetch', async () => new Response('{"__type":"com.amazonaws#AccessDeniedException","message":"no"}', { status: 400 }));
  const e: unknown = await aws('codepipeline', 'GetPipeline', { name: 'x' }).catch((x: unknown) => x);
  expect(e).toBeInstanceOf(AwsError);
  expect(e).toMatchObject({ code: 'AccessDeniedException', message: 'no', denied: true });
});

test('wrong operations and members do not compile', () => {
  const never = () => [
    // @ts-expect-error there is no such operation
    aws('codepipeline', 'ListPipelinez', {}),
    // @ts-expect-error a required member is missing
    aws('codepipeline', 'GetPipeline', {}),
  ];
  expect(never).toBeTypeOf('function');
});

/** Every part of the texts: those all pages share and those of single parts of the console. */
const parts: Record<Locale, Record<string, string>>[] = [
  { en, ko },
  ...Object.values(import.meta.glob<Record<string, unknown>>('../src/i18n/*.ts', { eager: true }))
    .flatMap((m) => Object.values(m))
    .flatMap((v) => (typeof v === 'function' && 'texts' in v ? [v.texts as Record<Locale, Record<string, string>>] : [])),
];

test('every text of one language is in the other and can be formatted', () => {
  expect(parts.length).toBeGreaterThan(1);
  const values = { n: 2, i: 1, of: 3, name: 'x', action: 'x', stage: 'x', id: 'x', reason: 'x', what: 'x', who: 'x', when: 'x', from: 'x', to: 'x' };
  for (const part of parts) {
    expect(Object.keys(part.ko).sort()).toEqual(Object.keys(part.en).sort());
    for (const locale of ['en', 'ko'] as const) {
      const w = words(locale, part[locale], () => undefined);
      for (const key of Object.keys(part.en)) expect(w.t(key, values), `${locale} ${key}`).not.toBe('');
    }
  }
  expect(words('ko', ko, () => undefined).duration(3725)).toContain('1');
});

test('sizes are read at a glance, in both languages', () => {
  for (const locale of ['en', 'ko'] as const) {
    const { size } = words(locale, locale === 'en' ? en : ko, () => undefined);
    expect([0, 23, 999, 2_345, 45_600, 4_200_000, 3e9, 5e15].map(size)).toEqual(['0 B', '23 B', '999 B', '2.3 kB', '46 kB', '4.2 MB', '3 GB', '5,000 TB']);
    expect(size()).toBe('–');
  }
});

test('a duration is never below nothing', () => {
  const { duration } = words('en', en, () => undefined);
  expect([-3, 0, 0.004, 61].map(duration)).toEqual(['0s', '0s', '4ms', '1m 1s']);
});

test('colours become classes and other control sequences nothing', () => {
  expect(ansi('\x1b[1;31mERR\x1b[0m ok\x1b[K')).toEqual([{ text: 'ERR', classes: 'f1 a-bold' }, { text: ' ok', classes: undefined }]);
  expect(ansi('\x1b[38;5;196mx\x1b[48;2;0;0;0my')).toHaveLength(2);
  expect(plain('\x1b[32mgreen\x1b[0m')).toBe('green');
});

test('a log finds its first error among half a million lines', () => {
  const log = new LogStore();
  log.append(Array.from({ length: 500_000 }, (_, i) => (i === 400_000 ? '\x1b[31mError: broken\x1b[0m\n' : `line ${i}\n`)));
  expect(log.firstError()).toBe(400_000);
  expect(log.find('BROKEN')).toEqual([400_000]);
});

test('actions of one run order stand together, a waiting approval makes its stage wait', () => {
  const type = { category: 'Build', owner: 'AWS', provider: 'CodeBuild', version: '1' } as const;
  const definition = { pipeline: { name: 'p', stages: [{ name: 'Test', actions: [
    { name: 'Late', runOrder: 2, actionTypeId: type }, { name: 'A', actionTypeId: type }, { name: 'B', runOrder: 1, actionTypeId: type },
  ] }] } } as unknown as Definition;
  const state: State = { stageStates: [{ stageName: 'Test', latestExecution: { pipelineExecutionId: 'e', status: 'InProgress' }, actionStates: [
    { actionName: 'Late', latestExecution: { status: 'InProgress', token: 't' } },
  ] }] };
  const [station] = layout(definition, state);
  expect(station?.status).toBe('Waiting');
  expect(station?.groups.map((g) => g.map((c) => c.name))).toEqual([['A', 'B'], ['Late']]);
  expect(station?.groups[0]?.[0]?.status).toBe('Idle');
});

const choice: Choice = { name: 'site', repository: 'site', branch: 'main', project: '', approval: true, bucket: 'www', artifacts: 'artifacts' };

test('the wizard hands the source on when nothing is built, and says it in three languages', () => {
  const p = pipeline(choice);
  expect(p.stages?.map((s) => s.name)).toEqual(['Source', 'Approval', 'Deploy']);
  expect(p.stages?.[2]?.actions?.[0]?.inputArtifacts).toEqual([{ name: 'Source' }]);
  expect(pipeline({ ...choice, project: 'b' }).stages?.[3]?.actions?.[0]?.inputArtifacts).toEqual([{ name: 'Built' }]);
  const template = JSON.parse(cloudFormation(p)) as { Resources: { Pipeline: { Properties: { Stages: { Actions: { Configuration: object }[] }[] } } } };
  expect(template.Resources.Pipeline.Properties.Stages[0]?.Actions[0]?.Configuration).toEqual({ RepositoryName: 'site', BranchName: 'main' });
  expect(terraform({ ...p, name: 'a${b}' })).toContain('name           = "a$${b}"');
});

test('the measures of delivery', () => {
  const run = (status: string, started: string, updated: string) => ({ id: started, status, reason: '', started, updated, trigger: {} });
  const recent = [run('Succeeded', '2026-01-01T02:00:00Z', '2026-01-01T02:10:00Z'), run('Failed', '2026-01-01T01:00:00Z', '2026-01-01T01:10:00Z')];
  expect(measure({ name: 'p', version: 1, pipelineType: 'V2', executionMode: 'QUEUED', created: 0, updated: 0, recent })).toMatchObject({ lead: 600, failures: 0.5, restore: 3600 });
});

test('why a run waits is told with what its actions wait for', () => {
  const action = (name: string, status: string, reason?: string) => ({ name, status, reason });
  const run = (status: string, ...actions: ReturnType<typeof action>[]) => ({ pipelineExecutionId: 'x', status, reason: 'In stage Ask.', stages: [{ name: 'Ask', actions }] });
  expect(why(undefined)).toBeUndefined();
  expect(why(run('Succeeded', action('Manual', 'InProgress', 'It waits.')))).toBe('In stage Ask.');
  expect(why(run('InProgress', action('Lint', 'Succeeded', 'It is over.'), action('Manual', 'InProgress', 'It waits.'), action('Next', 'InProgress')))).toBe('In stage Ask. Manual: It waits.');
});
