import Select from '@cloudscape-design/components/select';
import { useQuery } from '@tanstack/react-query';
import { referencesQ, repositoryQ } from '../../api/code';
import { useCodeWords } from '../../i18n/code';

const byName = (a: { label: string }, b: { label: string }) => a.label.localeCompare(b.label);

/** Chooses a branch, a tag or, when one is chosen already, a commit. */
export function RefPicker({ repository, value, label, branchesOnly, onChange }: { repository: string; value: string; label: string; branchesOnly?: boolean; onChange: (ref: string) => void }) {
  const { t } = useCodeWords();
  const list = useQuery(referencesQ(repository));
  const of = (tag: boolean) => (list.data ?? []).filter((r) => r.tag === tag).map((r) => ({ value: r.name, label: r.name })).sort(byName);
  return (
    <Select
      ariaLabel={label}
      inlineLabelText={label}
      filteringType="auto"
      filteringAriaLabel={t('findRef')}
      filteringPlaceholder={t('findRef')}
      statusType={list.isLoading ? 'loading' : list.isError ? 'error' : 'finished'}
      errorText={list.error?.message}
      selectedOption={value ? { value, label: /^[0-9a-f]{40}$/.test(value) ? value.slice(0, 8) : value } : null}
      options={branchesOnly ? of(false) : [{ label: t('branches'), options: of(false) }, { label: t('tags'), options: of(true) }]}
      onChange={(e) => onChange(e.detail.selectedOption.value ?? '')}
    />
  );
}

/** What a page is about when its address names no branch, tag or commit. */
export function useDefaultRef(repository: string): { ref: string; empty: boolean } {
  const about = useQuery(repositoryQ(repository));
  return { ref: about.data?.defaultBranch ?? '', empty: about.isSuccess && !about.data.defaultBranch };
}
