package engine

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// world plays random events against the engine and knows what must hold. pick(n) chooses a number below n; it is rapid's
// in property tests and math/rand's in the soak.
type world struct {
	pick    func(n int) int
	modes   []pipeline.ExecutionMode
	rigour  int // check the expensive things in one of this many steps; 1: always
	d       *pipeline.Definition
	s       State
	now     time.Time
	started int
	steps   int
	saved   string   // the state at the last crash, as JSON
	since   []logged // the events played since
	history history

	executions, actions, rules, tokens []string // ids seen lately, live and dead
	timers                             []Timer
	events                             []Event
}

func newWorld(pick func(int) int, rigour int, modes ...pipeline.ExecutionMode) *world {
	w := &world{pick: pick, modes: modes, rigour: rigour, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.d = w.definition(1)
	w.history = newHistory()
	return w
}

func (w *world) chance(percent int) bool { return w.pick(100) < percent }

// definition draws a pipeline of 2-4 stages out of 5 names, with 1-4 actions out of 6.
func (w *world) definition(version int) *pipeline.Definition {
	d := &pipeline.Definition{
		Name: "p", Version: version, ExecutionMode: w.modes[w.pick(len(w.modes))],
		ArtifactStore: &pipeline.ArtifactStore{Type: "S3", Location: "b"},
	}
	names := []string{"A", "B", "C", "D", "E"}
	for n := 2 + w.pick(3); n > 0; n-- {
		i := w.pick(len(names))
		d.Stages = append(d.Stages, w.stage(names[i], len(d.Stages) == 0))
		names = slices.Delete(names, i, i+1)
	}
	return d
}

func (w *world) stage(name string, source bool) pipeline.Stage {
	st := pipeline.Stage{Name: name}
	for i, n := 0, 1+w.pick(4)+5*(w.pick(8)/7); i < n; i++ {
		a := pipeline.Action{Name: fmt.Sprint("a", i), RunOrder: w.pick(4)}
		a.ActionTypeID = pipeline.ActionTypeID{Category: "Build", Owner: "AWS", Provider: "CodeBuild", Version: "1"}
		switch {
		case source:
			a.ActionTypeID.Category, a.OutputArtifacts = "Source", []pipeline.OutputArtifact{{Name: fmt.Sprint("s", i)}}
			a.Namespace = "ns" + fmt.Sprint(i)
		case w.chance(20):
			a.ActionTypeID.Category, a.ActionTypeID.Provider = "Approval", "Manual"
			a.Configuration = map[string]string{
				pipeline.KeyRequiredApprovals: fmt.Sprint(1 + w.pick(2)), pipeline.KeyForbidAuthor: fmt.Sprint(w.chance(20)),
			}
		default:
			a.InputArtifacts = []pipeline.InputArtifact{{Name: "s0"}}
		}
		st.Actions = append(st.Actions, a)
	}
	w.conditions(&st)
	return st
}

// conditions gives some stages conditions, an automatic retry or an automatic rollback, in any combination.
func (w *world) conditions(st *pipeline.Stage) {
	if w.chance(25) {
		st.BeforeEntry = &pipeline.Conditions{Conditions: parseCondition([2]string{resultFail, resultSkip}[w.pick(2)])}
	}
	if w.chance(25) {
		st.OnSuccess = &pipeline.Conditions{Conditions: parseCondition([2]string{resultFail, resultRollback}[w.pick(2)])}
	}
	switch w.pick(8) {
	case 0:
		st.OnFailure = &pipeline.FailureConditions{Result: resultRetry}
	case 1:
		st.OnFailure = &pipeline.FailureConditions{
			Result: resultRetry, RetryConfiguration: &pipeline.RetryConfiguration{RetryMode: pipeline.RetryFailedActions},
		}
	case 2:
		st.OnFailure = &pipeline.FailureConditions{Result: resultRollback}
	case 3:
		st.OnFailure = &pipeline.FailureConditions{Conditions: parseCondition([2]string{resultFail, resultRollback}[w.pick(2)])}
	}
}

// next draws an event: mostly one that fits, sometimes one that is late, wrong or nonsense.
func (w *world) next() Event {
	w.now = w.now.Add(time.Duration(w.pick(600)) * time.Second)
	at := w.now
	switch n := w.pick(100); {
	case n < 13:
		return w.request(at)
	case n < 47:
		return w.answer(at)
	case n < 52:
		return w.approval(at)
	case n < 63:
		return w.rule(at)
	case n < 67:
		return StopRequested{At: at, By: "x", Execution: w.recent(w.executions), Abandon: w.chance(40), Reason: "because"}
	case n < 76:
		return w.retry(at)
	case n < 84:
		return TransitionSet{At: at, By: "x", Stage: w.stageName(), Type: [2]TransitionType{Inbound, Outbound}[w.pick(2)], Enabled: w.chance(70), Reason: "r"}
	case n < 90:
		return w.timer(at)
	case n < 91:
		w.d = w.edit()
		return DefinitionChanged{At: at, By: "x", Version: w.d.Version}
	case n < 97:
		return w.rollback(at)
	case n < 98 && len(w.events) > 0:
		return w.late(w.events[w.pick(len(w.events))])
	}
	return w.override(at)
}

// late delivers an old event again. Only requests for executions long gone are the shell's to catch: their id is the
// primary key of its history.
func (w *world) late(ev Event) Event {
	id := ""
	switch ev := ev.(type) {
	case ExecutionRequested:
		id = ev.ID
	case RollbackRequested:
		id = ev.ID
	}
	alive := slices.ContainsFunc(w.s.Executions, func(e Execution) bool { return e.ID == id })
	if id == "" || alive || id == w.s.LastRequest {
		return ev
	}
	return w.rule(w.now)
}

func (w *world) request(at time.Time) Event {
	w.started++
	ev := ExecutionRequested{At: at, By: [2]string{"x", ""}[w.pick(2)], ID: fmt.Sprintf("x%d", w.started), Nonce: "n", Trigger: pipeline.ExecutionTrigger{TriggerType: "T"}}
	if w.chance(3) {
		ev.Failure = "no value"
	}
	return ev
}

func (w *world) answer(at time.Time) Event {
	id := w.recent(w.actions)
	switch n := w.pick(10); {
	case n < 6:
		return ActionSucceeded{At: at, Action: id, Revision: &pipeline.Revision{ID: "r"}, Variables: map[string]string{"k": "v"}}
	case n < 9:
		return ActionFailed{At: at, Action: id, Error: pipeline.ErrorDetails{Code: "JobFailed", Message: "m"}}
	}
	return ActionStarted{At: at, Action: id, ExternalID: "e", Percent: w.pick(100), Timeout: time.Duration(w.pick(3)) * time.Hour}
}

func (w *world) approval(at time.Time) Event {
	return ApprovalGiven{At: at, By: [3]string{"x", "y", "z"}[w.pick(3)], Token: w.recent(w.tokens), Approved: w.chance(70), Summary: "s"}
}

func (w *world) retry(at time.Time) Event {
	ev := RetryRequested{At: at, By: "x", Mode: [2]pipeline.RetryMode{pipeline.RetryFailedActions, pipeline.RetryAllActions}[w.pick(2)]}
	ev.Execution, ev.Stage = w.recent(w.executions), w.stageName()
	if len(w.s.Executions) > 0 && w.chance(80) {
		e := w.s.Executions[w.pick(len(w.s.Executions))]
		ev.Execution = e.ID
		if e.Stage != nil {
			ev.Stage = e.Stage.Name
		}
	}
	return ev
}

func (w *world) timer(at time.Time) Event {
	if len(w.timers) == 0 {
		return TimerFired{At: at, Timer: Timer{Kind: TimerAction}}
	}
	timer := w.timers[len(w.timers)-1-w.pick(min(len(w.timers), 8))]
	w.now = later(w.now, timer.At)
	return TimerFired{At: w.now, Timer: timer}
}

// edit changes the definition wholly, a little, or in its version only.
func (w *world) edit() *pipeline.Definition {
	if w.chance(50) {
		return w.definition(w.d.Version + 1)
	}
	d := *w.d
	d.Version++
	d.Stages = slices.Clone(d.Stages)
	if w.chance(50) {
		i := w.pick(len(d.Stages))
		d.Stages[i] = w.stage(d.Stages[i].Name, i == 0)
	}
	return &d
}

func (w *world) rollback(at time.Time) Event {
	w.started++
	return RollbackRequested{
		At: at, ID: fmt.Sprintf("x%d", w.started), Nonce: "n", Stage: w.stageName(),
		Trigger: pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerManualRollback},
		Target:  Snapshot{ExecutionID: w.recent(w.executions)},
	}
}

func (w *world) rule(at time.Time) Event {
	status := [...]pipeline.Status{
		pipeline.StatusSucceeded, pipeline.StatusSucceeded, pipeline.StatusSucceeded,
		pipeline.StatusFailed, pipeline.StatusErrored, pipeline.StatusInProgress,
	}[w.pick(6)]
	return RuleResolved{At: at, Rule: w.recent(w.rules), Status: status, ExternalID: "e"}
}

func (w *world) override(at time.Time) Event {
	ev := ConditionOverridden{At: at, By: "x", Execution: w.recent(w.executions), Stage: w.stageName(), Condition: slots[w.pick(3)]}
	if len(w.s.Executions) > 0 && w.chance(80) {
		e := w.s.Executions[w.pick(len(w.s.Executions))]
		ev.Execution = e.ID
		if e.Stage != nil {
			ev.Stage = e.Stage.Name
		}
	}
	return ev
}

// recent prefers ids seen lately, which are mostly alive.
func (w *world) recent(ids []string) string {
	if len(ids) == 0 {
		return "nobody"
	}
	return ids[len(ids)-1-w.pick(min(len(ids), 12))]
}

func (w *world) stageName() string { return w.d.Stages[w.pick(len(w.d.Stages))].Name }

// play applies an event and returns what is wrong afterwards.
func (w *world) play(ev Event) error {
	w.steps++
	thorough := w.rigour == 1 || w.steps%w.rigour == 0
	var before string
	if thorough {
		before = mustJSON(w.s)
	}
	next, cmds := Step(w.d, w.s, ev)
	if thorough {
		if err := w.thorough(ev, before, next, cmds); err != nil {
			return err
		}
	}
	if err := invariants(w.d, next); err != nil {
		return err
	}
	if err := w.history.follow(w.s, next, ev, cmds); err != nil {
		return err
	}
	w.s = next
	w.note(ev, cmds)
	if thorough {
		if err := w.crash(); err != nil {
			return err
		}
		return w.history.agrees(next)
	}
	return nil
}

// crash starts again from what is stored: the state saved last, and the events since, as they are written to the log.
func (w *world) crash() error {
	var again State
	if err := json.Unmarshal([]byte(w.saved), &again); w.saved != "" && err != nil {
		return err
	}
	for _, l := range w.since {
		ev, err := recoded(l.ev)
		if err != nil {
			return err
		}
		again, _ = Step(l.d, again, ev)
	}
	if !reflect.DeepEqual(again, w.s) {
		return fmt.Errorf("the replayed log gives another state:\n%s\n%s", mustJSON(again), mustJSON(w.s))
	}
	w.s, w.saved, w.since = again, mustJSON(again), nil
	return nil
}

// recoded is an event after its trip through the log.
func recoded(ev Event) (Event, error) {
	data, err := EncodeEvent(ev)
	if err != nil {
		return nil, err
	}
	return DecodeEvent(data)
}

// thorough checks purity: the input is untouched, repeating changes nothing, JSON loses nothing.
func (w *world) thorough(ev Event, before string, next State, cmds []Command) error {
	if mustJSON(w.s) != before {
		return fmt.Errorf("%s changed its input", ev.Name())
	}
	if again, same := Step(w.d, w.s, ev); !reflect.DeepEqual(again, next) || !reflect.DeepEqual(cmds, same) {
		return fmt.Errorf("%s gives different results for the same input", ev.Name())
	}
	if again, more := Step(w.d, next, ev); len(more) > 0 || !reflect.DeepEqual(again, next) {
		return fmt.Errorf("%s delivered twice changes the state: %v", ev.Name(), more)
	}
	if m := begin(w.d, w.s, ev.When()); w.s.Stages != nil && !w.s.Deleted {
		if ev.apply(m); !m.changed && !reflect.DeepEqual(m.finish(), w.s) {
			return fmt.Errorf("%s changed something and did not say so", ev.Name())
		}
	}
	if err := small(next); err != nil {
		return err
	}
	return roundTrips(next)
}

func mustJSON(s State) string {
	b, err := jsonMarshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// note remembers what later events may refer to.
func (w *world) note(ev Event, cmds []Command) {
	w.since = append(w.since, logged{w.d, ev})
	w.events = keepLast(append(w.events, ev), 20)
	for _, c := range cmds {
		switch c := c.(type) {
		case StartAction:
			w.actions = keepLast(append(w.actions, c.ID), 40)
			if work, ok := Lookup(w.s, c.ID); ok && work.Action.Token != "" {
				w.tokens = keepLast(append(w.tokens, work.Action.Token), 20)
			}
		case EvaluateRule:
			w.rules = keepLast(append(w.rules, c.ID), 20)
		case SetTimer:
			w.timers = keepLast(append(w.timers, c.Timer), 40)
		case Announce:
			if c.Kind == KindPipeline && c.Word == WordStarted {
				w.executions = keepLast(append(w.executions, c.Execution.ID), 20)
			}
		}
	}
}

func keepLast[T any](list []T, n int) []T {
	if len(list) > 2*n {
		return slices.Clone(list[len(list)-n:])
	}
	return list
}

// drain opens every gate and ends whatever runs, in one of the ways in which it can end: then every execution must have
// come to its end, whatever state it was in.
func (w *world) drain() error {
	for i := range w.d.Stages {
		if err := w.play(TransitionSet{At: w.now, Stage: w.d.Stages[i].Name, Enabled: true}); err != nil {
			return err
		}
	}
	end := [...]func(*Execution) Event{w.answered, w.timedOut, w.stopped}[w.pick(3)]
	for range 5000 {
		ev := w.unfinished(end)
		if ev == nil {
			return nil
		}
		if err := w.play(ev); err != nil {
			return err
		}
	}
	return fmt.Errorf("after 5000 more events there are executions that have not ended")
}

// unfinished is what ends something of the first execution that has not ended; nil when all have.
func (w *world) unfinished(end func(*Execution) Event) Event {
	for i := range w.s.Executions {
		if e := &w.s.Executions[i]; !e.Status.Terminal() && e.Stage != nil {
			return end(e)
		}
	}
	for i := range w.s.Executions {
		if e := &w.s.Executions[i]; !e.Status.Terminal() {
			return StopRequested{At: w.now, Execution: "nobody ends " + e.ID}
		}
	}
	return nil
}

// answered lets an action or a rule of e succeed or fail.
func (w *world) answered(e *Execution) Event {
	well := w.chance(70)
	if id, _ := runningIn(e); id != "" && well {
		return ActionSucceeded{At: w.now, Action: id}
	} else if id != "" {
		return ActionFailed{At: w.now, Action: id, Error: pipeline.ErrorDetails{Code: pipeline.JobFailed}}
	}
	status := pipeline.StatusFailed
	if well {
		status = pipeline.StatusSucceeded
	}
	id, _ := evaluatedIn(e)
	return RuleResolved{At: w.now, Rule: id, Status: status}
}

// timedOut lets nobody answer, ever.
func (w *world) timedOut(e *Execution) Event {
	kind := TimerAction
	id, due := runningIn(e)
	if id == "" {
		kind = TimerRule
		id, due = evaluatedIn(e)
	}
	w.now = later(w.now, due)
	return TimerFired{At: w.now, Timer: Timer{Kind: kind, ID: id, At: due}}
}

// stopped stops e for good.
func (w *world) stopped(e *Execution) Event {
	return StopRequested{At: w.now, By: "x", Execution: e.ID, Abandon: true}
}

// runningIn is an action that e runs, and its deadline.
func runningIn(e *Execution) (string, time.Time) {
	for i := range e.Stage.Actions {
		if a := &e.Stage.Actions[i]; a.Status == pipeline.StatusInProgress {
			return a.ID, a.Deadline
		}
	}
	return "", time.Time{}
}

// evaluatedIn is a rule that e waits for, and its deadline.
func evaluatedIn(e *Execution) (string, time.Time) {
	for _, slot := range slots {
		c := e.Stage.Condition(slot)
		if c == nil || c.Status != pipeline.StatusInProgress {
			continue
		}
		for i := range c.Rules {
			if c.Rules[i].Status == pipeline.StatusInProgress {
				return c.Rules[i].ID, c.Rules[i].Deadline
			}
		}
	}
	return "", time.Time{}
}

// remove deletes the pipeline: everything ends at once, and nothing happens any more.
func (w *world) remove() error {
	if err := w.play(PipelineDeleted{At: w.now, By: "x"}); err != nil {
		return err
	}
	if err := w.history.agrees(w.s); err != nil {
		return err
	}
	for _, ev := range append(w.events, w.request(w.now)) {
		if next, cmds := Step(w.d, w.s, ev); len(cmds) > 0 || !reflect.DeepEqual(next, w.s) {
			return fmt.Errorf("%s changes a deleted pipeline", ev.Name())
		}
	}
	return nil
}
