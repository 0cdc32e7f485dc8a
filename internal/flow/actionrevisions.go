package flow

import (
	"context"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// PutActionRevision tells that a source has a revision, and starts an execution when it was not told so before. It returns
// that execution or, for a revision that is known, the newest one. What the source fetches is pinned to the revision where
// its provider knows how.
func (s *Service) PutActionRevision(ctx context.Context, name, stage, source, revision, by string) (executionID string, isNew bool, err error) {
	err = s.change(ctx, name, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckStage(d, stage); err != nil {
			return nil, err
		}
		a := d.Stage(stage).Action(source)
		if a == nil || !a.IsSource() {
			return nil, pipeline.Errorf(pipeline.ActionNotFound, "Stage '%s' of pipeline '%s' has no source action '%s'", stage, name, source)
		}
		added, err := addRevision(ctx, tx, p.id, stage, source, revision)
		if err != nil {
			return nil, err
		}
		if isNew = added && !fetchedLast(p.state, stage, source, revision); !isNew {
			executionID = p.state.LastRequest
			return nil, nil
		}
		ev, err := s.startEvent(d, p, StartRequest{By: by, Revisions: pinnedTo(a, revision)})
		if err != nil {
			return nil, err
		}
		ev.At, executionID = s.at(tx), ev.ID
		ev.Trigger = pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerActionRevision, TriggerDetail: by}
		return ev, nil
	})
	return executionID, isNew, err
}

// fetchedLast tells whether a revision is the one that a source fetched last, without anybody having told of it.
func fetchedLast(state engine.State, stage, source, revision string) bool {
	for _, st := range state.Stages {
		if st.Name != stage {
			continue
		}
		for _, a := range st.Actions {
			if a.Name == source {
				return a.Revision != nil && a.Revision.ID == revision
			}
		}
	}
	return false
}

// addRevision remembers a revision of a source, and tells whether it was not known yet.
func addRevision(ctx context.Context, tx store.Tx, pipelineID int64, stage, source, revision string) (bool, error) {
	added, err := tx.Exec(ctx, `INSERT INTO action_revisions (pipeline_id, stage, action, revision) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		pipelineID, stage, source, revision)
	return added == 1, err
}

// noteRevision remembers what a worker has fetched for a source action: whoever tells of it later starts nothing.
func (s *Service) noteRevision(ctx context.Context, tx store.Tx, job action.Job, revision string) error {
	id, _, err := s.identify(ctx, tx, job.Pipeline)
	if err != nil {
		return err
	}
	_, err = addRevision(ctx, tx, id, job.Stage, job.Action, revision)
	return err
}

// pinnedTo is the override that makes a source fetch a revision; none for providers whose workers decide.
func pinnedTo(a *pipeline.Action, revision string) []pipeline.SourceRevisionOverride {
	for _, kind := range []string{revisionCommit, revisionS3Version, revisionImage} {
		if a.ActionTypeID.Owner == "AWS" && slices.Contains(overrideTypes[a.ActionTypeID.Provider], kind) {
			return []pipeline.SourceRevisionOverride{{ActionName: a.Name, RevisionType: kind, RevisionValue: revision}}
		}
	}
	return nil
}
