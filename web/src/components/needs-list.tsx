import Alert, { type AlertProps } from '@cloudscape-design/components/alert';
import Button from '@cloudscape-design/components/button';
import Link from '@cloudscape-design/components/link';
import SpaceBetween from '@cloudscape-design/components/space-between';
import type { ReactNode } from 'react';
import { useNavigate } from 'react-router';
import { useNeedsWords } from '../i18n/needs';
import type { Wishes } from './conveyor';
import type { Need } from './needs';
import { Permitted } from './permitted';

const types: Record<Need['kind'], AlertProps.Type> = { review: 'info', failed: 'error', condition: 'warning', closed: 'warning' };
const shown = 3;

/** What a person can do to get the belt moving, each with the button that does it. */
export function NeedsList({ needs, wishes }: { needs: Need[]; wishes: Wishes }) {
  const { t } = useNeedsWords();
  if (!needs.length) return null;
  return (
    <SpaceBetween size="xs">
      {needs.slice(0, shown).map((need) => <One key={`${need.kind} ${need.stage} ${need.kind === 'review' ? need.action.actionName : ''}`} need={need} wishes={wishes} />)}
      {needs.length > shown && <div className="small">{t('moreNeeds', { n: needs.length - shown })}</div>}
    </SpaceBetween>
  );
}

function One({ need, wishes }: { need: Need; wishes: Wishes }) {
  const { t, ago } = useNeedsWords();
  const go = useNavigate();
  const { stage } = need;
  const on = `${wishes.arn}/${stage}`;
  const say = (header: string, text: ReactNode, action: ReactNode) => <Alert type={types[need.kind]} header={header} action={action}>{text}</Alert>;
  switch (need.kind) {
    case 'review':
      return say(
        t('needsReview', { stage, action: need.action.actionName ?? '' }),
        <>
          {t('since', { when: ago(need.action.latestExecution?.lastStatusChange) })}
          {need.note && <div>{need.note}</div>}
          {need.link && <div><Link external href={need.link}>{t('whatToReview')}</Link></div>}
        </>,
        <Permitted action="codepipeline:PutApprovalResult" on={`${on}/${need.action.actionName}`} onClick={() => wishes.review(stage, need.action)}>{t('review')}</Permitted>,
      );
    case 'failed':
      return say(
        need.action ? t('actionFailed', { stage, action: need.action }) : t('stageFailed', { stage }),
        need.message ?? '',
        <SpaceBetween direction="horizontal" size="xs">
          {need.build && <Button onClick={() => void go(`/builds/${encodeURIComponent(need.build ?? '')}`)}>{t('viewLog')}</Button>}
          <Permitted action="codepipeline:RetryStageExecution" on={on} onClick={() => wishes.retry(stage, need.execution, false)}>{t('retry')}</Permitted>
        </SpaceBetween>,
      );
    case 'condition':
      return say(t('conditionHolds', { stage }), need.message ?? '', <Permitted action="codepipeline:OverrideStageCondition" on={on} onClick={() => wishes.override(stage, need.execution, need.type)}>{t('overrideCondition')}</Permitted>);
    case 'closed':
      return say(
        t('gateShut', { stage }),
        <>
          <div>{need.reason}</div>
          <div>{t('shutBy', { name: need.by?.split(/[/:]/).pop() ?? '–', when: ago(need.since) })} {need.waiting && t('waitsBehind', { id: need.waiting.slice(0, 8) })}</div>
        </>,
        <Permitted action="codepipeline:EnableStageTransition" on={on} ariaLabel={`${t('openGate')}: ${stage}`} onClick={() => wishes.gate(stage, true)}>{t('openGate')}</Permitted>,
      );
  }
}
