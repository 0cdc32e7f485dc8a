import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import Icon from '@cloudscape-design/components/icon';
import { Fragment, useEffect, useRef } from 'react';
import { useWords } from '../i18n';
import { layout, unmet, type ActionState, type Card, type Definition, type State, type Station } from './conveyor-layout';
import { LinkTo } from './link-to';
import { Status } from './status';
import './conveyor.css';

/** What a person may ask of the conveyor. */
export interface Wishes {
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
  const moving = station.status === 'InProgress' || station.status === 'Waiting';
  return (
    <li className={`belt${shut ? ' belt-off' : ''}${moving ? ' belt-live' : ''}`}>
      <button type="button" className="gate" aria-label={label} title={label} onClick={() => wishes.gate(station.name, shut)}>
        <Icon name={shut ? 'lock-private' : 'angle-right'} size="small" />
      </button>
    </li>
  );
}

function Stage({ station, wishes }: { station: Station; wishes: Wishes }) {
  const { t } = useWords();
  const { name, status, state } = station;
  const execution = state.latestExecution?.pipelineExecutionId ?? '';
  const shut = state.inboundTransitionState?.enabled === false ? state.inboundTransitionState : undefined;
  const condition = unmet(state);
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
            { id: 'all', text: t('retryAll'), disabled: status !== 'Failed' },
            { id: 'rollback', text: t('rollback'), disabled: !execution },
            { id: 'override', text: t('overrideCondition'), disabled: !condition },
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
      {status === 'Failed' && <div className="stage-foot"><Button onClick={() => wishes.retry(name, execution, false)}>{t('retry')}</Button></div>}
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
      {status === 'Waiting' && state && <Button variant="primary" onClick={() => wishes.review(stage, state)}>{t('review')}</Button>}
      {build && <LinkTo to={`/builds/${encodeURIComponent(build)}`} fontSize="body-s">{t('viewLog')}</LinkTo>}
    </div>
  );
}
