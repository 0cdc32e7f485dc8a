import Alert from '@cloudscape-design/components/alert';
import { useBuildWords } from '../../i18n/build';

/** What failed, on top of everything else. */
export function Failed({ failure }: { failure?: { phase: string; message: string } }) {
  const { t } = useBuildWords();
  if (!failure) return null;
  return <Alert type="error" header={t('failedCommand', { name: failure.phase })}><span className="message">{failure.message}</span></Alert>;
}
