import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useMay } from '../api/ask';
import { iam, policyText } from '../api/iam';
import { ErrorBox } from '../components/error-box';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { complain } from '../flash';
import { useSettingsWords } from '../i18n/settings';
import { AccessKeys } from './access-keys';
import { example, PolicyEditor } from './policy-editor';
import { detailsQ, policiesQ, principals, principalsQ, type Details, type Kind } from './principals';
import { Simulation } from './simulation';

/** What the parts of a principal's page share. */
export interface Part {
  kind: Kind;
  name: string;
  details: Details;
  /** Does something to the principal and shows it anew; a refusal is told. */
  act: (what: () => Promise<unknown>) => void;
}

/** One user, group or role: what it may do, and with what it proves who it is. */
export function PrincipalPage({ kind, name }: { kind: Kind; name: string }) {
  const { t } = useSettingsWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const found = useQuery(detailsQ(kind, name));
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  if (!found.data) return <Spinner size="large" />;
  const act = (what: () => Promise<unknown>) => void what().then(() => queries.invalidateQueries({ queryKey: ['iam'] }), complain);
  const part: Part = { kind, name, details: found.data, act };
  const home = `/settings/${kind.toLowerCase()}s`;
  return (
    <SpaceBetween size="l">
      <BreadcrumbGroup ariaLabel={t('navigation')} items={[{ text: t('settings'), href: '/settings' }, { text: t(`${kind}s`), href: home }, { text: name, href: '#' }]} onFollow={(e) => (e.preventDefault(), e.detail.href !== '#' && void go(e.detail.href))} />
      <Header variant="h1" description={<code>{found.data.arn}</code>}>{name}</Header>
      {kind === 'User' && <AccessKeys {...part} />}
      <Attached {...part} />
      <Inline {...part} />
      {kind === 'User' && <Groups {...part} />}
      {kind === 'Group' && found.data.members.length > 0 && <Container header={<Header variant="h2">{t('members')}</Header>}>{found.data.members.join(', ')}</Container>}
      {kind === 'Role' && <Container header={<Header variant="h2">{t('trustPolicy')}</Header>}><pre className="code" tabIndex={0}>{policyText(found.data.trust)}</pre></Container>}
      <Simulation arn={found.data.arn} />
    </SpaceBetween>
  );
}

/** A list that is chosen from: choosing adds. */
function Adder(p: { label: string; options: { value: string; label: string; disabled?: boolean; disabledReason?: string }[]; onAdd: (value: string) => void }) {
  return <Select selectedOption={null} filteringType="auto" placeholder={p.label} ariaLabel={p.label} options={p.options} empty="–" onChange={(e) => p.onAdd(e.detail.selectedOption.value ?? '')} />;
}

function Attached({ kind, name, details, act }: Part) {
  const { t } = useSettingsWords();
  const all = useQuery(policiesQ('All'));
  const takes = `iam:Attach${kind}Policy`;
  const may = useMay([[takes, details.arn]])(takes);
  const options = (all.data ?? []).filter((p) => !details.attached.some((a) => a.arn === p.arn)).map((p) => ({ value: p.arn, label: p.name, disabled: !may, disabledReason: t('forbidden', { action: takes }) }));
  return (
    <Table
      items={details.attached}
      empty={t('noPolicies')}
      ariaLabels={{ tableLabel: t('attachedPolicies') }}
      header={<Header variant="h2" actions={<Adder label={t('attachPolicy')} options={options} onAdd={(arn) => act(() => principals.attach(kind, name, arn))} />}>{t('attachedPolicies')}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (p) => p.name },
        { id: 'arn', header: 'ARN', cell: (p) => <code>{p.arn}</code> },
        { id: 'do', header: t('actions'), minWidth: 150, cell: (p) => <Permitted action={`iam:Detach${kind}Policy`} on={details.arn} variant="inline-link" ariaLabel={`${t('detach')}: ${p.name}`} onClick={() => act(() => principals.detach(kind, name, p.arn))}>{t('detach')}</Permitted> },
      ]}
    />
  );
}

function Inline({ kind, name, details, act }: Part) {
  const { t } = useSettingsWords();
  const [edited, setEdited] = useState<{ name?: string; text: string }>();
  const open = (policy: string) => act(async () => setEdited({ name: policy, text: policyText(await principals.inline(kind, name, policy)) }));
  async function save(policy: string, text: string) {
    await principals.putInline(kind, name, policy, text);
    act(() => Promise.resolve());
  }
  return (
    <>
      <Table
        items={details.inline}
        empty={t('noPolicies')}
        ariaLabels={{ tableLabel: t('inlinePolicies') }}
        header={<Header variant="h2" actions={<Permitted action={`iam:Put${kind}Policy`} on={details.arn} onClick={() => setEdited({ text: example })}>{t('addPolicy')}</Permitted>}>{t('inlinePolicies')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (p) => p },
          {
            id: 'do', header: t('actions'), minWidth: 150,
            cell: (p) => (
              <SpaceBetween direction="horizontal" size="s">
                <Permitted action={`iam:Put${kind}Policy`} on={details.arn} variant="inline-link" ariaLabel={t('editPolicy', { name: p })} onClick={() => open(p)}>{t('editPipeline')}</Permitted>
                <Permitted action={`iam:Delete${kind}Policy`} on={details.arn} variant="inline-link" ariaLabel={`${t('del')}: ${p}`} onClick={() => act(() => principals.dropInline(kind, name, p))}>{t('del')}</Permitted>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {edited && <PolicyEditor title={edited.name ? t('editPolicy', { name: edited.name }) : t('addPolicy')} {...edited} takes={() => [`iam:Put${kind}Policy`, details.arn]} onSave={save} onClose={() => setEdited(undefined)} />}
    </>
  );
}

function Groups({ name, details, act }: Part) {
  const { t } = useSettingsWords();
  const all = useQuery(principalsQ('Group'));
  const groups = all.data ?? [];
  const takes = 'iam:AddUserToGroup';
  const may = useMay(groups.map((g) => [takes, g.arn]));
  const options = groups.filter((g) => !details.groups.includes(g.name)).map((g) => ({ value: g.name, label: g.name, disabled: !may(takes, g.arn), disabledReason: t('forbidden', { action: takes }) }));
  const arnOf = (group: string) => groups.find((g) => g.name === group)?.arn ?? details.arn.replace(/:user\/.*$/, `:group/${group}`);
  return (
    <Table
      items={details.groups}
      empty={t('noGroups')}
      ariaLabels={{ tableLabel: t('memberOf') }}
      header={<Header variant="h2" actions={<Adder label={t('addToGroup')} options={options} onAdd={(GroupName) => act(() => iam('AddUserToGroup', { UserName: name, GroupName }))} />}>{t('memberOf')}</Header>}
      columnDefinitions={[
        { id: 'name', header: t('name'), isRowHeader: true, cell: (g) => g },
        { id: 'do', header: t('actions'), minWidth: 150, cell: (g) => <Permitted action="iam:RemoveUserFromGroup" on={arnOf(g)} variant="inline-link" ariaLabel={`${t('remove')}: ${g}`} onClick={() => act(() => iam('RemoveUserFromGroup', { UserName: name, GroupName: g }))}>{t('remove')}</Permitted> },
      ]}
    />
  );
}
