package flow

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// EventStart starts an execution because of an event that a rule matched.
type EventStart struct {
	Pipeline  string
	Rule      string // ARN
	Token     string // the same token starts one execution
	Variables []pipeline.ResolvedVariable
	Revisions []pipeline.SourceRevisionOverride
	// Change is what the event tells of, when it is a change of a source.
	Change *SourceChange
}

// StartByEvent starts an execution and returns its id. When the event tells of a change that starts the pipeline by itself,
// it starts nothing and returns "": a rule from a source to its pipeline, as AWS's console makes, must not start twice what
// the change has started.
func (s *Service) StartByEvent(ctx context.Context, req EventStart) (string, error) {
	var started string
	err := s.change(ctx, req.Pipeline, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		started = ""
		if req.Change != nil && watches(d, *req.Change) {
			return nil, nil
		}
		known, err := executionOfToken(ctx, tx, p.id, req.Token)
		if err != nil || known != "" {
			started = known
			return nil, err
		}
		ev, err := s.startEvent(d, p, StartRequest{Pipeline: req.Pipeline, Variables: req.Variables, Revisions: req.Revisions, By: req.Rule})
		if err != nil {
			return nil, err
		}
		ev.Trigger = pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerSourceChange, TriggerDetail: req.Rule}
		ev.At, started = s.at(tx), ev.ID
		return ev, saveToken(ctx, tx, p.id, req.Token, ev.ID)
	})
	return started, err
}

// watches reports whether a change of a source is one the pipeline looks at by itself. What a filter of its triggers keeps
// out it does not want to be started by.
func watches(d *pipeline.Definition, c SourceChange) bool {
	for _, w := range watchesOf(d) {
		if w.provider == c.Provider && w.resource == c.Resource && (w.filter != nil || w.ref == c.Ref && !c.Tag) {
			return true
		}
	}
	return false
}
