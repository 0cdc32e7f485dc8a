import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import type { Question } from '../api/ask';
import { FormModal } from '../components/form-modal';
import { useSettingsWords } from '../i18n/settings';

export const example = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: ['codepipeline:Get*', 'codepipeline:List*'], Resource: '*' }] }, null, 2);

/** A document that someone edits, checked as JSON while they do; the server checks the rest. */
export function PolicyEditor(p: { title: string; name?: string; text: string; takes: (name: string) => Question; onSave: (name: string, text: string) => Promise<unknown>; onClose: () => void }) {
  const { t } = useSettingsWords();
  const [name, setName] = useState(p.name ?? '');
  const [text, setText] = useState(p.text);
  const problem = problemOf(text, t('noStatement'), (reason) => t('badJSON', { reason }));
  return (
    <FormModal title={p.title} size="large" submit={t('save')} disabled={!name || !!problem} takes={name ? p.takes(name) : undefined} onSubmit={() => p.onSave(name, text)} onClose={p.onClose}>
      {p.name === undefined && <FormField label={t('policyName')}><Input value={name} onChange={(e) => setName(e.detail.value.trim())} /></FormField>}
      <FormField stretch label={t('policyDocument')} constraintText={t('policyHint')} errorText={problem}>
        <Textarea value={text} rows={16} spellcheck={false} onChange={(e) => setText(e.detail.value)} />
      </FormField>
    </FormModal>
  );
}

function problemOf(text: string, incomplete: string, broken: (reason: string) => string): string | undefined {
  try {
    const document = JSON.parse(text) as { Version?: unknown; Statement?: unknown };
    return document.Version && document.Statement ? undefined : incomplete;
  } catch (e) {
    return broken(e instanceof Error ? e.message : String(e));
  }
}
