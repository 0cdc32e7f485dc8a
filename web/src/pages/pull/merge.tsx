import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../../api/aws';
import { branchOf, merge, target, type PullRequest, type Way } from '../../api/pulls';
import { sessionQ } from '../../api/queries';
import { FormModal } from '../../components/form-modal';
import { usePullWords } from '../../i18n/pulls';
import { remember, remembered } from '../../remember';

/** Merges, in one of the ways that are possible. */
export function Merge({ pull, ways, onClose }: { pull: PullRequest; ways: Way[]; onClose: () => void }) {
  const { t } = usePullWords();
  const person = useQuery(sessionQ()).data;
  const to = target(pull);
  const [source, destination] = [branchOf(to.sourceReference), branchOf(to.destinationReference)];
  const [way, setWay] = useState<Way | undefined>(ways[0]);
  const [name, setName] = useState(remembered('author') ?? person?.name ?? '');
  const [email, setEmail] = useState(remembered('email') ?? '');
  const [message, setMessage] = useState(`${pull.title} (#${pull.pullRequestId})`);
  const [tidy, setTidy] = useState(false);
  const all = [['FAST_FORWARD_MERGE', t('fastForward'), t('fastForwardHint')], ['SQUASH_MERGE', t('squash'), t('squashHint')], ['THREE_WAY_MERGE', t('threeWay'), t('threeWayHint')]] as const;
  async function submit() {
    if (!way) return;
    remember('author', name);
    remember('email', email);
    await merge(way, pull, { authorName: name, email, commitMessage: message });
    if (tidy) await aws('codecommit', 'DeleteBranch', { repositoryName: to.repositoryName ?? '', branchName: source });
  }
  return (
    <FormModal title={t('mergeTitle', { name: destination })} submit={t('mergeIt')} disabled={!way} onSubmit={submit} onClose={onClose}>
      <FormField label={t('mergeHow')}>
        <RadioGroup
          value={way ?? null}
          onChange={(e) => setWay(e.detail.value as Way)}
          items={all.map(([value, label, hint]) => ({ value, label, description: ways.includes(value) ? hint : t('notPossible'), disabled: !ways.includes(value) }))}
        />
      </FormField>
      {way !== 'FAST_FORWARD_MERGE' && (
        <>
          <FormField label={t('mergeName')}><Input value={name} onChange={(e) => setName(e.detail.value)} /></FormField>
          <FormField label={t('mergeEmail')}><Input type="email" value={email} onChange={(e) => setEmail(e.detail.value)} /></FormField>
          <FormField label={t('mergeMessage')}><Textarea rows={3} value={message} onChange={(e) => setMessage(e.detail.value)} /></FormField>
        </>
      )}
      <Checkbox checked={tidy} onChange={(e) => setTidy(e.detail.checked)}>{t('deleteSource', { name: source })}</Checkbox>
    </FormModal>
  );
}
