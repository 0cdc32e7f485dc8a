import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useBuildWords } from '../../i18n/build';

const types = { SUCCEEDED: 'success', FAILED: 'error', ERROR: 'error', SKIPPED: 'stopped', UNKNOWN: 'info', GENERATING: 'in-progress', INCOMPLETE: 'warning', DELETING: 'pending' } satisfies Record<string, StatusIndicatorProps.Type>;

/** How a report or a test ended. */
export function ReportStatus({ value = 'UNKNOWN' }: { value?: string }) {
  const { t } = useBuildWords();
  const known = (value in types ? value : 'UNKNOWN') as keyof typeof types;
  return <StatusIndicator wrapText={false} type={types[known]}>{t(`r${known}`)}</StatusIndicator>;
}
