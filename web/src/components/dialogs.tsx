import Box from '@cloudscape-design/components/box';
import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Link from '@cloudscape-design/components/link';
import Select from '@cloudscape-design/components/select';
import Textarea from '@cloudscape-design/components/textarea';
import Tiles from '@cloudscape-design/components/tiles';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../api/aws';
import { say } from '../flash';
import { useWords } from '../i18n';
import { commit } from './commit';
import type { Definition } from './conveyor-layout';
import { FormModal } from './form-modal';

interface Closing {
  pipeline: string;
  onClose: () => void;
}

/** Approving or rejecting. */
export function Review(p: Closing & { stage: string; action: string; token: string; what: string; note?: string; link?: string }) {
  const { t } = useWords();
  const [verdict, setVerdict] = useState<'Approved' | 'Rejected'>('Approved');
  const [summary, setSummary] = useState('');
  async function decide() {
    await aws('codepipeline', 'PutApprovalResult', { pipelineName: p.pipeline, stageName: p.stage, actionName: p.action, token: p.token, result: { summary, status: verdict } });
    say('success', t('decisionSaved', { action: p.action }));
  }
  return (
    <FormModal title={t('reviewTitle', { action: p.action })} submit={verdict === 'Approved' ? t('approve') : t('reject')} onSubmit={decide} onClose={p.onClose}>
      <FormField label={t('approving')}>
        <Box>{p.what || '–'}</Box>
        {p.note && <Box>{p.note}</Box>}
        {p.link && <Link external href={p.link}>{p.link}</Link>}
      </FormField>
      <FormField label={t('decision')}>
        <Tiles value={verdict} columns={2} ariaLabel={t('decision')} onChange={(e) => setVerdict(e.detail.value as typeof verdict)} items={[{ value: 'Approved', label: t('approve') }, { value: 'Rejected', label: t('reject') }]} />
      </FormField>
      <FormField label={t('comments')} constraintText={t('commentsHint')}><Textarea value={summary} rows={3} onChange={(e) => setSummary(e.detail.value.slice(0, 512))} /></FormField>
    </FormModal>
  );
}

/** Closing a transition asks why: whoever finds it closed wants to know. */
export function CloseGate(p: Closing & { stage: string }) {
  const { t } = useWords();
  const [reason, setReason] = useState('');
  const close = () => aws('codepipeline', 'DisableStageTransition', { pipelineName: p.pipeline, stageName: p.stage, transitionType: 'Inbound', reason });
  return (
    <FormModal title={t('closeTransition', { stage: p.stage })} submit={t('close')} disabled={!reason.trim()} onSubmit={close} onClose={p.onClose}>
      <FormField label={t('reasonOfClosing')} constraintText={t('reasonHint')}><Input value={reason} onChange={(e) => setReason(e.detail.value.slice(0, 300))} /></FormField>
    </FormModal>
  );
}

export function StopRun(p: Closing & { execution: string }) {
  const { t } = useWords();
  const [reason, setReason] = useState('');
  const [abandon, setAbandon] = useState(false);
  const stop = () => aws('codepipeline', 'StopPipelineExecution', { pipelineName: p.pipeline, pipelineExecutionId: p.execution, abandon, reason: reason || undefined });
  return (
    <FormModal title={t('stopTitle', { id: p.execution.slice(0, 8) })} submit={t('stop')} onSubmit={stop} onClose={p.onClose}>
      <FormField label={t('reason')}><Input value={reason} onChange={(e) => setReason(e.detail.value.slice(0, 200))} /></FormField>
      <Checkbox checked={abandon} onChange={(e) => setAbandon(e.detail.checked)}>{t('abandon')}</Checkbox>
    </FormModal>
  );
}

/** Releasing a change, with variables and source revisions where they are wanted. */
export function Release(p: Closing & { definition: Definition }) {
  const { t } = useWords();
  const declared = p.definition.pipeline?.variables ?? [];
  const sources = p.definition.pipeline?.stages?.[0]?.actions ?? [];
  const [values, setValues] = useState<Record<string, string>>({});
  const [revisions, setRevisions] = useState<Record<string, string>>({});
  async function start() {
    const variables = Object.entries(values).filter(([, value]) => value).map(([name, value]) => ({ name, value }));
    const sourceRevisions = sources.flatMap((a) => {
      const revisionValue = revisions[a.name ?? ''];
      const revisionType = a.actionTypeId?.provider === 'S3' ? ('S3_OBJECT_VERSION_ID' as const) : ('COMMIT_ID' as const);
      return revisionValue ? [{ actionName: a.name, revisionType, revisionValue }] : [];
    });
    const given = { ...(variables.length && { variables }), ...(sourceRevisions.length && { sourceRevisions }) };
    const run = await aws('codepipeline', 'StartPipelineExecution', { name: p.pipeline, ...given });
    say('success', t('startedRun', { id: run.pipelineExecutionId?.slice(0, 8) ?? '' }));
  }
  return (
    <FormModal title={t('releaseTitle', { name: p.pipeline })} submit={t('release')} onSubmit={start} onClose={p.onClose}>
      {declared.map((v) => (
        <FormField key={v.name} label={v.name} description={v.description}>
          <Input value={values[v.name ?? ''] ?? ''} placeholder={v.defaultValue} onChange={(e) => setValues({ ...values, [v.name ?? '']: e.detail.value })} />
        </FormField>
      ))}
      {sources.map((a) => (
        <FormField key={a.name} label={t('sourceRevision', { action: a.name ?? '' })} constraintText={t('sourceHint')}>
          <Input value={revisions[a.name ?? ''] ?? ''} onChange={(e) => setRevisions({ ...revisions, [a.name ?? '']: e.detail.value.trim() })} />
        </FormField>
      ))}
    </FormModal>
  );
}

/** Rolling a stage back to an execution that succeeded in it. */
export function Rollback(p: Closing & { stage: string }) {
  const { t, at } = useWords();
  const targets = useQuery({
    queryKey: ['pipeline', p.pipeline, 'targets', p.stage],
    queryFn: async ({ signal }) =>
      (await aws('codepipeline', 'ListPipelineExecutions', { pipelineName: p.pipeline, maxResults: 20, filter: { succeededInStage: { stageName: p.stage } } }, signal)).pipelineExecutionSummaries ?? [],
  });
  const options = (targets.data ?? []).map((e) => {
    const r = commit(e.sourceRevisions?.[0]);
    return { value: e.pipelineExecutionId ?? '', label: `${e.pipelineExecutionId?.slice(0, 8)} · ${r.message}`, description: at(e.startTime) };
  });
  const [picked, setPicked] = useState('');
  const target = options.find((o) => o.value === picked) ?? options[0];
  async function back() {
    const run = await aws('codepipeline', 'RollbackStage', { pipelineName: p.pipeline, stageName: p.stage, targetPipelineExecutionId: target?.value ?? '' });
    say('success', t('startedRun', { id: run.pipelineExecutionId?.slice(0, 8) ?? '' }));
  }
  return (
    <FormModal title={t('rollbackTitle', { stage: p.stage })} submit={t('rollback')} disabled={!target} onSubmit={back} onClose={p.onClose}>
      <FormField label={t('execution')} constraintText={t('rollbackHint')} errorText={targets.isSuccess && !target ? t('noTarget') : undefined}>
        <Select selectedOption={target ?? null} options={options} onChange={(e) => setPicked(e.detail.selectedOption.value ?? '')} />
      </FormField>
    </FormModal>
  );
}
