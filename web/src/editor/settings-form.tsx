import Autosuggest from '@cloudscape-design/components/autosuggest';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { bucketsQ } from '../api/queries';
import { useEditorWords } from '../i18n/editor';
import type { Declaration } from './model';
import { Triggers } from './triggers-form';

interface Props {
  value: Declaration;
  onChange: (d: Declaration) => void;
}

/** What is said of the pipeline as a whole. */
export function SettingsForm(p: Props & { named: boolean }) {
  return (
    <SpaceBetween size="l">
      <General {...p} />
      <Variables {...p} />
      <Triggers {...p} />
    </SpaceBetween>
  );
}

function General({ named, value, onChange }: Props & { named: boolean }) {
  const { t } = useEditorWords();
  const buckets = useQuery(bucketsQ());
  const modes = (['SUPERSEDED', 'QUEUED', 'PARALLEL'] as const).map((mode) => ({ value: mode, label: t(mode) }));
  const types = (['V1', 'V2'] as const).map((type) => ({ value: type, label: type }));
  return (
    <Container header={<Header variant="h2">{t('pipelineSettings')}</Header>}>
      <div className="pair">
        {named && <FormField label={t('pipelineName')}><Input value={value.name ?? ''} onChange={(e) => onChange({ ...value, name: e.detail.value.trim() })} /></FormField>}
        <FormField label={t('mode')}><Select selectedOption={modes.find((m) => m.value === (value.executionMode ?? 'SUPERSEDED')) ?? null} options={modes} onChange={(e) => onChange({ ...value, executionMode: e.detail.selectedOption.value as Declaration['executionMode'] })} /></FormField>
        <FormField label={t('pipelineType')}><Select selectedOption={types.find((x) => x.value === (value.pipelineType ?? 'V1')) ?? null} options={types} onChange={(e) => onChange({ ...value, pipelineType: e.detail.selectedOption.value as Declaration['pipelineType'] })} /></FormField>
        <FormField label={t('roleArn')}><Input value={value.roleArn ?? ''} onChange={(e) => onChange({ ...value, roleArn: e.detail.value.trim() })} /></FormField>
        {!value.artifactStores && (
          <FormField label={t('artifactStore')}>
            <Autosuggest value={value.artifactStore?.location ?? ''} options={(buckets.data ?? []).map((b) => ({ value: b.name }))} enteredTextLabel={(name) => t('use', { name })} onChange={(e) => onChange({ ...value, artifactStore: { type: 'S3', ...value.artifactStore, location: e.detail.value.trim() } })} />
          </FormField>
        )}
      </div>
    </Container>
  );
}

function Variables({ value, onChange }: Props) {
  const { t } = useEditorWords();
  const list = value.variables ?? [];
  const set = (i: number, part: Partial<(typeof list)[number]>) => onChange({ ...value, variables: list.map((v, n) => (n === i ? { ...v, ...part } : v)) });
  return (
    <Container header={<Header variant="h2" actions={<Button onClick={() => onChange({ ...value, variables: [...list, { name: '' }] })}>{t('declareVariable')}</Button>}>{t('pipelineVariables')}</Header>}>
      <SpaceBetween size="s">
        {!list.length && <span>{t('noneDeclared')}</span>}
        {list.map((v, i) => (
          <div className="row" key={i}>
            <FormField label={t('name')}><Input value={v.name ?? ''} onChange={(e) => set(i, { name: e.detail.value.trim() })} /></FormField>
            <FormField label={t('defaultValue')}><Input value={v.defaultValue ?? ''} onChange={(e) => set(i, { defaultValue: e.detail.value || undefined })} /></FormField>
            <FormField label={t('description')}><Input value={v.description ?? ''} onChange={(e) => set(i, { description: e.detail.value || undefined })} /></FormField>
            <Button variant="icon" iconName="remove" ariaLabel={`${t('remove')}: ${v.name}`} onClick={() => onChange({ ...value, variables: list.toSpliced(i, 1) })} />
          </div>
        ))}
      </SpaceBetween>
    </Container>
  );
}
