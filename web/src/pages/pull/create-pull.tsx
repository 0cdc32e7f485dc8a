import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { aws } from '../../api/aws';
import { codePath } from '../../api/code';
import { useARN } from '../../api/queries';
import { FormModal } from '../../components/form-modal';
import { usePullWords } from '../../i18n/pulls';

/** Asks for one branch to be merged into another one. */
export default function CreatePull({ repository, source, destination, onClose }: { repository: string; source: string; destination: string; onClose: () => void }) {
  const { t } = usePullWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const arn = useARN();
  const [title, setTitle] = useState('');
  const [description, setDescription] = useState('');
  async function create() {
    const made = await aws('codecommit', 'CreatePullRequest', {
      title, ...(description && { description }), targets: [{ repositoryName: repository, sourceReference: source, destinationReference: destination }],
    });
    await queries.invalidateQueries({ queryKey: ['repository', repository, 'pulls'] });
    await go(codePath(repository, `pulls/${made.pullRequest?.pullRequestId}`));
  }
  return (
    <FormModal title={`${t('createPullTitle')}: ${source} → ${destination}`} submit={t('create')} disabled={!title.trim()} takes={['codecommit:CreatePullRequest', arn('codecommit', repository)]} onSubmit={create} onClose={onClose}>
      <FormField label={t('pullTitle')}><Input value={title} onChange={(e) => setTitle(e.detail.value.slice(0, 150))} /></FormField>
      <FormField label={t('pullDescription')} constraintText={t('writeCommentHint')}><Textarea rows={6} value={description} onChange={(e) => setDescription(e.detail.value.slice(0, 10_240))} /></FormField>
    </FormModal>
  );
}
