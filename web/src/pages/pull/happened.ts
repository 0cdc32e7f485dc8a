import { nameOf, type PullEvent } from '../../api/pulls';
import type { usePullWords } from '../../i18n/pulls';

type Words = ReturnType<typeof usePullWords>['t'];

/** happened tells in words what an event of a pull request was. */
export function happened(e: PullEvent, t: Words): string {
  const who = nameOf(e.actorArn);
  const what = e.approvalRuleEventMetadata?.approvalRuleName ?? '';
  switch (e.pullRequestEventType) {
    case 'PULL_REQUEST_CREATED':
      return t('evCreated', { who });
    case 'PULL_REQUEST_SOURCE_REFERENCE_UPDATED':
      return t('evSource', { who, what: e.pullRequestSourceReferenceUpdatedEventMetadata?.afterCommitId?.slice(0, 8) ?? '' });
    case 'PULL_REQUEST_MERGE_STATE_CHANGED':
      return t('evMerged', { who });
    case 'PULL_REQUEST_STATUS_CHANGED':
      return t(e.pullRequestStatusChangedEventMetadata?.pullRequestStatus === 'OPEN' ? 'evReopened' : 'evClosed', { who });
    case 'PULL_REQUEST_APPROVAL_STATE_CHANGED':
      return t(e.approvalStateChangedEventMetadata?.approvalStatus === 'REVOKE' ? 'evRevoked' : 'evApproved', { who });
    case 'PULL_REQUEST_APPROVAL_RULE_CREATED':
      return t('evRuleCreated', { who, what });
    case 'PULL_REQUEST_APPROVAL_RULE_UPDATED':
      return t('evRuleUpdated', { who, what });
    case 'PULL_REQUEST_APPROVAL_RULE_DELETED':
      return t('evRuleDeleted', { who, what });
    case 'PULL_REQUEST_APPROVAL_RULE_OVERRIDDEN':
      return t(e.approvalRuleOverriddenEventMetadata?.overrideStatus === 'REVOKE' ? 'evRevokedOverride' : 'evOverridden', { who });
    default:
      return `${who}: ${e.pullRequestEventType}`;
  }
}
