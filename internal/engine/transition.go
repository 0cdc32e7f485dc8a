package engine

import (
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply opens or closes the gate in front of a stage (E3). It belongs to the pipeline, not to an execution.
func (ev TransitionSet) apply(m *machine) {
	st := m.stage(gate(m.d, ev.Stage, ev.Type))
	if st == nil {
		return
	}
	if ev.Enabled {
		m.enable(st, ev.By)
		return
	}
	next := Transition{Disabled: true, Reason: clip(ev.Reason, maxReason), By: ev.By, At: m.at}
	now := st.Transition
	if now.Disabled && now.Reason == next.Reason && now.By == next.By && now.At.Equal(next.At) {
		return
	}
	st.Transition, m.changed = next, true
	m.hold(st.Name)
}

// gate is the stage whose entry a transition guards: the stage itself or, outbound, the one after it; "" for none.
func gate(d *pipeline.Definition, stage string, t TransitionType) string {
	_, i := stageIn(d, stage)
	if t == Outbound && i >= 0 {
		i++
	}
	if i < 0 || i >= len(d.Stages) {
		return ""
	}
	return d.Stages[i].Name
}

// enable lets the waiter in, except one that was held for too long.
func (m *machine) enable(st *StageState, by string) {
	if !st.Transition.Disabled {
		return
	}
	st.Transition, m.changed = Transition{By: by, At: m.at}, true
	for _, w := range m.execs {
		if !waitsAt(w, st.Name) || w.Waiting.Expires.IsZero() {
			continue
		}
		if !m.at.Before(w.Waiting.Expires) {
			m.expire(w)
			continue
		}
		free := *w.Waiting
		free.Expires = time.Time{}
		w.Waiting = &free
	}
	m.tryEnter(st.Name)
}

// expire ends an execution that a disabled transition held for too long.
func (m *machine) expire(w *exec) {
	stage := w.Waiting.Stage
	w.Waiting = nil
	m.setExecution(w, pipeline.StatusCancelled, WordCanceled, fmt.Sprintf(
		"Waited %d days in front of stage %s, whose transition is disabled, and is given up. Start the pipeline again.",
		int(maxWait.Hours()/24), stage))
}
