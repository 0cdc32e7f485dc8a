package engine

import "github.com/conveyor-cd/conveyor/internal/pipeline"

// Work is everything a worker needs to run one action, beside its declaration in definition Execution.Version.
type Work struct {
	Execution ExecutionRecord
	Stage     string
	Action    ActionExecution // with Inputs, Outputs, Token, Deadline
	// Overrides are the pinned revisions of this source action; empty: fetch the latest.
	Overrides []pipeline.SourceRevisionOverride
	// Variables resolve `#{namespace.key}`: by namespace, then by key. They include "codepipeline" and "variables".
	Variables map[string]map[string]string
}

// Lookup finds the action execution with this id among the executions in s. It reports false when it is gone or has
// already ended: then there is nothing to do any more.
func Lookup(s State, actionExecutionID string) (Work, bool) {
	return Work{}, false
}

// CheckStart, CheckStop, CheckRetry, CheckApproval, CheckTransition and CheckRollback refuse user mistakes (*Refusal). Call them on the
// very state the event is applied to, in the same transaction.

// CheckStart refuses a start by hand when the pipeline is full (E2). Triggers do not ask: theirs are recorded as Failed.
func CheckStart(d *pipeline.Definition, s State) error { return nil }

// CheckStop refuses a stop that makes no sense (E6).
func CheckStop(s State, executionID string, abandon bool) error { return nil }

// CheckRetry refuses a retry that is not possible (E4).
func CheckRetry(d *pipeline.Definition, s State, stage, executionID string, mode pipeline.RetryMode) error {
	return nil
}

// CheckApproval refuses a decision on an approval that is unknown, decided or meant with another token (E7).
func CheckApproval(d *pipeline.Definition, s State, stage, action, token string) error { return nil }

// CheckTransition refuses a stage that does not exist.
func CheckTransition(d *pipeline.Definition, stage string) error { return nil }

// CheckRollback refuses a rollback that is not possible (E5).
func CheckRollback(d *pipeline.Definition, s State, stage string, target ExecutionRecord) error {
	return nil
}

// Supports refuses what the engine cannot run yet. CreatePipeline and UpdatePipeline ask it.
func Supports(d *pipeline.Definition) error { return nil }
