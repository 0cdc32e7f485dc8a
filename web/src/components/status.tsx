import StatusIndicator, { type StatusIndicatorProps } from '@cloudscape-design/components/status-indicator';
import { useWords, type Key } from '../i18n';

const types = {
  InProgress: 'in-progress', Succeeded: 'success', Failed: 'error', Stopped: 'stopped', Stopping: 'in-progress', Superseded: 'info',
  Cancelled: 'stopped', Waiting: 'pending', Idle: 'pending', Abandoned: 'stopped', NotAllowed: 'info',
} satisfies Partial<Record<Key, StatusIndicatorProps.Type>>;
type Known = keyof typeof types;

/** CodeBuild says it in capitals. */
const builds: Record<string, Known> = { SUCCEEDED: 'Succeeded', FAILED: 'Failed', FAULT: 'Failed', TIMED_OUT: 'Failed', IN_PROGRESS: 'InProgress', STOPPED: 'Stopped' };

/** How something stands; of, when given, is what, and takes the place of the word in sight. */
export function Status({ value, of }: { value?: string | null; of?: string }) {
  const { t } = useWords();
  const known: Known = value && value in types ? (value as Known) : (builds[value ?? ''] ?? 'Idle');
  return <StatusIndicator wrapText={false} type={types[known]} iconAriaLabel={of && t(known)} colorOverride={known === 'Waiting' || known === 'InProgress' ? 'blue' : undefined}>{of ?? t(known)}</StatusIndicator>;
}
