import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useSearchParams } from 'react-router';
import { aws } from '../../api/aws';
import { base64, bytes, codePath, fileQ, textOf } from '../../api/code';
import { ErrorBox } from '../../components/error-box';
import { Waiting } from '../../components/waiting';
import { say } from '../../flash';
import { useCodeWords } from '../../i18n/code';
import { useDefaultRef } from './ref-picker';
import '../../code/code.css';
import { tipOf } from './write';

/** A file that is written here and becomes a commit. */
export default function EditFile({ repository }: { repository: string }) {
  const { t } = useCodeWords();
  const [query] = useSearchParams();
  const standard = useDefaultRef(repository);
  const branch = query.get('ref') || standard.ref || 'main';
  const path = query.get('path') ?? '';
  const tip = useQuery({ queryKey: ['repository', repository, 'tip', branch], queryFn: async () => (await tipOf(repository, branch)) ?? null, staleTime: Infinity, gcTime: 0 });
  const file = useQuery({ ...fileQ(repository, tip.data ?? branch, path), enabled: !!path && tip.isSuccess });
  const error = tip.error ?? file.error;
  if (error) return <ErrorBox error={error} />;
  if (!tip.isSuccess || (path && !file.data)) return <Waiting />;
  const text = path ? textOf(bytes(file.data?.fileContent)) : '';
  if (text === undefined) return <Container>{t('binaryHint')}</Container>;
  const folder = query.get('folder');
  return <Editor repository={repository} branch={branch} tip={tip.data ?? undefined} path={path} start={path || (folder ? `${folder}/` : '')} text={text} />;
}

interface Props {
  repository: string;
  branch: string;
  tip?: string;
  /** The file that is edited; empty makes a new one. */
  path: string;
  start: string;
  text: string;
}

function Editor(p: Props) {
  const { t } = useCodeWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const [path, setPath] = useState(p.start);
  const [text, setText] = useState(p.text);
  const [message, setMessage] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const standard = p.path ? t('changedMessage', { name: p.path }) : t('addedMessage', { name: path });
  async function commit() {
    setBusy(true);
    setError(undefined);
    try {
      const made = await aws('codecommit', 'PutFile', {
        repositoryName: p.repository, branchName: p.branch, filePath: path, fileContent: base64(text), commitMessage: message || standard, ...(p.tip && { parentCommitId: p.tip }),
      });
      await queries.invalidateQueries({ queryKey: ['repository', p.repository] });
      say('success', t('fileSaved', { id: made.commitId?.slice(0, 8) ?? '' }));
      await go(codePath(p.repository, 'file', { ref: p.branch, path }));
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  }
  const ready = path && !path.endsWith('/') && (text !== p.text || !p.path);
  return (
    <Container header={<Header variant="h2" description={t('onBranch', { name: p.branch })}>{p.path ? t('editing', { name: p.path }) : t('creatingFile', { name: p.repository })}</Header>}>
      <SpaceBetween size="m">
        {error !== undefined && <ErrorBox error={error} />}
        {!p.path && <FormField label={t('filePath')}><Input value={path} placeholder="docs/guide.md" onChange={(e) => setPath(e.detail.value.replace(/^\/+/, ''))} /></FormField>}
        <FormField label={t('fileContent')} stretch><Textarea className="mono" value={text} rows={24} spellcheck={false} onChange={(e) => setText(e.detail.value)} /></FormField>
        <FormField label={t('commitMessage')} stretch><Input value={message} placeholder={standard} onChange={(e) => setMessage(e.detail.value)} /></FormField>
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="primary" loading={busy} disabled={!ready} onClick={() => void commit()}>{t('saveFile')}</Button>
          <Button variant="link" onClick={() => void go(-1)}>{t('cancel')}</Button>
        </SpaceBetween>
      </SpaceBetween>
    </Container>
  );
}
