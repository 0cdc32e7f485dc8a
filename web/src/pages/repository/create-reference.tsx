import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { aws } from '../../api/aws';
import { makeTag, referencesQ } from '../../api/code';
import { FormModal } from '../../components/form-modal';
import { useCodeWords } from '../../i18n/code';
import { RefPicker } from './ref-picker';

/** Makes a branch or a tag at what another one stands for. */
export function CreateReference({ repository, tag, from, onClose }: { repository: string; tag: boolean; from: string; onClose: () => void }) {
  const { t } = useCodeWords();
  const list = useQuery(referencesQ(repository));
  const [name, setName] = useState('');
  const [base, setBase] = useState(from);
  const commit = list.data?.find((r) => r.name === base)?.commit.id;
  async function create() {
    if (!commit) return;
    if (tag) await makeTag(repository, name, commit);
    else await aws('codecommit', 'CreateBranch', { repositoryName: repository, branchName: name, commitId: commit });
  }
  return (
    <FormModal title={tag ? t('createTag') : t('createBranch')} submit={t('create')} disabled={!name || !commit} onSubmit={create} onClose={onClose}>
      <FormField label={t('name')} constraintText={tag ? t('tagHint') : undefined}>
        <Input value={name} placeholder={tag ? 'v1.0.0' : 'feature/cart'} onChange={(e) => setName(e.detail.value.trim())} />
      </FormField>
      <FormField label={t('fromWhere')}><RefPicker repository={repository} value={base} label={t('fromWhere')} onChange={setBase} /></FormField>
    </FormModal>
  );
}
