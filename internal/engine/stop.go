package engine

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply stops an execution (E6). A waiting one ends at once. One inside a stage ends when its running actions have
// finished or, with Abandon, at once: the actions are Abandoned and their providers' work is left alone.
func (ev StopRequested) apply(m *machine) {
	e := m.execution(ev.Execution)
	if e == nil || checkStop(&e.Execution, ev.Abandon) != nil {
		return
	}
	e.Stop = &Stop{Abandon: ev.Abandon, Reason: clip(ev.Reason, maxStopReason), By: ev.By, At: m.at}
	reason := fmt.Sprintf("Stopped by %s%s", orSomebody(ev.By), because(e.Stop.Reason))
	if e.Waiting != nil {
		stage := e.Waiting.Stage
		e.Waiting = nil
		m.setExecution(e, pipeline.StatusStopped, WordStopped,
			fmt.Sprintf("While waiting in front of stage %s: %s", stage, reason))
		return
	}
	m.beginStopping(e)
	if ev.Abandon {
		m.abandonAll(e, CancelAbandon, ev.By, "Abandoned: the execution was "+lowerFirst(reason))
		m.endStopped(e)
		return
	}
	m.advance(e)
}

// beginStopping announces the stop. Abandoning an execution that is Stopping already repeats nothing.
func (m *machine) beginStopping(e *exec) {
	if e.Status == pipeline.StatusStopping {
		return
	}
	reason := haltReason(e)
	m.setExecution(e, pipeline.StatusStopping, WordStopping, inStage(e, reason))
	m.setStage(e, pipeline.StatusStopping, WordStopping, reason)
}

// checkStop is the rule behind CheckStop.
func checkStop(e *Execution, abandon bool) error {
	switch {
	case e.Status.Terminal():
		return refuse(PipelineExecutionNotStoppable,
			"The pipeline execution %s cannot be stopped: it has ended with status %s.", e.ID, e.Status)
	case e.Status == pipeline.StatusStopping && (!abandon || e.Stop != nil && e.Stop.Abandon):
		return refuse(DuplicatedStopRequest, "The pipeline execution %s is being stopped already.", e.ID)
	}
	return nil
}
