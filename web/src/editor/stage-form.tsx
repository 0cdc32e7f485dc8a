import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Tabs from '@cloudscape-design/components/tabs';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { FormModal } from '../components/form-modal';
import { useEditorWords } from '../i18n/editor';
import { ConfigurationFields } from './configuration';
import { linesOf } from './lists';
import { fresh, sameType, tidy, typeName, type RuleType, type Stage } from './model';

type Condition = NonNullable<NonNullable<Stage['beforeEntry']>['conditions']>[number];
type Rule = NonNullable<Condition['rules']>[number];
type Result = Condition['result'];

/** Where a stage can have conditions, and what may follow when one does not hold. */
const slots = { beforeEntry: ['FAIL', 'SKIP'], onSuccess: ['FAIL', 'ROLLBACK'], onFailure: ['ROLLBACK', 'RETRY', 'FAIL', 'SKIP'] } as const;
type Slot = keyof typeof slots;

/** A stage: its name, and the conditions around it. */
export function StageForm(p: { stage: Stage; rules: RuleType[]; onDone: (s: Stage) => void; onClose: () => void }) {
  const { t } = useEditorWords();
  const [stage, setStage] = useState(p.stage);
  const conditionOf = (slot: Slot): Condition => stage[slot]?.conditions?.[0] ?? {};
  const setCondition = (slot: Slot, c: Condition) => setStage({ ...stage, [slot]: { ...stage[slot], conditions: c.rules?.length ? [c] : [] } });
  return (
    <FormModal title={t('editStage', { name: p.stage.name ?? '' })} size="large" submit={t('done')} disabled={!stage.name} onSubmit={() => p.onDone(withoutEmpty(stage))} onClose={p.onClose}>
      <FormField label={t('stageName')}><Input value={stage.name ?? ''} onChange={(e) => setStage({ ...stage, name: e.detail.value.trim() })} /></FormField>
      <Tabs
        ariaLabel={t('conditions')}
        tabs={(Object.keys(slots) as Slot[]).map((slot) => ({
          id: slot,
          label: t(slot),
          content: (
            <SpaceBetween size="m">
              {slot === 'onFailure' && <OnFailure stage={stage} onChange={setStage} />}
              <Rules condition={conditionOf(slot)} results={slots[slot]} types={p.rules} onChange={(c) => setCondition(slot, c)} />
            </SpaceBetween>
          ),
        }))}
      />
    </FormModal>
  );
}

/** withoutEmpty keeps the actions even if there are none: a stage without them is shown as a mistake, not dropped. */
const withoutEmpty = (s: Stage): Stage => ({ ...tidy(s), actions: s.actions ?? [] });

/** What follows the failure of a stage, whether there are rules or not. */
function OnFailure({ stage, onChange }: { stage: Stage; onChange: (s: Stage) => void }) {
  const { t } = useEditorWords();
  const { result, retryConfiguration } = stage.onFailure ?? {};
  const results = ['', 'ROLLBACK', 'RETRY', 'FAIL', 'SKIP'] as const;
  const modes = ['FAILED_ACTIONS', 'ALL_ACTIONS'] as const;
  const option = (value: (typeof results)[number] | (typeof modes)[number]) => ({ value, label: value ? t(value) : t('unset') });
  return (
    <div className="pair">
      <FormField label={t('onFailureResult')}>
        <Select selectedOption={option(result ?? '')} options={results.map(option)} onChange={(e) => onChange({ ...stage, onFailure: { ...stage.onFailure, result: (e.detail.selectedOption.value || undefined) as Result } })} />
      </FormField>
      {result === 'RETRY' && (
        <FormField label={t('retryMode')}>
          <Select selectedOption={option(retryConfiguration?.retryMode ?? 'FAILED_ACTIONS')} options={modes.map(option)} onChange={(e) => onChange({ ...stage, onFailure: { ...stage.onFailure, retryConfiguration: { retryMode: e.detail.selectedOption.value as (typeof modes)[number] } } })} />
        </FormField>
      )}
    </div>
  );
}

function Rules(p: { condition: Condition; results: readonly ('FAIL' | 'SKIP' | 'ROLLBACK' | 'RETRY')[]; types: RuleType[]; onChange: (c: Condition) => void }) {
  const { t } = useEditorWords();
  const rules = p.condition.rules ?? [];
  const results = p.results.map((value) => ({ value, label: t(value) }));
  function add() {
    const type = p.types[0]?.id;
    if (!type) return;
    const rule: Rule = { name: fresh('Rule', rules.map((r) => r.name)), ruleTypeId: type };
    p.onChange({ ...p.condition, result: p.condition.result ?? p.results[0], rules: [...rules, rule] });
  }
  return (
    <SpaceBetween size="s">
      {!rules.length && <span>{t('withoutRules')}</span>}
      {rules.length > 0 && <FormField label={t('result')}><Select selectedOption={results.find((o) => o.value === p.condition.result) ?? null} options={results} onChange={(e) => p.onChange({ ...p.condition, result: e.detail.selectedOption.value as Result })} /></FormField>}
      {rules.map((rule, i) => (
        <RuleFields key={i} rule={rule} types={p.types} onChange={(r) => p.onChange({ ...p.condition, rules: r ? rules.with(i, r) : rules.toSpliced(i, 1) })} />
      ))}
      <Button iconName="add-plus" onClick={add}>{t('newRule')}</Button>
    </SpaceBetween>
  );
}

function RuleFields({ rule, types, onChange }: { rule: Rule; types: RuleType[]; onChange: (r?: Rule) => void }) {
  const { t } = useEditorWords();
  const type = types.find((x) => sameType(x.id, rule.ruleTypeId));
  const options = types.map((x) => ({ value: typeName(x.id), label: x.id?.provider }));
  return (
    <Container header={<Header variant="h3" actions={<Button variant="icon" iconName="remove" ariaLabel={`${t('remove')}: ${rule.name}`} onClick={() => onChange()} />}>{rule.name}</Header>}>
      <SpaceBetween size="s">
        <div className="pair">
          <FormField label={t('nameOfRule')}><Input value={rule.name ?? ''} onChange={(e) => onChange({ ...rule, name: e.detail.value.trim() })} /></FormField>
          <FormField label={t('rule')}>
            <Select selectedOption={{ value: typeName(rule.ruleTypeId), label: rule.ruleTypeId?.provider }} options={options} onChange={(e) => onChange({ ...rule, ruleTypeId: types.find((x) => typeName(x.id) === e.detail.selectedOption.value)?.id, configuration: {} })} />
          </FormField>
        </div>
        <ConfigurationFields properties={type?.ruleConfigurationProperties ?? []} value={rule.configuration ?? {}} onChange={(configuration) => onChange({ ...rule, configuration })} />
        {rule.ruleTypeId?.provider === 'Commands' && <FormField label={t('commands')} constraintText={t('commandsHint')}><Textarea rows={4} spellcheck={false} value={(rule.commands ?? []).join('\n')} onChange={(e) => onChange({ ...rule, commands: linesOf(e.detail.value) })} /></FormField>}
      </SpaceBetween>
    </Container>
  );
}
