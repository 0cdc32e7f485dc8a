package flow

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Explanation says where an execution is, why, and what would release it.
type Explanation struct {
	Pipeline  string                    `json:"pipeline"`
	ID        string                    `json:"pipelineExecutionId"`
	Version   int                       `json:"pipelineVersion"`
	Mode      pipeline.ExecutionMode    `json:"executionMode"`
	Type      pipeline.ExecutionType    `json:"executionType"`
	Status    pipeline.Status           `json:"status"`
	Reason    string                    `json:"reason"`
	Trigger   pipeline.ExecutionTrigger `json:"trigger"`
	Started   time.Time                 `json:"startTime"`
	Updated   time.Time                 `json:"lastUpdateTime"`
	Revisions []engine.SourceRevision   `json:"sourceRevisions,omitempty"`
	// Stages are those of the definition it runs, in order; one without a status was not reached.
	Stages   []ExplainedStage `json:"stages"`
	Remedies []engine.Remedy  `json:"remedies,omitempty"`
}

// ExplainedStage is a stage of an explanation.
type ExplainedStage struct {
	Name    string          `json:"name"`
	Status  pipeline.Status `json:"status,omitempty"`
	Reason  string          `json:"reason,omitempty"`
	Rules   []ExplainedWork `json:"rules,omitempty"`
	Actions []ExplainedWork `json:"actions,omitempty"`
}

// ExplainedWork is the last run of an action or a rule.
type ExplainedWork struct {
	Name      string               `json:"name"`
	Condition engine.ConditionType `json:"condition,omitempty"` // of a rule
	Status    pipeline.Status      `json:"status,omitempty"`
	Reason    string               `json:"reason,omitempty"`
	Log       string               `json:"log,omitempty"` // ARN of its log stream
}

// Explain explains one execution of a pipeline or, without an id, all that are in flight, the newest one and the newest
// one that has ended, newest first.
func (s *Service) Explain(ctx context.Context, name, executionID string) ([]Explanation, error) {
	list := []Explanation{}
	err := s.readInOrder(ctx, func(r store.Reader) error {
		p, err := s.load(ctx, r, name)
		if err != nil {
			return err
		}
		records, err := s.recordsToExplain(ctx, r, p, executionID)
		if err != nil {
			return err
		}
		current, err := s.definition(ctx, r, p.id, p.version)
		if err != nil {
			return err
		}
		for _, record := range records {
			e, err := s.explain(ctx, r, p, current, record)
			if err != nil {
				return err
			}
			list = append(list, e)
		}
		return nil
	})
	return list, err
}

func (s *Service) recordsToExplain(ctx context.Context, r store.Reader, p *row, executionID string) ([]engine.ExecutionRecord, error) {
	if executionID != "" {
		found, err := readRecords[engine.ExecutionRecord](ctx, r, `SELECT record FROM executions WHERE id = $1 AND pipeline_id = $2`, executionID, p.id)
		if err == nil && len(found) == 0 {
			err = noExecution(p.name, executionID)
		}
		return found, err
	}
	records, err := readRecords[engine.ExecutionRecord](ctx, r, `SELECT record FROM executions WHERE pipeline_id = $1 ORDER BY number DESC LIMIT 1`, p.id)
	if err != nil {
		return nil, err
	}
	ended, err := readRecords[engine.ExecutionRecord](ctx, r, `SELECT record FROM executions
		WHERE pipeline_id = $1 AND status NOT IN ('InProgress', 'Stopping') ORDER BY number DESC LIMIT 1`, p.id)
	if err != nil {
		return nil, err
	}
	records = append(records, ended...)
	for i := range p.state.Executions {
		if e := p.state.Executions[i].ExecutionRecord; !e.Status.Terminal() {
			records = append(records, e)
		}
	}
	slices.SortFunc(records, func(a, b engine.ExecutionRecord) int { return cmp.Compare(b.Number, a.Number) })
	return slices.CompactFunc(records, func(a, b engine.ExecutionRecord) bool { return a.Number == b.Number }), nil
}

func (s *Service) explain(ctx context.Context, r store.Reader, p *row, current *pipeline.Definition, e engine.ExecutionRecord) (Explanation, error) {
	x := Explanation{
		Pipeline: p.name, ID: e.ID, Version: e.Version, Mode: e.Mode, Type: e.Type, Status: e.Status, Reason: e.Reason,
		Trigger: e.Trigger, Started: e.Started, Updated: e.Updated, Revisions: e.Revisions,
		Remedies: engine.Remedies(current, p.state, e.ID),
	}
	d, err := s.definition(ctx, r, p.id, e.Version)
	if err != nil && !errors.Is(err, errNoVersion) {
		return x, err
	}
	if err := x.readStages(ctx, s, r, p.id, e.Number, d); err != nil {
		return x, err
	}
	x.addPending(p.state)
	x.addLogs()
	if ended := e.Status == pipeline.StatusFailed || e.Status == pipeline.StatusStopped || e.Status == pipeline.StatusCancelled; ended && !x.hasRelease() {
		x.Remedies = append(x.Remedies, engine.Remedy{Kind: engine.RemedyStart})
	}
	return x, nil
}

func (x *Explanation) hasRelease() bool {
	return slices.ContainsFunc(x.Remedies, func(r engine.Remedy) bool { return r.Kind != engine.RemedyReadLog })
}

// addPending shows what has yet to begin in the stage it is in.
func (x *Explanation) addPending(s engine.State) {
	for _, a := range engine.Pending(s, x.ID) {
		stage := x.stage(a.Stage)
		stage.Actions = replace(stage.Actions, ExplainedWork{Name: a.Name, Reason: a.Reason})
	}
}

// addLogs points to what failed actions wrote.
func (x *Explanation) addLogs() {
	for _, stage := range x.Stages {
		for _, a := range stage.Actions {
			if a.Status == pipeline.StatusFailed && a.Log != "" {
				x.Remedies = append(x.Remedies, engine.Remedy{Kind: engine.RemedyReadLog, Stage: stage.Name, Action: a.Name, Log: a.Log})
			}
		}
	}
}

// readStages fills in the stages: those that were reached as history has them, the others by name.
func (x *Explanation) readStages(ctx context.Context, s *Service, r store.Reader, pipelineID, number int64, d *pipeline.Definition) error {
	reached, err := readRecords[engine.StageRecord](ctx, r, `SELECT record FROM stage_executions WHERE pipeline_id = $1 AND number = $2`, pipelineID, number)
	if err != nil {
		return err
	}
	slices.SortStableFunc(reached, func(a, b engine.StageRecord) int { return a.Started.Compare(b.Started) })
	if d != nil {
		for i := range d.Stages {
			x.stage(d.Stages[i].Name)
		}
	}
	for _, st := range reached {
		shown := x.stage(st.Name)
		shown.Status, shown.Reason = st.Status, st.Reason
	}
	rules, err := ofExecution(ctx, s, r, &pastRules, pipelineID, number)
	if err != nil {
		return err
	}
	for i := range rules {
		stage := x.stage(rules[i].Stage)
		stage.Rules = replace(stage.Rules, explainedRule(&rules[i]))
	}
	actions, err := ofExecution(ctx, s, r, &pastActions, pipelineID, number)
	if err != nil {
		return err
	}
	for i := range actions {
		stage, a := x.stage(actions[i].Stage), &actions[i].Action
		stage.Actions = replace(stage.Actions, ExplainedWork{Name: a.Name, Status: a.Status, Reason: a.Reason, Log: a.LogStream})
	}
	return nil
}

// ofExecution reads everything of one execution, oldest first.
func ofExecution[T any](ctx context.Context, s *Service, r store.Reader, past *pastWork[T], pipelineID, number int64) ([]T, error) {
	return readWork(ctx, s, r, past,
		`SELECT `+past.columns+` FROM `+past.table+` WHERE pipeline_id = $1 AND number = $2 ORDER BY started, id`, pipelineID, number)
}

func explainedRule(d *RuleDetail) ExplainedWork {
	w := ExplainedWork{Name: d.Rule.Name, Condition: d.Condition, Status: d.Rule.Status, Reason: d.Rule.Summary}
	if d.Rule.Error != nil {
		w.Reason = d.Rule.Error.Message
	}
	return w
}

// stage finds a stage, or adds it.
func (x *Explanation) stage(name string) *ExplainedStage {
	for i := range x.Stages {
		if x.Stages[i].Name == name {
			return &x.Stages[i]
		}
	}
	x.Stages = append(x.Stages, ExplainedStage{Name: name})
	return &x.Stages[len(x.Stages)-1]
}

// replace puts a later run in the place of an earlier one of the same thing.
func replace(list []ExplainedWork, w ExplainedWork) []ExplainedWork {
	for i := range list {
		if list[i].Name == w.Name && list[i].Condition == w.Condition {
			list[i] = w
			return list
		}
	}
	return append(list, w)
}
