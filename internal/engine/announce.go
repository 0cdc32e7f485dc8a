package engine

import (
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Every change of a status goes through this file: it is written with its reason and told to history together.

// touch records a change of an execution that is not one of status; history hears of it at the end of the step.
func (m *machine) touch(e *exec, reason string) {
	e.Reason, e.Updated, e.dirty, m.changed = reason, m.at, true, true
}

// setExecution changes an execution's status.
func (m *machine) setExecution(e *exec, status pipeline.Status, word Word, reason string) {
	e.Status = status
	m.touch(e, reason)
	m.tellPipeline(e, word)
}

func (m *machine) tellPipeline(e *exec, word Word) {
	e.dirty = false
	m.out = append(m.out, Announce{Kind: KindPipeline, Word: word, At: m.at, Execution: e.ExecutionRecord})
}

// setStage changes the status of the stage execution e is in, and what the stage shows.
func (m *machine) setStage(e *exec, status pipeline.Status, word Word, reason string) {
	stage := m.inside(e)
	stage.Status, stage.Reason, stage.Updated, m.changed = status, reason, m.at, true
	if st := m.shown(e); st != nil {
		st.Latest = &LatestExecution{ID: e.ID, Status: status, Type: e.Type}
	}
	record, told := stage.StageRecord, Announce{Kind: KindStage, Word: word, At: m.at, Execution: e.ExecutionRecord}
	told.Stage = &record
	if status == pipeline.StatusSucceeded {
		told.Snapshot = snapshot(e)
	}
	m.out = append(m.out, told)
}

// snapshot is what a rollback to e would need now (E5).
func snapshot(e *exec) *Snapshot {
	return &Snapshot{
		ExecutionID: e.ID, Version: e.Version, Revisions: e.Revisions, Variables: e.Variables,
		Artifacts: e.Artifacts, Outputs: e.Outputs,
	}
}

// setAction stores what became of an action of the stage e is in, and what the stage shows. told holds the word and what
// else history should know.
func (m *machine) setAction(e *exec, a *ActionExecution, told Announce) {
	m.changed = true
	m.show(e, a)
	record, stage := *a, e.Stage.StageRecord
	told.Kind, told.At, told.Execution, told.Stage, told.Action = KindAction, m.at, e.ExecutionRecord, &stage, &record
	m.out = append(m.out, told)
}

// show makes a the latest execution of its action (E9).
func (m *machine) show(e *exec, a *ActionExecution) {
	st := m.shown(e)
	if st == nil {
		return
	}
	i := slices.IndexFunc(st.Actions, func(s ActionState) bool { return s.Name == a.Name })
	if i < 0 {
		return // dropped by an edit while it ran
	}
	latest := *a
	latest.Inputs, latest.Outputs = nil, nil
	st.Actions = slices.Clone(st.Actions)
	st.Actions[i].Latest = &latest
}
