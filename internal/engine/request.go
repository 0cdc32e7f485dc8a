package engine

import (
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// maxConcurrent bounds the executions of a QUEUED or PARALLEL pipeline that have not ended (P3).
const maxConcurrent = 50

// apply starts an execution: it is recorded and arrives in front of the first stage (E2, E3).
func (ev ExecutionRequested) apply(m *machine) {
	e := m.create(ExecutionRecord{
		ID: ev.ID, Type: pipeline.Standard, Trigger: ev.Trigger, Region: ev.Region,
		Variables: list(ev.Variables), Overrides: list(ev.Overrides),
	}, ev.Nonce)
	if e == nil {
		return
	}
	e.wrote(ev.By)
	switch {
	case ev.Failure != "":
		m.setExecution(e, pipeline.StatusFailed, WordFailed, "Not started: "+ev.Failure)
	case m.full():
		m.setExecution(e, pipeline.StatusFailed, WordFailed, fmt.Sprintf(
			"Not started: %d executions of this %s pipeline are still running, and no more may.", maxConcurrent, e.Mode))
	case len(m.d.Stages) == 0:
		m.setExecution(e, pipeline.StatusFailed, WordFailed, "Not started: the pipeline has no stages.")
	default:
		m.arrive(e, 0)
	}
}

// create adds an execution and announces its start. It returns nil when the id was asked for before.
func (m *machine) create(r ExecutionRecord, nonce string) *exec {
	if r.ID == "" || r.ID == m.s.LastRequest || m.execution(r.ID) != nil {
		return nil
	}
	m.s.Requests++
	m.s.LastRequest = r.ID
	r.Number, r.Version, r.Mode, r.Attempt = m.s.Requests, m.d.Version, mode(m.d), 1
	r.Status, r.Started = pipeline.StatusInProgress, m.at
	e := &exec{Execution: Execution{ExecutionRecord: r, Nonce: nonce}}
	m.execs = append(m.execs, e)
	m.pin(e)
	m.setExecution(e, pipeline.StatusInProgress, WordStarted, startReason(r.Trigger))
	return e
}

// pin keeps the current definition for as long as a PARALLEL execution runs it (E3).
func (m *machine) pin(e *exec) {
	if e.Mode != pipeline.Parallel || m.s.Definitions[e.Version] != nil {
		return
	}
	pinned := map[int]*pipeline.Definition{e.Version: m.d}
	for v, d := range m.s.Definitions {
		pinned[v] = d
	}
	m.s.Definitions = pinned
}

// full reports whether one execution too many is running, the newest counted.
func (m *machine) full() bool {
	return mode(m.d) != pipeline.Superseded && m.running() > maxConcurrent
}

func (m *machine) running() int {
	n := 0
	for _, e := range m.execs {
		if !e.Status.Terminal() {
			n++
		}
	}
	return n
}
