import Button from '@cloudscape-design/components/button';
import ButtonDropdown from '@cloudscape-design/components/button-dropdown';
import { Fragment } from 'react';
import { useEditorWords } from '../i18n/editor';
import { actionsOf, stagesOf, type Action, type Declaration, type Mistake, type Stage } from './model';
import './editor.css';

/** What a person may ask of the board. */
export interface Edits {
  addStage: (at: number) => void;
  editStage: (stage: number) => void;
  moveStage: (from: number, to: number) => void;
  removeStage: (stage: number) => void;
  editAction: (stage: number, action: number) => void;
  moveAction: (from: number, action: number, to: number) => void;
  removeAction: (stage: number, action: number) => void;
}

interface Props {
  definition: Declaration;
  mistakes: Mistake[];
  edits: Edits;
}

/** The stages of a definition as they will run, with a place to add one before, between and after them. */
export function Board({ definition, mistakes, edits }: Props) {
  const { t } = useEditorWords();
  const stages = stagesOf(definition);
  const add = (at: number) => <Button variant="icon" iconName="add-plus" ariaLabel={`${t('addStage')} ${at + 1}`} onClick={() => edits.addStage(at)} />;
  return (
    <ol className="board" aria-label={t('visual')}>
      {stages.map((stage, i) => (
        <Fragment key={i}>
          <li className="between">{add(i)}</li>
          <StageCard stage={stage} index={i} all={stages} edits={edits} wrong={mistakes.filter((m) => m.stage === stage.name)} />
        </Fragment>
      ))}
      <li className="between">{add(stages.length)}</li>
    </ol>
  );
}

function StageCard({ stage, index, all, edits, wrong }: { stage: Stage; index: number; all: Stage[]; edits: Edits; wrong: Mistake[] }) {
  const { t } = useEditorWords();
  const does: Record<string, () => void> = {
    edit: () => edits.editStage(index), left: () => edits.moveStage(index, index - 1), right: () => edits.moveStage(index, index + 1), remove: () => edits.removeStage(index),
  };
  const orders = [...new Set(actionsOf(stage).map((a) => a.runOrder ?? 1))].sort((a, b) => a - b);
  return (
    <li className={wrong.length ? 'plan wrong' : 'plan'}>
      <div className="plan-head">
        <h3>{stage.name}</h3>
        <ButtonDropdown
          variant="inline-icon"
          expandToViewport
          ariaLabel={`${t('actions')}: ${stage.name}`}
          items={[
            { id: 'edit', text: t('edit') }, { id: 'left', text: t('moveLeft'), disabled: index === 0 },
            { id: 'right', text: t('moveRight'), disabled: index === all.length - 1 }, { id: 'remove', text: t('removeStage') },
          ]}
          onItemClick={(e) => does[e.detail.id]?.()}
        />
      </div>
      <Conditions stage={stage} />
      {orders.map((order) => (
        <div className="beside" key={order}>
          {actionsOf(stage).map((a, i) => (a.runOrder ?? 1) === order && (
            <ActionCard key={i} action={a} others={all.map((s) => s.name ?? '').filter((n) => n !== stage.name)} wrong={wrong.some((m) => m.action === a.name)} onEdit={() => edits.editAction(index, i)}
              onRemove={() => edits.removeAction(index, i)} onMove={(name) => edits.moveAction(index, i, all.findIndex((s) => s.name === name))} />
          ))}
        </div>
      ))}
      <Button iconName="add-plus" ariaLabel={`${t('addAction')}: ${stage.name}`} onClick={() => edits.editAction(index, -1)}>{t('addAction')}</Button>
    </li>
  );
}

function Conditions({ stage }: { stage: Stage }) {
  const { t } = useEditorWords();
  const slots = (['beforeEntry', 'onSuccess', 'onFailure'] as const).filter((slot) => stage[slot]);
  if (!slots.length) return null;
  return <div className="small">{slots.map((slot) => t(slot)).join(' · ')}</div>;
}

function ActionCard(p: { action: Action; others: string[]; wrong: boolean; onEdit: () => void; onRemove: () => void; onMove: (stage: string) => void }) {
  const { t } = useEditorWords();
  const names = (list?: { name?: string }[]) => (list ?? []).map((x) => x.name).join(', ');
  return (
    <div className={p.wrong ? 'card wrong' : 'card'}>
      <div className="plan-head">
        <button type="button" className="card-name" aria-label={t('editAction', { name: p.action.name ?? '' })} onClick={p.onEdit}>{p.action.name}</button>
        <ButtonDropdown
          variant="inline-icon"
          expandToViewport
          ariaLabel={`${t('actions')}: ${p.action.name}`}
          items={[{ id: 'edit', text: t('edit') }, ...p.others.map((name) => ({ id: `to ${name}`, text: t('moveTo', { stage: name }) })), { id: 'remove', text: t('removeAction') }]}
          onItemClick={(e) => (e.detail.id === 'edit' ? p.onEdit() : e.detail.id === 'remove' ? p.onRemove() : p.onMove(e.detail.id.slice(3)))}
        />
      </div>
      <div className="small">{p.action.actionTypeId?.category} · {p.action.actionTypeId?.provider}</div>
      {names(p.action.inputArtifacts) && <div className="small">⇥ {names(p.action.inputArtifacts)}</div>}
      {names(p.action.outputArtifacts) && <div className="small">↦ {names(p.action.outputArtifacts)}</div>}
    </div>
  );
}
