import { queryOptions } from '@tanstack/react-query';
import type * as IAM from '@aws-sdk/client-iam';
import type { In } from '../api/aws';
import { iam, list, names, part, text, type Answer } from '../api/iam';

/** Users, groups and roles are much alike: IAM's operations differ by a word. */
export const kinds = ['User', 'Group', 'Role'] as const;
export type Kind = (typeof kinds)[number];

type Input<Op extends string> = In<typeof IAM, Op>;
const named = <Op extends string>(kind: Kind, name: string, more: object = {}) => ({ [`${kind}Name`]: name, ...more }) as unknown as Input<Op>;

export interface Principal {
  name: string;
  arn: string;
  created: string;
}

const principal = (kind: Kind, a: Answer): Principal => ({ name: text(a, `${kind}Name`), arn: text(a, 'Arn'), created: text(a, 'CreateDate') });

/** every reads all pages of a list. */
export async function every(page: (Marker?: string) => Promise<Answer>, member: string): Promise<Answer[]> {
  const all: Answer[] = [];
  for (let marker: string | undefined; ; ) {
    const got = await page(marker);
    all.push(...list(got, member));
    if (text(got, 'IsTruncated') !== 'true') return all;
    marker = text(got, 'Marker');
  }
}

export const principalsQ = (kind: Kind) =>
  queryOptions({
    queryKey: ['iam', kind],
    queryFn: async ({ signal }) => (await every((Marker) => iam(`List${kind}s`, { Marker }, signal), `${kind}s`)).map((a) => principal(kind, a)),
  });

export interface Details extends Principal {
  trust: string;
  attached: { name: string; arn: string }[];
  inline: string[];
  groups: string[];
  members: string[];
  keys: { id: string; status: string; created: string }[];
}

/** details reads what belongs to a user, group or role, at once. */
async function details(kind: Kind, name: string, signal?: AbortSignal): Promise<Details> {
  const [about, attached, inline, groups, keys] = await Promise.all([
    iam(`Get${kind}`, named<'GetUser'>(kind, name), signal),
    iam(`ListAttached${kind}Policies`, named<'ListAttachedUserPolicies'>(kind, name), signal),
    iam(`List${kind}Policies`, named<'ListUserPolicies'>(kind, name), signal),
    kind === 'User' ? iam('ListGroupsForUser', { UserName: name }, signal) : undefined,
    kind === 'User' ? iam('ListAccessKeys', { UserName: name }, signal) : undefined,
  ]);
  return {
    ...principal(kind, part(about, kind)),
    trust: text(part(about, kind), 'AssumeRolePolicyDocument'),
    attached: list(attached, 'AttachedPolicies').map((p) => ({ name: text(p, 'PolicyName'), arn: text(p, 'PolicyArn') })),
    inline: names(inline, 'PolicyNames'),
    groups: list(groups, 'Groups').map((g) => text(g, 'GroupName')),
    members: kind === 'Group' ? list(about, 'Users').map((u) => text(u, 'UserName')) : [],
    keys: list(keys, 'AccessKeyMetadata').map((k) => ({ id: text(k, 'AccessKeyId'), status: text(k, 'Status'), created: text(k, 'CreateDate') })),
  };
}

export const detailsQ = (kind: Kind, name: string) => queryOptions({ queryKey: ['iam', kind, name], queryFn: ({ signal }) => details(kind, name, signal) });

export interface Policy {
  name: string;
  arn: string;
  attachments: string;
  version: string;
}

export const policiesQ = (scope: 'All' | 'Local') =>
  queryOptions({
    queryKey: ['iam', 'policies', scope],
    queryFn: async ({ signal }) =>
      (await every((Marker) => iam('ListPolicies', { Scope: scope, Marker }, signal), 'Policies')).map(
        (p): Policy => ({ name: text(p, 'PolicyName'), arn: text(p, 'Arn'), attachments: text(p, 'AttachmentCount'), version: text(p, 'DefaultVersionId') }),
      ),
  });

/** What may be done to a user, group or role. */
export const principals = {
  create: (kind: Kind, name: string, trust: string) => iam(`Create${kind}`, named<'CreateUser'>(kind, name, kind === 'Role' ? { AssumeRolePolicyDocument: trust } : {})),
  remove: (kind: Kind, name: string) => iam(`Delete${kind}`, named<'DeleteUser'>(kind, name)),
  attach: (kind: Kind, name: string, PolicyArn: string) => iam(`Attach${kind}Policy`, named<'AttachUserPolicy'>(kind, name, { PolicyArn })),
  detach: (kind: Kind, name: string, PolicyArn: string) => iam(`Detach${kind}Policy`, named<'DetachUserPolicy'>(kind, name, { PolicyArn })),
  inline: async (kind: Kind, name: string, PolicyName: string) => text(await iam(`Get${kind}Policy`, named<'GetUserPolicy'>(kind, name, { PolicyName })), 'PolicyDocument'),
  putInline: (kind: Kind, name: string, PolicyName: string, PolicyDocument: string) => iam(`Put${kind}Policy`, named<'PutUserPolicy'>(kind, name, { PolicyName, PolicyDocument })),
  dropInline: (kind: Kind, name: string, PolicyName: string) => iam(`Delete${kind}Policy`, named<'DeleteUserPolicy'>(kind, name, { PolicyName })),

  /** What hangs on a principal is taken off, because IAM deletes none that something hangs on. */
  async empty(kind: Kind, name: string) {
    const d = await details(kind, name);
    for (const p of d.attached) await principals.detach(kind, name, p.arn);
    for (const p of d.inline) await principals.dropInline(kind, name, p);
    for (const GroupName of d.groups) await iam('RemoveUserFromGroup', { UserName: name, GroupName });
    for (const UserName of d.members) await iam('RemoveUserFromGroup', { UserName, GroupName: name });
    for (const key of d.keys) await iam('DeleteAccessKey', { UserName: name, AccessKeyId: key.id });
  },
};
