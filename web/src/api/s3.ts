import { here, refusal } from './aws';

/** Requests in S3's own protocol, which the server signs for whoever is signed in. */
async function s3(method: string, path: string, body?: BodyInit, type?: string): Promise<Response> {
  const res = await fetch(`${here}s3/${path}`, { method, body, headers: type ? { 'content-type': type } : {} });
  if (!res.ok) throw await refusal(res);
  return res;
}

const keyPath = (bucket: string, key: string) => `${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`;

function parse(text: string, tag: string): Element[] {
  return [...new DOMParser().parseFromString(text, 'application/xml').getElementsByTagName(tag)];
}

const text = (e: Element, tag: string) => e.getElementsByTagName(tag)[0]?.textContent ?? '';

export async function listBuckets(): Promise<{ name: string; created: string }[]> {
  const res = await s3('GET', '');
  return parse(await res.text(), 'Bucket').map((b) => ({ name: text(b, 'Name'), created: text(b, 'CreationDate') }));
}

export interface Listing {
  objects: { key: string; size: number; modified: string }[];
  folders: string[];
  truncated: boolean;
}

export async function listObjects(bucket: string, prefix: string): Promise<Listing> {
  const query = new URLSearchParams({ 'list-type': '2', delimiter: '/', prefix });
  const body = await (await s3('GET', `${bucket}?${query}`)).text();
  return {
    objects: parse(body, 'Contents').map((o) => ({ key: text(o, 'Key'), size: Number(text(o, 'Size')), modified: text(o, 'LastModified') })),
    folders: parse(body, 'CommonPrefixes').map((p) => text(p, 'Prefix')),
    truncated: parse(body, 'IsTruncated')[0]?.textContent === 'true',
  };
}

export const createBucket = (bucket: string) => s3('PUT', bucket);

/** Makes a bucket a website that everyone may read. */
export async function publish(bucket: string): Promise<void> {
  const website =
    '<WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IndexDocument><Suffix>index.html</Suffix></IndexDocument>' +
    '<ErrorDocument><Key>error.html</Key></ErrorDocument></WebsiteConfiguration>';
  await s3('PUT', `${bucket}?website`, website, 'application/xml');
  const policy = {
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }],
  };
  await s3('PUT', `${bucket}?policy`, JSON.stringify(policy), 'application/json');
}

export async function isWebsite(bucket: string): Promise<boolean> {
  const res = await fetch(`${here}s3/${bucket}?website`);
  if (res.status === 404) return false;
  if (!res.ok) throw await refusal(res);
  return true;
}

export const upload = (bucket: string, key: string, file: File) =>
  s3('PUT', keyPath(bucket, key), file, file.type || 'application/octet-stream');

export const remove = (bucket: string, key: string) => s3('DELETE', keyPath(bucket, key));

export const downloadURL = (bucket: string, key: string) => `${here}s3/${keyPath(bucket, key)}`;

/** Where the website of a bucket is, beside this console. */
export const siteURL = (bucket: string) => `/conveyor/websites/${bucket}/`;
