import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { aws } from '../../api/aws';
import type { PullRequest } from '../../api/pulls';
import { FormModal } from '../../components/form-modal';
import { usePullWords } from '../../i18n/pulls';

/** Changes what a pull request says of itself. */
export function EditPull({ pull, onClose }: { pull: PullRequest; onClose: () => void }) {
  const { t } = usePullWords();
  const [title, setTitle] = useState(pull.title ?? '');
  const [description, setDescription] = useState(pull.description ?? '');
  async function store() {
    const pullRequestId = pull.pullRequestId ?? '';
    if (title !== pull.title) await aws('codecommit', 'UpdatePullRequestTitle', { pullRequestId, title });
    if (description !== (pull.description ?? '')) await aws('codecommit', 'UpdatePullRequestDescription', { pullRequestId, description });
  }
  return (
    <FormModal title={`${t('editPull')} #${pull.pullRequestId}`} submit={t('updatePull')} disabled={!title.trim()} onSubmit={store} onClose={onClose}>
      <FormField label={t('pullTitle')}><Input value={title} onChange={(e) => setTitle(e.detail.value.slice(0, 150))} /></FormField>
      <FormField label={t('pullDescription')} constraintText={t('writeCommentHint')}><Textarea rows={8} value={description} onChange={(e) => setDescription(e.detail.value.slice(0, 10_240))} /></FormField>
    </FormModal>
  );
}
