import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import Wizard from '@cloudscape-design/components/wizard';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { createPipeline } from '../api/create';
import { bucketsQ, projectsQ, repositoriesQ } from '../api/queries';
import { ErrorBox } from '../components/error-box';
import { useWords } from '../i18n';
import { cloudFormation, pipeline, terraform, type Choice } from '../recipes';

const start: Choice = { name: '', repository: '', branch: 'main', project: '', approval: false, bucket: '', artifacts: 'conveyor-artifacts' };

/** Making a pipeline step by step, with what it is in the words of each tool at the end. */
export default function CreatePipeline() {
  const { t } = useWords();
  const go = useNavigate();
  const queries = useQueryClient();
  const repositories = useQuery(repositoriesQ());
  const projects = useQuery(projectsQ());
  const buckets = useQuery(bucketsQ());
  const kept = useLocation().state as { choice: Choice; step: number } | null; // whoever comes back from the editor finds what they typed
  const [choice, setChoice] = useState(kept?.choice ?? start);
  const [step, setStep] = useState(kept?.step ?? 0);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const set = (part: Partial<Choice>) => setChoice({ ...choice, ...part });
  const ready = [choice.name !== '', choice.repository !== '' && choice.branch !== '', true, true, choice.bucket !== '' || choice.project !== '' || choice.approval, true];

  async function create() {
    setBusy(true);
    setError(undefined);
    try {
      await createPipeline(pipeline(choice));
      void queries.invalidateQueries({ queryKey: ['buckets'] });
      await go(`/pipelines/${encodeURIComponent(choice.name)}`);
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  }
  async function edit() {
    await go('.', { replace: true, state: { choice, step } });
    await go('/create/editor', { state: { definition: pipeline(choice) } });
  }
  const missing = (i: number) => (ready[i] ? undefined : t('required'));
  const document = pipeline(choice);
  const code = (id: string, label: string, text: string) => ({ id, label, content: <Code text={text} /> });
  return (
    <Wizard
      activeStepIndex={step}
      isLoadingNextStep={busy}
      onNavigate={(e) => (e.detail.requestedStepIndex < step || ready.slice(0, e.detail.requestedStepIndex).every(Boolean)) && setStep(e.detail.requestedStepIndex)}
      onSubmit={() => void create()}
      onCancel={() => void go('/')}
      submitButtonText={t('createPipeline')}
      i18nStrings={{
        stepNumberLabel: (n) => t('stepOf', { n, of: 6 }), collapsedStepsLabel: (n, of) => t('stepOf', { n, of }), navigationAriaLabel: t('steps'),
        cancelButton: t('cancel'), previousButton: t('previous'), nextButton: t('next'), optional: t('optional'),
      }}
      steps={[
        {
          title: t('settingsStep'),
          content: (
            <Container>
              <SpaceBetween size="l">
                <FormField label={t('name')} errorText={step > 0 ? missing(0) : undefined}><Input value={choice.name} onChange={(e) => set({ name: e.detail.value.trim() })} /></FormField>
                <FormField label={t('artifactBucket')} constraintText={t('artifactHint')}><Input value={choice.artifacts} onChange={(e) => set({ artifacts: e.detail.value.trim() })} /></FormField>
              </SpaceBetween>
            </Container>
          ),
        },
        {
          title: t('wizardSource'),
          content: (
            <Container>
              <SpaceBetween size="l">
                <Choose label={t('sourceRepository')} value={choice.repository} options={(repositories.data ?? []).map((r) => r.repositoryName ?? '')} onChange={(repository) => set({ repository })} />
                <FormField label={t('branch')}><Input value={choice.branch} onChange={(e) => set({ branch: e.detail.value.trim() })} /></FormField>
              </SpaceBetween>
            </Container>
          ),
        },
        { title: t('wizardBuild'), isOptional: true, content: <Container><Choose label={t('withBuild')} value={choice.project} options={projects.data ?? []} onChange={(p) => set({ project: p })} optional /></Container> },
        { title: t('wizardApproval'), isOptional: true, content: <Container><Checkbox checked={choice.approval} onChange={(e) => set({ approval: e.detail.checked })}>{t('withApproval')}</Checkbox></Container> },
        { title: t('wizardDeploy'), isOptional: true, content: <Container><Choose label={t('withDeploy')} value={choice.bucket} options={(buckets.data ?? []).map((b) => b.name)} onChange={(bucket) => set({ bucket })} optional /></Container> },
        {
          title: t('wizardReview'),
          content: (
            <SpaceBetween size="m">
              {error !== undefined && <ErrorBox error={error} />}
              <Header variant="h2" actions={<Button onClick={() => void edit()}>{t('openInEditor')}</Button>}>{choice.name}</Header>
              <Tabs ariaLabel={t('wizardReview')} tabs={[code('json', 'JSON', JSON.stringify({ pipeline: document }, null, 2)), code('cfn', 'CloudFormation', cloudFormation(document)), code('tf', 'Terraform', terraform(document))]} />
            </SpaceBetween>
          ),
        },
      ]}
    />
  );
}

/** A document that wants to be copied. */
function Code({ text }: { text: string }) {
  const { t } = useWords();
  return (
    <SpaceBetween size="xs">
      <CopyToClipboard copyButtonText={t('copy')} copySuccessText={t('copied')} copyErrorText={t('failed')} textToCopy={text} />
      <pre className="code" tabIndex={0}>{text}</pre>
    </SpaceBetween>
  );
}

function Choose(p: { label: string; value: string; options: string[]; onChange: (v: string) => void; optional?: boolean }) {
  const options = [...(p.optional ? [{ value: '', label: '–' }] : []), ...p.options.map((value) => ({ value, label: value }))];
  return (
    <FormField label={p.label}>
      <Select selectedOption={options.find((o) => o.value === p.value) ?? null} options={options} empty="–" onChange={(e) => p.onChange(e.detail.selectedOption.value ?? '')} />
    </FormField>
  );
}
