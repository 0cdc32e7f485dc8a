import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Modal, { type ModalProps } from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState, type ReactNode } from 'react';
import { useMay, type Question } from '../api/ask';
import { useWords } from '../i18n';
import { ErrorBox } from './error-box';

/** A dialogue that does one thing. It stays open, with the reason, when that is refused; where it is known what permission
 * that takes, who lacks it reads so beforehand. */
export function FormModal(p: { title: string; submit: string; disabled?: boolean; takes?: Question; size?: ModalProps.Size; onSubmit: () => unknown; onClose: () => void; children: ReactNode }) {
  const { t } = useWords();
  const may = useMay(p.takes ? [p.takes] : []);
  const lacks = p.takes && !may(p.takes[0]) ? t('forbidden', { action: p.takes[0] }) : undefined;
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  async function submit() {
    setBusy(true);
    setError(undefined);
    try {
      await p.onSubmit();
      p.onClose();
    } catch (e) {
      setError(e);
      setBusy(false);
    }
  }
  return (
    <Modal
      visible
      size={p.size}
      header={p.title}
      closeAriaLabel={t('close')}
      onDismiss={p.onClose}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={p.onClose}>{t('cancel')}</Button>
            <Button variant="primary" loading={busy} disabled={p.disabled || !!lacks} disabledReason={lacks} onClick={() => void submit()}>{p.submit}</Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <ErrorBox error={error} />}
        {p.children}
      </SpaceBetween>
    </Modal>
  );
}
