import Alert from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import { AwsError } from '../api/aws';
import { useWords } from '../i18n';

/** Browsers say in their own ways that no answer came. */
const unreachable = (e: unknown) => e instanceof Error && /failed to fetch|networkerror|load failed|dynamically imported|importing a module|preload css/i.test(e.message);

/** What could not be read or done, and why; a lack of permission is told as such. */
export function ErrorBox({ error, retry }: { error: unknown; retry?: () => void }) {
  const { t } = useWords();
  const denied = error instanceof AwsError && error.denied;
  return (
    <Alert type={denied ? 'warning' : 'error'} header={denied ? t('denied') : t('failed')} action={retry && !denied ? <Button onClick={retry}>{t('again')}</Button> : undefined}>
      {unreachable(error) ? t('unreachable') : error instanceof Error ? error.message : String(error)}
    </Alert>
  );
}
