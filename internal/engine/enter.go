package engine

import (
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// How executions come to a stage, wait in front of it and enter it (E3).

// maxWait is how long a disabled transition may hold an execution; after that enabling it no longer helps (E3).
const maxWait = 30 * 24 * time.Hour

// arrive puts e in front of stage i of its definition and lets it in when the stage is free and open.
func (m *machine) arrive(e *exec, i int) {
	d := m.definition(e)
	name := d.Stages[i].Name
	e.Stage, e.owned = nil, false
	if e.Mode == pipeline.Parallel {
		m.enter(e, &d.Stages[i])
		return
	}
	m.s.Arrivals++
	e.Waiting = &Waiting{Stage: name, Since: m.at, Ticket: m.s.Arrivals}
	m.touch(e, e.Reason)
	if e.Mode == pipeline.Superseded {
		m.supersede(name)
	}
	m.tryEnter(name)
	m.hold(name)
}

// supersede leaves only the newest of the executions waiting in front of a stage. Rollbacks neither supersede nor are
// superseded: they came for this stage alone.
func (m *machine) supersede(stage string) {
	var newest *exec
	for _, w := range m.execs {
		if waitsAt(w, stage) && w.Type != pipeline.Rollback && (newest == nil || w.Number > newest.Number) {
			newest = w
		}
	}
	for _, w := range m.execs {
		if w != newest && waitsAt(w, stage) && w.Type != pipeline.Rollback {
			w.Waiting = nil
			m.setExecution(w, pipeline.StatusSuperseded, WordSuperseded, fmt.Sprintf(
				"Superseded by %s, a newer execution, while waiting in front of stage %s.", newest.ID, stage))
		}
	}
}

func waitsAt(e *exec, stage string) bool { return e.Waiting != nil && e.Waiting.Stage == stage }

// tryEnter lets the first waiter into a stage that is free and whose transition is enabled.
func (m *machine) tryEnter(stage string) {
	declared, _ := stageIn(m.d, stage)
	st := m.stage(stage)
	if declared == nil || st == nil || m.holder(stage) != nil {
		return
	}
	w := m.first(stage)
	if w == nil || (st.Transition.Disabled && w.Type != pipeline.Rollback) {
		return
	}
	m.enter(w, declared)
}

// first is the waiter whose turn it is: a rollback before all others (E5), else the one that arrived first.
func (m *machine) first(stage string) *exec {
	var best *exec
	for _, w := range m.execs {
		if waitsAt(w, stage) && (best == nil || before(&w.Execution, &best.Execution)) {
			best = w
		}
	}
	return best
}

// before reports whether a enters before b, both waiting in front of the same stage.
func before(a, b *Execution) bool {
	if (a.Type == pipeline.Rollback) != (b.Type == pipeline.Rollback) {
		return a.Type == pipeline.Rollback
	}
	return a.Waiting.Ticket < b.Waiting.Ticket
}

// hold gives the executions that a disabled transition keeps out a time limit (E3).
func (m *machine) hold(stage string) {
	st := m.stage(stage)
	if st == nil || !st.Transition.Disabled {
		return
	}
	for _, w := range m.execs {
		if !waitsAt(w, stage) || w.Type == pipeline.Rollback || !w.Waiting.Expires.IsZero() {
			continue
		}
		held := *w.Waiting
		held.Expires = m.at.Add(maxWait)
		w.Waiting = &held
		m.changed = true
		m.out = append(m.out, SetTimer{Timer{Kind: TimerWaiter, ID: w.ID, At: held.Expires}})
	}
}

// enter locks a stage for e and begins to run it.
func (m *machine) enter(e *exec, declared *pipeline.Stage) {
	e.Waiting = nil
	e.Stage, e.owned = &StageExecution{
		StageRecord: StageRecord{Name: declared.Name, Started: m.at},
		Actions:     make([]ActionExecution, len(declared.Actions)),
	}, true
	for i := range declared.Actions {
		e.Stage.Actions[i] = ActionExecution{Name: declared.Actions[i].Name, RunOrder: runOrder(&declared.Actions[i])}
	}
	if st := m.shown(e); st != nil {
		st.Retry, st.BeforeEntry, st.OnSuccess, st.OnFailure = nil, nil, nil, nil
	}
	m.touch(e, fmt.Sprintf("In stage %s.", declared.Name))
	m.setStage(e, pipeline.StatusInProgress, WordStarted, fmt.Sprintf("Entered by execution %s.", e.ID))
	if !m.evaluate(e, BeforeEntry) {
		m.advance(e)
	}
}

// leave ends e's stay in a stage: the lock is free and the next waiter may come in.
func (m *machine) leave(e *exec, stage string) {
	if e.Mode != pipeline.Parallel {
		m.tryEnter(stage)
	}
}
