package flow

import (
	"context"
	"database/sql"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// history collects what the announcements of one step say and writes each row once, with its last value. Its rows lie
// beside the state and are never read by a step, so that a step costs the same after a million executions.
type history struct {
	executions []engine.Announce
	stages     []engine.Announce
	actions    []engine.Announce
	rules      []engine.Announce
}

func (h *history) note(a engine.Announce) {
	switch {
	case a.Rule != nil:
		h.rules = keepLast(h.rules, a, func(b engine.Announce) bool { return a.Rule.ID == b.Rule.ID })
	case a.Action != nil:
		h.actions = keepLast(h.actions, a, func(b engine.Announce) bool { return a.Action.ID == b.Action.ID })
	case a.Stage != nil:
		h.stages = keepLast(h.stages, a, func(b engine.Announce) bool {
			return a.Execution.Number == b.Execution.Number && a.Stage.Name == b.Stage.Name
		})
	}
	h.executions = keepLast(h.executions, a, func(b engine.Announce) bool { return a.Execution.Number == b.Execution.Number })
}

// keepLast replaces the announcement about the same thing, keeping what only the first one carries.
func keepLast(list []engine.Announce, a engine.Announce, same func(engine.Announce) bool) []engine.Announce {
	for i, b := range list {
		if !same(b) {
			continue
		}
		if a.Declaration == nil {
			a.Declaration = b.Declaration
		}
		if a.RuleDeclaration == nil {
			a.RuleDeclaration = b.RuleDeclaration
		}
		if a.Variables == nil {
			a.Variables = b.Variables
		}
		if a.Snapshot == nil {
			a.Snapshot = b.Snapshot
		}
		list[i] = a
		return list
	}
	return append(list, a)
}

func (h *history) save(ctx context.Context, tx store.Tx, pipelineID int64) error {
	for _, a := range h.executions {
		if err := saveExecution(ctx, tx, pipelineID, a.Execution); err != nil {
			return err
		}
	}
	for _, a := range h.stages {
		if err := saveStage(ctx, tx, pipelineID, a); err != nil {
			return err
		}
	}
	for _, a := range h.actions {
		if err := saveAction(ctx, tx, pipelineID, a); err != nil {
			return err
		}
	}
	for _, a := range h.rules {
		if err := saveRule(ctx, tx, pipelineID, a); err != nil {
			return err
		}
	}
	return nil
}

func saveExecution(ctx context.Context, tx store.Tx, pipelineID int64, r engine.ExecutionRecord) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO executions (pipeline_id, number, id, version, status, started, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (pipeline_id, number) DO UPDATE
		SET version = excluded.version, status = excluded.status, record = excluded.record`,
		pipelineID, r.Number, r.ID, r.Version, string(r.Status), store.Micros(r.Started), mustJSON(r))
	return err
}

func saveStage(ctx context.Context, tx store.Tx, pipelineID int64, a engine.Announce) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO stage_executions (pipeline_id, stage, number, version, status, record, snapshot)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (pipeline_id, stage, number) DO UPDATE
		SET version = excluded.version, status = excluded.status, record = excluded.record,
		    snapshot = COALESCE(excluded.snapshot, stage_executions.snapshot)`,
		pipelineID, a.Stage.Name, a.Execution.Number, a.Execution.Version, string(a.Stage.Status), mustJSON(a.Stage),
		optionalJSON(a.Snapshot))
	return err
}

func saveAction(ctx context.Context, tx store.Tx, pipelineID int64, a engine.Announce) error {
	variables := sql.NullString{}
	if len(a.Variables) > 0 {
		variables = sql.NullString{String: mustJSON(a.Variables), Valid: true}
	}
	if a.Declaration == nil { // it started in an earlier step
		_, err := tx.Exec(ctx, `
			UPDATE action_executions SET record = $1, variables = COALESCE($2, variables) WHERE pipeline_id = $3 AND id = $4`,
			mustJSON(a.Action), variables, pipelineID, a.Action.ID)
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO action_executions (pipeline_id, id, number, execution_id, version, stage, action, attempt, started,
		                               declaration, record, variables)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (pipeline_id, id) DO UPDATE SET record = excluded.record, variables = excluded.variables`,
		pipelineID, a.Action.ID, a.Execution.Number, a.Execution.ID, a.Execution.Version, a.Stage.Name, a.Action.Name,
		a.Action.Attempt, store.Micros(a.Action.Started), mustJSON(a.Declaration), mustJSON(a.Action), variables)
	return err
}

func saveRule(ctx context.Context, tx store.Tx, pipelineID int64, a engine.Announce) error {
	if a.RuleDeclaration == nil { // it started in an earlier step
		_, err := tx.Exec(ctx, `UPDATE rule_executions SET record = $1 WHERE pipeline_id = $2 AND id = $3`,
			mustJSON(a.Rule), pipelineID, a.Rule.ID)
		return err
	}
	_, err := tx.Exec(ctx, `
		INSERT INTO rule_executions (pipeline_id, id, number, execution_id, version, stage, slot, rule, attempt, started,
		                             declaration, record)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (pipeline_id, id) DO UPDATE SET record = excluded.record`,
		pipelineID, a.Rule.ID, a.Execution.Number, a.Execution.ID, a.Execution.Version, a.Stage.Name, string(a.Condition),
		a.Rule.Name, a.Execution.Attempt, store.Micros(a.Rule.Started), mustJSON(a.RuleDeclaration), mustJSON(a.Rule))
	return err
}

// optionalJSON is v as JSON, or NULL.
func optionalJSON[T any](v *T) sql.NullString {
	if v == nil {
		return sql.NullString{}
	}
	return sql.NullString{String: mustJSON(v), Valid: true}
}
