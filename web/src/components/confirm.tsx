import Box from '@cloudscape-design/components/box';
import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import { useState } from 'react';
import { useCodeWords } from '../i18n/code';
import { FormModal } from './form-modal';

/** Asks before something is lost. With a name, that has to be typed first. */
export function Confirm(p: { title: string; hint: string; submit: string; name?: string; onConfirm: () => Promise<unknown>; onClose: () => void }) {
  const { t } = useCodeWords();
  const [typed, setTyped] = useState('');
  return (
    <FormModal title={p.title} submit={p.submit} disabled={!!p.name && typed !== p.name} onSubmit={p.onConfirm} onClose={p.onClose}>
      <Box>{p.hint}</Box>
      {p.name && <FormField label={t('typeName', { name: p.name })}><Input value={typed} onChange={(e) => setTyped(e.detail.value)} /></FormField>}
    </FormModal>
  );
}
