package engine

import (
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Refusal is a user's mistake: an operation that does not fit the state. Kind is the name of AWS's exception.
type Refusal struct {
	Kind    string
	Message string
}

func (r *Refusal) Error() string { return r.Kind + ": " + r.Message }

// The kinds of refusals.
const (
	StageNotFound                     = "StageNotFoundException"
	ActionNotFound                    = "ActionNotFoundException"
	PipelineExecutionNotFound         = "PipelineExecutionNotFoundException"
	PipelineExecutionNotStoppable     = "PipelineExecutionNotStoppableException"
	DuplicatedStopRequest             = "DuplicatedStopRequestException"
	StageNotRetryable                 = "StageNotRetryableException"
	NotLatestPipelineExecution        = "NotLatestPipelineExecutionException"
	ConcurrentExecutionsLimitExceeded = "ConcurrentPipelineExecutionsLimitExceededException"
	InvalidApprovalToken              = "InvalidApprovalTokenException"
	ApprovalAlreadyCompleted          = "ApprovalAlreadyCompletedException"
	UnableToRollbackStage             = "UnableToRollbackStageException"
	PipelineExecutionOutdated         = "PipelineExecutionOutdatedException"
	ConditionNotOverridable           = "ConditionNotOverridableException"
	InvalidStructure                  = "InvalidStructureException"
	AccessDenied                      = "AccessDeniedException"
)

func refuse(kind, format string, args ...any) error {
	return &Refusal{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

func stageNotFound(d *pipeline.Definition, stage string) error {
	return refuse(StageNotFound, "Pipeline %s has no stage named %s.", d.Name, stage)
}

// The checks below refuse user mistakes with a *Refusal. Call them on the very state, and with the very definition, that
// the event is then applied to, in the same transaction.

// CheckStart refuses a start by hand while the pipeline is full (E2). Triggers do not ask: theirs are recorded as Failed.
func CheckStart(d *pipeline.Definition, s State) error {
	if m := begin(d, s, time.Time{}); mode(d) != pipeline.Superseded && m.running() >= maxConcurrent {
		return refuse(ConcurrentExecutionsLimitExceeded,
			"Pipeline %s already has %d running executions; wait for one to end or stop one.", d.Name, maxConcurrent)
	}
	return nil
}

// CheckStop refuses to stop an execution that has ended, is unknown, or is being stopped already (E6).
func CheckStop(s State, executionID string, abandon bool) error {
	for i := range s.Executions {
		if s.Executions[i].ID == executionID {
			return checkStop(&s.Executions[i], abandon)
		}
	}
	return refuse(PipelineExecutionNotStoppable, "The pipeline execution %s cannot be stopped: it is not running.", executionID)
}

// CheckRetry refuses a retry that is not possible (E4). Whether the execution ever existed the caller knows better: for
// one that is gone from the state the answer follows from what the stage shows.
func CheckRetry(d *pipeline.Definition, s State, stage, executionID string, how pipeline.RetryMode) error {
	m := begin(d, s, time.Time{})
	if e := m.execution(executionID); e != nil {
		return m.checkRetry(e, stage, how)
	}
	st := m.stage(stage)
	switch {
	case st == nil:
		return stageNotFound(d, stage)
	case st.Latest != nil && st.Latest.ID != executionID:
		return refuse(NotLatestPipelineExecution,
			"Execution %s entered stage %s last; only the latest execution can be retried.", st.Latest.ID, stage)
	case st.Latest != nil && (st.Latest.Status == pipeline.StatusFailed || st.Latest.Status == pipeline.StatusStopped):
		return refuse(StageNotRetryable,
			"Stage %s of execution %s cannot be retried: the structure of the pipeline has changed since.", stage, executionID)
	case st.Latest != nil:
		return refuse(StageNotRetryable,
			"Stage %s of execution %s cannot be retried: its status is %s.", stage, executionID, st.Latest.Status)
	}
	if mode(d) == pipeline.Parallel {
		return refuse(StageNotRetryable, "Stage %s of execution %s cannot be retried: it is not running, and not among the %d "+
			"newest that failed or were stopped.", stage, executionID, maxConcurrent)
	}
	return refuse(StageNotRetryable, "Stage %s cannot be retried: execution %s never entered it.", stage, executionID)
}

// CheckApproval refuses a decision on an approval that does not exist, was decided, or goes by another token (E7), and one
// by somebody whom the approval's policy keeps from it.
func CheckApproval(d *pipeline.Definition, s State, stage, action string, ev ApprovalGiven) error {
	if err := checkNames(d, s, stage, action); err != nil {
		return err
	}
	a := approvalByToken(s, stage, action, ev.Token)
	switch {
	case a == nil || a.Status == pipeline.StatusAbandoned:
	case a.Status == pipeline.StatusInProgress:
		return checkPolicy(s, ev)
	case a.Error == nil || a.Error.Code != pipeline.ActionTimeOut:
		return refuse(ApprovalAlreadyCompleted, "The approval action %s in stage %s has already been decided: it is %s.",
			action, stage, a.Status)
	}
	return refuse(InvalidApprovalToken,
		"The token is not that of the approval now waiting in action %s of stage %s; it is wrong or has expired.", action, stage)
}

func checkPolicy(s State, ev ApprovalGiven) error {
	for i := range s.Executions {
		e := &s.Executions[i]
		if j := waitingApproval(e, ev.Token); j >= 0 {
			return ev.problem(e, &e.Stage.Actions[j])
		}
	}
	return nil
}

// checkNames accepts stages and actions of the definition, and those an edit dropped while an execution is in them.
func checkNames(d *pipeline.Definition, s State, stage, action string) error {
	declared, _ := stageIn(d, stage)
	found := declared != nil
	if actionIn(d, stage, action) != nil {
		return nil
	}
	for i := range s.Executions {
		e := &s.Executions[i]
		if !holds(e, stage) {
			continue
		}
		found = true
		for j := range e.Stage.Actions {
			if e.Stage.Actions[j].Name == action {
				return nil
			}
		}
	}
	if !found {
		return stageNotFound(d, stage)
	}
	return refuse(ActionNotFound, "Stage %s of pipeline %s has no action named %s.", stage, d.Name, action)
}

// approvalByToken finds the approval a token was given for, running or ended.
func approvalByToken(s State, stage, action, token string) *ActionExecution {
	for i := range s.Executions {
		e := &s.Executions[i]
		if e.Stage == nil || e.Stage.Name != stage {
			continue
		}
		for j := range e.Stage.Actions {
			if a := &e.Stage.Actions[j]; a.Name == action && SameToken(a, token) {
				return a
			}
		}
	}
	for i := range s.Stages {
		for j := range s.Stages[i].Actions {
			as := &s.Stages[i].Actions[j]
			if s.Stages[i].Name == stage && as.Name == action && as.Latest != nil && SameToken(as.Latest, token) {
				return as.Latest
			}
		}
	}
	return nil
}

// SameToken tells whether a token is that of an action, in constant time.
func SameToken(a *ActionExecution, token string) bool {
	return a.Token != "" && subtle.ConstantTimeCompare([]byte(a.Token), []byte(token)) == 1
}

// CheckStage refuses a stage that does not exist.
func CheckStage(d *pipeline.Definition, stage string) error {
	if declared, _ := stageIn(d, stage); declared == nil {
		return stageNotFound(d, stage)
	}
	return nil
}

// RollbackTarget is what history knows about the execution a rollback is to go back to.
type RollbackTarget struct {
	ID        string
	Version   int
	Type      pipeline.ExecutionType
	Succeeded bool // in the stage in question
}

// CheckRollback refuses a rollback that is not possible (E5).
func CheckRollback(d *pipeline.Definition, s State, stage string, target RollbackTarget) error {
	_, i := stageIn(d, stage)
	no := func(why string) error {
		return refuse(UnableToRollbackStage, "Stage %s cannot be rolled back to execution %s: %s.", stage, target.ID, why)
	}
	switch {
	case i < 0:
		return stageNotFound(d, stage)
	case target.Version != d.Version:
		return refuse(PipelineExecutionOutdated,
			"Execution %s ran version %d of pipeline %s, which is now at version %d.", target.ID, target.Version, d.Name, d.Version)
	case i == 0:
		return no("it is the source stage")
	case mode(d) == pipeline.Parallel:
		return no("the pipeline's execution mode is PARALLEL")
	case target.Type == pipeline.Rollback:
		return no("that execution is itself a rollback")
	case !target.Succeeded:
		return no("that execution did not succeed in it")
	}
	return checkRollbackNow(d, s, stage, no)
}

func checkRollbackNow(d *pipeline.Definition, s State, stage string, no func(string) error) error {
	m := begin(d, s, time.Time{})
	if h := m.holder(stage); h != nil {
		return no("execution " + h.ID + " is in it")
	}
	if st := m.stage(stage); st.Latest != nil && st.Latest.Status == pipeline.StatusSkipped {
		return no("it was skipped")
	}
	return nil
}

// CheckOverride refuses to override a condition that is not waited for (E8).
func CheckOverride(d *pipeline.Definition, s State, stage, executionID string, slot ConditionType) error {
	m := begin(d, s, time.Time{})
	if e := m.execution(executionID); e != nil {
		return m.checkOverride(e, stage, slot)
	}
	if st := m.stage(stage); st == nil {
		return stageNotFound(d, stage)
	} else if st.Latest != nil && st.Latest.ID != executionID {
		return notLatestToOverride(st.Latest.ID, stage)
	}
	return refuse(ConditionNotOverridable, "The condition %s of stage %s is not waited for by execution %s.",
		slot, stage, executionID)
}

// Supports refuses definitions that could not run: the source stage cannot be rolled back (E5). CreatePipeline and
// UpdatePipeline ask it.
func Supports(d *pipeline.Definition) error {
	if len(d.Stages) > 0 && rollsBack(&d.Stages[0]) {
		return refuse(InvalidStructure, "Stage %s declares the result ROLLBACK; the source stage cannot be rolled back.", d.Stages[0].Name)
	}
	return nil
}
