import CollectionPreferences, { type CollectionPreferencesProps } from '@cloudscape-design/components/collection-preferences';
import { useWords } from '../i18n';
import { columns, type Preferences } from './pipelines';

/** What a person can choose of the list of pipelines. It loads after the list. */
export default function PipelinesPreferences({ value, onChange }: { value: Preferences; onChange: (p: CollectionPreferencesProps.Preferences) => void }) {
  const { t } = useWords();
  return (
    <CollectionPreferences
      title={t('preferences')}
      preferences={value}
      onConfirm={(e) => onChange(e.detail)}
      pageSizePreference={{ title: t('pageSize'), options: [10, 20, 50, 100].map((n) => ({ value: n, label: String(n) })) }}
      wrapLinesPreference={{ label: t('wrapLines') }}
      contentDisplayPreference={{ title: t('columns'), options: columns.map((id) => ({ id, label: t(id), alwaysVisible: id === 'name' })) }}
    />
  );
}
