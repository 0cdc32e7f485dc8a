import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { iam, list, part, policyText, text } from '../api/iam';
import { useARN } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { Permitted } from '../components/permitted';
import Table from '../components/table';
import { complain } from '../flash';
import { useSettingsWords } from '../i18n/settings';
import { example, PolicyEditor } from './policy-editor';
import { policiesQ, type Policy } from './principals';

type Edited = { policy?: Policy; text: string };

async function read(p: Policy): Promise<Edited> {
  const version = part(await iam('GetPolicyVersion', { PolicyArn: p.arn, VersionId: p.version }), 'PolicyVersion');
  return { policy: p, text: policyText(text(version, 'Document')) };
}

/** A new document of a policy becomes its version at once. IAM keeps five: the oldest that is not used makes room. */
async function revise(PolicyArn: string, PolicyDocument: string) {
  const versions = list(await iam('ListPolicyVersions', { PolicyArn }), 'Versions');
  const spare = versions.filter((v) => text(v, 'IsDefaultVersion') !== 'true').at(-1);
  if (versions.length >= 5 && spare) await iam('DeletePolicyVersion', { PolicyArn, VersionId: text(spare, 'VersionId') });
  await iam('CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: true });
}

async function remove(PolicyArn: string) {
  const versions = list(await iam('ListPolicyVersions', { PolicyArn }), 'Versions');
  for (const v of versions) if (text(v, 'IsDefaultVersion') !== 'true') await iam('DeletePolicyVersion', { PolicyArn, VersionId: text(v, 'VersionId') });
  await iam('DeletePolicy', { PolicyArn });
}

const builtIn = (p: Policy) => p.arn.startsWith('arn:aws:iam::aws:');

/** The policies that can be attached. */
export function Policies() {
  const { t } = useSettingsWords();
  const queries = useQueryClient();
  const found = useQuery(policiesQ('All'));
  const arn = useARN();
  const [edited, setEdited] = useState<Edited>();
  const [leaving, setLeaving] = useState<Policy>();
  if (found.isError) return <ErrorBox error={found.error} retry={() => void found.refetch()} />;
  const anew = () => queries.invalidateQueries({ queryKey: ['iam'] });
  const save = async (PolicyName: string, PolicyDocument: string) => {
    await (edited?.policy ? revise(edited.policy.arn, PolicyDocument) : iam('CreatePolicy', { PolicyName, PolicyDocument }));
    await anew();
  };
  return (
    <>
      <Table<Policy>
        variant="embedded"
        wrapLines
        items={found.data?.toSorted((a, b) => Number(builtIn(a)) - Number(builtIn(b))) ?? []}
        loading={found.isLoading}
        loadingText={t('loading')}
        empty={t('nobody')}
        ariaLabels={{ tableLabel: t('policies') }}
        header={<Header variant="h2" actions={<Button variant="primary" onClick={() => setEdited({ text: example })}>{t('createPolicy')}</Button>}>{t('policies')}</Header>}
        columnDefinitions={[
          { id: 'name', header: t('name'), isRowHeader: true, cell: (p) => <>{p.name}<Box variant="small" display="block"><code>{p.arn}</code></Box></> },
          { id: 'used', header: t('attachments'), cell: (p) => p.attachments },
          { id: 'version', header: t('version'), cell: (p) => p.version },
          {
            id: 'do', header: t('actions'), minWidth: 150,
            cell: (p) => builtIn(p) ? t('ofConveyor') : (
              <SpaceBetween direction="horizontal" size="s">
                <Permitted action="iam:CreatePolicyVersion" on={p.arn} variant="inline-link" ariaLabel={t('editPolicy', { name: p.name })} onClick={() => void read(p).then(setEdited, complain)}>{t('editPipeline')}</Permitted>
                <Permitted action="iam:DeletePolicy" on={p.arn} variant="inline-link" ariaLabel={`${t('del')}: ${p.name}`} onClick={() => setLeaving(p)}>{t('del')}</Permitted>
              </SpaceBetween>
            ),
          },
        ]}
      />
      {edited && <PolicyEditor title={edited.policy ? t('editPolicy', { name: edited.policy.name }) : t('createPolicy')} name={edited.policy?.name} text={edited.text} takes={(name) => (edited.policy ? ['iam:CreatePolicyVersion', edited.policy.arn] : ['iam:CreatePolicy', arn('iam', `policy/${name}`)])} onSave={save} onClose={() => setEdited(undefined)} />}
      {leaving && <FormModal title={t('deleteTitle', { name: leaving.name })} submit={t('del')} onSubmit={async () => (await remove(leaving.arn), await anew())} onClose={() => setLeaving(undefined)}>{t('deleteHint')}</FormModal>}
    </>
  );
}
