import Alert from '@cloudscape-design/components/alert';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import Button from '@cloudscape-design/components/button';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Spinner from '@cloudscape-design/components/spinner';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import Tabs from '@cloudscape-design/components/tabs';
import Textarea from '@cloudscape-design/components/textarea';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { checkQ, useMay } from '../api/ask';
import { aws } from '../api/aws';
import { createPipeline } from '../api/create';
import { actionTypesQ, definitionQ, ruleTypesQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { FormModal } from '../components/form-modal';
import { ActionForm } from '../editor/action-form';
import { Board, type Edits } from '../editor/board';
import { Changes } from '../editor/changes';
import { actionsOf, addStage, mistakes, moveAction, moveStage, removeAction, removeStage, setAction, setStage, stagesOf, tidy, type Declaration } from '../editor/model';
import { SettingsForm } from '../editor/settings-form';
import { StageForm } from '../editor/stage-form';
import { say } from '../flash';
import { useEditorWords } from '../i18n/editor';

const written = (d: Declaration) => JSON.stringify(d, null, 2);
const essence = (d: Declaration) => written(tidy(d));

/** The editor begins with the definition the server has, and keeps it while others may save. */
export default function EditPipeline() {
  const name = useParams().name ?? '';
  const { data, error, refetch } = useQuery(definitionQ(name));
  const [times, setTimes] = useState(0);
  if (error) return <ErrorBox error={error} retry={() => void refetch()} />;
  if (!data?.pipeline) return <Spinner size="large" />;
  return <Editor key={times} name={name} newest={data.pipeline as Declaration} arn={data.metadata?.pipelineArn ?? '*'} onReopen={() => setTimes(times + 1)} />;
}

interface Props {
  /** It is not yet there. */
  creating?: boolean;
  name: string;
  arn: string;
  /** What the server has now. */
  newest: Declaration;
  onReopen: () => void;
}

type Open = { kind: 'stage'; stage: number } | { kind: 'action'; stage: number; action: number } | { kind: 'save' };

/** The editor of a definition. */
export function Editor({ creating = false, name, arn, newest, onReopen }: Props) {
  const { t } = useEditorWords();
  const go = useNavigate();
  const types = useQuery(actionTypesQ());
  const rules = useQuery(ruleTypesQ());
  const takes = creating ? 'codepipeline:CreatePipeline' : 'codepipeline:UpdatePipeline';
  const may = useMay([[takes, arn]])(takes);
  const [opened] = useState(newest);
  const [draft, setDraft] = useState(opened);
  const [open, setOpen] = useState<Open>();
  const changed = creating || essence(draft) !== essence(opened);
  const overtaken = newest.version !== opened.version;
  const found = mistakes(draft, types.data ?? []);
  const close = () => setOpen(undefined);
  useUnsaved(changed);
  const edits: Edits = {
    addStage: (at) => setDraft(addStage(draft, at)),
    editStage: (stage) => setOpen({ kind: 'stage', stage }),
    moveStage: (from, to) => setDraft(moveStage(draft, from, to)),
    removeStage: (stage) => setDraft(removeStage(draft, stage)),
    editAction: (stage, action) => setOpen({ kind: 'action', stage, action }),
    moveAction: (from, action, to) => setDraft(moveAction(draft, from, action, to)),
    removeAction: (stage, action) => setDraft(removeAction(draft, stage, action)),
  };
  const stage = open && 'stage' in open ? stagesOf(draft)[open.stage] : undefined;
  return (
    <SpaceBetween size="l">
      <BreadcrumbGroup ariaLabel={t('navigation')} items={[{ text: t('pipelines'), href: '/' }, ...(creating ? [] : [{ text: name, href: `/pipelines/${encodeURIComponent(name)}` }]), { text: t(creating ? 'createPipeline' : 'edit'), href: '#' }]} onFollow={(e) => (e.preventDefault(), e.detail.href !== '#' && void go(e.detail.href))} />
      <Header
        variant="h1"
        actions={
          <SpaceBetween direction="horizontal" size="xs">
            <Button disabled={!changed && !overtaken} onClick={onReopen}>{t(creating ? 'backToSteps' : 'discard')}</Button>
            <Button variant="primary" disabled={!changed || !may} onClick={() => setOpen({ kind: 'save' })}>{t(creating ? 'createPipeline' : 'save')}</Button>
          </SpaceBetween>
        }
      >
        {t('editorTitle', { name: draft.name ?? name })}
      </Header>
      {!may && <Alert type="info">{t('readOnly', { action: takes })}</Alert>}
      {overtaken && <Alert type="warning">{t('changed', { n: newest.version ?? 0 })}</Alert>}
      <Judgement draft={draft} mistakes={found.map((m) => t(m.kind, { stage: m.stage, action: m.action ?? '', name: m.name }))} />
      <Tabs
        ariaLabel={name}
        tabs={[
          { id: 'visual', label: t('visual'), content: <Board definition={draft} mistakes={found} edits={edits} /> },
          { id: 'settings', label: t('pipelineSettings'), content: <SettingsForm named={creating} value={draft} onChange={setDraft} /> },
          { id: 'json', label: 'JSON', content: <AsJSON value={draft} onChange={setDraft} /> },
        ]}
      />
      {open?.kind === 'stage' && stage && <StageForm stage={stage} rules={rules.data ?? []} onDone={(s) => setDraft(setStage(draft, open.stage, s))} onClose={close} />}
      {open?.kind === 'action' && <ActionForm definition={draft} stage={open.stage} action={actionsOf(stage)[open.action]} types={types.data ?? []} onDone={(a) => setDraft(setAction(draft, open.stage, open.action, a))} onClose={close} />}
      {open?.kind === 'save' && <Save creating={creating} before={opened} after={draft} onClose={close} />}
    </SpaceBetween>
  );
}

/** useUnsaved asks before the tab is closed with changes in it. */
function useUnsaved(changed: boolean) {
  useEffect(() => {
    if (!changed) return undefined;
    const ask = (e: BeforeUnloadEvent) => e.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [changed]);
}

/** What is wrong, as far as the editor sees it, and what the server would say. */
function Judgement({ draft, mistakes: found }: { draft: Declaration; mistakes: string[] }) {
  const { t } = useEditorWords();
  const [settled, setSettled] = useState(draft);
  useEffect(() => {
    const pause = setTimeout(() => setSettled(draft), 400);
    return () => clearTimeout(pause);
  }, [draft]);
  const verdict = useQuery({ ...checkQ(settled), placeholderData: keepPreviousData });
  if (verdict.error) return <ErrorBox error={verdict.error} />;
  if (!verdict.data || settled !== draft) return <StatusIndicator type="pending">{t('checking')}</StatusIndicator>;
  if (!verdict.data.problem && !found.length) return <StatusIndicator type="success">{t('checksOut')}</StatusIndicator>;
  return (
    <Alert type={verdict.data.problem ? 'error' : 'warning'} header={verdict.data.problem && t('refused')}>
      {verdict.data.message && <div>{verdict.data.message}</div>}
      {found.map((text) => <div key={text}>{text}</div>)}
    </Alert>
  );
}

/** The definition as text. What is no JSON stays here and changes nothing. */
function AsJSON({ value, onChange }: { value: Declaration; onChange: (d: Declaration) => void }) {
  const { t } = useEditorWords();
  const [text, setText] = useState(() => written(value));
  const [problem, setProblem] = useState('');
  function type(next: string) {
    setText(next);
    try {
      onChange(JSON.parse(next) as Declaration);
      setProblem('');
    } catch (e) {
      setProblem(t('notJSON', { reason: e instanceof Error ? e.message : String(e) }));
    }
  }
  return (
    <SpaceBetween size="s">
      {problem && <Alert type="error">{problem}</Alert>}
      <Textarea ariaLabel={t('definition')} className="mono" spellcheck={false} rows={28} value={text} invalid={!!problem} onChange={(e) => type(e.detail.value)} />
    </SpaceBetween>
  );
}

function Save({ creating, before, after, onClose }: { creating: boolean; before: Declaration; after: Declaration; onClose: () => void }) {
  const { t } = useEditorWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const name = after.name ?? '';
  async function save() {
    if (creating) await createPipeline(after);
    else {
      const { pipeline } = await aws('codepipeline', 'UpdatePipeline', { pipeline: after });
      say('success', t('versionSaved', { n: pipeline?.version ?? 0, name }));
    }
    await queries.invalidateQueries({ queryKey: ['pipeline', name] });
    await go(`/pipelines/${encodeURIComponent(name)}`);
  }
  return (
    <FormModal title={t('saveTitle', { name })} size="large" submit={t(creating ? 'createPipeline' : 'save')} onSubmit={save} onClose={onClose}>
      <span>{t(creating ? 'createHint' : 'saveHint')}</span>
      <Changes before={creating ? '' : essence(before)} after={essence(after)} />
    </FormModal>
  );
}
