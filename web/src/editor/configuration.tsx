import Autosuggest from '@cloudscape-design/components/autosuggest';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useQuery } from '@tanstack/react-query';
import { bucketsQ, projectsQ, repositoriesQ } from '../api/queries';
import { useEditorWords } from '../i18n/editor';

type Configuration = Record<string, string>;

/** A key of a configuration, as the type of an action or a rule declares it. */
export interface Property {
  name?: string;
  description?: string;
  type?: string;
  required?: boolean;
  secret?: boolean;
}

/** Keys whose values are documents. */
const long = new Set(['EnvironmentVariables', 'CustomData', 'UserParameters', 'Variables', 'SourceRevisions']);

/** The configuration of an action or a rule as a form, made from what its type declares. What the type does not know stays
 * and can be changed, too. */
export function ConfigurationFields(p: { properties: Property[]; value: Configuration; onChange: (v: Configuration) => void }) {
  const declared = p.properties.map((x) => x.name ?? '');
  const others = Object.keys(p.value).filter((k) => !declared.includes(k)).map((name): Property => ({ name }));
  const set = (name: string, value: string) => {
    const { [name]: _, ...rest } = p.value;
    p.onChange(value === '' ? rest : { ...p.value, [name]: value });
  };
  return (
    <SpaceBetween size="m">
      {[...p.properties, ...others].map((x) => <Field key={x.name} property={x} value={p.value[x.name ?? ''] ?? ''} onChange={(v) => set(x.name ?? '', v)} />)}
    </SpaceBetween>
  );
}

function Field({ property, value, onChange }: { property: Property; value: string; onChange: (v: string) => void }) {
  const { t } = useEditorWords();
  const name = property.name ?? '';
  return (
    <FormField label={property.required ? name : <>{name} <i>– {t('optional')}</i></>} description={property.description} constraintText={property.secret ? t('secretKept') : undefined}>
      <Control property={property} value={value} onChange={onChange} />
    </FormField>
  );
}

function Control({ property, value, onChange }: { property: Property; value: string; onChange: (v: string) => void }) {
  const { t } = useEditorWords();
  const name = property.name ?? '';
  if (property.type === 'Boolean') {
    const options = [{ value: '', label: t('unset') }, { value: 'true', label: t('yes') }, { value: 'false', label: t('no') }];
    return <Select options={options} selectedOption={options.find((o) => o.value === value) ?? { value, label: value }} onChange={(e) => onChange(e.detail.selectedOption.value ?? '')} />;
  }
  if (long.has(name)) return <Textarea value={value} rows={4} spellcheck={false} onChange={(e) => onChange(e.detail.value)} />;
  const kind = suggestions[name];
  if (kind) return <Suggested kind={kind} value={value} onChange={onChange} />;
  return <Input value={value} spellcheck={false} type={property.secret ? 'password' : 'text'} inputMode={property.type === 'Number' ? 'numeric' : undefined} onChange={(e) => onChange(e.detail.value)} />;
}

/** What this server has to offer for some keys. */
type Offered = 'projects' | 'repositories' | 'buckets';
const suggestions: Record<string, Offered> = { ProjectName: 'projects', RepositoryName: 'repositories', BucketName: 'buckets', S3Bucket: 'buckets' };

function Suggested({ kind, value, onChange }: { kind: Offered; value: string; onChange: (v: string) => void }) {
  const { t } = useEditorWords();
  const projects = useQuery({ ...projectsQ(), enabled: kind === 'projects' });
  const repositories = useQuery({ ...repositoriesQ(), enabled: kind === 'repositories' });
  const buckets = useQuery({ ...bucketsQ(), enabled: kind === 'buckets' });
  const names = { projects: projects.data, repositories: repositories.data?.map((r) => r.repositoryName ?? ''), buckets: buckets.data?.map((b) => b.name) }[kind] ?? [];
  return <Autosuggest value={value} options={names.map((n) => ({ value: n }))} enteredTextLabel={(n) => t('use', { name: n })} onChange={(e) => onChange(e.detail.value)} />;
}
