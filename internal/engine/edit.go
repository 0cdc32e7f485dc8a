package engine

import (
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply makes the new definition the pipeline's own (P5). Step has done it already; this only says who did it.
func (DefinitionChanged) apply(*machine) {}

// adopt takes over the current definition. Executions of the old one come to an end: waiting ones are Cancelled at once,
// those in a stage when their running actions have finished. PARALLEL ones go on with the definition they started with.
func (m *machine) adopt() {
	first, was := m.s.Stages == nil, m.s.Structure
	m.s.Version, m.s.Mode, m.s.Structure = m.d.Version, mode(m.d), structure(m.d)
	m.alignStages()
	if first {
		return
	}
	m.changed = true
	for _, e := range m.execs {
		e.Outdated = e.Outdated || m.s.Structure != was
		if e.Waiting != nil {
			m.cancelWaiter(e)
		}
	}
	for _, e := range m.execs {
		if !e.Status.Terminal() && e.Mode != pipeline.Parallel {
			e.Cancelling = true
			m.advance(e)
		}
	}
}

func (m *machine) cancelWaiter(e *exec) {
	stage := e.Waiting.Stage
	e.Waiting = nil
	m.setExecution(e, pipeline.StatusCancelled, WordCanceled, fmt.Sprintf(
		"Cancelled: the pipeline was edited (version %d) while it waited in front of stage %s.", m.d.Version, stage))
}

// alignStages lines the stages' states up with the definition, by name: transitions and what was shown survive (P5, E9).
func (m *machine) alignStages() {
	old := m.s.Stages
	m.s.Stages = make([]StageState, len(m.d.Stages))
	for i := range m.d.Stages {
		declared, st := &m.d.Stages[i], &m.s.Stages[i]
		if j := slices.IndexFunc(old, func(o StageState) bool { return o.Name == declared.Name }); j >= 0 {
			*st = old[j]
		}
		st.Name, st.Good = declared.Name, nil
		st.Actions = alignActions(st.Actions, declared.Actions)
		m.showHolder(st)
	}
}

// showHolder makes a stage show the execution inside, which it does not when it was removed and is declared again.
func (m *machine) showHolder(st *StageState) {
	h := m.holder(st.Name)
	if h == nil || st.Latest != nil {
		return
	}
	st.Latest = &LatestExecution{ID: h.ID, Status: h.Stage.Status, Type: h.Type}
	for i := range h.Stage.Actions {
		if a := &h.Stage.Actions[i]; a.Status != "" {
			m.show(h, a)
		}
	}
}

func alignActions(old []ActionState, declared []pipeline.Action) []ActionState {
	out := make([]ActionState, len(declared))
	for i := range declared {
		out[i].Name = declared[i].Name
		if j := slices.IndexFunc(old, func(o ActionState) bool { return o.Name == declared[i].Name }); j >= 0 {
			out[i] = old[j]
		}
	}
	return out
}

// apply ends everything: the pipeline is deleted.
func (ev PipelineDeleted) apply(m *machine) {
	reason := fmt.Sprintf("The pipeline was deleted by %s.", orSomebody(ev.By))
	for _, e := range m.execs {
		if e.Status.Terminal() {
			continue
		}
		if e.Stage != nil && !e.Stage.Status.Terminal() {
			m.abandonAll(e, CancelDelete, ev.By, reason)
			m.abandonRules(e, pipeline.StatusCancelled)
			m.setStage(e, pipeline.StatusCancelled, WordCanceled, reason)
		}
		e.Waiting = nil
		m.setExecution(e, pipeline.StatusCancelled, WordCanceled, reason)
	}
	m.execs, m.changed = nil, true
	m.s = State{Version: m.s.Version, Mode: m.s.Mode, Deleted: true, Requests: m.s.Requests}
}
