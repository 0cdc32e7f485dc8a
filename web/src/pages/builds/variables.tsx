import Table from '../../components/table';
import { useBuildWords } from '../../i18n/build';

/** Variables by name. Where a value is kept elsewhere, its name there is shown, never the value. */
export function Variables({ list, empty }: { list: { name?: string; value?: string; type?: string }[]; empty: string }) {
  const { t } = useBuildWords();
  const kinds: Record<string, string> = { PARAMETER_STORE: t('fromParameter'), SECRETS_MANAGER: t('fromSecret') };
  return (
    <Table
      variant="embedded"
      contentDensity="compact"
      wrapLines
      items={list}
      empty={empty}
      ariaLabels={{ tableLabel: t('variables') }}
      columnDefinitions={[
        { id: 'name', header: t('variableName'), isRowHeader: true, cell: (v) => <code>{v.name}</code> },
        { id: 'value', header: t('variableValue'), cell: (v) => <code>{v.value}</code> },
        { id: 'kind', header: t('variableKind'), cell: (v) => kinds[v.type ?? ''] ?? t('plainText') },
      ]}
    />
  );
}
