package engine

import (
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// How the actions of a stage run: groups by run order, the next group only after all of one succeeded (E3).

// maxParallelActions bounds the running actions of one PARALLEL execution (P3).
const maxParallelActions = 5

// tally counts the actions of a stage execution by what they are doing.
type tally struct {
	running, failed int
	next            int // lowest run order that still has an action to start; 0: none
}

func count(actions []ActionExecution) tally {
	var t tally
	for i := range actions {
		switch a := &actions[i]; a.Status {
		case pipeline.StatusSucceeded:
		case pipeline.StatusInProgress:
			t.running++
		case pipeline.StatusFailed, pipeline.StatusAbandoned:
			t.failed++
		default:
			if t.next == 0 || a.RunOrder < t.next {
				t.next = a.RunOrder
			}
		}
	}
	return t
}

// advance starts what may start now in the stage e is in, or ends the stage when nothing runs and nothing may start.
func (m *machine) advance(e *exec) {
	if e.Stage.Phase != PhaseActing {
		m.advanceCondition(e)
		return
	}
	t := count(e.Stage.Actions)
	halted := e.Status == pipeline.StatusStopping || e.Cancelling || t.failed > 0
	switch {
	case halted && t.running > 0:
		m.explainHalt(e)
	case halted:
		m.endHalted(e)
	case t.next > 0:
		m.startGroup(e, t)
	case t.running == 0:
		m.succeedStage(e)
	}
}

// advanceCondition ends a stage that was stopped or cancelled while a condition was evaluated: no work is lost.
func (m *machine) advanceCondition(e *exec) {
	if e.Status == pipeline.StatusStopping || e.Cancelling {
		m.endHalted(e)
	}
}

// startGroup starts the actions of the lowest unfinished run order. Those of a lower one that still run hold it back.
func (m *machine) startGroup(e *exec, t tally) {
	declared, _ := stageIn(m.definition(e), e.Stage.Name)
	stage := m.inside(e)
	for i := range stage.Actions {
		a := &stage.Actions[i]
		if a.Status == pipeline.StatusInProgress && a.RunOrder < t.next {
			return
		}
	}
	for i := range stage.Actions {
		a := &stage.Actions[i]
		if a.Status != "" || a.RunOrder != t.next {
			continue
		}
		if e.Mode == pipeline.Parallel && t.running >= maxParallelActions {
			return
		}
		m.start(e, a, &declared.Actions[i])
		t.running++
	}
}

// start begins one run of an action.
func (m *machine) start(e *exec, a *ActionExecution, declared *pipeline.Action) {
	d := m.definition(e)
	id := ActionExecutionID(e.ID, e.Stage.Name, a.Name, a.Attempt+1)
	*a = ActionExecution{
		Name: a.Name, ID: id, Attempt: a.Attempt + 1, RunOrder: a.RunOrder,
		Status: pipeline.StatusInProgress, Started: m.at, Updated: m.at,
		Deadline: clean(m.at.Add(Timeout(declared))),
		Inputs:   inputs(d, e, declared.InputArtifacts, declared.Region),
		Outputs:  outputs(d, declared, e.Region, id),
	}
	if isApproval(declared) {
		a.Token = approvalToken(e.Nonce, id)
		a.ExternalID = a.Token // E7: the only place to find it in a PARALLEL pipeline
		if a.Approval = newApproval(declared); a.Approval.several() {
			a.Summary = a.Approval.progress()
		}
	}
	a.Reason = startedReason(a, declared)
	m.setAction(e, a, Announce{Word: WordStarted, Declaration: declared})
	m.out = append(m.out, StartAction{
		Execution: e.ID, Version: e.Version, Stage: e.Stage.Name, Action: a.Name, ID: id, Attempt: a.Attempt,
		Type: declared.ActionTypeID,
	}, SetTimer{Timer{Kind: TimerAction, ID: id, At: a.Deadline}})
}

// inProgress finds a running action by its execution id; both results are nil when it has ended or is unknown.
func (m *machine) inProgress(id string) (*exec, *ActionExecution) {
	for _, e := range m.execs {
		if i := runningAction(&e.Execution, id); i >= 0 {
			return e, &m.inside(e).Actions[i]
		}
	}
	return nil, nil
}

func runningAction(e *Execution, id string) int {
	if e.Stage == nil || id == "" {
		return -1
	}
	return slices.IndexFunc(e.Stage.Actions, func(a ActionExecution) bool {
		return a.ID == id && a.Status == pipeline.StatusInProgress
	})
}

// apply records that a provider accepted the work, or its progress.
func (ev ActionStarted) apply(m *machine) {
	e, a := m.inProgress(ev.Action)
	if a == nil {
		return
	}
	was := *a
	a.describe(ev.Summary, ev.ExternalID, ev.ExternalURL, ev.LogStream)
	if ev.Percent > 0 {
		a.Percent = min(ev.Percent, 100)
	}
	if ev.Timeout > 0 {
		a.Deadline = clean(m.at.Add(ev.Timeout))
	}
	if sameProgress(&was, a) {
		return
	}
	a.Updated = m.at
	m.setAction(e, a, Announce{Word: Progress})
	if !a.Deadline.Equal(was.Deadline) {
		m.out = append(m.out, SetTimer{Timer{Kind: TimerAction, ID: a.ID, At: a.Deadline}})
	}
}

func sameProgress(a, b *ActionExecution) bool {
	return a.Summary == b.Summary && a.ExternalID == b.ExternalID && a.ExternalURL == b.ExternalURL &&
		a.LogStream == b.LogStream && a.Percent == b.Percent && a.Deadline.Equal(b.Deadline)
}

// describe takes over what a provider told about its work; what it left empty stays.
func (a *ActionExecution) describe(summary, externalID, externalURL, logStream string) {
	for _, f := range []struct {
		to   *string
		from string
		max  int
	}{
		{&a.Summary, summary, maxSummary},
		{&a.ExternalID, externalID, maxExternalID},
		{&a.ExternalURL, externalURL, maxURL},
		{&a.LogStream, logStream, maxURL},
	} {
		if f.from != "" {
			*f.to = clip(f.from, f.max)
		}
	}
}

// apply ends an action that did its work.
func (ev ActionSucceeded) apply(m *machine) {
	e, a := m.inProgress(ev.Action)
	if a == nil {
		return
	}
	if n := variablesSize(ev.Variables); n > maxVariables {
		m.fail(e, a, pipeline.ErrorDetails{Code: pipeline.ConfigurationError, Message: fmt.Sprintf(
			"The action's output variables are %d bytes long; at most %d are allowed. Export fewer or shorter ones.",
			n, maxVariables)}, ev.By)
		m.advance(e)
		return
	}
	a.describe(ev.Summary, ev.ExternalID, ev.ExternalURL, ev.LogStream)
	a.Outputs = relocate(a.Outputs, ev.Artifacts)
	e.wrote(ev.Authors...)
	m.succeed(e, a, clipRevision(ev.Revision), ev.Variables, ev.By)
	m.advance(e)
}

// succeed ends an action and hands its products to the execution.
func (m *machine) succeed(e *exec, a *ActionExecution, rev *pipeline.Revision, vars map[string]string, by string) {
	declared := actionIn(m.definition(e), e.Stage.Name, a.Name)
	a.Status, a.Updated, a.By, a.Percent = pipeline.StatusSucceeded, m.at, by, 100
	a.Reason = "Succeeded."
	if rev != nil {
		a.Outputs = withRevision(a.Outputs, rev)
	}
	e.Artifacts = upsertArtifacts(e.Artifacts, a.Outputs)
	if declared != nil && isSource(declared) {
		m.recordRevision(e, a, rev)
	}
	if declared != nil && declared.Namespace != "" {
		e.Outputs = upsertOutput(e.Outputs, ActionOutput{Namespace: declared.Namespace, Variables: table(vars)})
	}
	m.setAction(e, a, Announce{Word: WordSucceeded, Variables: table(vars)})
}

// apply ends an action that failed. Its siblings go on (E3, "Action failure").
func (ev ActionFailed) apply(m *machine) {
	e, a := m.inProgress(ev.Action)
	if a == nil {
		return
	}
	a.describe(ev.Summary, ev.ExternalID, ev.ExternalURL, ev.LogStream)
	m.fail(e, a, ev.Error, ev.By)
	m.advance(e)
}

func (m *machine) fail(e *exec, a *ActionExecution, why pipeline.ErrorDetails, by string) {
	why.Code, why.Message = clip(why.Code, maxCode), clip(why.Message, maxMessage)
	a.Status, a.Updated, a.By, a.Error = pipeline.StatusFailed, m.at, by, &why
	a.Reason = failedReason(why)
	m.setAction(e, a, Announce{Word: WordFailed})
}

// abandon ends an action nobody waits for any more.
func (m *machine) abandon(e *exec, a *ActionExecution, cause CancelCause, by, reason string) {
	a.Status, a.Updated, a.By, a.Reason = pipeline.StatusAbandoned, m.at, by, reason
	m.setAction(e, a, Announce{Word: WordAbandoned})
	m.cancel(e, a, cause)
}

func (m *machine) cancel(e *exec, a *ActionExecution, cause CancelCause) {
	m.out = append(m.out, CancelAction{
		Execution: e.ID, Version: e.Version, Stage: e.Stage.Name, Action: a.Name, ID: a.ID, ExternalID: a.ExternalID,
		Cause: cause,
	})
}

// abandonAll abandons every running action of the stage e is in.
func (m *machine) abandonAll(e *exec, cause CancelCause, by, reason string) {
	stage := m.inside(e)
	for i := range stage.Actions {
		if stage.Actions[i].Status == pipeline.StatusInProgress {
			m.abandon(e, &stage.Actions[i], cause, by, reason)
		}
	}
}
