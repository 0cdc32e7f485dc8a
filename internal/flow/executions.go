package flow

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// StartRequest starts an execution by hand.
type StartRequest struct {
	Pipeline    string
	ClientToken string // the same token gives the same execution, for at least 24 hours
	Variables   []pipeline.ResolvedVariable
	Revisions   []pipeline.SourceRevisionOverride
	By          string // ARN of the caller
}

// Start starts an execution and returns its id.
func (s *Service) Start(ctx context.Context, req StartRequest) (string, error) {
	var started string
	err := s.change(ctx, req.Pipeline, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		known, err := executionOfToken(ctx, tx, p.id, req.ClientToken)
		if err != nil || known != "" {
			started = known
			return nil, err
		}
		ev, err := s.startEvent(d, p, req)
		if err != nil {
			return nil, err
		}
		ev.At, started = s.at(tx), ev.ID
		return ev, saveToken(ctx, tx, p.id, req.ClientToken, ev.ID)
	})
	return started, err
}

// change runs one operation on a locked pipeline: f checks it on the very state the event is then applied to. Without an
// event nothing changes.
func (s *Service) change(ctx context.Context, name string, f func(store.Tx, *row, *pipeline.Definition) (engine.Event, error)) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		p, err := s.lock(ctx, tx, name)
		if err != nil {
			return err
		}
		d, err := s.definition(ctx, tx, p.id, p.version)
		if err != nil {
			return err
		}
		ev, err := f(tx, p, d)
		if err != nil || ev == nil {
			return refusal(err)
		}
		return s.apply(ctx, tx, p, d, ev)
	})
}

func (s *Service) startEvent(d *pipeline.Definition, p *row, req StartRequest) (engine.ExecutionRequested, error) {
	none := engine.ExecutionRequested{}
	if err := checkOverrides(d, req.Revisions); err != nil {
		return none, err
	}
	if problem := unknownVariable(d, req.Variables); problem != "" {
		return none, pipeline.Errorf(pipeline.Validation, "%s", problem)
	}
	values, missing := resolveVariables(d, req.Variables)
	if missing != "" {
		return none, pipeline.Errorf(pipeline.Validation, "%s", missing)
	}
	if err := engine.CheckStart(d, p.state); err != nil {
		return none, err
	}
	return engine.ExecutionRequested{
		By: req.By, ID: uuid.NewString(), Nonce: rand.Text(), Region: s.region, Variables: values, Overrides: req.Revisions,
		Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerStart, TriggerDetail: req.By},
	}, nil
}

func executionOfToken(ctx context.Context, r store.Reader, pipelineID int64, token string) (string, error) {
	if token == "" {
		return "", nil
	}
	var id string
	err := r.QueryRow(ctx, `SELECT execution_id FROM client_tokens WHERE pipeline_id = $1 AND token = $2`, pipelineID, token).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

func saveToken(ctx context.Context, tx store.Tx, pipelineID int64, token, executionID string) error {
	if token == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO client_tokens (pipeline_id, token, execution_id, created) VALUES ($1, $2, $3, $4)`,
		pipelineID, token, executionID, store.Micros(tx.Now()))
	return err
}

// Stop stops an execution: at once with abandon, else when its running actions have ended.
func (s *Service) Stop(ctx context.Context, name, executionID string, abandon bool, reason, by string) error {
	return s.change(ctx, name, func(tx store.Tx, p *row, _ *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckStop(p.state, executionID, abandon); err != nil {
			return nil, err
		}
		return engine.StopRequested{At: s.at(tx), By: by, Execution: executionID, Abandon: abandon, Reason: reason}, nil
	})
}

// Retry runs a failed or stopped stage of an execution again.
func (s *Service) Retry(ctx context.Context, name, stage, executionID string, mode pipeline.RetryMode, by string) error {
	return s.change(ctx, name, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckRetry(d, p.state, stage, executionID, mode); err != nil {
			return nil, err
		}
		return engine.RetryRequested{At: s.at(tx), By: by, Execution: executionID, Stage: stage, Mode: mode}, nil
	})
}

// Rollback starts an execution that runs one stage again with what target had when it succeeded there, and returns its
// id.
func (s *Service) Rollback(ctx context.Context, name, stage, target, by string) (string, error) {
	id := uuid.NewString()
	err := s.change(ctx, name, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckStage(d, stage); err != nil {
			return nil, err
		}
		known, snapshot, err := s.rollbackTarget(ctx, tx, p, stage, target)
		if err != nil {
			return nil, err
		}
		if err := engine.CheckRollback(d, p.state, stage, known); err != nil {
			return nil, err
		}
		return engine.RollbackRequested{
			At: s.at(tx), By: by, ID: id, Nonce: rand.Text(), Region: s.region, Stage: stage, Target: snapshot,
			Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerManualRollback, TriggerDetail: by},
		}, nil
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// rollbackTarget reads from history what an execution had when it succeeded in a stage.
func (s *Service) rollbackTarget(ctx context.Context, r store.Reader, p *row, stage, executionID string) (engine.RollbackTarget, engine.Snapshot, error) {
	var snapshot engine.Snapshot
	var record string
	var version sql.NullInt64
	var status, text sql.NullString
	err := r.QueryRow(ctx, `
		SELECT e.record, s.version, s.status, s.snapshot FROM executions e
		LEFT JOIN stage_executions s ON s.pipeline_id = e.pipeline_id AND s.number = e.number AND s.stage = $3
		WHERE e.id = $1 AND e.pipeline_id = $2`, executionID, p.id, stage).Scan(&record, &version, &status, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return engine.RollbackTarget{}, snapshot, noExecution(p.name, executionID)
	}
	if err != nil {
		return engine.RollbackTarget{}, snapshot, err
	}
	var e engine.ExecutionRecord
	if err := errors.Join(json.Unmarshal([]byte(record), &e), decodeOptional(text, &snapshot)); err != nil {
		return engine.RollbackTarget{}, snapshot, err
	}
	target := engine.RollbackTarget{ID: e.ID, Version: e.Version, Type: e.Type}
	if version.Valid {
		target.Version = int(version.Int64)
		target.Succeeded = status.String == string(pipeline.StatusSucceeded) && text.Valid
	}
	return target, snapshot, nil
}

// Override lets an execution pass a condition of a stage that is evaluated or has failed.
func (s *Service) Override(ctx context.Context, name, stage, executionID string, slot engine.ConditionType, by string) error {
	return s.change(ctx, name, func(tx store.Tx, p *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckOverride(d, p.state, stage, executionID, slot); err != nil {
			return nil, err
		}
		return engine.ConditionOverridden{At: s.at(tx), By: by, Execution: executionID, Stage: stage, Condition: slot}, nil
	})
}

// Transition opens or closes the gate at a stage.
type Transition struct {
	Pipeline, Stage string
	Type            engine.TransitionType
	Enabled         bool
	Reason          string
	By              string // ARN of the caller
}

// SetTransition opens or closes a gate. Repeating it is fine.
func (s *Service) SetTransition(ctx context.Context, t Transition) error {
	return s.change(ctx, t.Pipeline, func(tx store.Tx, _ *row, d *pipeline.Definition) (engine.Event, error) {
		if err := engine.CheckStage(d, t.Stage); err != nil {
			return nil, err
		}
		return engine.TransitionSet{At: s.at(tx), By: t.By, Stage: t.Stage, Type: t.Type, Enabled: t.Enabled, Reason: t.Reason}, nil
	})
}
