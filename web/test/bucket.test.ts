import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { listObjects, removeFolder } from '../src/api/s3';
import { exposure, noLocks, readable, websiteXML } from '../src/api/site';
import { partSize, upload } from '../src/api/upload';

/** As much of a browser's XML reader as the answers of S3 ask for. */
class Reader {
  parseFromString(text: string) {
    const find = (inside: string, tag: string): object[] =>
      [...inside.matchAll(new RegExp(`<${tag}>([\\s\\S]*?)</${tag}>`, 'g'))].map((m) => ({ tagName: tag, textContent: m[1], getElementsByTagName: (t: string) => find(m[1] ?? '', t) }));
    return { getElementsByTagName: (tag: string) => find(text, tag) };
  }
}

beforeEach(() => vi.stubGlobal('DOMParser', Reader));
afterEach(() => vi.unstubAllGlobals());

type Asked = { method: string; path: string; size: number; body: string };

/** server answers requests to S3 and keeps what was asked. */
function server(answer: (a: Asked) => Response): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    const body = init.body;
    const a = { method: init.method ?? 'GET', path: url.replace('/conveyor/console/s3/', ''), size: body instanceof Blob ? body.size : 0, body: typeof body === 'string' ? body : '' };
    asked.push(a);
    return answer(a);
  });
  return asked;
}

const part = (a: Asked) => /partNumber=(\d+)/.exec(a.path)?.[1];

test('a small file is one request, its key encoded part by part', async () => {
  const asked = server(() => new Response());
  await upload('www', 'a b/c&d.txt', new Blob(['hello'], { type: 'text/plain' }));
  expect(asked).toEqual([{ method: 'PUT', path: 'www/a%20b/c%26d.txt', size: 5, body: '' }]);
});

test('a large file goes in parts, and is put together in their order', async () => {
  const asked = server((a) => (a.path.includes('?uploads') ? new Response('<R><UploadId>u1</UploadId></R>') : new Response('', { headers: { etag: `"e${part(a)}"` } })));
  const sent: number[] = [];
  await upload('www', 'large', new Blob([new Uint8Array(2 * partSize + 5)]), (n) => sent.push(n));
  expect(asked.filter(part).map((a) => a.size).sort()).toEqual([5, partSize, partSize]);
  expect(asked.at(-1)?.body.match(/"e\d"/g)).toEqual(['"e1"', '"e2"', '"e3"']);
  expect(sent.at(-1)).toBe(2 * partSize + 5);
});

test('an upload that fails is given up, with the reason why', async () => {
  const asked = server((a) => {
    if (a.path.includes('?uploads')) return new Response('<R><UploadId>u1</UploadId></R>');
    return part(a) === '2' ? new Response('<Error><Code>AccessDenied</Code><Message>no</Message></Error>', { status: 403 }) : new Response('', { headers: { etag: 'e' } });
  });
  await expect(upload('www', 'large', new Blob([new Uint8Array(3 * partSize)]))).rejects.toMatchObject({ code: 'AccessDenied', denied: true });
  expect(asked.at(-1)).toMatchObject({ method: 'DELETE', path: 'www/large?uploadId=u1' });
});

test('a listing goes on where the page before ended', async () => {
  const asked = server(() => new Response('<R><IsTruncated>true</IsTruncated><NextContinuationToken>n+1</NextContinuationToken><Contents><Key>a</Key><Size>3</Size></Contents><CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes></R>'));
  expect(await listObjects('www', 'x/', 'n 0')).toMatchObject({ objects: [{ key: 'a', size: 3 }], folders: ['b/'], next: 'n+1' });
  expect(asked[0]?.path).toContain('continuation-token=n+0');
});

test('a folder is deleted with everything in it', async () => {
  let left = ['f/1', 'f/2', 'f/g/3'];
  server((a) => {
    if (a.method !== 'DELETE') return new Response(`<R>${left.map((k) => `<Contents><Key>${k}</Key></Contents>`).join('')}</R>`);
    left = left.filter((k) => `www/${k}` !== a.path);
    return new Response(null, { status: 204 });
  });
  const told: number[] = [];
  await removeFolder('www', 'f/', (n) => told.push(n));
  expect(left).toEqual([]);
  expect(told.at(-1)).toBe(3);
});

test('who can see a bucket, in a word', () => {
  const allow = (more: object) => JSON.stringify({ Statement: { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: '*', ...more } });
  for (const [document, want] of [
    [undefined, 'private'],
    ['not JSON', 'private'],
    [readable('www'), 'public'],
    [allow({ Principal: { AWS: ['*'] }, Action: ['s3:List*', 's3:Get*'] }), 'public'],
    [allow({ Action: 's3:PutObject' }), 'private'],
    [allow({ Effect: 'Deny' }), 'private'],
    [allow({ Principal: { AWS: 'arn:aws:iam::000000000000:user/mina' } }), 'private'],
    [allow({ Condition: { IpAddress: {} } }), 'conditional'],
  ] as const) expect(exposure(document, noLocks), document).toBe(want);
  expect(exposure(readable('www'), { ...noLocks, RestrictPublicBuckets: true })).toBe('blocked');
});

test('a website is written as S3 wants it', () => {
  expect(websiteXML({ index: 'a<b.html', error: '', redirectAll: '', rules: '' })).toContain('<IndexDocument><Suffix>a&lt;b.html</Suffix></IndexDocument></WebsiteConfiguration>');
  expect(websiteXML({ index: 'i', error: 'e', redirectAll: 'https://www.example.com', rules: 'x' })).toContain('<RedirectAllRequestsTo><HostName>www.example.com</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>');
  expect(websiteXML({ index: 'i', error: 'e', redirectAll: '', rules: '<RoutingRule/>' })).toContain('<ErrorDocument><Key>e</Key></ErrorDocument><RoutingRules><RoutingRule/></RoutingRules>');
});
