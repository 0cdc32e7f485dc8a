import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Multiselect from '@cloudscape-design/components/multiselect';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useEditorWords } from '../i18n/editor';
import { Names } from './lists';
import { actionsOf, stagesOf, type Declaration } from './model';
import { filtersOf, globbed, pullRequestEvents, triggerable, turned, withFilters, type Filter, type Git, type Globs } from './triggers';

/** What starts the pipeline. */
export function Triggers({ value, onChange }: { value: Declaration; onChange: (d: Declaration) => void }) {
  const { t } = useEditorWords();
  const list = value.triggers ?? [];
  const used = list.map((x) => x.gitConfiguration?.sourceActionName);
  const sources = actionsOf(stagesOf(value)[0]).filter((a) => triggerable.includes(a.actionTypeId?.provider ?? '')).map((a) => a.name ?? '');
  const free = sources.find((name) => !used.includes(name));
  const set = (i: number, git: Git) => onChange({ ...value, triggers: list.map((x, n) => (n === i ? { ...x, gitConfiguration: git } : x)) });
  const add = () => onChange({ ...value, triggers: [...list, { providerType: 'CodeStarSourceConnection', gitConfiguration: { sourceActionName: free, push: [{ branches: { includes: ['main'] } }] } }] });
  return (
    <Container header={<Header variant="h2" description={sources.length ? undefined : t('triggersNeed')} actions={<Button disabled={!free} onClick={add}>{t('addTrigger')}</Button>}>{t('triggers')}</Header>}>
      <SpaceBetween size="l">
        {!list.length && <span>{t('noTriggers')}</span>}
        {list.map((x, i) => (
          <TriggerFields key={i} git={x.gitConfiguration ?? { sourceActionName: '' }} sources={sources} onChange={(git) => set(i, git)} onRemove={() => onChange({ ...value, triggers: list.toSpliced(i, 1) })} />
        ))}
      </SpaceBetween>
    </Container>
  );
}

/** A trigger: the source it watches, and filters, any of which lets a change through. */
function TriggerFields({ git, sources, onChange, onRemove }: { git: Git; sources: string[]; onChange: (g: Git) => void; onRemove: () => void }) {
  const { t } = useEditorWords();
  const filters = filtersOf(git);
  const name = git.sourceActionName ?? '';
  return (
    <SpaceBetween size="s">
      <SpaceBetween direction="horizontal" size="s" alignItems="end">
        <FormField label={t('triggerOf')}><Select selectedOption={{ value: name, label: name }} options={sources.map((value) => ({ value, label: value }))} onChange={(e) => onChange({ ...git, sourceActionName: e.detail.selectedOption.value })} /></FormField>
        <Button iconName="add-plus" onClick={() => onChange(withFilters(git, [...filters, { kind: 'push', branches: { includes: ['main'] } }]))}>{t('addFilter')}</Button>
        <Button onClick={onRemove}>{t('removeTrigger')}</Button>
      </SpaceBetween>
      {filters.map((f, i) => (
        <FilterFields key={`${i} of ${filters.length} ${f.kind}`} number={i + 1} filter={f} onChange={(to) => onChange(withFilters(git, filters.with(i, to)))} onRemove={() => onChange(withFilters(git, filters.toSpliced(i, 1)))} />
      ))}
    </SpaceBetween>
  );
}

/** A filter that becomes one of the other kind moves to where those are. */
function FilterFields({ number, filter, onChange, onRemove }: { number: number; filter: Filter; onChange: (f: Filter) => void; onRemove: () => void }) {
  const { t } = useEditorWords();
  const kinds = (['push', 'pullRequest'] as const).map((value) => ({ value, label: t(`${value}Kind`) }));
  const events = pullRequestEvents.map((value) => ({ value, label: t(`on${value}`) }));
  const globs = (label: string, of: Globs, side: 'includes' | 'excludes') => (
    <FormField label={label} constraintText={t('globHint')}>
      <Names value={(of === 'tags' ? (filter.kind === 'push' ? filter.tags : undefined) : filter[of])?.[side] ?? []} onChange={(names) => onChange(globbed(filter, of, side, names))} />
    </FormField>
  );
  return (
    <Container header={<Header variant="h3" actions={<Button variant="icon" iconName="remove" ariaLabel={`${t('remove')}: ${t('filterNumber', { n: number })}`} onClick={onRemove} />}>{t('filterNumber', { n: number })}</Header>}>
      <div className="pair">
        <FormField label={t('triggerKind')}><Select selectedOption={kinds.find((k) => k.value === filter.kind) ?? null} options={kinds} onChange={(e) => onChange(turned(filter, e.detail.selectedOption.value as Filter['kind']))} /></FormField>
        {filter.kind === 'pullRequest' && (
          <FormField label={t('pullRequestEvents')}>
            <Multiselect selectedOptions={events.filter((e) => filter.events?.includes(e.value))} options={events} onChange={(e) => onChange({ ...filter, events: pullRequestEvents.filter((x) => e.detail.selectedOptions.some((o) => o.value === x)) })} />
          </FormField>
        )}
        {globs(t('branchesIn'), 'branches', 'includes')}
        {globs(t('branchesOut'), 'branches', 'excludes')}
        {globs(t('pathsIn'), 'filePaths', 'includes')}
        {globs(t('pathsOut'), 'filePaths', 'excludes')}
        {filter.kind === 'push' && globs(t('tagsIn'), 'tags', 'includes')}
        {filter.kind === 'push' && globs(t('tagsOut'), 'tags', 'excludes')}
      </div>
    </Container>
  );
}
