package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func jsonMarshal(v any) ([]byte, error) { return json.Marshal(v) }

// history keeps what a shell would that knows nothing but the announcements, and compares it with the state.
type history struct {
	executions map[string]ExecutionRecord
	stages     map[string]StageRecord // by execution/stage
	actions    map[string]ActionExecution
	rules      map[string]RuleExecution
	timers     map[Timer]bool
	running    map[string]bool  // ids of executions, actions and rules that have begun and not ended
	entered    map[string]int64 // by stage, the number of the execution that entered last
}

func newHistory() history {
	return history{
		map[string]ExecutionRecord{},
		map[string]StageRecord{},
		map[string]ActionExecution{},
		map[string]RuleExecution{},
		map[Timer]bool{},
		map[string]bool{},
		map[string]int64{},
	}
}

// follow takes over the commands of one step and checks the rules about how things may change.
func (h *history) follow(prev, next State, ev Event, cmds []Command) error {
	if err := h.cancelled(cmds); err != nil {
		return fmt.Errorf("%s: %w", ev.Name(), err)
	}
	for _, c := range cmds {
		var err error
		switch c := c.(type) {
		case Announce:
			err = h.announce(prev, next, ev, c)
		case StartAction:
			err = h.startAction(c)
		case EvaluateRule:
			err = h.evaluateRule(c)
		case SetTimer:
			h.timers[c.Timer] = true
		}
		if err != nil {
			return fmt.Errorf("%s: %w", ev.Name(), err)
		}
	}
	h.forget(next)
	return limited(prev, next, ev)
}

// limited: nothing but a rollback is started or revived beyond the limit.
func limited(prev, next State, ev Event) error {
	before, after := inFlight(prev), inFlight(next)
	if _, rollback := ev.(RollbackRequested); rollback || next.Mode == pipeline.Superseded || after <= before || after <= maxConcurrent {
		return nil
	}
	return fmt.Errorf("%s: %d executions in flight", ev.Name(), after)
}

func inFlight(s State) int {
	n := 0
	for i := range s.Executions {
		if !s.Executions[i].Status.Terminal() {
			n++
		}
	}
	return n
}

func (h *history) announce(prev, next State, ev Event, a Announce) error {
	id := a.Execution.ID
	was, known := h.executions[id]
	switch {
	case a.Execution.Reason == "" || a.At.IsZero():
		return fmt.Errorf("%s: no reason or no time", id)
	case (a.Kind == KindPipeline && a.Word == WordStarted) == known:
		return fmt.Errorf("execution %s: %s %s, but known is %v", id, a.Kind, a.Word, known)
	case known && was.Status.Terminal() && !a.Execution.Status.Terminal():
		if revived(ev) != id || was.Status != pipeline.StatusFailed && was.Status != pipeline.StatusStopped {
			return fmt.Errorf("execution %s went from %s to %s", id, was.Status, a.Execution.Status)
		}
	case a.Word == WordSuperseded:
		if err := supersededByNewer(prev, next, a.Execution); err != nil {
			return err
		}
	}
	h.executions[id] = a.Execution
	h.follows(id, a.Execution.Status)
	if a.Kind == KindStage && a.Word == WordStarted {
		if err := h.enters(a); err != nil {
			return err
		}
	}
	if a.Stage != nil {
		if a.Stage.Reason == "" {
			return fmt.Errorf("stage %s of %s has no reason", a.Stage.Name, id)
		}
		h.stages[id+"/"+a.Stage.Name] = *a.Stage
	}
	if a.Rule != nil {
		if was, known := h.rules[a.Rule.ID]; known && was.Status.Terminal() && a.Rule.Status != pipeline.StatusAbandoned {
			return fmt.Errorf("rule %s went from %s to %s", a.Rule.ID, was.Status, a.Rule.Status)
		}
		h.rules[a.Rule.ID] = *a.Rule
		h.follows(a.Rule.ID, a.Rule.Status)
	}
	if a.Action != nil {
		return h.action(a)
	}
	return nil
}

func (h *history) follows(id string, status pipeline.Status) {
	if status.Terminal() {
		delete(h.running, id)
	} else {
		h.running[id] = true
	}
}

// enters: nobody overtakes. Rollbacks go ahead of what waits, PARALLEL executions do not wait.
func (h *history) enters(a Announce) error {
	e := a.Execution
	if e.Mode == pipeline.Parallel || e.Type == pipeline.Rollback {
		return nil
	}
	if last := h.entered[a.Stage.Name]; last >= e.Number {
		return fmt.Errorf("execution %d entered stage %s after %d", e.Number, a.Stage.Name, last)
	}
	h.entered[a.Stage.Name] = e.Number
	return nil
}

// revived is the execution an event may bring back.
func revived(ev Event) string {
	switch ev := ev.(type) {
	case RetryRequested:
		return ev.Execution
	case ConditionOverridden:
		return ev.Execution
	}
	return ""
}

// cancelled: the shell is told once of every action and rule that is given up while it runs, and of no other.
func (h *history) cancelled(cmds []Command) error {
	given, told := map[string]bool{}, map[string]int{}
	note := func(id string, was, is pipeline.Status, why *pipeline.ErrorDetails) {
		if was == pipeline.StatusInProgress {
			timedOut := why != nil && why.Code == pipeline.ActionTimeOut
			given[id] = given[id] || is == pipeline.StatusAbandoned || timedOut
		}
	}
	for _, c := range cmds {
		switch c := c.(type) {
		case CancelRule:
			told[c.ID]++
		case CancelAction:
			told[c.ID]++
		case Announce:
			if r := c.Rule; r != nil {
				note(r.ID, h.rules[r.ID].Status, r.Status, r.Error)
			}
			if a := c.Action; a != nil {
				note(a.ID, h.actions[a.ID].Status, a.Status, a.Error)
			}
		}
	}
	for id, up := range given {
		if up && told[id] != 1 || !up && told[id] > 0 {
			return fmt.Errorf("%s: given up is %v, and the shell is told %d times", id, up, told[id])
		}
		delete(told, id)
	}
	if len(told) > 0 {
		return fmt.Errorf("the shell is told of what goes on or has ended: %v", told)
	}
	return nil
}

// evaluateRule: a rule is evaluated once under one id, and only for an execution that runs.
func (h *history) evaluateRule(c EvaluateRule) error {
	e, ok := h.executions[c.Execution]
	if !ok || e.Status != pipeline.StatusInProgress {
		return fmt.Errorf("rule %s is evaluated in execution %s, which is %q", c.Rule, c.Execution, e.Status)
	}
	if r := h.rules[c.ID]; r.Status != pipeline.StatusInProgress {
		return fmt.Errorf("rule %s was asked for but is %q", c.Rule, r.Status)
	}
	return nil
}

func (h *history) action(a Announce) error {
	was, known := h.actions[a.Action.ID]
	switch {
	case (a.Word == WordStarted) == known:
		return fmt.Errorf("action %s: %s, but known is %v", a.Action.ID, a.Word, known)
	case known && was.Status.Terminal():
		return fmt.Errorf("action %s went from %s to %s", a.Action.ID, was.Status, a.Action.Status)
	case a.Word == WordStarted && a.Declaration == nil:
		return fmt.Errorf("action %s started without its declaration", a.Action.ID)
	case a.Action.Status == pipeline.StatusFailed && a.Action.Error == nil:
		return fmt.Errorf("action %s failed without an error", a.Action.ID)
	}
	h.actions[a.Action.ID] = *a.Action
	h.follows(a.Action.ID, a.Action.Status)
	return nil
}

func (h *history) startAction(c StartAction) error {
	e, ok := h.executions[c.Execution]
	if !ok || e.Status != pipeline.StatusInProgress {
		return fmt.Errorf("action %s started in execution %s, which is %q", c.Action, c.Execution, e.Status)
	}
	if a := h.actions[c.ID]; a.Status != pipeline.StatusInProgress || a.Attempt != c.Attempt {
		return fmt.Errorf("action %s was asked for but is %q", c.ID, a.Status)
	}
	return nil
}

// supersededByNewer: the superseded one was waiting (or arrived just now), and a newer one is at that stage.
func supersededByNewer(prev, next State, r ExecutionRecord) error {
	for i := range prev.Executions {
		if e := &prev.Executions[i]; e.ID == r.ID && e.Waiting == nil && !e.Stage.Status.Terminal() && count(e.Stage.Actions).running > 1 {
			return fmt.Errorf("%s was superseded inside stage %s", r.ID, e.Stage.Name)
		}
	}
	for i := range next.Executions {
		if next.Executions[i].Number > r.Number {
			return nil
		}
	}
	return fmt.Errorf("%s was superseded by nothing newer", r.ID)
}

// complete: whatever history holds to be running is in the state. Nothing was lost.
func (h *history) complete(s State) error {
	lost := maps.Clone(h.running)
	for i := range s.Executions {
		e := &s.Executions[i]
		delete(lost, e.ID)
		if e.Stage == nil {
			continue
		}
		for j := range e.Stage.Actions {
			delete(lost, e.Stage.Actions[j].ID)
		}
		for _, slot := range slots {
			if c := e.Stage.Condition(slot); c != nil {
				for j := range c.Rules {
					delete(lost, c.Rules[j].ID)
				}
			}
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("history holds to be running what the state has lost: %v", lost)
	}
	return nil
}

// agrees: whatever the state shows was announced just so.
func (h *history) agrees(s State) error {
	if err := h.complete(s); err != nil {
		return err
	}
	for i := range s.Executions {
		e := &s.Executions[i]
		if got := h.executions[e.ID]; !reflect.DeepEqual(got, e.ExecutionRecord) {
			return fmt.Errorf("execution %s was announced as %+v but is %+v", e.ID, got, e.ExecutionRecord)
		}
		if e.Stage == nil {
			continue
		}
		if got := h.stages[e.ID+"/"+e.Stage.Name]; !reflect.DeepEqual(got, e.Stage.StageRecord) {
			return fmt.Errorf("stage %s of %s was announced as %+v but is %+v", e.Stage.Name, e.ID, got, e.Stage.StageRecord)
		}
		for j := range e.Stage.Actions {
			a := &e.Stage.Actions[j]
			if a.Status == "" {
				continue
			}
			if got := h.actions[a.ID]; !reflect.DeepEqual(got, *a) {
				return fmt.Errorf("action %s was announced as %+v but is %+v", a.Name, got, *a)
			}
			if a.Status == pipeline.StatusInProgress && !h.timers[Timer{TimerAction, a.ID, a.Deadline}] {
				return fmt.Errorf("action %s has no timer for its deadline", a.Name)
			}
		}
		if err := h.agreesOnRules(e); err != nil {
			return err
		}
		if e.Waiting != nil && !e.Waiting.Expires.IsZero() && !h.timers[Timer{TimerWaiter, e.ID, e.Waiting.Expires}] {
			return fmt.Errorf("waiter %s has no timer", e.ID)
		}
	}
	return nil
}

func (h *history) agreesOnRules(e *Execution) error {
	for _, slot := range slots {
		c := e.Stage.Condition(slot)
		if c == nil {
			continue
		}
		for i := range c.Rules {
			r := &c.Rules[i]
			if got := h.rules[r.ID]; !reflect.DeepEqual(got, *r) {
				return fmt.Errorf("rule %s was announced as %+v but is %+v", r.Name, got, *r)
			}
			if r.Status == pipeline.StatusInProgress && !h.timers[Timer{TimerRule, r.ID, r.Deadline}] {
				return fmt.Errorf("rule %s has no timer", r.Name)
			}
		}
	}
	return nil
}

// forget bounds the memory of a long soak. What is forgotten ended long ago.
func (h *history) forget(s State) {
	if len(h.actions) < 20000 {
		return
	}
	live := newHistory()
	live.running, live.entered = h.running, h.entered
	live.timers = h.timers
	if len(live.timers) > 50000 {
		live.timers = map[Timer]bool{}
	}
	for i := range s.Executions {
		e := &s.Executions[i]
		live.executions[e.ID] = h.executions[e.ID]
		if e.Waiting != nil {
			live.timers[Timer{TimerWaiter, e.ID, e.Waiting.Expires}] = true
		}
		if e.Stage == nil {
			continue
		}
		live.stages[e.ID+"/"+e.Stage.Name] = h.stages[e.ID+"/"+e.Stage.Name]
		for _, a := range e.Stage.Actions {
			if a.Status != "" {
				live.actions[a.ID] = h.actions[a.ID]
				live.timers[Timer{TimerAction, a.ID, a.Deadline}] = true
			}
		}
		for _, slot := range slots {
			if c := e.Stage.Condition(slot); c != nil {
				for _, r := range c.Rules {
					live.rules[r.ID] = h.rules[r.ID]
					live.timers[Timer{TimerRule, r.ID, r.Deadline}] = true
				}
			}
		}
	}
	*h = live
}
