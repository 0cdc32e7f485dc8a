package flow_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func inMode(m pipeline.ExecutionMode, d pipeline.Definition) pipeline.Definition {
	d.ExecutionMode = m
	return d
}

// stage is what GetPipelineState shows of a stage.
func (b *belt) stage(name, stage string) engine.StageView {
	b.t.Helper()
	p, err := b.GetPipelineState(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range engine.View(p.Definition, p.State) {
		if v.Name == stage {
			return v
		}
	}
	b.t.Fatalf("pipeline %s has no stage %s", name, stage)
	return engine.StageView{}
}

func TestQueuedExecutionsWaitTheirTurn(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		ids := []string{b.create(inMode(pipeline.Queued, site("web")))}
		<-g.entered
		for range 3 {
			ids = append(ids, b.start("web"))
		}
		b.until(func() bool { return len(b.stage("web", "Build").Inbound) == 3 }, func() string { return "three do not wait" })
		for i, w := range b.stage("web", "Build").Inbound {
			if w.ID != ids[i+1] {
				t.Errorf("place %d is taken by %s, want %s", i, w.ID, ids[i+1])
			}
		}
		for i, id := range ids {
			if i > 0 {
				if job := <-g.entered; job.ExecutionID != id {
					t.Fatalf("execution %s entered, want %s", job.ExecutionID, id)
				}
			}
			g.leave <- action.Done{}
		}
		for _, id := range ids {
			b.await("web", id, pipeline.StatusSucceeded)
		}
	})
}

func TestFiftyExecutionsAreTheMost(t *testing.T) {
	for _, mode := range []pipeline.ExecutionMode{pipeline.Queued, pipeline.Parallel} {
		t.Run(string(mode), func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				b := newBelt(t, st)
				b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) { return action.Wait{}, nil })
				first := b.create(inMode(mode, site("web")))
				for range 49 {
					b.start("web")
				}
				_, err := b.Start(t.Context(), flow.StartRequest{Pipeline: "web", By: caller})
				wantKind(t, err, pipeline.ConcurrentExecutionsExceeded)

				// A change cannot be refused: it is recorded, with the reason why nothing came of it.
				change := flow.SourceChange{Provider: "CodeCommit", Resource: "web", Ref: "main", Revision: "abc"}
				if err := st.InTx(t.Context(), func(tx store.Tx) error { return b.SourceChanged(t.Context(), tx, change) }); err != nil {
					t.Fatal(err)
				}
				b.until(func() bool { return b.newest("web").Status == pipeline.StatusFailed }, func() string { return "the change is not recorded as failed" })
				if r := b.newest("web"); !strings.Contains(r.Reason, "50") {
					t.Errorf("the reason is %q", r.Reason)
				}

				if err := b.Stop(t.Context(), "web", first, true, "", caller); err != nil {
					t.Fatal(err)
				}
				b.start("web")
			})
		})
	}
}

func TestParallelExecutionsRunSideBySide(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		ids := map[string]bool{b.create(inMode(pipeline.Parallel, withApproval(site("web")))): true, b.start("web"): true, b.start("web"): true}
		for range ids {
			<-g.entered // all three are inside at the same time
		}
		for _, stage := range []string{"Source", "Build", "Gate", "Deploy"} {
			if v := b.stage("web", stage); v.Latest != nil || len(v.Inbound) != 0 || v.Actions[0].Latest != nil {
				t.Errorf("stage %s shows an execution: %+v", stage, v)
			}
		}
		for range ids {
			g.leave <- action.Done{}
		}
		for id := range ids {
			token := b.approvalOf("web", id)
			a := flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: token, Approved: true, By: ann}
			if _, err := b.Approve(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			b.await("web", id, pipeline.StatusSucceeded)
			_, err := b.Approve(t.Context(), a)
			if kind := pipeline.KindOf(err); kind != pipeline.ApprovalAlreadyCompleted && kind != pipeline.InvalidApprovalToken {
				t.Errorf("deciding twice: %v", err)
			}
		}
	})
}

// approvalOf waits for the approval of an execution; history shows its token where no stage does.
func (b *belt) approvalOf(name, id string) string {
	b.t.Helper()
	var token string
	b.until(func() bool {
		for _, a := range b.actions(name, id) {
			if a.Declaration.ActionTypeID == typeManual && a.Action.Status == pipeline.StatusInProgress {
				token = a.Action.ExternalID
			}
		}
		return token != ""
	}, func() string { return "no approval of " + id + " is pending" })
	return token
}

func TestParallelExecutionsKeepTheDefinitionTheyStartedWith(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		d := inMode(pipeline.Parallel, site("web"))
		old := b.create(d)
		<-g.entered
		d = inMode(pipeline.Parallel, site("web"))
		d.Stages[2].Actions[0].Configuration["BucketName"] = "other"
		if _, err := b.UpdatePipeline(t.Context(), d, caller); err != nil {
			t.Fatal(err)
		}
		g.leave <- action.Done{}
		b.await("web", old, pipeline.StatusSucceeded)
		b.providers.on("Build", nil)
		b.await("web", b.start("web"), pipeline.StatusSucceeded)
		published := b.providers.started("Publish")
		if got := published[0].Configuration["BucketName"]; got != "web" {
			t.Errorf("the execution of version 1 deployed to %s", got)
		}
		if got := published[1].Configuration["BucketName"]; got != "other" {
			t.Errorf("the execution of version 2 deployed to %s", got)
		}
	})
}

func TestAParallelExecutionCanBeRetried(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) {
			return action.Failed{Code: pipeline.JobFailed, Message: "red"}, nil
		})
		first := b.create(inMode(pipeline.Parallel, site("web")))
		b.await("web", first, pipeline.StatusFailed)
		b.await("web", b.start("web"), pipeline.StatusFailed)
		b.providers.on("Build", nil)
		if err := b.Retry(t.Context(), "web", "Build", first, pipeline.RetryFailedActions, caller); err != nil {
			t.Fatal(err)
		}
		b.await("web", first, pipeline.StatusSucceeded)
	})
}

func TestAFailureIsRetriedOnceAutomatically(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		var left atomic.Int32 // failures
		b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) {
			if left.Add(-1) >= 0 {
				return action.Failed{Code: pipeline.JobFailed, Message: "flaky"}, nil
			}
			return action.Done{}, nil
		})
		left.Store(1)
		d := site("web")
		d.Stages[1].OnFailure = &pipeline.FailureConditions{Result: "RETRY"}
		id := b.create(d)
		b.await("web", id, pipeline.StatusSucceeded)
		if got, want := b.outline("web", id), "Code Succeeded, Build Failed, Build Succeeded, Publish Succeeded"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
		if r := b.stage("web", "Build").Retry; r == nil || r.Automatic != 1 || r.Manual != 0 || r.Last != engine.AutomatedStageRetry {
			t.Errorf("the stage shows the retries %+v", r)
		}

		left.Store(2)
		second := b.start("web")
		b.await("web", second, pipeline.StatusFailed)
		if got, want := b.outline("web", second), "Code Succeeded, Build Failed, Build Failed"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
	})
}

// revisions makes the source find one, two, three ... as it is asked again.
func (b *belt) revisions() {
	var n atomic.Int32
	b.providers.on("Code", func(context.Context, action.Job) (action.Result, error) {
		id := []string{"one", "two", "three", "four"}[n.Add(1)-1]
		return action.Done{Revision: &pipeline.Revision{ID: id}, Variables: map[string]string{"CommitId": id}}, nil
	})
}

func TestAFailureIsRolledBackAutomatically(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.revisions()
		d := site("web")
		d.Stages[2].OnFailure = &pipeline.FailureConditions{Result: "ROLLBACK"}
		broken := func(_ context.Context, job action.Job) (action.Result, error) {
			if job.Trigger.TriggerType == pipeline.TriggerAutoRollback {
				return action.Done{}, nil
			}
			return action.Failed{Code: pipeline.JobFailed, Message: "broken"}, nil
		}
		b.providers.on("Publish", broken)
		b.await("web", b.create(d), pipeline.StatusFailed) // there is nothing to go back to
		b.providers.on("Publish", nil)
		good := b.start("web")
		b.await("web", good, pipeline.StatusSucceeded)
		if n := len(b.executions("web")); n != 2 {
			t.Fatalf("%d executions, want no rollback", n)
		}

		b.providers.on("Publish", broken)
		bad := b.start("web")
		b.await("web", bad, pipeline.StatusFailed)
		b.until(func() bool { return len(b.executions("web")) == 4 }, func() string { return "no rollback started" })
		r := b.await("web", b.newest("web").ID, pipeline.StatusSucceeded)
		want := pipeline.ExecutionTrigger{TriggerType: pipeline.TriggerAutoRollback, TriggerDetail: bad}
		if r.Type != pipeline.Rollback || r.RollbackTarget != good || r.Trigger != want {
			t.Errorf("the rollback: %+v", r)
		}
		if got, want := b.outline("web", r.ID), "Publish Succeeded"; got != want {
			t.Errorf("the rollback ran %s, want %s", got, want)
		}
		b.sameInputs("web", good, r.ID)
		if v := b.stage("web", "Deploy"); v.Latest.Type != pipeline.Rollback || v.Latest.ID != r.ID {
			t.Errorf("the stage shows %+v", v.Latest)
		}
	})
}

// sameInputs checks that a rollback deployed the very artifact that its target had deployed.
func (b *belt) sameInputs(name, target, rollback string) {
	b.t.Helper()
	input := func(id string) string {
		for _, a := range b.actions(name, id) {
			if a.Action.Name == "Publish" && len(a.Action.Inputs) == 1 {
				return a.Action.Inputs[0].Key
			}
		}
		b.t.Fatalf("execution %s deployed nothing", id)
		return ""
	}
	if got, want := input(rollback), input(target); got != want {
		b.t.Errorf("the rollback deployed %s, its target %s", got, want)
	}
}

func TestAStageIsRolledBackByHand(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.revisions()
		first := b.create(site("web"))
		b.await("web", first, pipeline.StatusSucceeded)
		second := b.start("web")
		b.await("web", second, pipeline.StatusSucceeded)
		id, err := b.Rollback(t.Context(), "web", "Deploy", first, caller)
		if err != nil {
			t.Fatal(err)
		}
		r := b.await("web", id, pipeline.StatusSucceeded)
		if r.Type != pipeline.Rollback || r.RollbackTarget != first || r.Trigger.TriggerType != pipeline.TriggerManualRollback || r.Trigger.TriggerDetail != caller {
			t.Errorf("the rollback: %+v", r)
		}
		if len(r.Revisions) != 1 || r.Revisions[0].Revision.ID != "one" {
			t.Errorf("the rollback shows the revisions %+v", r.Revisions)
		}
		b.sameInputs("web", first, id)
	})
}

func TestRollbacksThatAreRefused(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	done := b.create(site("web"))
	b.await("web", done, pipeline.StatusSucceeded)
	rolled, err := b.Rollback(t.Context(), "web", "Deploy", done, caller)
	if err != nil {
		t.Fatal(err)
	}
	b.await("web", rolled, pipeline.StatusSucceeded)
	b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) {
		return action.Failed{Code: "JobFailed", Message: "red"}, nil
	})
	failed := b.start("web")
	b.await("web", failed, pipeline.StatusFailed)
	refused := func(name, pipelineName, stage, target string, kind pipeline.ErrorKind) {
		t.Helper()
		_, err := b.Rollback(t.Context(), pipelineName, stage, target, caller)
		if got := pipeline.KindOf(err); got != kind {
			t.Errorf("%s: %v, want %s", name, err, kind)
		}
	}
	refused("no pipeline", "none", "Deploy", done, pipeline.PipelineNotFound)
	refused("no stage", "web", "Nowhere", done, pipeline.StageNotFound)
	refused("no execution", "web", "Deploy", "nothing", pipeline.ExecutionNotFound)
	refused("the source stage", "web", "Source", done, pipeline.UnableToRollbackStage)
	refused("a rollback", "web", "Deploy", rolled, pipeline.UnableToRollbackStage)
	refused("one that failed there", "web", "Build", failed, pipeline.UnableToRollbackStage)
	refused("one that never came there", "web", "Deploy", failed, pipeline.UnableToRollbackStage)
	if _, err := b.UpdatePipeline(t.Context(), site("web"), caller); err != nil {
		t.Fatal(err)
	}
	refused("an older version", "web", "Deploy", done, pipeline.ExecutionOutdated)

	g := newGate()
	b.providers.on("Build", nil)
	b.await("web", b.start("web"), pipeline.StatusSucceeded)
	good := b.newest("web").ID
	b.providers.on("Publish", g.hold)
	b.start("web")
	<-g.entered
	refused("a stage in use", "web", "Deploy", good, pipeline.UnableToRollbackStage)
	g.leave <- action.Done{}
}

func TestSwitchingTheMode(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		update := func(mode pipeline.ExecutionMode) {
			t.Helper()
			if _, err := b.UpdatePipeline(t.Context(), inMode(mode, site("web")), caller); err != nil {
				t.Fatal(err)
			}
		}
		parallel := b.create(inMode(pipeline.Parallel, site("web")))
		<-g.entered
		update(pipeline.Queued) // PARALLEL executions go on, and no stage shows or waits for them
		queued := b.start("web")
		if job := <-g.entered; job.ExecutionID != queued {
			t.Fatalf("execution %s entered, want %s", job.ExecutionID, queued)
		}
		if v := b.stage("web", "Build"); v.Latest == nil || v.Latest.ID != queued {
			t.Errorf("the stage shows %+v", v.Latest)
		}
		waiting := b.start("web")
		b.until(func() bool { return b.waitsFor("web", "Build", waiting) }, func() string { return "nobody waits for the stage" })
		update(pipeline.Parallel) // QUEUED executions end: waiting ones at once, the others when their actions have
		b.await("web", waiting, pipeline.StatusCancelled)
		g.leave <- action.Done{}
		g.leave <- action.Done{}
		b.await("web", parallel, pipeline.StatusSucceeded)
		b.await("web", queued, pipeline.StatusCancelled)
	})
}
