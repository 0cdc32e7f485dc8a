package engine

import (
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// RemedyKind says what a person can do about an execution.
type RemedyKind string

// The kinds of remedies.
const (
	RemedyEnable   RemedyKind = "EnableStageTransition"  // open the gate in front of Stage
	RemedyApprove  RemedyKind = "PutApprovalResult"      // decide the approval Action of Stage, with Token
	RemedyOverride RemedyKind = "OverrideStageCondition" // let it pass the condition Condition of Stage
	RemedyRetry    RemedyKind = "RetryStageExecution"    // run Stage again
	RemedyStart    RemedyKind = "StartPipelineExecution" // start the pipeline again
	RemedyLook     RemedyKind = "Explain"                // look at Execution, for which this one waits
	RemedyReadLog  RemedyKind = "ReadLog"                // read what Action of Stage wrote to Log
)

// Remedy is something that would release an execution, or help to.
type Remedy struct {
	Kind      RemedyKind    `json:"kind"`
	Stage     string        `json:"stage,omitempty"`
	Action    string        `json:"action,omitempty"`
	Token     string        `json:"token,omitempty"`
	Condition ConditionType `json:"condition,omitempty"`
	Execution string        `json:"execution,omitempty"`
	Log       string        `json:"log,omitempty"` // ARN of a log stream
}

// Remedies lists what would release an execution of the state; nil when nothing has to, or when it is not in the state.
// They are what the checks of check.go allow at this moment.
func Remedies(d *pipeline.Definition, s State, executionID string) []Remedy {
	m := begin(d, s, time.Time{})
	e := m.execution(executionID)
	switch {
	case e == nil:
		return nil
	case e.Waiting != nil:
		return m.waitingRemedies(e)
	case e.Stage == nil:
		return nil
	}
	var list []Remedy
	for i := range e.Stage.Actions {
		if a := &e.Stage.Actions[i]; a.Status == pipeline.StatusInProgress && a.Token != "" {
			list = append(list, Remedy{Kind: RemedyApprove, Stage: e.Stage.Name, Action: a.Name, Token: a.Token})
		}
	}
	for _, slot := range slots {
		if m.checkOverride(e, e.Stage.Name, slot) == nil {
			list = append(list, Remedy{Kind: RemedyOverride, Stage: e.Stage.Name, Condition: slot, Execution: e.ID})
		}
	}
	if e.Status.Terminal() && m.checkRetry(e, e.Stage.Name, pipeline.RetryFailedActions) == nil {
		list = append(list, Remedy{Kind: RemedyRetry, Stage: e.Stage.Name, Execution: e.ID})
	}
	return list
}

func (m *machine) waitingRemedies(e *exec) []Remedy {
	stage := e.Waiting.Stage
	if st := m.stage(stage); st != nil && st.Transition.Disabled && e.Type != pipeline.Rollback {
		return []Remedy{{Kind: RemedyEnable, Stage: stage}}
	}
	if h := m.holder(stage); h != nil {
		return []Remedy{{Kind: RemedyLook, Execution: h.ID}}
	}
	return nil
}
