import { expect, test } from 'vitest';
import { failure, idOf, levels, placeOf, type BuildGroup } from '../src/api/builds';
import { targetOf, type Deployment } from '../src/api/deployments';
import { version } from '../src/pages/builds/build-table';
import { share } from '../src/pages/builds/report-table';

test('the builds of a batch stand after what they depend on', () => {
  const group = (identifier: string, ...dependsOn: string[]): BuildGroup => ({ identifier, dependsOn });
  const names = (groups: BuildGroup[]) => levels(groups).map((c) => c.map((g) => g.identifier));
  expect(names([group('deploy', 'test', 'lint'), group('test', 'compile'), group('compile'), group('lint')])).toEqual([['compile', 'lint'], ['test'], ['deploy']]);
  expect(names([group('a', 'b'), group('b', 'a')]).flat().sort()).toEqual(['a', 'b']); // a circle is shown, too
  expect(names([group('a', 'gone')])).toEqual([['a']]);
});

test('what failed is told by the phase that did', () => {
  const ok = { phaseType: 'INSTALL', phaseStatus: 'SUCCEEDED' };
  const bad = { phaseType: 'BUILD', phaseStatus: 'FAILED', contexts: [{ statusCode: '' }, { statusCode: 'COMMAND_EXECUTION_ERROR', message: 'exit 1' }] };
  expect(failure([ok, bad])).toEqual({ phase: 'BUILD', message: 'COMMAND_EXECUTION_ERROR: exit 1' });
  expect(failure([ok])).toBeUndefined();
  expect(failure(undefined)).toBeUndefined();
});

test('ARNs and places', () => {
  expect(idOf('arn:aws:codebuild:us-east-1:000000000000:build/site:1-2')).toBe('site:1-2');
  expect(placeOf('arn:aws:s3:::builds/a/b.zip')).toEqual({ bucket: 'builds', key: 'a/b.zip' });
  expect(placeOf('builds/a')).toEqual({ bucket: 'builds', key: 'a' });
  expect(placeOf(undefined)).toBeUndefined();
  expect(version('refs/heads/feature/a')).toBe('feature/a');
  expect(version('0123456789abcdef0123456789abcdef01234567')).toBe('01234567');
});

test('reports tell the share of what is good', () => {
  expect(share({ testSummary: { total: 4, statusCounts: { SUCCEEDED: 3, FAILED: 1 }, durationInNanoSeconds: 0 } })).toBe(75);
  expect(share({ codeCoverageSummary: { lineCoveragePercentage: 81.5 } })).toBe(81.5);
  expect(share({})).toBeUndefined();
});

test('a deployment names its bucket, or what else it went to', () => {
  const to = (provider: string, configuration: Record<string, string>) =>
    targetOf({ pipeline: 'p', input: { actionTypeId: { category: 'Deploy', owner: 'AWS', provider, version: '1' }, configuration } } as Deployment);
  expect(to('S3', { BucketName: 'www', ObjectKey: 'docs' })).toEqual({ text: 'www/docs', bucket: 'www' });
  expect(to('CodeDeploy', { ApplicationName: 'shop', DeploymentGroupName: 'fleet' })).toEqual({ text: 'shop / fleet' });
  expect(to('Custom', {})).toEqual({ text: 'Custom' });
});
