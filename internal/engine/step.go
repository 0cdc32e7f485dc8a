package engine

import (
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Step applies one event to a pipeline and returns its new state and what is to be done, in order. It changes neither s
// nor d. An event that no longer fits (late, or delivered twice) returns s and no command.
//
// d is the pipeline's current definition. When its version is not the one s last saw, the edit is applied first, as
// DefinitionChanged would.
func Step(d *pipeline.Definition, s State, ev Event) (State, []Command) {
	if s.Deleted {
		return s, nil
	}
	m := begin(d, s, ev.When())
	ev.apply(m)
	if !m.changed {
		return s, nil
	}
	return m.finish(), m.out
}

// machine is one step in the making. It owns its slices; what hangs below them is copied before it is changed.
type machine struct {
	d       *pipeline.Definition
	s       State
	execs   []*exec
	at      time.Time
	changed bool
	out     []Command
}

// exec is an execution being changed. owned says that Stage is a copy of our own; dirty that history has not yet been
// told of a change.
type exec struct {
	Execution
	owned bool
	dirty bool
}

func begin(d *pipeline.Definition, s State, at time.Time) *machine {
	m := &machine{d: d, s: s, at: clean(at), out: make([]Command, 0, 8)}
	m.s.Stages = slices.Clone(s.Stages)
	pool := make([]exec, len(s.Executions))
	m.execs = make([]*exec, len(s.Executions), len(s.Executions)+1)
	for i := range s.Executions {
		pool[i].Execution = s.Executions[i]
		m.execs[i] = &pool[i]
	}
	if s.Version != d.Version || s.Stages == nil {
		m.adopt()
	}
	return m
}

// clean makes a time survive JSON and the database unchanged: UTC, microseconds, no monotonic reading.
func clean(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Round(0).Truncate(time.Microsecond)
}

// finish tells history what is left to tell and drops the executions nobody needs any more.
func (m *machine) finish() State {
	m.explainWaiters()
	for _, e := range m.execs {
		if e.dirty {
			m.tellPipeline(e, Progress)
		}
	}
	m.s.Executions = nil
	for _, e := range m.execs {
		if m.keep(e) {
			m.s.Executions = append(m.s.Executions, e.Execution)
		}
	}
	m.forgetOldParallel()
	m.forgetDefinitions()
	return m.s
}

// keep reports whether an execution is in flight or may still be retried: it ended Failed or Stopped inside a stage
// that nothing has entered since (E4).
func (m *machine) keep(e *exec) bool {
	if !e.Status.Terminal() {
		return true
	}
	if !retryable(&e.Execution) {
		return false
	}
	if e.Mode == pipeline.Parallel {
		return mode(m.d) == pipeline.Parallel
	}
	st := m.stage(e.Stage.Name)
	return st != nil && st.Latest != nil && st.Latest.ID == e.ID
}

// retryable reports whether an ended execution could be retried as far as it alone is concerned.
func retryable(e *Execution) bool {
	return (e.Status == pipeline.StatusFailed || e.Status == pipeline.StatusStopped) && e.Stage != nil && !e.Outdated
}

// forgetOldParallel keeps only the newest ended PARALLEL executions: no stage shows them, so nothing else bounds them.
func (m *machine) forgetOldParallel() {
	ended := 0
	for i := len(m.s.Executions) - 1; i >= 0; i-- {
		e := &m.s.Executions[i]
		if e.Mode != pipeline.Parallel || !e.Status.Terminal() {
			continue
		}
		if ended++; ended > maxConcurrent {
			m.s.Executions = slices.Delete(m.s.Executions, i, i+1)
		}
	}
}

// forgetDefinitions drops pinned definitions that no running PARALLEL execution uses.
func (m *machine) forgetDefinitions() {
	if len(m.s.Definitions) == 0 {
		return
	}
	used := map[int]*pipeline.Definition{}
	for i := range m.s.Executions {
		e := &m.s.Executions[i]
		if e.Mode == pipeline.Parallel && !e.Status.Terminal() {
			used[e.Version] = m.s.Definitions[e.Version]
		}
	}
	if len(used) == 0 {
		used = nil
	}
	m.s.Definitions = used
}

// outdated reports whether an execution cannot be revived because the pipeline's structure has changed since it ended. A
// running PARALLEL execution goes on with the definition it started with, and may be retried in it.
func (e *exec) outdated() bool { return e.Outdated && e.Status.Terminal() }

// knows reports whether a stage is one of the pipeline's, or one that e is in although an edit removed it.
func (m *machine) knows(e *exec, stage string) bool {
	declared, _ := stageIn(m.d, stage)
	return declared != nil || m.definition(e) != nil && holds(&e.Execution, stage)
}

// stage finds a stage's state by name, or nil.
func (m *machine) stage(name string) *StageState {
	for i := range m.s.Stages {
		if m.s.Stages[i].Name == name {
			return &m.s.Stages[i]
		}
	}
	return nil
}

// shown is the stage's state that e is visible in; nil for PARALLEL executions, which no stage shows (E9).
func (m *machine) shown(e *exec) *StageState {
	if e.Mode == pipeline.Parallel || e.Stage == nil {
		return nil
	}
	return m.stage(e.Stage.Name)
}

// execution finds an execution by id, or nil.
func (m *machine) execution(id string) *exec {
	for _, e := range m.execs {
		if e.ID == id {
			return e
		}
	}
	return nil
}

// holder is the execution inside a stage: the one that has its lock. PARALLEL executions lock nothing (E3).
func (m *machine) holder(stage string) *exec {
	for _, e := range m.execs {
		if e.Mode != pipeline.Parallel && holds(&e.Execution, stage) {
			return e
		}
	}
	return nil
}

func holds(e *Execution, stage string) bool {
	return e.Stage != nil && !e.Stage.Status.Terminal() && e.Stage.Name == stage
}

// definition is the one e runs: the current one, the pinned one of a PARALLEL execution, or nil for an execution that
// an edit is ending.
func (m *machine) definition(e *exec) *pipeline.Definition {
	if e.Version == m.d.Version {
		return m.d
	}
	if e.Mode == pipeline.Parallel {
		return m.s.Definitions[e.Version]
	}
	return nil
}

// inside is the stage execution of e for changing: a copy the first time.
func (m *machine) inside(e *exec) *StageExecution {
	if !e.owned {
		stage := *e.Stage
		stage.Actions = slices.Clone(stage.Actions)
		e.Stage, e.owned = &stage, true
	}
	return e.Stage
}
