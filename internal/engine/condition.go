package engine

import (
	"fmt"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Conditions guard a stage's entry, its success and its failure (E8). A stage has at most one per slot; its rules run
// together. The result it declares is applied when it fails, in every slot.

// ruleTimeout is how long a rule may take when it does not say (P3: a Commands run).
const ruleTimeout = computeTimeout

func phaseOf(slot ConditionType) Phase {
	switch slot {
	case BeforeEntry:
		return PhaseEntry
	case OnSuccess:
		return PhaseSuccess
	case OnFailure:
		return PhaseFailure
	}
	return PhaseActing
}

// Conditions are those a stage declares for a slot.
func Conditions(st *pipeline.Stage, slot ConditionType) []pipeline.Condition {
	switch {
	case st == nil:
	case slot == BeforeEntry && st.BeforeEntry != nil:
		return st.BeforeEntry.Conditions
	case slot == OnSuccess && st.OnSuccess != nil:
		return st.OnSuccess.Conditions
	case slot == OnFailure && st.OnFailure != nil:
		return st.OnFailure.Conditions
	}
	return nil
}

// Rule finds a rule of a definition; nil when it is not declared.
func Rule(d *pipeline.Definition, stage string, slot ConditionType, name string) *pipeline.Rule {
	declared, _ := stageIn(d, stage)
	for _, c := range Conditions(declared, slot) {
		for i := range c.Rules {
			if c.Rules[i].Name == name {
				return &c.Rules[i]
			}
		}
	}
	return nil
}

// evaluate begins to evaluate the condition of a slot. It reports false when there is none.
func (m *machine) evaluate(e *exec, slot ConditionType) bool {
	declared, _ := stageIn(m.definition(e), e.Stage.Name)
	list := Conditions(declared, slot)
	if len(list) == 0 || len(list[0].Rules) == 0 {
		return false
	}
	stage := m.inside(e)
	stage.Phase = phaseOf(slot)
	c := ConditionExecution{Status: pipeline.StatusInProgress, Result: list[0].Result, Updated: m.at}
	if c.Result == resultSkip && e.Type == pipeline.Rollback {
		c.Result = resultFail // the stage is all it runs: skipping it would report a rollback that never was
	}
	c.Reason = fmt.Sprintf("Waits for its %d rules.", len(list[0].Rules))
	for i := range list[0].Rules {
		c.Rules = append(c.Rules, m.startRule(e, slot, &list[0].Rules[i]))
	}
	m.setCondition(e, slot, &c)
	reason := fmt.Sprintf("Evaluates its %s condition.", stage.Phase)
	if slot == OnFailure {
		reason = sentence(m.failure(e)) + " " + reason
	}
	m.setStage(e, stage.Status, Progress, reason)
	for i := range c.Rules {
		m.askRule(e, slot, &c.Rules[i], &list[0].Rules[i])
	}
	return true
}

func (m *machine) startRule(e *exec, slot ConditionType, declared *pipeline.Rule) RuleExecution {
	timeout := ruleTimeout
	if declared.TimeoutInMinutes > 0 {
		timeout = time.Duration(declared.TimeoutInMinutes) * time.Minute
	}
	return RuleExecution{
		Name: declared.Name, ID: ruleExecutionID(e.ID, e.Stage.Name, slot, declared.Name, e.Attempt),
		Status: pipeline.StatusInProgress, Started: m.at, Updated: m.at, Deadline: clean(m.at.Add(timeout)),
		Inputs: inputs(m.definition(e), e, declared.InputArtifacts, declared.Region),
	}
}

func (m *machine) askRule(e *exec, slot ConditionType, r *RuleExecution, declared *pipeline.Rule) {
	m.tellRule(e, slot, r, declared)
	m.out = append(m.out, EvaluateRule{
		Execution: e.ID, Version: e.Version, Stage: e.Stage.Name, Condition: slot, Rule: r.Name, ID: r.ID,
	}, SetTimer{Timer{Kind: TimerRule, ID: r.ID, At: r.Deadline}})
}

// tellRule tells history of a rule; declared is given when it starts.
func (m *machine) tellRule(e *exec, slot ConditionType, r *RuleExecution, declared *pipeline.Rule) {
	stage, rule := e.Stage.StageRecord, *r
	m.out = append(m.out, Announce{
		Kind: KindRule, At: m.at, Execution: e.ExecutionRecord, Stage: &stage, Condition: slot, Rule: &rule,
		RuleDeclaration: declared,
	})
}

// setCondition stores a condition with the execution, and shows it in the stage.
func (m *machine) setCondition(e *exec, slot ConditionType, c *ConditionExecution) {
	m.changed = true
	*conditionSlot(&m.inside(e).BeforeEntry, &e.Stage.OnSuccess, &e.Stage.OnFailure, slot) = c
	if st := m.shown(e); st != nil {
		*conditionSlot(&st.BeforeEntry, &st.OnSuccess, &st.OnFailure, slot) = c
	}
}

func conditionSlot(entry, success, failure **ConditionExecution, slot ConditionType) **ConditionExecution {
	switch slot {
	case OnSuccess:
		return success
	case OnFailure:
		return failure
	}
	return entry
}

// Condition is the condition of a slot as evaluated in this stage execution; nil when it was not.
func (st *StageExecution) Condition(slot ConditionType) *ConditionExecution {
	return *conditionSlot(&st.BeforeEntry, &st.OnSuccess, &st.OnFailure, slot)
}

var slots = [...]ConditionType{BeforeEntry, OnSuccess, OnFailure}

// runningRule finds a rule that is being evaluated.
func runningRule(e *Execution, id string) (ConditionType, int) {
	if e.Stage == nil || id == "" {
		return "", -1
	}
	for _, slot := range slots {
		c := e.Stage.Condition(slot)
		if c == nil || c.Status != pipeline.StatusInProgress {
			continue
		}
		i := slices.IndexFunc(c.Rules, func(r RuleExecution) bool {
			return r.ID == id && r.Status == pipeline.StatusInProgress
		})
		if i >= 0 {
			return slot, i
		}
	}
	return "", -1
}

// apply takes the answer of a rule, or its progress.
func (ev RuleResolved) apply(m *machine) {
	m.changeRule(ev.Rule, func(_ *exec, _ ConditionType, r *RuleExecution) bool { return r.resolve(ev) })
}

func (r *RuleExecution) resolve(ev RuleResolved) bool {
	was := *r
	for _, f := range []struct {
		to   *string
		from string
		max  int
	}{
		{&r.Summary, ev.Summary, maxSummary},
		{&r.ExternalID, ev.ExternalID, maxExternalID},
		{&r.ExternalURL, ev.ExternalURL, maxURL},
	} {
		if f.from != "" {
			*f.to = clip(f.from, f.max)
		}
	}
	switch ev.Status {
	case pipeline.StatusSucceeded:
		r.Status = pipeline.StatusSucceeded
	case pipeline.StatusFailed, pipeline.StatusErrored:
		r.Status, r.Errored = pipeline.StatusFailed, ev.Status == pipeline.StatusErrored
		r.Error = clipError(ev.Error)
	}
	return r.Status != was.Status || r.Summary != was.Summary ||
		r.ExternalID != was.ExternalID || r.ExternalURL != was.ExternalURL
}

func clipError(e *pipeline.ErrorDetails) *pipeline.ErrorDetails {
	if e == nil {
		return nil
	}
	return &pipeline.ErrorDetails{Code: clip(e.Code, maxCode), Message: clip(e.Message, maxMessage)}
}

func (m *machine) timeOutRule(id string, due time.Time) {
	m.changeRule(id, func(e *exec, slot ConditionType, r *RuleExecution) bool {
		if !r.Deadline.Equal(due) {
			return false
		}
		m.cancelRule(e, slot, r)
		r.Status, r.Errored = pipeline.StatusFailed, true
		r.Error = &pipeline.ErrorDetails{
			Code: pipeline.ActionTimeOut, Message: fmt.Sprintf("The rule did not answer within %s.", duration(due.Sub(r.Started))),
		}
		return true
	})
}

// changeRule lets change act on a running rule; when that was the last one, the condition is decided.
func (m *machine) changeRule(id string, change func(*exec, ConditionType, *RuleExecution) bool) {
	for _, e := range m.execs {
		slot, i := runningRule(&e.Execution, id)
		if i < 0 {
			continue
		}
		c := *e.Stage.Condition(slot)
		c.Rules = slices.Clone(c.Rules)
		if !change(e, slot, &c.Rules[i]) {
			return
		}
		c.Rules[i].Updated, c.Updated = m.at, m.at
		c.decide()
		m.setCondition(e, slot, &c)
		m.tellRule(e, slot, &c.Rules[i], nil)
		m.decided(e, slot, &c)
		return
	}
}

// decide settles a condition when all its rules have answered: it succeeds when all of them did.
func (c *ConditionExecution) decide() {
	status, bad := pipeline.StatusSucceeded, &RuleExecution{}
	for i := range c.Rules {
		r := &c.Rules[i]
		switch {
		case r.Status == pipeline.StatusInProgress:
			return
		case r.Errored && status != pipeline.StatusErrored:
			status, bad = pipeline.StatusErrored, r
		case r.Status != pipeline.StatusSucceeded && status == pipeline.StatusSucceeded:
			status, bad = pipeline.StatusFailed, r
		}
	}
	c.Status, c.Reason = status, "All its rules succeeded."
	switch status {
	case pipeline.StatusErrored:
		c.Reason = fmt.Sprintf("Rule %s could not be evaluated%s", bad.Name, bad.why())
	case pipeline.StatusFailed:
		c.Reason = fmt.Sprintf("Rule %s failed%s", bad.Name, bad.why())
	}
}

// why ends a sentence with what went wrong.
func (r *RuleExecution) why() string {
	if r.Error == nil || r.Error.Message == "" {
		return "."
	}
	return sentence(": " + clip(r.Error.Message, maxReason))
}

// decided goes on after a condition was settled.
func (m *machine) decided(e *exec, slot ConditionType, c *ConditionExecution) {
	switch c.Status {
	case pipeline.StatusInProgress:
	case pipeline.StatusSucceeded, pipeline.StatusOverridden:
		m.passCondition(e, slot, c)
	default:
		m.failCondition(e, slot, c)
	}
}

func (m *machine) passCondition(e *exec, slot ConditionType, c *ConditionExecution) {
	switch slot {
	case BeforeEntry:
		m.inside(e).Phase = PhaseActing
		m.setStage(e, e.Stage.Status, Progress, c.passed(slot))
		m.advance(e)
	case OnSuccess:
		m.passStage(e, "All its actions succeeded. "+c.passed(slot))
	case OnFailure:
		m.endFailed(e, m.failure(e), false)
	}
}

// passed says why a condition does not stand in the way.
func (c *ConditionExecution) passed(slot ConditionType) string {
	if c.Status == pipeline.StatusOverridden {
		return fmt.Sprintf("Its %s condition was %s", phaseOf(slot), lowerFirst(c.Reason))
	}
	return fmt.Sprintf("Its %s condition is met.", phaseOf(slot))
}

func (m *machine) failCondition(e *exec, slot ConditionType, c *ConditionExecution) {
	switch {
	case slot == BeforeEntry && c.Result == resultSkip:
		m.skipStage(e, c.Reason)
	case slot == BeforeEntry:
		m.endFailed(e, m.failure(e), false)
	case slot == OnSuccess && c.Result == resultRollback:
		m.endFailed(e, m.failure(e), true)
	case slot == OnSuccess:
		m.failStage(e, m.failure(e))
	case slot == OnFailure:
		m.endFailed(e, m.failure(e), c.Result == resultRollback)
	}
}

// skipStage passes a stage by; nothing of it runs. AWS documents no event for it (E11).
func (m *machine) skipStage(e *exec, why string) {
	m.setStage(e, pipeline.StatusSkipped, Progress, "Skipped: its beforeEntry condition is not met. "+why)
	m.proceed(e)
}

// abandonRules ends the evaluation of conditions in a stage that is ended from outside.
func (m *machine) abandonRules(e *exec, status pipeline.Status) {
	for _, slot := range slots {
		if c := e.Stage.Condition(slot); c != nil && c.Status == pipeline.StatusInProgress {
			m.closeCondition(e, slot, status, "The stage was ended meanwhile.", "")
		}
	}
}

// closeCondition settles a condition regardless of its rules; those still running are Abandoned.
func (m *machine) closeCondition(e *exec, slot ConditionType, status pipeline.Status, reason, by string) {
	c := *e.Stage.Condition(slot)
	c.Status, c.Reason, c.Updated = status, reason, m.at
	c.Rules = slices.Clone(c.Rules)
	m.setCondition(e, slot, &c)
	for i := range c.Rules {
		r := &c.Rules[i]
		overridden := status == pipeline.StatusOverridden && r.Status == pipeline.StatusFailed
		if r.Status == pipeline.StatusInProgress {
			m.cancelRule(e, slot, r)
		}
		if r.Status == pipeline.StatusInProgress || overridden {
			r.Status, r.Updated, r.By = pipeline.StatusAbandoned, m.at, by
			m.tellRule(e, slot, r, nil)
		}
	}
}

func (m *machine) cancelRule(e *exec, slot ConditionType, r *RuleExecution) {
	m.out = append(m.out, CancelRule{
		Execution: e.ID, Version: e.Version, Stage: e.Stage.Name, Condition: slot, Rule: r.Name, ID: r.ID, ExternalID: r.ExternalID,
	})
}

// apply lets an execution pass a condition that is being evaluated or has failed (E8).
func (ev ConditionOverridden) apply(m *machine) {
	e := m.execution(ev.Execution)
	if e == nil || m.checkOverride(e, ev.Stage, ev.Condition) != nil {
		return
	}
	m.closeCondition(e, ev.Condition, pipeline.StatusOverridden, "Overridden by "+orSomebody(ev.By)+".", ev.By)
	if c := e.Stage.OnFailure; c != nil && c.Status == pipeline.StatusInProgress {
		m.closeCondition(e, OnFailure, pipeline.StatusAbandoned, "The condition that had failed was overridden meanwhile.", ev.By)
	}
	if e.Status.Terminal() {
		m.adoptVersion(e)
		reason := fmt.Sprintf("The condition %s of stage %s was overridden by %s.", ev.Condition, ev.Stage, orSomebody(ev.By))
		m.setExecution(e, pipeline.StatusInProgress, WordResumed, reason)
		m.setStage(e, pipeline.StatusInProgress, WordResumed, reason)
	}
	m.passCondition(e, ev.Condition, e.Stage.Condition(ev.Condition))
}

// checkOverride is the rule behind CheckOverride.
func (m *machine) checkOverride(e *exec, stage string, slot ConditionType) error {
	no := func(why string) error {
		return refuse(ConditionNotOverridable, "The condition %s of stage %s in execution %s cannot be overridden: %s.",
			slot, stage, e.ID, why)
	}
	if !m.knows(e, stage) {
		return stageNotFound(m.d, stage)
	}
	if newer := m.newerIn(stage, e); newer != "" {
		return notLatestToOverride(newer, stage)
	}
	if e.Stage == nil || e.Stage.Name != stage {
		return no("the execution is not in the stage")
	}
	c := e.Stage.Condition(slot)
	switch {
	case slot == OnFailure || c == nil:
		return no("it was not evaluated, or is not one that can be")
	case c.Result == resultSkip:
		return no("its result is SKIP")
	case e.outdated() || e.Cancelling || e.Status == pipeline.StatusStopping || e.Status == pipeline.StatusStopped:
		return no("the execution has been ended")
	case e.Stage.Phase != phaseOf(slot) && !failedSuccess(e.Stage, slot):
		return no("the stage is past it")
	case c.Status != pipeline.StatusInProgress && c.Status != pipeline.StatusFailed && c.Status != pipeline.StatusErrored:
		return no("its status is " + string(c.Status))
	case m.fullFor(e):
		return refuse(ConcurrentExecutionsLimitExceeded, "The pipeline already has %d running executions.", maxConcurrent)
	}
	return nil
}

// failedSuccess reports whether a stage fails because its onSuccess condition failed, and is now at its onFailure
// condition, or was.
func failedSuccess(st *StageExecution, slot ConditionType) bool {
	return slot == OnSuccess && st.Phase == PhaseFailure && count(st.Actions).failed == 0
}

func notLatestToOverride(newer, stage string) error {
	return refuse(NotLatestPipelineExecution,
		"Execution %s entered stage %s last; only the latest execution's condition can be overridden.", newer, stage)
}

// fullFor reports whether an ended execution may not be revived because too many others run.
func (m *machine) fullFor(e *exec) bool {
	return e.Status.Terminal() && mode(m.d) != pipeline.Superseded && m.running() >= maxConcurrent
}
