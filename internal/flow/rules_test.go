package flow_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// asked is a condition with one rule, named Ask.
func asked(result, question string, minutes int) *pipeline.Conditions {
	return &pipeline.Conditions{Conditions: []pipeline.Condition{{Result: result, Rules: []pipeline.Rule{{
		Name: "Ask", RuleTypeID: pipeline.RuleTypeID{Category: pipeline.CategoryRule, Provider: "Oracle"},
		Configuration: map[string]string{"Question": question}, InputArtifacts: []pipeline.InputArtifact{{Name: "Code"}}, TimeoutInMinutes: minutes,
	}}}}}
}

// beforeDeploy guards the deployment of site.
func beforeDeploy(c *pipeline.Conditions) pipeline.Definition {
	d := site("web")
	d.Stages[2].BeforeEntry = c
	return d
}

func (b *belt) rules(id string) []flow.RuleDetail {
	b.t.Helper()
	list, _, err := b.ListRuleExecutions(b.t.Context(), "web", flow.ActionFilter{ExecutionID: id}, flow.Page{})
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *belt) report(id string, result action.Result) {
	b.t.Helper()
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error {
		return b.Report(b.t.Context(), tx, action.Report{Pipeline: "web", ActionExecutionID: id, Result: result})
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestARuleIsRunLikeAnAction(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(beforeDeploy(asked("FAIL", "Is #{CodeVars.CommitId} good?", 10)))
		b.await("web", id, pipeline.StatusSucceeded)
		jobs := b.providers.started("Ask")
		if len(jobs) != 1 {
			t.Fatalf("the rule ran %d times", len(jobs))
		}
		j := jobs[0]
		if j.Condition != "BEFORE_ENTRY" || j.TypeID != typeRule || j.Configuration["Question"] != "Is latest good?" || j.TimeoutMinutes != 10 ||
			j.Stage != "Deploy" || j.ExecutionID != id || j.Started.IsZero() || j.RoleArn == "" || len(j.Inputs) != 1 || j.Inputs[0].Bucket != "artifacts" {
			t.Errorf("the job is %+v", j)
		}
		r := b.rules(id)[0]
		if r.Rule.ID != j.ActionExecutionID || r.Rule.Status != pipeline.StatusSucceeded || r.Configuration["Question"] != "Is latest good?" ||
			r.Declaration.Configuration["Question"] != "Is #{CodeVars.CommitId} good?" || r.Condition != engine.BeforeEntry || r.Rule.Summary != "done" {
			t.Errorf("history has %+v", r)
		}
		if c := b.stage("web", "Deploy").BeforeEntry; c == nil || c.Status != pipeline.StatusSucceeded {
			t.Errorf("the stage shows %+v", c)
		}
	})
}

func TestARuleThatWaits(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Ask", func(context.Context, action.Job) (action.Result, error) {
			return action.Wait{ExternalID: "call-1", Summary: "thinks"}, nil
		})
		id := b.create(beforeDeploy(asked("FAIL", "Well?", 0)))
		b.until(func() bool { r := b.rules(id); return len(r) == 1 && r[0].Rule.Summary == "thinks" }, func() string { return "it does not wait" })
		if n := len(b.providers.started("Publish")); n != 0 {
			t.Error("the stage did not wait")
		}
		rule := b.rules(id)[0].Rule
		b.report(rule.ID, action.Failed{Code: pipeline.JobFailed, Message: "Never."})
		b.report(rule.ID, action.Done{}) // too late
		e := b.await("web", id, pipeline.StatusFailed)
		if !strings.Contains(e.Reason, "Rule Ask failed") {
			t.Errorf("the reason is %q", e.Reason)
		}
		if r := b.rules(id)[0].Rule; r.Status != pipeline.StatusFailed || r.Error.Message != "Never." || r.ExternalID != "call-1" {
			t.Errorf("history has %+v", r)
		}
	})
}

// A rule that cannot be asked leaves its condition Errored, which counts as failed.
func TestARuleThatCannotBeRun(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st, func(o *flow.Options) { o.MaxAttempts = 2 })
		b.providers.on("Ask", func(context.Context, action.Job) (action.Result, error) { return nil, errors.New("the line is dead") })
		id := b.create(beforeDeploy(asked("FAIL", "Hello?", 0)))
		b.await("web", id, pipeline.StatusFailed)
		if c := b.stage("web", "Deploy").BeforeEntry; c.Status != pipeline.StatusErrored {
			t.Errorf("the condition is %s", c.Status)
		}
		r := b.rules(id)[0].Rule
		if r.Error == nil || r.Error.Code != pipeline.SystemUnavailable || !strings.Contains(r.Error.Message, "the line is dead") {
			t.Errorf("history has %+v", r.Error)
		}
		if n := len(b.providers.started("Ask")); n != 2 {
			t.Errorf("it was tried %d times", n)
		}
	})
}

func TestARuleWhoseVariableHasNoValue(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(beforeDeploy(asked("FAIL", "#{CodeVars.Nothing}", 0)))
		b.await("web", id, pipeline.StatusFailed)
		r := b.rules(id)[0].Rule
		if r.Error == nil || !strings.HasPrefix(r.Error.Message, "A rule in this pipeline failed because one of the variables could not be resolved: Rule name=Ask.") {
			t.Errorf("history has %+v", r.Error)
		}
		if len(b.providers.started("Ask")) != 0 {
			t.Error("it was asked all the same")
		}
	})
}

func TestARuleThatTakesTooLong(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Ask", func(context.Context, action.Job) (action.Result, error) { return action.Wait{}, nil })
		id := b.create(beforeDeploy(asked("FAIL", "Well?", 5)))
		b.until(func() bool { return len(b.rules(id)) == 1 }, func() string { return "the rule does not run" })
		rule := b.rules(id)[0].Rule
		b.clock.advance(6 * time.Minute)
		if err := b.Apply(t.Context(), "web", engine.TimerFired{At: b.clock.now(), Timer: engine.Timer{Kind: engine.TimerRule, ID: rule.ID, At: rule.Deadline}}); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusFailed)
		if r := b.rules(id)[0].Rule; r.Error == nil || r.Error.Code != pipeline.ActionTimeOut {
			t.Errorf("history has %+v", r.Error)
		}
	})
}

func TestAnOverriddenConditionLetsTheExecutionOn(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Ask", func(context.Context, action.Job) (action.Result, error) { return action.Wait{}, nil })
		id := b.create(beforeDeploy(asked("FAIL", "Well?", 0)))
		b.until(func() bool { return len(b.providers.started("Ask")) == 1 }, func() string { return "the rule does not run" })
		if err := b.Override(t.Context(), "web", "Deploy", id, engine.BeforeEntry, caller); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
		r := b.rules(id)[0].Rule
		if r.Status != pipeline.StatusAbandoned || r.By != caller {
			t.Errorf("history has %+v", r)
		}
		b.until(func() bool { return len(b.providers.cancelled()) == 1 }, func() string { return "the provider is not told" })
		if j := b.providers.cancelled()[0]; j.ActionExecutionID != r.ID || j.TypeID != typeRule || j.Action != "Ask" || j.Condition != "BEFORE_ENTRY" || j.Pipeline != "web" {
			t.Errorf("the provider is told of %+v", j)
		}
		err := b.Override(t.Context(), "web", "Deploy", id, engine.BeforeEntry, caller)
		wantKind(t, err, pipeline.ConditionNotOverridable)
	})
}

// What an onSuccess condition rolls back is published again.
func TestAConditionRollsBack(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		d := site("web")
		d.Stages[2].OnSuccess = asked("ROLLBACK", "Is it well?", 0)
		first := b.create(d)
		b.await("web", first, pipeline.StatusSucceeded)
		b.providers.on("Ask", func(_ context.Context, job action.Job) (action.Result, error) {
			if job.Trigger.TriggerType == pipeline.TriggerAutoRollback {
				return action.Done{}, nil
			}
			return action.Failed{Code: pipeline.JobFailed, Message: "It is not."}, nil
		})
		second := b.start("web")
		b.await("web", second, pipeline.StatusFailed)
		back := b.newest("web")
		if back.Type != pipeline.Rollback || back.RollbackTarget != first {
			t.Fatalf("the newest execution is %+v", back)
		}
		b.await("web", back.ID, pipeline.StatusSucceeded)
		published := b.providers.started("Publish")
		if len(published) != 3 || published[2].Inputs[0].Key != published[0].Inputs[0].Key {
			t.Errorf("published: %+v", published)
		}
	})
}
