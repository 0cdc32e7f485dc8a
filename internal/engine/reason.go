package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// The sentences a person reads to see why something is as it is: what happened, why, and for what waits, what would
// release it.

func orSomebody(by string) string {
	if by == "" {
		return "an unnamed caller"
	}
	return by
}

// because appends a reason given by a person.
func because(reason string) string {
	if reason == "" {
		return "."
	}
	return ": " + clip(reason, maxReason)
}

func clock(t time.Time) string { return t.Format("2006-01-02 15:04:05 UTC") }

func startReason(t pipeline.ExecutionTrigger) string {
	switch {
	case t.TriggerType == "":
		return "Started."
	case t.TriggerDetail == "":
		return fmt.Sprintf("Started by %s.", t.TriggerType)
	}
	return fmt.Sprintf("Started by %s: %s", t.TriggerType, clip(t.TriggerDetail, maxReason))
}

func startedReason(a *ActionExecution, declared *pipeline.Action) string {
	if isApproval(declared) {
		return fmt.Sprintf("Waits to be approved or rejected, until %s.", clock(a.Deadline))
	}
	if a.Attempt > 1 {
		return fmt.Sprintf("Started again, run %d: the stage was retried.", a.Attempt)
	}
	return fmt.Sprintf("Started: run order %d of its stage came up.", a.RunOrder)
}

func failedReason(why pipeline.ErrorDetails) string {
	return fmt.Sprintf("Failed with %s: %s", why.Code, clip(why.Message, maxReason))
}

// names lists the actions in one status.
func names(actions []ActionExecution, status ...pipeline.Status) string {
	var list []string
	for i := range actions {
		for _, s := range status {
			if actions[i].Status == s {
				list = append(list, actions[i].Name)
			}
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// explainHalt says why nothing new starts although actions still run.
func (m *machine) explainHalt(e *exec) {
	reason := haltReason(e)
	if e.Stage.Reason != reason {
		m.setStage(e, e.Stage.Status, Progress, reason)
	}
	if in := inStage(e, reason); e.Reason != in {
		m.touch(e, in)
	}
}

func inStage(e *exec, reason string) string {
	return fmt.Sprintf("In stage %s. %s", e.Stage.Name, reason)
}

// haltReason is why nothing new starts in the stage e is in, and what it waits for.
func haltReason(e *exec) string {
	running := names(e.Stage.Actions, pipeline.StatusInProgress)
	switch {
	case e.Stop != nil && e.Stage.Phase != PhaseActing:
		return fmt.Sprintf("Stopping, and no longer waiting for its condition, as asked by %s%s", orSomebody(e.Stop.By), because(e.Stop.Reason))
	case e.Stop != nil && e.Stop.Abandon:
		return fmt.Sprintf("Stopping, abandoning %s, as asked by %s%s", running, orSomebody(e.Stop.By), because(e.Stop.Reason))
	case e.Stop != nil:
		return fmt.Sprintf("Stopping, waiting for %s to end, as asked by %s%s",
			running, orSomebody(e.Stop.By), because(e.Stop.Reason))
	case e.Cancelling:
		return fmt.Sprintf("The pipeline was edited: waits for %s to finish, then it is cancelled.", running)
	}
	failed := names(e.Stage.Actions, pipeline.StatusFailed, pipeline.StatusAbandoned)
	return fmt.Sprintf("Failing because of %s: waits for %s to finish; nothing new starts.", failed, running)
}

// duration writes d in words a person would use.
func duration(d time.Duration) string {
	switch {
	case d >= 48*time.Hour && d%(24*time.Hour) == 0:
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	case d >= 2*time.Hour && d%time.Hour == 0:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.String()
}

// explainWaiters keeps the reason of every waiting execution true.
func (m *machine) explainWaiters() {
	for _, e := range m.execs {
		if e.Waiting == nil {
			continue
		}
		if reason := m.waitReason(e); reason != e.Reason {
			m.touch(e, reason)
		}
	}
}

func (m *machine) waitReason(e *exec) string {
	stage := e.Waiting.Stage
	if st := m.stage(stage); st != nil && st.Transition.Disabled && e.Type != pipeline.Rollback {
		return fmt.Sprintf(
			"Waits in front of stage %s: its transition was disabled by %s%s Enable it before %s to let the execution go on.",
			stage, orSomebody(st.Transition.By), sentence(because(st.Transition.Reason)), clock(e.Waiting.Expires))
	}
	if h := m.holder(stage); h != nil {
		return fmt.Sprintf("Waits in front of stage %s: execution %s is in it. It enters when that one has left.", stage, h.ID)
	}
	return fmt.Sprintf("Waits in front of stage %s for its turn.", stage)
}

// sentence makes s end like one.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
