import { here, refusal } from './aws';

/** Requests in S3's own protocol, which the server signs for whoever is signed in. */
export async function s3(method: string, path: string, body?: BodyInit, type?: string, signal?: AbortSignal): Promise<Response> {
  const res = await fetch(`${here}s3/${path}`, { method, body, headers: type ? { 'content-type': type } : {}, signal });
  if (!res.ok) throw await refusal(res);
  return res;
}

/** What a bucket may have and may lack: undefined without. A bucket that does not exist lacks nothing. */
export async function optional(path: string): Promise<string | undefined> {
  const res = await fetch(`${here}s3/${path}`);
  if (res.ok) return res.text();
  const refused = await refusal(res);
  if (res.status === 404 && refused.code !== 'NoSuchBucket') return undefined;
  throw refused;
}

export const keyPath = (bucket: string, key: string) => `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;

export function parse(text: string, ...tags: string[]): Element[] {
  const document = new DOMParser().parseFromString(text, 'application/xml');
  return tags.flatMap((tag) => [...document.getElementsByTagName(tag)]);
}

export const text = (e: Element, tag: string) => e.getElementsByTagName(tag)[0]?.textContent ?? '';
export const escape = (s: string) => s.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

export async function listBuckets(): Promise<{ name: string; created: string }[]> {
  const res = await s3('GET', '');
  return parse(await res.text(), 'Bucket').map((b) => ({ name: text(b, 'Name'), created: text(b, 'CreationDate') }));
}

export interface Listing {
  objects: { key: string; size: number; modified: string }[];
  folders: string[];
  /** What the next page begins with, when there is one. */
  next?: string;
}

/** One page of the objects below a prefix. Without a delimiter those in folders are among them. */
export async function listObjects(bucket: string, prefix: string, token = '', delimiter = '/'): Promise<Listing> {
  const query = new URLSearchParams({ 'list-type': '2', prefix, ...(delimiter && { delimiter }), ...(token && { 'continuation-token': token }) });
  const body = await (await s3('GET', `${bucket}?${query}`)).text();
  const more = parse(body, 'IsTruncated')[0]?.textContent === 'true';
  return {
    objects: parse(body, 'Contents').map((o) => ({ key: text(o, 'Key'), size: Number(text(o, 'Size')), modified: text(o, 'LastModified') })),
    folders: parse(body, 'CommonPrefixes').map((p) => text(p, 'Prefix')),
    next: more ? parse(body, 'NextContinuationToken')[0]?.textContent ?? undefined : undefined,
  };
}

export const createBucket = (bucket: string) => s3('PUT', bucket);
export const deleteBucket = (bucket: string) => s3('DELETE', bucket);

/** What is known of an object without reading it. */
export interface Head {
  size: number;
  type: string;
  modified: string;
  etag: string;
  cacheControl: string;
  version: string;
  /** What was put beside it, by name. */
  metadata: [string, string][];
}

const versionOf = (version?: string) => (version ? `?${new URLSearchParams({ versionId: version })}` : '');

export async function head(bucket: string, key: string, version?: string): Promise<Head> {
  const { headers } = await s3('HEAD', keyPath(bucket, key) + versionOf(version));
  const get = (name: string) => headers.get(name) ?? '';
  const metadata = [...headers].flatMap(([k, v]): [string, string][] => (k.startsWith('x-amz-meta-') ? [[k.slice('x-amz-meta-'.length), v]] : []));
  return { size: Number(get('content-length')), type: get('content-type'), modified: get('last-modified'), etag: get('etag').replaceAll('"', ''), cacheControl: get('cache-control'), version: get('x-amz-version-id'), metadata };
}

/** Bytes of an object, from its beginning. */
export async function beginning(bucket: string, key: string, size: number, version?: string): Promise<Uint8Array> {
  const res = await fetch(`${here}s3/${keyPath(bucket, key)}${versionOf(version)}`, { headers: size ? { range: `bytes=0-${size - 1}` } : {} });
  if (!res.ok && res.status !== 416) throw await refusal(res);
  return res.status === 416 ? new Uint8Array() : new Uint8Array(await res.arrayBuffer());
}

export interface Version {
  id: string;
  latest: boolean;
  deleted: boolean;
  size: number;
  modified: string;
}

/** Every version of an object, the newest first. */
export async function versions(bucket: string, key: string): Promise<Version[]> {
  const body = await (await s3('GET', `${bucket}?${new URLSearchParams({ versions: '', prefix: key })}`)).text();
  return parse(body, 'Version', 'DeleteMarker')
    .filter((v) => text(v, 'Key') === key)
    .map((v) => ({ id: text(v, 'VersionId'), latest: text(v, 'IsLatest') === 'true', deleted: v.tagName === 'DeleteMarker', size: Number(text(v, 'Size')), modified: text(v, 'LastModified') }))
    .sort((a, b) => Number(b.latest) - Number(a.latest) || b.modified.localeCompare(a.modified));
}

export const remove = (bucket: string, key: string, version?: string) => s3('DELETE', keyPath(bucket, key) + versionOf(version));

/** removeFolder deletes everything below a prefix, and tells how far it has come. */
export async function removeFolder(bucket: string, prefix: string, tell: (n: number) => void): Promise<void> {
  for (let done = 0; ; ) {
    const { objects } = await listObjects(bucket, prefix, '', '');
    if (!objects.length) return;
    for (let i = 0; i < objects.length; i += 6) {
      await Promise.all(objects.slice(i, i + 6).map((o) => remove(bucket, o.key)));
      tell((done += Math.min(6, objects.length - i)));
    }
  }
}

export const downloadURL = (bucket: string, key: string, version?: string) => `${here}s3/${keyPath(bucket, key)}${versionOf(version)}`;

/** Where the website of a bucket is, beside this console. */
export const siteURL = (bucket: string) => `/conveyor/websites/${bucket}/`;
