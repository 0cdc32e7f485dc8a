package flow

import (
	"context"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Approval decides a manual approval.
type Approval struct {
	Pipeline, Stage, Action, Token string
	Approved                       bool
	Summary                        string
	By                             iam.Principal
}

// Approve decides a waiting approval, or is counted as one of several approvals it needs, and returns when.
func (s *Service) Approve(ctx context.Context, a Approval) (time.Time, error) {
	who, err := s.people.Standing(ctx, a.By)
	if err != nil {
		return time.Time{}, err
	}
	ev := engine.ApprovalGiven{By: a.By.Arn, Who: who.Self, As: who.Names, Token: a.Token, Approved: a.Approved, Summary: a.Summary}
	err = s.change(ctx, a.Pipeline, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckApproval(d, p.state, a.Stage, a.Action, ev); err != nil {
			return nil, err
		}
		ev.At = s.at(tx)
		return ev, nil
	})
	return ev.At, err
}

// People knows who principals are; *iam.Directory does.
type People interface {
	Standing(ctx context.Context, p iam.Principal) (iam.Standing, error)
}

// strangers is what a service without People knows of them.
type strangers struct{}

func (strangers) Standing(_ context.Context, p iam.Principal) (iam.Standing, error) {
	return iam.Standing{Names: []string{p.Arn}}, nil
}

// ApprovalDetail is a manual approval as history has it, decided or not.
type ApprovalDetail struct {
	ActionDetail
	Execution engine.ExecutionRecord
}

// GetApproval finds the approval of an execution that a token was given for. It reports InvalidApprovalToken when there
// is none.
func (s *Service) GetApproval(ctx context.Context, name, executionID, stage, action, token string) (ApprovalDetail, error) {
	var found ApprovalDetail
	err := s.store.Read(ctx, func(r store.Reader) error {
		id, _, err := s.identify(ctx, r, name)
		if err != nil {
			return err
		}
		records, err := readRecords[engine.ExecutionRecord](ctx, r, `SELECT record FROM executions WHERE id = $1 AND pipeline_id = $2`, executionID, id)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			return noExecution(name, executionID)
		}
		runs, err := readWork(ctx, s, r, &pastActions, `SELECT `+pastActions.columns+` FROM action_executions
			WHERE pipeline_id = $1 AND number = $2 AND stage = $3 AND action = $4`, id, records[0].Number, stage, action)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(runs, func(d ActionDetail) bool { return engine.SameToken(&d.Action, token) })
		if i < 0 {
			return pipeline.Errorf(pipeline.InvalidApprovalToken, "The token is not that of an approval in action %s of stage %s.", action, stage)
		}
		found = ApprovalDetail{runs[i], records[0]}
		return nil
	})
	return found, err
}
