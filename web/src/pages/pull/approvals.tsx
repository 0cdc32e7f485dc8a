import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import Header from '@cloudscape-design/components/header';
import SpaceBetween from '@cloudscape-design/components/space-between';
import StatusIndicator from '@cloudscape-design/components/status-indicator';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { aws } from '../../api/aws';
import { approvalsQ, nameOf, type PullRequest } from '../../api/pulls';
import { sessionQ } from '../../api/queries';
import { ErrorBox } from '../../components/error-box';
import { complain } from '../../flash';
import { usePullWords } from '../../i18n/pulls';
import { AddRule } from './add-rule';

/** Who has approved a pull request, and what its rules still ask for. */
export function Approvals({ pull, onChange }: { pull: PullRequest; onChange: () => void }) {
  const { t } = usePullWords();
  const me = useQuery(sessionQ()).data?.arn;
  const [adding, setAdding] = useState(false);
  const id = { pullRequestId: pull.pullRequestId ?? '', revisionId: pull.revisionId ?? '' };
  const state = useQuery(approvalsQ(id.pullRequestId, id.revisionId));
  // Pipelines approve, too: what they say stands in a list of its own.
  const given = (state.data?.approvals ?? []).filter((a) => a.approvalState === 'APPROVE').map((a) => a.userArn ?? '').filter((arn) => !arn.includes(':codepipeline:'));
  const { evaluation } = state.data ?? {};
  const satisfied = new Set(evaluation?.approvalRulesSatisfied);
  const rules = pull.approvalRules ?? [];
  const open = pull.pullRequestStatus === 'OPEN';
  const mine = !!me && given.includes(me);
  const closed = open ? undefined : t('pullClosed');
  const act = (what: Promise<unknown>) => void what.then(onChange).catch(complain);
  const decide = () => act(aws('codecommit', 'UpdatePullRequestApprovalState', { ...id, approvalState: mine ? 'REVOKE' : 'APPROVE' }));
  const aside = () => act(aws('codecommit', 'OverridePullRequestApprovalRules', { ...id, overrideStatus: evaluation?.overridden ? 'REVOKE' : 'OVERRIDE' }));
  const author = me === pull.authorArn ? t('authorCannot') : undefined;
  return (
    <Container header={<Header variant="h3" actions={<Button disabled={!open || !!author} disabledReason={closed ?? author} onClick={decide}>{mine ? t('revokeIt') : t('approveIt')}</Button>}>{t('approvals')}</Header>}>
      <SpaceBetween size="s">
        {state.isError && <ErrorBox error={state.error} />}
        <div><Box variant="awsui-key-label">{t('approvedBy')}</Box>{given.map(nameOf).join(', ') || t('nobodyYet')}</div>
        {!rules.length && <Box color="text-body-secondary">{t('noRules')}</Box>}
        {rules.map((r) => (
          <div key={r.approvalRuleId} className="rule">
            <span><StatusIndicator type={satisfied.has(r.approvalRuleName ?? '') ? 'success' : 'pending'}>{r.approvalRuleName}</StatusIndicator></span>
            {open && !r.originApprovalRuleTemplate && (
              <Button variant="inline-icon" iconName="close" ariaLabel={t('removeRule', { name: r.approvalRuleName ?? '' })} onClick={() => act(aws('codecommit', 'DeletePullRequestApprovalRule', { pullRequestId: id.pullRequestId, approvalRuleName: r.approvalRuleName ?? '' }))} />
            )}
          </div>
        ))}
        {evaluation?.overridden && <StatusIndicator type="warning">{t('areAside')}</StatusIndicator>}
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="inline-link" disabled={!open} onClick={() => setAdding(true)}>{t('addRule')}</Button>
          {rules.length > 0 && <Button variant="inline-link" disabled={!open} onClick={aside}>{evaluation?.overridden ? t('putBack') : t('setAside')}</Button>}
        </SpaceBetween>
      </SpaceBetween>
      {adding && <AddRule pull={id.pullRequestId} onClose={() => (setAdding(false), onChange())} />}
    </Container>
  );
}
