import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { FormModal } from '../components/form-modal';
import { useEditorWords } from '../i18n/editor';
import { ConfigurationFields } from './configuration';
import { linesOf, Names } from './lists';
import { create, offered, sameType, tidy, typeName, type Action, type ActionType, type Declaration } from './model';

interface Props {
  definition: Declaration;
  stage: number;
  /** The action to edit; without one a new action is made. */
  action?: Action;
  types: ActionType[];
  onDone: (a: Action) => void;
  onClose: () => void;
}

/** One action: what it does first, then what that asks for. */
export function ActionForm(p: Props) {
  const { t } = useEditorWords();
  const [action, setAction] = useState(p.action);
  const stageName = p.definition.stages?.[p.stage]?.name ?? '';
  const type = p.types.find((x) => sameType(x.id, action?.actionTypeId));
  const title = p.action ? t('editAction', { name: p.action.name ?? '' }) : t('newAction', { stage: stageName });
  function choose(name: string) {
    const chosen = p.types.find((x) => typeName(x.id) === name);
    if (!chosen) return;
    const made = create(p.definition, p.stage, chosen);
    setAction(action ? { ...made, name: p.action ? action.name : made.name, runOrder: action.runOrder } : made);
  }
  return (
    <FormModal title={title} size="large" submit={t('done')} disabled={!action?.name} onSubmit={() => action && p.onDone(tidy(action))} onClose={p.onClose}>
      <FormField label={t('provider')}>
        <Select
          filteringType="auto"
          placeholder={t('chooseProvider')}
          selectedOption={action ? { value: typeName(action.actionTypeId), label: action.actionTypeId?.provider } : null}
          options={grouped(p.types)}
          onChange={(e) => choose(e.detail.selectedOption.value ?? '')}
        />
      </FormField>
      {action && (
        <SpaceBetween size="m">
          <FormField label={t('name')}><Input value={action.name ?? ''} onChange={(e) => setAction({ ...action, name: e.detail.value.trim() })} /></FormField>
          <ConfigurationFields properties={type?.actionConfigurationProperties ?? []} value={action.configuration ?? {}} onChange={(configuration) => setAction({ ...action, configuration })} />
          {action.actionTypeId?.provider === 'Commands' && <Commands action={action} onChange={setAction} />}
          <Artifacts {...p} action={action} type={type} onChange={setAction} />
          <Advanced action={action} onChange={setAction} />
        </SpaceBetween>
      )}
    </FormModal>
  );
}

function grouped(types: ActionType[]) {
  const categories = [...new Set(types.map((x) => x.id?.category))];
  return categories.map((category) => ({
    label: category,
    options: types.filter((x) => x.id?.category === category).map((x) => ({ value: typeName(x.id), label: x.id?.provider, labelTag: x.id?.owner === 'AWS' ? undefined : x.id?.owner })),
  }));
}

interface Part {
  action: Action;
  onChange: (a: Action) => void;
}

function Commands({ action, onChange }: Part) {
  const { t } = useEditorWords();
  const output = action.outputArtifacts?.[0];
  const setFiles = (files: string[]) => output && onChange({ ...action, outputArtifacts: [{ ...output, files }] });
  return (
    <SpaceBetween size="m">
      <FormField stretch label={t('commands')} constraintText={t('commandsHint')}><Textarea rows={6} spellcheck={false} value={(action.commands ?? []).join('\n')} onChange={(e) => onChange({ ...action, commands: linesOf(e.detail.value) })} /></FormField>
      {output && <FormField label={t('outputFiles')} constraintText={t('filesHint')}><Textarea rows={3} spellcheck={false} value={(output.files ?? []).join('\n')} onChange={(e) => setFiles(linesOf(e.detail.value))} /></FormField>}
      <FormField label={t('outputVariables')}><Names value={action.outputVariables ?? []} onChange={(outputVariables) => onChange({ ...action, outputVariables })} /></FormField>
    </SpaceBetween>
  );
}

function Artifacts({ definition, stage, action, type, onChange }: Part & { definition: Declaration; stage: number; type?: ActionType }) {
  const { t } = useEditorWords();
  const known = offered(definition, stage, action);
  const inputs = (action.inputArtifacts ?? []).map((i) => i.name ?? '');
  const mostIn = type?.inputArtifactDetails?.maximumCount ?? 5;
  const mostOut = type?.outputArtifactDetails?.maximumCount ?? 5;
  const options = [...new Set([...known, ...inputs])].map((value) => ({ value, label: value }));
  const outputs = (action.outputArtifacts ?? []).map((o) => o.name ?? '');
  const rename = (names: string[]) => onChange({ ...action, outputArtifacts: names.map((name, i) => ({ ...action.outputArtifacts?.[i], name })) });
  return (
    <SpaceBetween size="m">
      {mostIn > 0 && (
        <FormField label={t('inputs')} constraintText={t('inputsHint', { n: type?.inputArtifactDetails?.minimumCount ?? 0, of: mostIn })}>
          <Multiselect
            options={options}
            placeholder={t('chooseInputs')}
            selectedOptions={inputs.map((value) => ({ value, label: value }))}
            deselectAriaLabel={(o) => `${t('remove')}: ${o.label}`}
            onChange={(e) => onChange({ ...action, inputArtifacts: e.detail.selectedOptions.map((o) => ({ name: o.value })) })}
          />
        </FormField>
      )}
      {mostOut > 0 && <FormField label={t('outputs')} constraintText={t('outputsHint', { n: type?.outputArtifactDetails?.minimumCount ?? 0, of: mostOut })}><Names key={typeName(action.actionTypeId)} value={outputs} onChange={rename} /></FormField>}
    </SpaceBetween>
  );
}

function Advanced({ action, onChange }: Part) {
  const { t } = useEditorWords();
  const number = (text: string) => (text === '' ? undefined : Number(text));
  return (
    <ExpandableSection headerText={t('advanced')}>
      <div className="pair">
        <FormField label={t('runOrder')} constraintText={t('runOrderHint')}><Input type="number" value={String(action.runOrder ?? 1)} onChange={(e) => onChange({ ...action, runOrder: number(e.detail.value) })} /></FormField>
        <FormField label={t('timeout')}><Input type="number" value={String(action.timeoutInMinutes ?? '')} onChange={(e) => onChange({ ...action, timeoutInMinutes: number(e.detail.value) })} /></FormField>
        <FormField label={t('namespace')}><Input value={action.namespace ?? ''} onChange={(e) => onChange({ ...action, namespace: e.detail.value.trim() })} /></FormField>
        <FormField label={t('region')}><Input value={action.region ?? ''} onChange={(e) => onChange({ ...action, region: e.detail.value.trim() })} /></FormField>
        <FormField label={t('roleArn')}><Input value={action.roleArn ?? ''} onChange={(e) => onChange({ ...action, roleArn: e.detail.value.trim() })} /></FormField>
      </div>
    </ExpandableSection>
  );
}
