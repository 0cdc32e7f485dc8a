import FormField from '@cloudscape-design/components/form-field';
import Input from '@cloudscape-design/components/input';
import Textarea from '@cloudscape-design/components/textarea';
import { useState } from 'react';
import { aws } from '../../api/aws';
import { FormModal } from '../../components/form-modal';
import { usePullWords } from '../../i18n/pulls';

/** ruleContent is an approval rule as CodeCommit writes it. A name that is no ARN is a user's. */
export function ruleContent(approvals: number, members: string): string {
  const pool = members.split('\n').map((m) => m.trim()).filter(Boolean).map((m) => (m.includes(':') ? m : `arn:aws:iam::000000000000:user/${m}`));
  const statement = { Type: 'Approvers', NumberOfApprovalsNeeded: approvals, ...(pool.length && { ApprovalPoolMembers: pool }) };
  return JSON.stringify({ Version: '2018-11-08', Statements: [statement] });
}

/** Adds a rule to a pull request. */
export function AddRule({ pull, onClose }: { pull: string; onClose: () => void }) {
  const { t } = usePullWords();
  const [name, setName] = useState('');
  const [approvals, setApprovals] = useState('1');
  const [members, setMembers] = useState('');
  const n = Number(approvals);
  const add = () => aws('codecommit', 'CreatePullRequestApprovalRule', { pullRequestId: pull, approvalRuleName: name, approvalRuleContent: ruleContent(n, members) });
  return (
    <FormModal title={t('addRule')} submit={t('addRule')} disabled={!name || !(n >= 1 && n <= 30)} onSubmit={add} onClose={onClose}>
      <FormField label={t('ruleName')}><Input value={name} onChange={(e) => setName(e.detail.value.slice(0, 100))} /></FormField>
      <FormField label={t('ruleApprovals')}><Input type="number" inputMode="numeric" value={approvals} onChange={(e) => setApprovals(e.detail.value)} /></FormField>
      <FormField label={t('ruleMembers')} constraintText={t('ruleMembersHint')}><Textarea rows={3} value={members} onChange={(e) => setMembers(e.detail.value)} /></FormField>
    </FormModal>
  );
}
