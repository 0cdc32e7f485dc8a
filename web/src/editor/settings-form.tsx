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
import { Names } from './lists';
import { actionsOf, stagesOf, type Declaration } from './model';

interface Props {
  value: Declaration;
  onChange: (d: Declaration) => void;
}

/** What is said of the pipeline as a whole. */
export function SettingsForm(p: Props) {
  return (
    <SpaceBetween size="l">
      <General {...p} />
      <Variables {...p} />
      <Triggers {...p} />
    </SpaceBetween>
  );
}

function General({ value, onChange }: Props) {
  const { t } = useEditorWords();
  const buckets = useQuery(bucketsQ());
  const modes = (['SUPERSEDED', 'QUEUED', 'PARALLEL'] as const).map((mode) => ({ value: mode, label: t(mode) }));
  const types = (['V1', 'V2'] as const).map((type) => ({ value: type, label: type }));
  return (
    <Container header={<Header variant="h2">{t('pipelineSettings')}</Header>}>
      <div className="pair">
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

type Trigger = NonNullable<Declaration['triggers']>[number];
type Git = NonNullable<Trigger['gitConfiguration']>;
type Filter = NonNullable<Git['push']>[number];

function Triggers({ value, onChange }: Props) {
  const { t } = useEditorWords();
  const sources = actionsOf(stagesOf(value)[0]).filter((a) => a.actionTypeId?.provider === 'CodeStarSourceConnection').map((a) => a.name ?? '');
  const list = value.triggers ?? [];
  const set = (i: number, git: Git) => onChange({ ...value, triggers: list.map((x, n) => (n === i ? { ...x, gitConfiguration: git } : x)) });
  const add = () => onChange({ ...value, triggers: [...list, { providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: sources[0], push: [{ branches: { includes: ['main'] } }] } }] });
  return (
    <Container header={<Header variant="h2" description={sources.length ? undefined : t('triggersNeed')} actions={<Button disabled={!sources.length} onClick={add}>{t('addTrigger')}</Button>}>{t('triggers')}</Header>}>
      <SpaceBetween size="l">
        {!list.length && <span>{t('noTriggers')}</span>}
        {list.map((x, i) => (
          <TriggerFields key={i} git={x.gitConfiguration ?? { sourceActionName: '' }} sources={sources} onChange={(git) => set(i, git)} onRemove={() => onChange({ ...value, triggers: list.toSpliced(i, 1) })} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

/** A trigger as the form shows it: one filter. More of them are edited as JSON, and stay as they are. */
function TriggerFields({ git, sources, onChange, onRemove }: { git: Git; sources: string[]; onChange: (g: Git) => void; onRemove: () => void }) {
  const { t } = useEditorWords();
  const kind = git.pullRequest ? 'pullRequest' : 'push';
  const [filter = {}, ...rest] = (git[kind] ?? []) as Filter[];
  const set = (part: Filter) => onChange({ ...git, [kind]: [{ ...filter, ...part }, ...rest] });
  const kinds = [{ value: 'push', label: t('pushKind') }, { value: 'pullRequest', label: t('pullRequestKind') }];
  const turn = (to: string) => onChange({ sourceActionName: git.sourceActionName, [to]: [{ branches: filter.branches, filePaths: filter.filePaths }] });
  const globs = (label: string, of: 'branches' | 'filePaths' | 'tags', side: 'includes' | 'excludes') => (
    <FormField label={label} constraintText={t('globHint')}>
      <Names value={filter[of]?.[side] ?? []} onChange={(names) => set({ [of]: { ...filter[of], [side]: names.length ? names : undefined } })} />
    </FormField>
  );
  return (
    <div className="pair">
      <FormField label={t('triggerOf')}><Select selectedOption={{ value: git.sourceActionName, label: git.sourceActionName }} options={sources.map((value) => ({ value, label: value }))} onChange={(e) => onChange({ ...git, sourceActionName: e.detail.selectedOption.value })} /></FormField>
      <FormField label={t('triggerKind')}><Select selectedOption={kinds.find((k) => k.value === kind) ?? null} options={kinds} onChange={(e) => turn(e.detail.selectedOption.value ?? '')} /></FormField>
      {globs(t('branchesIn'), 'branches', 'includes')}
      {globs(t('branchesOut'), 'branches', 'excludes')}
      {globs(t('pathsIn'), 'filePaths', 'includes')}
      {globs(t('pathsOut'), 'filePaths', 'excludes')}
      {kind === 'push' && globs(t('tagsIn'), 'tags', 'includes')}
      <div><Button onClick={onRemove}>{t('remove')}</Button></div>
    </div>
  );
}
