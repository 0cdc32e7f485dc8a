import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import KeyValuePairs from '@cloudscape-design/components/key-value-pairs';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { useMay } from '../../api/ask';
import { aws } from '../../api/aws';
import { codePath, repositoryQ } from '../../api/code';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { say } from '../../flash';
import { useCodeWords } from '../../i18n/code';
import { Templates } from './templates';

/** What a repository is called, which rules it has, and its end. */
export default function Settings({ repository }: { repository: string }) {
  const { t, at } = useCodeWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const about = useQuery(repositoryQ(repository));
  const [deleting, setDeleting] = useState(false);
  const may = useMay([['codecommit:DeleteRepository', about.data?.Arn ?? '*']]);
  if (!about.data) return null;
  async function remove() {
    await aws('codecommit', 'DeleteRepository', { repositoryName: repository });
    queries.removeQueries({ queryKey: ['repository', repository] });
    await queries.invalidateQueries({ queryKey: ['repository', 'list'] });
    await go('/repositories');
  }
  return (
    <SpaceBetween size="l">
      <About key={repository} repository={repository} description={about.data.repositoryDescription ?? ''} />
      <Templates repository={repository} />
      <Container header={<Header variant="h2" description={t('deleteRepositoryHint')} actions={<Button disabled={!may('codecommit:DeleteRepository')} disabledReason={t('denied')} onClick={() => setDeleting(true)}>{t('deleteRepository')}</Button>}>{t('deleteRepository')}</Header>}>
        <KeyValuePairs columns={2} items={[{ label: t('repositoryARN'), value: about.data.Arn ?? '–' }, { label: t('modified'), value: at(about.data.lastModifiedDate) }]} />
      </Container>
      {deleting && <Confirm title={`${t('deleteRepository')}: ${repository}`} hint={t('deleteRepositoryHint')} name={repository} submit={t('del')} onConfirm={remove} onClose={() => setDeleting(false)} />}
    </SpaceBetween>
  );
}

function About({ repository, description }: { repository: string; description: string }) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState(repository);
  const [text, setText] = useState(description);
  const [error, setError] = useState<unknown>();
  async function store() {
    setError(undefined);
    try {
      if (text !== description) await aws('codecommit', 'UpdateRepositoryDescription', { repositoryName: repository, repositoryDescription: text });
      if (name !== repository) await aws('codecommit', 'UpdateRepositoryName', { oldName: repository, newName: name });
      await queries.invalidateQueries({ queryKey: ['repository'] });
      say('success', t('saved'));
      if (name !== repository) await go(codePath(name, 'settings'), { replace: true });
    } catch (e) {
      setError(e);
    }
  }
  return (
    <Container header={<Header variant="h2">{t('repositorySettings')}</Header>}>
      <SpaceBetween size="m">
        {error !== undefined && <ErrorBox error={error} />}
        <FormField label={t('rename')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>
        <FormField label={t('description')}><Textarea rows={2} value={text} onChange={(e) => setText(e.detail.value.slice(0, 1000))} /></FormField>
        <Button disabled={!name || (name === repository && text === description)} onClick={() => void store()}>{t('saveChanges')}</Button>
      </SpaceBetween>
    </Container>
  );
}
