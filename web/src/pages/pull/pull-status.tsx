import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { target, type PullRequest } from '../../api/pulls';
import { usePullWords } from '../../i18n/pulls';

/** Whether a pull request is open, merged, or was closed without that. */
export function PullStatus({ pull }: { pull: PullRequest }) {
  const { t } = usePullWords();
  if (pull.pullRequestStatus !== 'CLOSED') return <StatusIndicator type="in-progress" wrapText={false}>{t('isOpen')}</StatusIndicator>;
  return target(pull).mergeMetadata?.isMerged ? <StatusIndicator type="success" wrapText={false}>{t('merged')}</StatusIndicator> : <StatusIndicator type="stopped" wrapText={false}>{t('closedUnmerged')}</StatusIndicator>;
}
