package engine

import (
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// apply starts a rollback by hand (E5): a new execution that runs one stage with what its target had.
// It enters at once, ahead of waiters: the stage must be free.
func (ev RollbackRequested) apply(m *machine) {
	_, i := stageIn(m.d, ev.Stage)
	if i < 1 || mode(m.d) == pipeline.Parallel || m.holder(ev.Stage) != nil {
		return
	}
	target := ev.Target
	m.startRollback(ExecutionRecord{ID: ev.ID, Trigger: ev.Trigger, Region: ev.Region}, ev.Nonce, ev.By, i, &target)
}

func (m *machine) startRollback(r ExecutionRecord, nonce, by string, i int, target *Snapshot) {
	r.Type, r.RollbackTarget, r.RollbackStage = pipeline.Rollback, target.ExecutionID, m.d.Stages[i].Name
	r.Variables, r.Revisions = list(target.Variables), list(target.Revisions)
	e := m.create(r, nonce)
	if e == nil {
		return
	}
	e.wrote(by)
	e.Artifacts, e.Outputs = list(target.Artifacts), list(target.Outputs)
	m.arrive(e, i)
}

// rollBack starts the automatic rollback of the stage in which e failed, when there is something to go back to. A
// rollback that fails is not rolled back again.
func (m *machine) rollBack(e *exec) {
	st := m.shown(e)
	if e.Type == pipeline.Rollback || st == nil || st.Good == nil {
		return
	}
	_, i := stageIn(m.d, st.Name)
	if i < 1 {
		return
	}
	m.startRollback(ExecutionRecord{
		ID:      rollbackID(e.ID, st.Name, e.Attempt),
		Region:  e.Region,
		Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerAutoRollback, TriggerDetail: e.ID},
	}, rollbackNonce(e.Nonce, st.Name+fmt.Sprint(e.Attempt)), "", i, st.Good)
}

// remember keeps what e had when it succeeded in a stage that may be rolled back automatically.
func (m *machine) remember(e *exec) {
	st := m.shown(e)
	declared, _ := stageIn(m.d, e.Stage.Name)
	if st != nil && declared != nil && e.Type == pipeline.Standard && rollsBack(declared) {
		st.Good = snapshot(e)
	}
}

func rollsBack(s *pipeline.Stage) bool {
	if s.OnFailure != nil && (s.OnFailure.Result == resultRollback || anyRollback(s.OnFailure.Conditions)) {
		return true
	}
	return s.OnSuccess != nil && anyRollback(s.OnSuccess.Conditions)
}

func anyRollback(conditions []pipeline.Condition) bool {
	return slices.ContainsFunc(conditions, func(c pipeline.Condition) bool { return c.Result == resultRollback })
}
