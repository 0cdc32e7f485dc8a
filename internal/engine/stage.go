package engine

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// How a stage ends (E3 endStage).

// The words of FailureConditions.Result and Condition.Result.
const (
	resultFail     = "FAIL"
	resultSkip     = "SKIP"
	resultRollback = "ROLLBACK"
	resultRetry    = "RETRY"
)

// succeedStage ends a stage all of whose actions succeeded, once its onSuccess condition is met.
func (m *machine) succeedStage(e *exec) {
	if !m.evaluate(e, OnSuccess) {
		m.passStage(e, "All its actions succeeded.")
	}
}

// passStage ends a stage with success and moves e on.
func (m *machine) passStage(e *exec, reason string) {
	m.setStage(e, pipeline.StatusSucceeded, WordSucceeded, reason)
	m.remember(e)
	m.proceed(e)
}

// proceed moves e from the stage it has passed to the next one, or to its end, and frees the stage.
func (m *machine) proceed(e *exec) {
	d, name := m.definition(e), e.Stage.Name
	_, i := stageIn(d, name)
	switch {
	case e.Type == pipeline.Rollback:
		m.setExecution(e, pipeline.StatusSucceeded, WordSucceeded, fmt.Sprintf(
			"Stage %s was rolled back to execution %s.", name, e.RollbackTarget))
	case i+1 == len(d.Stages):
		m.setExecution(e, pipeline.StatusSucceeded, WordSucceeded, m.successReason(e))
	default:
		m.arrive(e, i+1)
	}
	m.leave(e, name)
}

func (m *machine) successReason(e *exec) string {
	if e.Stage.Status == pipeline.StatusSkipped {
		return fmt.Sprintf("Stage %s, the last one, was skipped.", e.Stage.Name)
	}
	return "All stages succeeded."
}

// endHalted ends a stage in which nothing runs any more and nothing may start. A stop wins over an edit, an edit over a
// failure.
func (m *machine) endHalted(e *exec) {
	switch {
	case e.Status == pipeline.StatusStopping:
		m.endStopped(e)
	case e.Cancelling:
		m.endCancelled(e, fmt.Sprintf("Cancelled in stage %s: the pipeline was edited while it ran.", e.Stage.Name))
	default:
		m.failStage(e, m.failure(e))
	}
}

// failure says what failed and why: an action, or else a condition.
func (m *machine) failure(e *exec) string {
	if m.nothingFailed(e) {
		for _, slot := range slots {
			if c := e.Stage.Condition(slot); c != nil && (c.Status == pipeline.StatusFailed || c.Status == pipeline.StatusErrored) {
				return fmt.Sprintf("Its %s condition is not met. %s", phaseOf(slot), c.Reason)
			}
		}
	}
	for i := range e.Stage.Actions {
		if a := &e.Stage.Actions[i]; a.Status == pipeline.StatusFailed && a.Error != nil {
			return fmt.Sprintf("Action %s failed: %s", a.Name, clip(a.Error.Message, maxReason))
		}
	}
	return fmt.Sprintf("Action %s failed.", names(e.Stage.Actions, pipeline.StatusFailed, pipeline.StatusAbandoned))
}

// failStage does what a failing stage's onFailure declares: one automatic retry (E4), a condition, or a rollback (E5).
func (m *machine) failStage(e *exec, reason string) {
	declared, _ := stageIn(m.definition(e), e.Stage.Name)
	result := ""
	if declared != nil && declared.OnFailure != nil {
		result = declared.OnFailure.Result
	}
	switch {
	case result == resultRetry && !e.Stage.AutoRetried && !m.nothingFailed(e):
		m.setStage(e, pipeline.StatusFailed, WordFailed, reason)
		m.retryAutomatically(e, declared.OnFailure.RetryConfiguration)
	case m.evaluate(e, OnFailure):
	default:
		m.endFailed(e, reason, result == resultRollback)
	}
}

// endFailed ends a stage and its execution as Failed; the stage is free, for its automatic rollback first.
func (m *machine) endFailed(e *exec, reason string, rollback bool) {
	name := e.Stage.Name
	m.setStage(e, pipeline.StatusFailed, WordFailed, reason)
	m.setExecution(e, pipeline.StatusFailed, WordFailed, fmt.Sprintf("Failed in stage %s. %s", name, reason))
	if rollback {
		m.rollBack(e)
	}
	m.leave(e, name)
}

func (m *machine) nothingFailed(e *exec) bool { return count(e.Stage.Actions).failed == 0 }

// endStopped ends a stop request (E6): the stage is free, and may be retried.
func (m *machine) endStopped(e *exec) {
	name := e.Stage.Name
	by, why := "", ""
	if e.Stop != nil {
		by, why = e.Stop.By, e.Stop.Reason
	}
	reason := fmt.Sprintf("Stopped by %s%s", orSomebody(by), because(why))
	e.Cancelling = false // an edit that came meanwhile is overtaken: whether a retry is possible is a question of its own
	m.abandonRules(e, pipeline.StatusAbandoned)
	m.setStage(e, pipeline.StatusStopped, WordStopped, reason)
	m.setExecution(e, pipeline.StatusStopped, WordStopped, fmt.Sprintf("In stage %s: %s", name, reason))
	m.leave(e, name)
}

// endCancelled ends an execution that the pipeline's edit or deletion leaves no future.
func (m *machine) endCancelled(e *exec, reason string) {
	name := e.Stage.Name
	m.abandonRules(e, pipeline.StatusCancelled)
	m.setStage(e, pipeline.StatusCancelled, WordCanceled, reason)
	m.setExecution(e, pipeline.StatusCancelled, WordCanceled, reason)
	m.leave(e, name)
}
