// How a bucket is shown to the world: its website, its policy, and what keeps it private.
import { escape, optional, parse, s3, text } from './s3';

export interface Website {
  index: string;
  error: string;
  /** Where every visitor is sent instead, HOST or PROTOCOL://HOST. */
  redirectAll: string;
  /** The redirection rules, as S3 writes them. */
  rules: string;
}

export async function website(bucket: string): Promise<Website | undefined> {
  const body = await optional(`${bucket}?website`);
  if (body === undefined) return undefined;
  const first = (tag: string) => parse(body, tag)[0];
  const all = first('RedirectAllRequestsTo');
  const protocol = all && text(all, 'Protocol');
  return {
    index: first('IndexDocument')?.textContent ?? '',
    error: first('ErrorDocument')?.textContent ?? '',
    redirectAll: all ? `${protocol ? `${protocol}://` : ''}${text(all, 'HostName')}` : '',
    rules: /<RoutingRules>([\s\S]*)<\/RoutingRules>/.exec(body)?.[1]?.trim() ?? '',
  };
}

/** websiteXML writes a website's configuration. */
export function websiteXML(w: Website): string {
  const wrap = (inner: string) => `<WebsiteConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</WebsiteConfiguration>`;
  if (w.redirectAll) {
    const [, protocol, host] = /^(?:(https?):\/\/)?(.*)$/.exec(w.redirectAll) ?? [];
    return wrap(`<RedirectAllRequestsTo><HostName>${escape(host ?? '')}</HostName>${protocol ? `<Protocol>${protocol}</Protocol>` : ''}</RedirectAllRequestsTo>`);
  }
  const error = w.error ? `<ErrorDocument><Key>${escape(w.error)}</Key></ErrorDocument>` : '';
  const rules = w.rules.trim() ? `<RoutingRules>${w.rules.trim()}</RoutingRules>` : '';
  return wrap(`<IndexDocument><Suffix>${escape(w.index)}</Suffix></IndexDocument>${error}${rules}`);
}

export const setWebsite = (bucket: string, w: Website) => s3('PUT', `${bucket}?website`, websiteXML(w), 'application/xml');
export const removeWebsite = (bucket: string) => s3('DELETE', `${bucket}?website`);

export const policy = (bucket: string) => optional(`${bucket}?policy`);
export const setPolicy = (bucket: string, document: string) => s3('PUT', `${bucket}?policy`, document, 'application/json');
export const removePolicy = (bucket: string) => s3('DELETE', `${bucket}?policy`);

/** The four ways to keep a bucket private whatever else says. */
export const locks = ['BlockPublicAcls', 'IgnorePublicAcls', 'BlockPublicPolicy', 'RestrictPublicBuckets'] as const;
export type Locks = Record<(typeof locks)[number], boolean>;
export const noLocks: Locks = { BlockPublicAcls: false, IgnorePublicAcls: false, BlockPublicPolicy: false, RestrictPublicBuckets: false };

export async function publicAccessBlock(bucket: string): Promise<Locks> {
  const body = await optional(`${bucket}?publicAccessBlock`);
  const found = { ...noLocks };
  if (body) for (const lock of locks) found[lock] = parse(body, lock)[0]?.textContent === 'true';
  return found;
}

export function setPublicAccessBlock(bucket: string, wanted: Locks): Promise<Response> {
  const inner = locks.map((lock) => `<${lock}>${wanted[lock]}</${lock}>`).join('');
  return s3('PUT', `${bucket}?publicAccessBlock`, `<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</PublicAccessBlockConfiguration>`, 'application/xml');
}

export async function versioned(bucket: string): Promise<boolean> {
  const body = await (await s3('GET', `${bucket}?versioning`)).text();
  return parse(body, 'Status')[0]?.textContent === 'Enabled';
}

export const setVersioned = (bucket: string, on: boolean) =>
  s3('PUT', `${bucket}?versioning`, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${on ? 'Enabled' : 'Suspended'}</Status></VersioningConfiguration>`, 'application/xml');

/** readable is the policy that lets everyone read every object. */
export const readable = (bucket: string) =>
  JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }] }, null, 2);

/** Makes a bucket a website that everyone may read. */
export async function publish(bucket: string): Promise<void> {
  await setWebsite(bucket, { index: 'index.html', error: 'error.html', redirectAll: '', rules: '' });
  await setPolicy(bucket, readable(bucket));
}

/** Who can read a bucket's objects without signing in: nobody, everyone, those who meet a condition, or nobody only
 * because public access is blocked. */
export type Exposure = 'private' | 'public' | 'conditional' | 'blocked';

interface Statement {
  Effect?: string;
  Principal?: unknown;
  Action?: string | string[];
  Condition?: unknown;
}

const list = <T>(x: T | T[] | undefined): T[] => (x === undefined ? [] : Array.isArray(x) ? x : [x]);

function isEveryone(principal: unknown): boolean {
  if (principal === '*') return true;
  const aws = (principal as { AWS?: string | string[] } | undefined)?.AWS;
  return list(aws).includes('*');
}

/** exposure reads out of a policy who may see the objects. */
export function exposure(document: string | undefined, blocked: Locks): Exposure {
  let statements: Statement[];
  try {
    statements = list((JSON.parse(document ?? '{}') as { Statement?: Statement | Statement[] }).Statement);
  } catch {
    return 'private';
  }
  const reads = (action: string) => action === '*' || new RegExp(`^${action.replaceAll(/[.+^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i').test('s3:GetObject');
  const open = statements.filter((s) => s.Effect === 'Allow' && isEveryone(s.Principal) && list(s.Action).some(reads));
  if (!open.length) return 'private';
  if (open.every((s) => s.Condition)) return 'conditional';
  return blocked.RestrictPublicBuckets ? 'blocked' : 'public';
}
