import Button, { type ButtonProps } from '@cloudscape-design/components/button';
import { useMay } from '../api/ask';
import { useWords } from '../i18n';

/** A button for what takes a permission, on the ARN of a resource where it has one. Who lacks it sees the button, and why it
 * does nothing. */
export function Permitted({ action, on = '*', ...button }: ButtonProps & { action: string; on?: string }) {
  const { t } = useWords();
  const may = useMay([[action, on]])(action);
  return <Button {...button} disabled={button.disabled || !may} disabledReason={may ? button.disabledReason : t('forbidden', { action })} />;
}
