import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Icon from '@cloudscape-design/components/icon';
import { Fragment, useEffect, useRef } from 'react';
import { useMay } from '../api/ask';
import { useWords } from '../i18n';
import { layout, unmet, type ActionState, type Card, type Definition, type State, type Station } from './conveyor-layout';
import { LinkTo } from './link-to';
import { Permitted } from './permitted';
import { Status } from './status';
import './conveyor.css';

/** What a person may ask of the conveyor. */
export interface Wishes {
  /** The ARN of the pipeline, on which permissions are asked for. */
  arn: string;
  review: (stage: string, action: ActionState) => void;
  gate: (stage: string, open: boolean) => void;
  retry: (stage: string, execution: string, all: boolean) => void;
  rollback: (stage: string) => void;
  override: (stage: string, execution: string, condition: 'BEFORE_ENTRY' | 'ON_SUCCESS') => void;
}

/** The stages of a pipeline from left to right, on a phone from top to bottom, with gates between them. Of a long one, that
 * is seen first which something happens in. */
export function Conveyor({ definition, state, wishes }: { definition: Definition; state: State; wishes: Wishes }) {
  const { t } = useWords();
  const belt = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const [first, at] = ['.stage', '.stage-Waiting, .stage-Failed, .stage-InProgress'].map((s) => belt.current?.querySelector<HTMLElement>(s));
    if (first && at) belt.current?.scrollTo({ left: at.offsetLeft - first.offsetLeft - belt.current.clientWidth / 3 });
  }, [definition.pipeline?.name]);
  return (
    <ol ref={belt} className="conveyor" aria-label={t('graph')}>
      {layout(definition, state).map((station, i) => (
        <Fragment key={station.name}>
          {i > 0 && <Gate station={station} wishes={wishes} />}
          <Stage station={station} wishes={wishes} />
        </Fragment>
      ))}
    </ol>
  );
}

function Gate({ station, wishes }: { station: Station; wishes: Wishes }) {
  const { t } = useWords();
  const shut = station.state.inboundTransitionState?.enabled === false;
  const label = t(shut ? 'openTransition' : 'closeTransition', { stage: station.name });
  const action = `codepipeline:${shut ? 'Enable' : 'Disable'}StageTransition`;
  const may = useMay([[action, `${wishes.arn}/${station.name}`]])(action);
  const moving = station.status === 'InProgress' || station.status === 'Waiting';
  return (
    <li className={`belt${shut ? ' belt-off' : ''}${moving ? ' belt-live' : ''}`}>
      <button type="button" className="gate" aria-label={label} aria-disabled={!may} title={may ? label : t('forbidden', { action })} onClick={() => may && wishes.gate(station.name, shut)}>
        <Icon name={shut ? 'lock-private' : 'angle-right'} size="small" />
      </button>
    </li>
  );
}

const [retries, rollsBack, overrides] = ['codepipeline:RetryStageExecution', 'codepipeline:RollbackStage', 'codepipeline:OverrideStageCondition'] as const;

function Stage({ station, wishes }: { station: Station; wishes: Wishes }) {
  const { t } = useWords();
  const { name, status, state } = station;
  const execution = state.latestExecution?.pipelineExecutionId ?? '';
  const shut = state.inboundTransitionState?.enabled === false ? state.inboundTransitionState : undefined;
  const condition = unmet(state);
  const may = useMay([retries, rollsBack, overrides].map((action) => [action, `${wishes.arn}/${name}`]));
  const item = (id: string, text: string, action: string, sense: boolean) => ({ id, text, disabled: !sense || !may(action), disabledReason: may(action) ? undefined : t('forbidden', { action }) });
  const does: Record<string, () => void> = {
    all: () => wishes.retry(name, execution, true),
    rollback: () => wishes.rollback(name),
    override: () => condition && wishes.override(name, condition.execution, condition.type),
  };
  return (
    <li className={`stage stage-${status}`}>
      <div className="stage-head">
        <div>
          <h3>{name}</h3>
          <Status value={status} />
        </div>
        <ButtonDropdown
          variant="inline-icon"
          ariaLabel={`${t('actions')}: ${name}`}
          expandToViewport
          items={[
            item('all', t('retryAll'), retries, status === 'Failed'),
            item('rollback', t('rollback'), rollsBack, !!execution),
            item('override', t('overrideCondition'), overrides, !!condition),
          ]}
          onItemClick={(e) => does[e.detail.id]?.()}
        />
      </div>
      {shut && <div className="small warn">{t('closedBecause', { reason: shut.disabledReason ?? '–' })}</div>}
      {execution && <div className="small">{execution.slice(0, 8)}</div>}
      {station.groups.map((cards, i) => (
        <div className="group" key={cards[0]?.name}>
          {i > 0 && <div className="then" />}
          {cards.map((card) => <Action key={card.name} card={card} stage={name} wishes={wishes} />)}
        </div>
      ))}
      {status === 'Failed' && <div className="stage-foot"><Permitted action={retries} on={`${wishes.arn}/${name}`} onClick={() => wishes.retry(name, execution, false)}>{t('retry')}</Permitted></div>}
    </li>
  );
}

function Action({ card, stage, wishes }: { card: Card; stage: string; wishes: Wishes }) {
  const { t, ago } = useWords();
  const { state, status } = card;
  const latest = state?.latestExecution;
  const build = card.provider === 'CodeBuild' ? latest?.externalExecutionId : undefined;
  return (
    <div className={`action action-${status}`}>
      <div className="line"><strong>{card.name}</strong><span className="small">{card.provider}</span></div>
      <div className="line"><Status value={status} /><span className="small">{latest?.lastStatusChange ? ago(latest.lastStatusChange) : ''}</span></div>
      {state?.currentRevision && <div className="small"><code>{state.currentRevision.revisionId?.slice(0, 8)}</code></div>}
      {latest?.errorDetails ? <div className="small bad">{latest.errorDetails.message}</div> : latest?.summary && <div className="small">{latest.summary}</div>}
      {status === 'Waiting' && state && <Permitted action="codepipeline:PutApprovalResult" on={`${wishes.arn}/${stage}/${card.name}`} variant="primary" onClick={() => wishes.review(stage, state)}>{t('review')}</Permitted>}
      {build && <LinkTo to={`/builds/${encodeURIComponent(build)}`} fontSize="body-s">{t('viewLog')}</LinkTo>}
    </div>
  );
}
