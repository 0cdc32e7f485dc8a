import Checkbox from '@cloudscape-design/components/checkbox';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import Textarea from '@cloudscape-design/components/textarea';
import { useState, type ReactNode } from 'react';
import { aws } from '../../api/aws';
import type { Project } from '../../api/builds';
import { FormModal } from '../../components/form-modal';
import { say } from '../../flash';
import { useBuildWords } from '../../i18n/build';
import '../../code/code.css';
import { VariableEditor } from './variable-editor';

type Source = NonNullable<Project['source']>;
type Artifacts = NonNullable<Project['artifacts']>;
type Environment = NonNullable<Project['environment']>;

const sources = ['CODEPIPELINE', 'CODECOMMIT', 'S3', 'GITHUB', 'GITLAB', 'BITBUCKET', 'NO_SOURCE'];

/** Edits the parts of a project that people change. What the form does not show stays as it is. */
export function EditProject({ project: p, onClose }: { project: Project; onClose: () => void }) {
  const { t } = useBuildWords();
  const [description, setDescription] = useState(p.description ?? '');
  const [source, setSource] = useState<Source>(p.source ?? ({ type: 'CODEPIPELINE' } as Source));
  const [version, setVersion] = useState(p.sourceVersion ?? '');
  const [artifacts, setArtifacts] = useState<Artifacts>(p.artifacts ?? ({ type: 'NO_ARTIFACTS' } as Artifacts));
  const [environment, setEnvironment] = useState<Environment>(p.environment as Environment);
  const [minutes, setMinutes] = useState(String(p.timeoutInMinutes ?? ''));
  const [limit, setLimit] = useState(String(p.concurrentBuildLimit ?? ''));
  const inPipeline = source.type === 'CODEPIPELINE';
  const turnTo = (type: string) => {
    setSource({ ...source, type: type as Source['type'], ...(type === 'CODEPIPELINE' || type === 'NO_SOURCE' ? { location: undefined } : {}) });
    if ((type === 'CODEPIPELINE') !== (artifacts.type === 'CODEPIPELINE')) setArtifacts({ type: type === 'CODEPIPELINE' ? 'CODEPIPELINE' : 'NO_ARTIFACTS' } as Artifacts);
  };
  async function store() {
    const environmentVariables = environment.environmentVariables?.filter((v) => v.name) ?? [];
    await aws('codebuild', 'UpdateProject', {
      name: p.name, description, source, sourceVersion: inPipeline ? '' : version, artifacts, environment: { ...environment, environmentVariables },
      timeoutInMinutes: Number(minutes) || p.timeoutInMinutes, concurrentBuildLimit: Number(limit) || -1,
    });
    say('success', t('projectSaved'));
  }
  const field = (label: string, value: string, set: (v: string) => void, type: 'text' | 'number' = 'text') => <FormField label={label}><Input type={type} value={value} onChange={(e) => set(e.detail.value)} /></FormField>;
  const picker = (label: string, value: string, options: string[], set: (v: string) => void): ReactNode => (
    <FormField label={label}><Select selectedOption={{ value, label: value }} options={options.map((o) => ({ value: o, label: o }))} onChange={(e) => set(e.detail.selectedOption.value ?? '')} /></FormField>
  );
  return (
    <FormModal title={t('editTitle', { name: p.name ?? '' })} submit={t('saveProject')} onSubmit={store} onClose={onClose}>
      {field(t('description'), description, setDescription)}
      {picker(t('sourceOf'), source.type ?? '', sources, turnTo)}
      {!inPipeline && source.type !== 'NO_SOURCE' && field(t('sourceLocation'), source.location ?? '', (location) => setSource({ ...source, location }))}
      {!inPipeline && source.type !== 'NO_SOURCE' && field(t('sourceVersion'), version, setVersion)}
      <FormField label={t('buildspec')} constraintText={t('buildspecHint')} stretch><Textarea className="mono" rows={8} spellcheck={false} value={source.buildspec ?? ''} onChange={(e) => setSource({ ...source, buildspec: e.detail.value })} /></FormField>
      {!inPipeline && picker(t('artifactsTo'), artifacts.type ?? '', ['NO_ARTIFACTS', 'S3'], (type) => setArtifacts({ type } as Artifacts))}
      {artifacts.type === 'S3' && field(t('bucketName'), artifacts.location ?? '', (location) => setArtifacts({ ...artifacts, location }))}
      {artifacts.type === 'S3' && field(t('artifactName'), artifacts.name ?? '', (name) => setArtifacts({ ...artifacts, name }))}
      {artifacts.type === 'S3' && <Checkbox checked={artifacts.packaging === 'ZIP'} onChange={(e) => setArtifacts({ ...artifacts, packaging: e.detail.checked ? 'ZIP' : 'NONE' })}>{t('zipped')}</Checkbox>}
      {field(t('image'), environment.image ?? '', (image) => setEnvironment({ ...environment, image }))}
      <Checkbox checked={!!environment.privilegedMode} onChange={(e) => setEnvironment({ ...environment, privilegedMode: e.detail.checked })}>{t('privileged')}</Checkbox>
      <FormField label={t('environment')} stretch><VariableEditor list={environment.environmentVariables ?? []} onChange={(environmentVariables) => setEnvironment({ ...environment, environmentVariables })} /></FormField>
      {field(t('timeoutMinutes'), minutes, setMinutes, 'number')}
      {field(t('concurrentLimit'), limit, setLimit, 'number')}
    </FormModal>
  );
}
