package engine

import (
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply does what a timer was set for, if the state still waits for exactly this timer.
func (ev TimerFired) apply(m *machine) {
	due := clean(ev.Timer.At)
	switch ev.Timer.Kind {
	case TimerAction:
		m.timeOutAction(ev.Timer.ID, due)
	case TimerWaiter:
		if e := m.execution(ev.Timer.ID); e != nil && e.Waiting != nil && due.Equal(e.Waiting.Expires) && !due.IsZero() {
			m.expire(e)
		}
	case TimerRule:
		m.timeOutRule(ev.Timer.ID, due)
	}
}

// timeOutAction fails an action that took too long (P3); for the belt that is a failure like any other.
func (m *machine) timeOutAction(id string, due time.Time) {
	e, a := m.inProgress(id)
	if a == nil || !a.Deadline.Equal(due) {
		return
	}
	message := fmt.Sprintf("The action did not finish within %s.", duration(due.Sub(a.Started)))
	if a.Token != "" {
		message = fmt.Sprintf("The approval was neither given nor rejected within %s.", duration(due.Sub(a.Started)))
	}
	m.fail(e, a, pipeline.ErrorDetails{Code: pipeline.ActionTimeOut, Message: message}, "")
	m.cancel(e, a, CancelTimeout)
	m.advance(e)
}
