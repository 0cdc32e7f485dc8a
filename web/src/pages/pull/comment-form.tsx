import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea, { type TextareaProps } from '@cloudscape-design/components/textarea';
import { useEffect, useRef, useState } from 'react';
import { ErrorBox } from '../../components/error-box';
import { usePullWords } from '../../i18n/pulls';

/** A few lines that somebody writes. What is refused stays in the field. */
export function CommentForm(p: { label: string; submit: string; text?: string; focused?: boolean; onSubmit: (text: string) => Promise<unknown>; onCancel?: () => void }) {
  const { t } = usePullWords();
  const [text, setText] = useState(p.text ?? '');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const field = useRef<TextareaProps.Ref>(null);
  useEffect(() => {
    if (p.focused) field.current?.focus();
  }, [p.focused]);
  async function submit() {
    setBusy(true);
    setError(undefined);
    try {
      await p.onSubmit(text);
      setText('');
    } catch (e) {
      setError(e);
    }
    setBusy(false);
  }
  return (
    <SpaceBetween size="xs">
      {error !== undefined && <ErrorBox error={error} />}
      <FormField label={p.label} constraintText={t('writeCommentHint')} stretch><Textarea ref={field} rows={3} value={text} onChange={(e) => setText(e.detail.value.slice(0, 10_240))} /></FormField>
      <SpaceBetween direction="horizontal" size="xs">
        <Button loading={busy} disabled={!text.trim()} onClick={() => void submit()}>{p.submit}</Button>
        {p.onCancel && <Button variant="link" onClick={p.onCancel}>{t('cancel')}</Button>}
      </SpaceBetween>
    </SpaceBetween>
  );
}
