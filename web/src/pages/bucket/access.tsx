import Alert, { type AlertProps } from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { deleteBucket } from '../../api/s3';
import { exposure, locks, policy, publicAccessBlock, readable, removePolicy, setPolicy, setPublicAccessBlock, type Exposure, type Locks } from '../../api/site';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { complain, say } from '../../flash';
import '../../code/code.css';
import { useBucketWords } from '../../i18n/bucket';

const looks: Record<Exposure, [AlertProps.Type, 'expPublic' | 'expPrivate' | 'expConditional' | 'expBlocked']> = {
  public: ['warning', 'expPublic'], private: ['success', 'expPrivate'], conditional: ['warning', 'expConditional'], blocked: ['info', 'expBlocked'],
};

/** Who can read a bucket: first in plain words, then the policy and the locks that make it so. */
export default function Access({ bucket }: { bucket: string }) {
  const { t } = useBucketWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const document = useQuery({ queryKey: ['bucket', bucket, 'policy'], queryFn: async () => (await policy(bucket)) ?? null });
  const blocked = useQuery({ queryKey: ['bucket', bucket, 'locks'], queryFn: () => publicAccessBlock(bucket) });
  const [deleting, setDeleting] = useState(false);
  const error = document.error ?? blocked.error;
  if (error) return <ErrorBox error={error} />;
  if (document.data === undefined || !blocked.data) return <Waiting />;
  const again = () => queries.invalidateQueries({ queryKey: ['bucket', bucket] });
  const does = (what: Promise<unknown>) => void what.then(again).catch(complain);
  const now = exposure(document.data ?? undefined, blocked.data);
  const [type, words] = looks[now];
  const lock = (name: keyof Locks, on: boolean) => does(setPublicAccessBlock(bucket, { ...(blocked.data as Locks), [name]: on }));
  async function remove() {
    await deleteBucket(bucket);
    await queries.invalidateQueries({ queryKey: ['buckets'] });
    await go('/buckets');
  }
  const turn = now === 'private' ? <Button onClick={() => does(setPolicy(bucket, readable(bucket)))}>{t('makePublic')}</Button> : <Button onClick={() => does(removePolicy(bucket))}>{t('makePrivate')}</Button>;
  return (
    <SpaceBetween size="l">
      <Alert type={type} header={t(words)} action={now === 'private' && document.data ? undefined : turn} />
      <PolicyForm key={document.data} bucket={bucket} document={document.data ?? ''} onChange={again} />
      <Container header={<Header variant="h2">{t('blockAccess')}</Header>}>
        <SpaceBetween size="xs">{locks.map((name) => <Checkbox key={name} checked={!!blocked.data?.[name]} onChange={(e) => lock(name, e.detail.checked)}>{t(name)}</Checkbox>)}</SpaceBetween>
      </Container>
      <Container header={<Header variant="h2" description={t('deleteBucketHint')} actions={<Button onClick={() => setDeleting(true)}>{t('deleteBucket')}</Button>}>{t('deleteBucket')}</Header>} />
      {deleting && <Confirm title={`${t('deleteBucket')}: ${bucket}`} hint={t('deleteBucketHint')} name={bucket} submit={t('del')} onConfirm={remove} onClose={() => setDeleting(false)} />}
    </SpaceBetween>
  );
}

function pretty(document: string): string {
  try {
    return JSON.stringify(JSON.parse(document), null, 2);
  } catch {
    return document;
  }
}

function PolicyForm({ bucket, document, onChange }: { bucket: string; document: string; onChange: () => Promise<unknown> }) {
  const { t } = useBucketWords();
  const [text, setText] = useState(() => pretty(document));
  const [error, setError] = useState<unknown>();
  async function store() {
    setError(undefined);
    try {
      JSON.parse(text);
    } catch (e) {
      setError(new Error(t('notJSON', { reason: e instanceof Error ? e.message : String(e) })));
      return;
    }
    try {
      await setPolicy(bucket, text);
      say('success', t('policySaved'));
      await onChange();
    } catch (e) {
      setError(e);
    }
  }
  return (
    <Container header={<Header variant="h2" description={document ? undefined : t('noPolicy')} actions={document && <Button onClick={() => void removePolicy(bucket).then(onChange).catch(setError)}>{t('removePolicy')}</Button>}>{t('bucketPolicy')}</Header>}>
      <SpaceBetween size="s">
        {error !== undefined && <ErrorBox error={error} />}
        <FormField label={t('bucketPolicy')} stretch><Textarea className="mono" rows={Math.min(24, Math.max(6, text.split('\n').length))} spellcheck={false} value={text} onChange={(e) => setText(e.detail.value)} /></FormField>
        <Button disabled={!text.trim() || text === pretty(document)} onClick={() => void store()}>{t('savePolicy')}</Button>
      </SpaceBetween>
    </Container>
  );
}
