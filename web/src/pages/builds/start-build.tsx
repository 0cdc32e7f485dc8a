import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { useNavigate } from 'react-router';
import { aws } from '../../api/aws';
import { buildPath, type Project, type Variable } from '../../api/builds';
import { FormModal } from '../../components/form-modal';
import { useBuildWords } from '../../i18n/build';
import '../../code/code.css';
import { VariableEditor } from './variable-editor';

/** Starts a build that differs from what the project says. */
export function StartBuild({ project, onClose }: { project: Project; onClose: () => void }) {
  const { t } = useBuildWords();
  const go = useNavigate();
  const [version, setVersion] = useState('');
  const [buildspec, setBuildspec] = useState('');
  const [minutes, setMinutes] = useState('');
  const [variables, setVariables] = useState<Variable[]>([]);
  async function start() {
    const named = variables.filter((v) => v.name);
    const { build } = await aws('codebuild', 'StartBuild', {
      projectName: project.name,
      ...(version && { sourceVersion: version }),
      ...(buildspec.trim() && { buildspecOverride: buildspec }),
      ...(minutes && { timeoutInMinutesOverride: Number(minutes) }),
      ...(named.length && { environmentVariablesOverride: named }),
    });
    await go(buildPath(build?.id));
  }
  return (
    <FormModal title={t('startTitle', { name: project.name ?? '' })} submit={t('startBuild')} onSubmit={start} onClose={onClose}>
      <p>{t('startHint')}</p>
      <FormField label={t('sourceVersion')} constraintText={t('sourceVersionHint')}><Input value={version} placeholder={project.sourceVersion} onChange={(e) => setVersion(e.detail.value.trim())} /></FormField>
      <FormField label={t('environment')} stretch><VariableEditor list={variables} onChange={setVariables} /></FormField>
      <FormField label={t('timeoutMinutes')}><Input type="number" value={minutes} placeholder={String(project.timeoutInMinutes ?? '')} onChange={(e) => setMinutes(e.detail.value)} /></FormField>
      <FormField label={t('buildspec')} stretch><Textarea className="mono" rows={6} value={buildspec} spellcheck={false} onChange={(e) => setBuildspec(e.detail.value)} /></FormField>
    </FormModal>
  );
}
