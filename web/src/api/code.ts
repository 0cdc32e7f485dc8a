// Hosted repositories: CodeCommit's operations, and what the console adds to them (lists of commits, tags).
import type * as CodeCommit from '@aws-sdk/client-codecommit';
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { aws, here, refusal, type Out } from './aws';

/** A commit in a list. */
export interface Change {
  id: string;
  parents: string[];
  message: string;
  author: string;
  email: string;
  /** When it was committed, in epoch seconds. */
  at: number;
}

/** A branch or a tag. */
export interface Reference {
  name: string;
  tag: boolean;
  commit: Change;
}

export type Difference = NonNullable<Out<typeof CodeCommit, 'GetDifferences'>['differences']>[number];

async function code(method: string, path: string, signal?: AbortSignal): Promise<Response> {
  const res = await fetch(`${here}code/${path}`, { method, signal });
  if (!res.ok) throw await refusal(res);
  return res;
}

const segments = (name: string) => name.split('/').map(encodeURIComponent).join('/');

/** What is the same for ever, such as an object that is named by its content, is read once. */
const forever = { staleTime: Infinity } as const;
const isID = (specifier: string) => /^[0-9a-f]{40}$/.test(specifier);

export const repositoryQ = (name: string) =>
  queryOptions({
    queryKey: ['repository', name],
    queryFn: async ({ signal }) => (await aws('codecommit', 'GetRepository', { repositoryName: name }, signal)).repositoryMetadata ?? {},
  });

export const referencesQ = (name: string) =>
  queryOptions({
    queryKey: ['repository', name, 'references'],
    queryFn: async ({ signal }) => ((await (await code('GET', `${name}/references`, signal)).json()) as { references: Reference[] }).references,
  });

export interface History {
  tip?: string;
  base?: string;
  path?: string;
}

export const historyQ = (name: string, of: History) =>
  infiniteQueryOptions({
    queryKey: ['repository', name, 'history', of],
    initialPageParam: 0,
    queryFn: async ({ signal, pageParam }) => {
      const query = new URLSearchParams({ ...of, after: String(pageParam) });
      return (await (await code('GET', `${name}/commits?${query}`, signal)).json()) as { commits: Change[]; next?: number };
    },
    getNextPageParam: (last) => last.next,
  });

export const commitQ = (name: string, id: string) =>
  queryOptions({
    queryKey: ['repository', name, 'commit', id],
    ...forever,
    queryFn: async ({ signal }) => (await aws('codecommit', 'GetCommit', { repositoryName: name, commitId: id }, signal)).commit ?? {},
  });

export const folderQ = (name: string, ref: string, path: string) =>
  queryOptions({
    queryKey: ['repository', name, 'folder', ref, path],
    queryFn: ({ signal }) => aws('codecommit', 'GetFolder', { repositoryName: name, commitSpecifier: ref, folderPath: path || '/' }, signal),
  });

export const fileQ = (name: string, ref: string, path: string) =>
  queryOptions({
    queryKey: ['repository', name, 'file', ref, path],
    queryFn: ({ signal }) => aws('codecommit', 'GetFile', { repositoryName: name, commitSpecifier: ref, filePath: path }, signal),
  });

export const blobQ = (name: string, id: string) =>
  queryOptions({
    queryKey: ['repository', name, 'blob', id],
    ...forever,
    queryFn: async ({ signal }) => bytes((await aws('codecommit', 'GetBlob', { repositoryName: name, blobId: id }, signal)).content),
  });

/** What differs between two commits; without a first one, everything. */
export const differencesQ = (name: string, before: string | undefined, after: string) =>
  queryOptions({
    queryKey: ['repository', name, 'differences', before, after],
    ...(isID(after) && (!before || isID(before)) ? forever : {}),
    queryFn: async ({ signal }) => {
      const all: Difference[] = [];
      for (let nextToken: string | undefined; ; ) {
        // The two members that list things begin with a capital here, and here only.
        const page = await aws('codecommit', 'GetDifferences', { repositoryName: name, beforeCommitSpecifier: before, afterCommitSpecifier: after, ...(nextToken && { NextToken: nextToken }) }, signal);
        all.push(...(page.differences ?? []));
        nextToken = page.NextToken;
        if (!nextToken) return all;
      }
    },
  });

export const makeTag = (name: string, tag: string, commit: string) => code('PUT', `${name}/tags/${segments(tag)}?commit=${commit}`);
export const removeTag = (name: string, tag: string) => code('DELETE', `${name}/tags/${segments(tag)}`);

/** The bytes in Base64. */
export const bytes = (base64 = '') => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Base64 of a text. */
export function base64(text: string): string {
  let binary = '';
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The text that bytes are, undefined when they are none. */
export function textOf(content: Uint8Array): string | undefined {
  if (content.subarray(0, 8000).includes(0)) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    return undefined;
  }
}

const pictures: Record<string, string> = { png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', gif: 'image/gif', webp: 'image/webp', svg: 'image/svg+xml', ico: 'image/x-icon', avif: 'image/avif' };

/** A picture's type by its name, undefined for what is none. */
export const pictureType = (path: string) => pictures[path.split('.').pop()?.toLowerCase() ?? ''];

/** A URL that holds the content itself: the policy of the pages lets pictures be such. */
export function dataURL(type: string, content: Uint8Array): string {
  let binary = '';
  for (const byte of content) binary += String.fromCharCode(byte);
  return `data:${type};base64,${btoa(binary)}`;
}

/** Where pages of a repository are. */
export function codePath(repository: string, page = '', query: Record<string, string | undefined> = {}): string {
  const given = Object.entries(query).filter((e): e is [string, string] => !!e[1]);
  const tail = given.length ? `?${new URLSearchParams(given)}` : '';
  return `/repositories/${encodeURIComponent(repository)}${page && `/${page}`}${tail}`;
}
