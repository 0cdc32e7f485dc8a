package engine

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// invariants returns what is wrong with a state; nil for every state Step may return.
func invariants(d *pipeline.Definition, s State) error {
	if s.Deleted {
		if len(s.Executions)+len(s.Stages)+len(s.Definitions) > 0 {
			return fmt.Errorf("a deleted pipeline still holds something")
		}
		return nil
	}
	inside, waiting := map[string]string{}, map[string]int{}
	for i := range s.Executions {
		e := &s.Executions[i]
		if i > 0 && s.Executions[i-1].Number >= e.Number {
			return fmt.Errorf("executions out of order at %s", e.ID)
		}
		if err := placed(d, s, e); err != nil {
			return fmt.Errorf("execution %s (%s): %w", e.ID, e.Status, err)
		}
		if e.Waiting != nil {
			waiting[e.Waiting.Stage]++
		}
		if e.Mode != pipeline.Parallel && e.Stage != nil && !e.Stage.Status.Terminal() {
			if other := inside[e.Stage.Name]; other != "" {
				return fmt.Errorf("%s and %s are both in stage %s", other, e.ID, e.Stage.Name)
			}
			inside[e.Stage.Name] = e.ID
		}
	}
	for stage, n := range waiting {
		if err := justified(d, s, stage, n, inside[stage]); err != nil {
			return err
		}
	}
	if err := stagesFit(d, s, inside); err != nil {
		return err
	}
	return bounded(s)
}

// placed: an execution is waiting, inside a stage, or ended; never lost and never in two places.
func placed(d *pipeline.Definition, s State, e *Execution) error {
	in := e.Stage != nil && !e.Stage.Status.Terminal()
	switch {
	case e.Reason == "":
		return fmt.Errorf("has no reason")
	case e.Status.Terminal():
		if e.Waiting != nil || in {
			return fmt.Errorf("has ended but waits or runs")
		}
		if !retryable(e) || e.Status != e.Stage.Status {
			return fmt.Errorf("has ended, cannot be retried and is still here")
		}
		return quiet(e)
	case (e.Waiting != nil) == in:
		return fmt.Errorf("is not in exactly one place: waiting %v, inside %v", e.Waiting, in)
	case e.Waiting != nil && e.Stage != nil:
		return fmt.Errorf("waits but has a stage")
	case e.Waiting != nil:
		return nil
	}
	return active(d, s, e)
}

// quiet: nothing runs in what has ended.
func quiet(e *Execution) error {
	if count(e.Stage.Actions).running > 0 {
		return fmt.Errorf("has ended but actions run")
	}
	return evaluates(e.Stage, "nothing")
}

// evaluates: rules run in the slot of the phase and in no other, and a condition is open as long as one of them does.
func evaluates(st *StageExecution, phase Phase) error {
	for _, slot := range slots {
		c := st.Condition(slot)
		if c == nil {
			continue
		}
		running := slices.ContainsFunc(c.Rules, func(r RuleExecution) bool { return r.Status == pipeline.StatusInProgress })
		if running != (c.Status == pipeline.StatusInProgress) {
			return fmt.Errorf("its %s condition is %s, but rules run: %v", slot, c.Status, running)
		}
		if running && phaseOf(slot) != phase {
			return fmt.Errorf("rules of %s run, but its phase is %q", slot, phase)
		}
	}
	return nil
}

// active: something in the stage will move the execution on: a running action, or a condition being evaluated.
func active(d *pipeline.Definition, s State, e *Execution) error {
	if e.Status != e.Stage.Status {
		return fmt.Errorf("its stage is %s", e.Stage.Status)
	}
	if err := evaluates(e.Stage, e.Stage.Phase); err != nil {
		return err
	}
	t := count(e.Stage.Actions)
	if t.running == 0 && !evaluating(e.Stage) {
		return fmt.Errorf("is stuck: nothing runs in stage %s", e.Stage.Name)
	}
	if t.running > 0 && e.Stage.Phase != PhaseActing {
		return fmt.Errorf("actions run in phase %s", e.Stage.Phase)
	}
	if e.Mode == pipeline.Parallel && t.running > maxParallelActions {
		return fmt.Errorf("%d actions run at once", t.running)
	}
	for i := range e.Stage.Actions {
		a := &e.Stage.Actions[i]
		if a.Status == pipeline.StatusInProgress && (a.ID == "" || a.Reason == "" || a.Deadline.IsZero() || a.Attempt < 1) {
			return fmt.Errorf("action %s runs without id, reason, deadline or attempt", a.Name)
		}
		for j := range e.Stage.Actions {
			b := &e.Stage.Actions[j]
			if a.Status == pipeline.StatusInProgress && b.RunOrder < a.RunOrder && b.Status != pipeline.StatusSucceeded {
				return fmt.Errorf("action %s runs before %s succeeded", a.Name, b.Name)
			}
		}
	}
	if e.Version != d.Version && !e.Cancelling && e.Mode != pipeline.Parallel {
		return fmt.Errorf("runs version %d after an edit", e.Version)
	}
	if e.Mode == pipeline.Parallel && e.Version != d.Version && s.Definitions[e.Version] == nil {
		return fmt.Errorf("its definition is gone")
	}
	return nil
}

func evaluating(st *StageExecution) bool {
	for _, slot := range slots {
		if c := st.Condition(slot); c != nil && c.Status == pipeline.StatusInProgress {
			return true
		}
	}
	return false
}

// justified: executions wait only for a reason, and in SUPERSEDED mode only one does.
func justified(d *pipeline.Definition, s State, stage string, n int, holder string) error {
	declared, _ := stageIn(d, stage)
	if declared == nil {
		return fmt.Errorf("an execution waits in front of %s, which does not exist", stage)
	}
	var st StageState
	for i := range s.Stages {
		if s.Stages[i].Name == stage {
			st = s.Stages[i]
		}
	}
	if holder == "" && !st.Transition.Disabled {
		return fmt.Errorf("an execution waits in front of stage %s, which is free and open", stage)
	}
	standard := 0
	for _, w := range waiters(s, stage) {
		if w.Type == pipeline.Standard {
			standard++
		} else {
			return fmt.Errorf("rollback %s waits in front of stage %s", w.ID, stage)
		}
		if held := st.Transition.Disabled && w.Type == pipeline.Standard; held == w.Waiting.Expires.IsZero() {
			return fmt.Errorf("%s waits in front of %s: disabled %v, but expires %s", w.ID, stage, held, w.Waiting.Expires)
		}
	}
	if mode(d) == pipeline.Superseded && standard > 1 {
		return fmt.Errorf("%d executions wait in front of stage %s", n, stage)
	}
	return nil
}

// stagesFit: the stages are those of the definition, and show the executions inside.
func stagesFit(d *pipeline.Definition, s State, inside map[string]string) error {
	if s.Version == 0 {
		return nil
	}
	for i := range d.Stages {
		if i >= len(s.Stages) || s.Stages[i].Name != d.Stages[i].Name || len(s.Stages[i].Actions) != len(d.Stages[i].Actions) {
			return fmt.Errorf("stage %s is not where the definition has it", d.Stages[i].Name)
		}
	}
	if len(s.Stages) != len(d.Stages) {
		return fmt.Errorf("%d stages, %d declared", len(s.Stages), len(d.Stages))
	}
	for i := range s.Stages {
		st := &s.Stages[i]
		if id := inside[st.Name]; id != "" && (st.Latest == nil || st.Latest.ID != id) {
			return fmt.Errorf("stage %s does not show %s, which is inside", st.Name, id)
		}
		if inside[st.Name] == "" && st.Latest != nil && !st.Latest.Status.Terminal() {
			return fmt.Errorf("stage %s is not held by anyone but looks so", st.Name)
		}
	}
	return nil
}

// bounded: the state does not grow with the number of executions.
func bounded(s State) error {
	if n := len(s.Executions); s.Mode == pipeline.Superseded && n > 3*len(s.Stages)+maxConcurrent || n > 2*maxConcurrent+len(s.Stages)+20 {
		return fmt.Errorf("%d executions are kept", n)
	}
	return nil
}

// small: neither in bytes.
func small(s State) error {
	data, err := json.Marshal(s)
	if err == nil && len(data) > 1<<20 {
		err = fmt.Errorf("the state has %d bytes", len(data))
	}
	return err
}
