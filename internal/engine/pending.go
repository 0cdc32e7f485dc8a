package engine

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// PendingAction is an action that has not begun in the stage its execution is in, and why.
type PendingAction struct {
	Stage  string
	Name   string
	Reason string
}

// Pending lists the actions that an execution has yet to begin in its stage, in declaration order; nil when it is in
// none, when the stage has ended, or when the execution is not in the state.
func Pending(s State, executionID string) []PendingAction {
	for i := range s.Executions {
		if e := &s.Executions[i]; e.ID == executionID && e.Stage != nil && !e.Stage.Status.Terminal() {
			return pending(e)
		}
	}
	return nil
}

func pending(e *Execution) []PendingAction {
	var list []PendingAction
	t := count(e.Stage.Actions)
	for i := range e.Stage.Actions {
		if a := &e.Stage.Actions[i]; a.Status == "" {
			list = append(list, PendingAction{Stage: e.Stage.Name, Name: a.Name, Reason: pendingReason(e, a, t)})
		}
	}
	return list
}

func pendingReason(e *Execution, a *ActionExecution, t tally) string {
	switch {
	case e.Status == pipeline.StatusStopping || e.Cancelling:
		return "Does not begin: the execution is being stopped."
	case t.failed > 0:
		return "Does not begin: another action of the stage failed."
	case e.Stage.Phase == PhaseEntry:
		return "Waits for the beforeEntry condition of its stage."
	}
	if ahead := ahead(e.Stage.Actions, a.RunOrder); ahead != "" {
		return fmt.Sprintf("Waits for what comes before run order %d: %s.", a.RunOrder, ahead)
	}
	return fmt.Sprintf("Waits for one of those that run to end: %s. A PARALLEL execution runs at most %d actions at once.",
		names(e.Stage.Actions, pipeline.StatusInProgress), maxParallelActions)
}

// ahead names the actions of lower run orders that have not succeeded; "" when all have.
func ahead(actions []ActionExecution, runOrder int) string {
	var before []ActionExecution
	for i := range actions {
		if a := &actions[i]; a.RunOrder < runOrder && a.Status != pipeline.StatusSucceeded {
			before = append(before, *a)
		}
	}
	if len(before) == 0 {
		return ""
	}
	return names(before, "", pipeline.StatusInProgress)
}
