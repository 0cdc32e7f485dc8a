import { expect, test, vi } from 'vitest';
import { together } from '../src/api/ask';
import { projectArn } from '../src/api/builds';

test('what is asked in one turn is one call, in portions, and each gets its own answer', async () => {
  const calls: number[][] = [];
  const double = together(3, async (numbers: number[]) => (calls.push(numbers), numbers.map((n) => n * 2)));
  expect(await Promise.all([1, 2, 3, 4].map(double))).toEqual([2, 4, 6, 8]);
  expect(calls).toEqual([[1, 2, 3], [4]]);
  expect(await double(5)).toBe(10);
  expect(calls).toHaveLength(3);
});

test('a call that fails tells all who asked, and the next one is made', async () => {
  const ask = vi.fn<(names: string[]) => Promise<boolean[]>>().mockRejectedValueOnce(new Error('away')).mockResolvedValueOnce([true]);
  const may = together(10, ask);
  expect(await Promise.allSettled([may('a'), may('b')])).toMatchObject([{ status: 'rejected' }, { status: 'rejected' }]);
  expect(await may('a')).toBe(true);
});

test('what may be done with a build is asked on its project', () => {
  expect(projectArn('arn:aws:codebuild:us-east-1:000000000000:build/site:7d0f', 'site')).toBe('arn:aws:codebuild:us-east-1:000000000000:project/site');
  expect(projectArn('arn:aws:codebuild:us-east-1:000000000000:build-batch/site:7d0f', 'site')).toBe('arn:aws:codebuild:us-east-1:000000000000:project/site');
});
