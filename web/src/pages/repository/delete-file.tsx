import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { aws } from '../../api/aws';
import { codePath } from '../../api/code';
import { FormModal } from '../../components/form-modal';
import { say } from '../../flash';
import { useCodeWords } from '../../i18n/code';
import { tipOf } from './write';

/** Deletes a file with a commit on a branch. */
export function DeleteFile({ repository, branch, path, onClose }: { repository: string; branch: string; path: string; onClose: () => void }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const [message, setMessage] = useState('');
  async function remove() {
    const made = await aws('codecommit', 'DeleteFile', {
      repositoryName: repository, branchName: branch, filePath: path, parentCommitId: (await tipOf(repository, branch)) ?? '', commitMessage: message || t('deletedMessage', { name: path }),
    });
    await queries.invalidateQueries({ queryKey: ['repository', repository] });
    say('success', t('fileSaved', { id: made.commitId?.slice(0, 8) ?? '' }));
    await go(codePath(repository, 'code', { ref: branch, path: path.split('/').slice(0, -1).join('/') }));
  }
  return (
    <FormModal title={`${t('deleteFile')}: ${path}`} submit={t('saveFile')} onSubmit={remove} onClose={onClose}>
      <FormField label={t('commitMessage')} constraintText={t('onBranch', { name: branch })}>
        <Input value={message} placeholder={t('deletedMessage', { name: path })} onChange={(e) => setMessage(e.detail.value)} />
      </FormField>
    </FormModal>
  );
}
