package engine

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply retries a stage by hand (E4).
func (ev RetryRequested) apply(m *machine) {
	e := m.execution(ev.Execution)
	if e == nil || m.checkRetry(e, ev.Stage, ev.Mode) != nil {
		return
	}
	m.retry(e, ev.Mode, ManualStageRetry,
		fmt.Sprintf("Stage %s was retried (%s) by %s.", ev.Stage, ev.Mode, orSomebody(ev.By)))
}

// retryAutomatically uses the one automatic retry of a stage (E4). Without a mode the whole stage runs again.
func (m *machine) retryAutomatically(e *exec, c *pipeline.RetryConfiguration) {
	how := pipeline.RetryAllActions
	if c != nil && c.RetryMode != "" {
		how = c.RetryMode
	}
	m.inside(e).AutoRetried = true
	m.retry(e, how, AutomatedStageRetry,
		fmt.Sprintf("Stage %s failed and is retried automatically (%s), once.", e.Stage.Name, how))
}

// retry lets e go on in the stage it is or ended in: failed and abandoned actions, or all, run again under new ids.
func (m *machine) retry(e *exec, how pipeline.RetryMode, trigger, reason string) {
	m.adoptVersion(e)
	e.Attempt++
	e.Stop = nil
	stage := m.inside(e)
	for i := range stage.Actions {
		a := &stage.Actions[i]
		if how == pipeline.RetryAllActions || a.Status == pipeline.StatusFailed || a.Status == pipeline.StatusAbandoned {
			*a = ActionExecution{Name: a.Name, Attempt: a.Attempt, RunOrder: a.RunOrder}
		}
	}
	stage.Retried, stage.Phase = m.at, PhaseActing
	stage.OnSuccess, stage.OnFailure = nil, nil
	if st := m.shown(e); st != nil {
		st.OnSuccess, st.OnFailure = nil, nil
	}
	m.countRetry(e, trigger)
	m.setExecution(e, pipeline.StatusInProgress, WordResumed, reason)
	m.setStage(e, pipeline.StatusInProgress, WordResumed, reason)
	if !entryIsOpen(stage.BeforeEntry) && m.evaluate(e, BeforeEntry) {
		return
	}
	m.advance(e)
}

// entryIsOpen reports whether a stage's beforeEntry condition was met before, or there was none.
func entryIsOpen(c *ConditionExecution) bool {
	return c == nil || c.Status == pipeline.StatusSucceeded || c.Status == pipeline.StatusOverridden
}

// adoptVersion lets an ended execution that is revived run the current definition: it has the same structure, and
// corrected configuration is what a retry is for.
func (m *machine) adoptVersion(e *exec) {
	if e.Status.Terminal() {
		e.Version = m.d.Version
		m.pin(e)
	}
}

func (m *machine) countRetry(e *exec, trigger string) {
	st := m.shown(e)
	if st == nil {
		return
	}
	var counted RetryMetadata
	if st.Retry != nil {
		counted = *st.Retry
	}
	if counted.Last = trigger; trigger == ManualStageRetry {
		counted.Manual++
	} else {
		counted.Automatic++
	}
	st.Retry = &counted
}

// checkRetry is the rule behind CheckRetry for an execution that is still in the state.
func (m *machine) checkRetry(e *exec, stage string, how pipeline.RetryMode) error {
	if !m.knows(e, stage) {
		return stageNotFound(m.d, stage)
	}
	no := func(why string) error {
		return refuse(StageNotRetryable, "Stage %s of execution %s cannot be retried: %s.", stage, e.ID, why)
	}
	if newer := m.newerIn(stage, e); newer != "" {
		return refuse(NotLatestPipelineExecution,
			"Execution %s entered stage %s since; only the latest execution can be retried.", newer, stage)
	}
	switch {
	case e.Stage == nil || e.Stage.Name != stage:
		return no("the execution is not in it")
	case e.outdated():
		return no("the structure of the pipeline has changed since")
	case e.Cancelling:
		return no("the execution is being cancelled because the pipeline was edited")
	case e.Stage.Status == pipeline.StatusStopping:
		return no("the execution is being stopped")
	case e.Stage.Phase != PhaseActing && !e.Stage.Status.Terminal():
		return no("its condition is being evaluated")
	case e.Stage.Status == pipeline.StatusSkipped, e.Stage.Status == pipeline.StatusSucceeded:
		return no("its status is " + string(e.Stage.Status))
	}
	return m.checkRetryActions(e, how, no)
}

func (m *machine) checkRetryActions(e *exec, how pipeline.RetryMode, no func(string) error) error {
	t := count(e.Stage.Actions)
	switch {
	case t.running > 0 && how == pipeline.RetryAllActions:
		return no("actions are still running; retry the failed ones (FAILED_ACTIONS) or wait")
	case t.failed == 0 && e.Stage.Status != pipeline.StatusStopped:
		return no(nothingToRetry(e.Stage))
	case m.fullFor(e):
		return refuse(ConcurrentExecutionsLimitExceeded, "The pipeline already has %d running executions.", maxConcurrent)
	}
	return nil
}

// nothingToRetry says why a failed stage has no failed action, and what helps instead.
func nothingToRetry(st *StageExecution) string {
	for _, slot := range []ConditionType{BeforeEntry, OnSuccess} {
		c := st.Condition(slot)
		if st.Status == pipeline.StatusFailed && c != nil && (c.Status == pipeline.StatusFailed || c.Status == pipeline.StatusErrored) {
			return fmt.Sprintf("none of its actions failed; its %s condition did. Override it, or start the pipeline again", phaseOf(slot))
		}
	}
	return "none of its actions failed"
}

// newerIn is the execution that entered a stage after e had left it; "" when none did.
func (m *machine) newerIn(stage string, e *exec) string {
	st := m.stage(stage)
	if st == nil || e.Mode == pipeline.Parallel || st.Latest == nil || st.Latest.ID == e.ID || !m.passed(e, stage) {
		return ""
	}
	return st.Latest.ID
}

// passed reports whether e has left the stage behind.
func (m *machine) passed(e *exec, stage string) bool {
	place := ""
	if e.Waiting != nil {
		place = e.Waiting.Stage
	} else if e.Stage != nil {
		place = e.Stage.Name
	}
	_, i := stageIn(m.d, stage)
	_, j := stageIn(m.d, place)
	return j > i
}
