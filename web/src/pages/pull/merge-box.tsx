import Alert from '@cloudscape-design/components/alert';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Container from '@cloudscape-design/components/container';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMay } from '../../api/ask';
import { aws } from '../../api/aws';
import { repositoryQ } from '../../api/code';
import { approvalsQ, branchOf, mergeQ, target, type PullRequest } from '../../api/pulls';
import { Confirm } from '../../components/confirm';
import { ErrorBox } from '../../components/error-box';
import { usePullWords } from '../../i18n/pulls';
import { Merge } from './merge';

/** What to type to settle conflicts. */
export const conflictCommands = (source: string, destination: string) => `git fetch origin\ngit switch ${source}\ngit merge origin/${destination}\n# edit the files, then\ngit commit -a\ngit push`;

const merges = ['codecommit:MergePullRequestByFastForward', 'codecommit:MergePullRequestBySquash', 'codecommit:MergePullRequestByThreeWay'];
const closes = 'codecommit:UpdatePullRequestStatus';

/** Merging a pull request, or what keeps it from that. */
export function MergeBox({ pull, onChange }: { pull: PullRequest; onChange: () => void }) {
  const { t } = usePullWords();
  const to = target(pull);
  const open = pull.pullRequestStatus === 'OPEN';
  const ways = useQuery({ ...mergeQ(to.repositoryName ?? '', to), enabled: open });
  const approvals = useQuery(approvalsQ(pull.pullRequestId ?? '', pull.revisionId ?? ''));
  const [merging, setMerging] = useState(false);
  const [closing, setClosing] = useState(false);
  const arn = useQuery(repositoryQ(to.repositoryName ?? '')).data?.Arn ?? '*';
  const may = useMay([...merges.map((action) => [action, arn] as const), [closes, arn]]);
  if (!open) return null;
  const conflicts = ways.data?.conflicts ?? [];
  const unmet = approvals.data?.evaluation.approved === false ? (approvals.data.evaluation.approvalRulesNotSatisfied ?? []) : [];
  const reason = !merges.some((action) => may(action)) ? t('denied') : !ways.data ? t('checkingMerge') : conflicts.length && !ways.data.ways.length ? t('conflictBlocks') : unmet.length ? t('ruleBlocks', { what: unmet.join(', ') }) : undefined;
  const close = () => aws('codecommit', 'UpdatePullRequestStatus', { pullRequestId: pull.pullRequestId ?? '', pullRequestStatus: 'CLOSED' });
  return (
    <Container>
      <SpaceBetween size="s">
        {ways.isError && <ErrorBox error={ways.error} />}
        <SpaceBetween direction="horizontal" size="xs">
          <Button variant="primary" disabled={!!reason} disabledReason={reason} onClick={() => setMerging(true)}>{t('mergeIt')}</Button>
          <Button disabled={!may(closes)} disabledReason={t('denied')} onClick={() => setClosing(true)}>{t('closeIt')}</Button>
        </SpaceBetween>
        {reason && !conflicts.length && <Box color="text-body-secondary" fontSize="body-s">{reason}</Box>}
        {conflicts.length > 0 && (
          <Alert type="warning" header={t('conflictsTitle')}>
            <ul>{conflicts.map((c) => <li key={c.filePath}><code>{c.filePath}</code></li>)}</ul>
            <p>{t('conflictsHint')}</p>
            <pre className="code" tabIndex={0}>{conflictCommands(branchOf(to.sourceReference), branchOf(to.destinationReference))}</pre>
          </Alert>
        )}
      </SpaceBetween>
      {merging && ways.data && <Merge pull={pull} ways={ways.data.ways} onClose={() => (setMerging(false), onChange())} />}
      {closing && <Confirm title={t('closePull')} hint={t('closePullHint')} submit={t('closeIt')} onConfirm={close} onClose={() => (setClosing(false), onChange())} />}
    </Container>
  );
}
