import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import type { Variable } from '../../api/builds';
import { useBuildWords } from '../../i18n/build';

/** Edits environment variables. */
export function VariableEditor({ list, onChange }: { list: Variable[]; onChange: (list: Variable[]) => void }) {
  const { t } = useBuildWords();
  const kinds = [{ value: 'PLAINTEXT', label: t('plainText') }, { value: 'PARAMETER_STORE', label: t('fromParameter') }, { value: 'SECRETS_MANAGER', label: t('fromSecret') }];
  const set = (i: number, change: Partial<Variable>) => onChange(list.map((v, k) => (k === i ? { ...v, ...change } : v)));
  return (
    <AttributeEditor<Variable>
      items={list}
      empty={t('noVariables')}
      addButtonText={t('addVariable')}
      removeButtonText={t('removeVariable')}
      onAddButtonClick={() => onChange([...list, { name: '', value: '', type: 'PLAINTEXT' }])}
      onRemoveButtonClick={(e) => onChange(list.filter((_, i) => i !== e.detail.itemIndex))}
      definition={[
        { label: t('variableName'), control: (v, i) => <Input ariaLabel={t('variableName')} value={v.name ?? ''} onChange={(e) => set(i, { name: e.detail.value.trim() })} /> },
        { label: t('variableValue'), control: (v, i) => <Input ariaLabel={t('variableValue')} value={v.value ?? ''} onChange={(e) => set(i, { value: e.detail.value })} /> },
        { label: t('variableKind'), control: (v, i) => <Select ariaLabel={t('variableKind')} options={kinds} selectedOption={kinds.find((k) => k.value === v.type) ?? kinds[0] ?? null} onChange={(e) => set(i, { type: e.detail.selectedOption.value as Variable['type'] })} /> },
      ]}
    />
  );
}
