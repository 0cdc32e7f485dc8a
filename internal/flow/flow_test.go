package flow_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestACreatedPipelineRunsToItsEnd(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Code", func(context.Context, action.Job) (action.Result, error) {
			return action.Done{
				Revision:   &pipeline.Revision{ID: "abc", Summary: "first", URL: "http://host/abc"},
				Variables:  map[string]string{"CommitId": `a"b`},
				ExternalID: "abc",
			}, nil
		})
		id := b.create(site("web"))
		e := b.await("web", id, pipeline.StatusSucceeded)

		if e.Trigger != (pipeline.ExecutionTrigger{TriggerType: "CreatePipeline", TriggerDetail: caller}) {
			t.Errorf("trigger: %+v", e.Trigger)
		}
		if len(e.Revisions) != 1 || e.Revisions[0].Revision.ID != "abc" || e.Revisions[0].Artifact != "Code" {
			t.Errorf("revisions: %+v", e.Revisions)
		}
		if got, want := b.outline("web", id), "Code Succeeded, Build Succeeded, Publish Succeeded"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
		build := b.providers.started("Build")[0]
		if got, want := build.Configuration["EnvironmentVariables"], `[{"name":"ID","value":"a\"b"}]`; got != want {
			t.Errorf("resolved to %s, want %s", got, want)
		}
		if len(build.Inputs) != 1 || build.Inputs[0].Bucket != "artifacts" || build.Inputs[0].Revision == nil {
			t.Errorf("inputs of the build: %+v", build.Inputs)
		}
		if publish := b.providers.started("Publish")[0]; len(publish.Inputs) != 1 || publish.Inputs[0].Key != build.Outputs[0].Key {
			t.Errorf("the deployment got %+v, the build made %+v", publish.Inputs, build.Outputs)
		}
		detail := b.actions("web", id)[1]
		if detail.Declaration.Configuration["EnvironmentVariables"] == detail.Configuration["EnvironmentVariables"] {
			t.Error("history shows the same configuration raw and resolved")
		}
		if source := b.actions("web", id)[0]; source.Variables["CommitId"] != `a"b` || source.Action.ExternalID != "abc" {
			t.Errorf("history of the source: %+v", source)
		}
	})
}

func TestAFailureStopsTheChange(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) {
			return action.Failed{Code: pipeline.JobFailed, Message: "tests are red", ExternalID: "web:1"}, nil
		})
		id := b.create(site("web"))
		e := b.await("web", id, pipeline.StatusFailed)
		if got, want := b.outline("web", id), "Code Succeeded, Build Failed"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
		failed := b.latest("web", "Build", "Build")
		if failed.Error == nil || failed.Error.Message != "tests are red" || failed.ExternalID != "web:1" {
			t.Errorf("the failed action shows %+v", failed)
		}
		if e.Reason == "" {
			t.Error("a failed execution gives no reason")
		}

		b.providers.on("Build", nil)
		if err := b.Retry(t.Context(), "web", "Build", id, pipeline.RetryFailedActions, caller); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
		if got, want := b.outline("web", id), "Code Succeeded, Build Failed, Build Succeeded, Publish Succeeded"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
		latest, _, err := b.ListActionExecutions(t.Context(), "web", flow.ActionFilter{ExecutionID: id, LatestOnly: true}, flow.Page{})
		if err != nil || len(latest) != 3 {
			t.Errorf("%d latest actions (%v), want 3", len(latest), err)
		}
		wantKind(t, b.Retry(t.Context(), "web", "Build", id, pipeline.RetryFailedActions, caller), pipeline.StageNotRetryable)
	})
}

func TestANewerExecutionSupersedesTheOneThatWaits(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		first := b.create(site("web"))
		<-g.entered
		second := b.start("web")
		b.until(func() bool { return strings.Contains(b.outline("web", second), "Code Succeeded") }, func() string { return "the second never fetched its source" })
		third := b.start("web")
		b.await("web", second, pipeline.StatusSuperseded)
		g.leave <- action.Done{}
		<-g.entered
		g.leave <- action.Done{}
		b.await("web", first, pipeline.StatusSucceeded)
		b.await("web", third, pipeline.StatusSucceeded)
		if got := len(b.providers.started("Build")); got != 2 {
			t.Errorf("%d builds ran, want 2: the superseded execution must not build", got)
		}
	})
}

func TestStop(t *testing.T) {
	for _, abandon := range []bool{false, true} {
		t.Run(fmt.Sprint("abandon ", abandon), func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				b := newBelt(t, st)
				g := newGate()
				b.providers.on("Build", g.hold)
				id := b.create(site("web"))
				<-g.entered
				if err := b.Stop(t.Context(), "web", id, abandon, "wrong button", caller); err != nil {
					t.Fatal(err)
				}
				if !abandon {
					wantKind(t, b.Stop(t.Context(), "web", id, false, "", caller), pipeline.DuplicatedStopRequest)
				}
				g.leave <- action.Done{}
				e := b.await("web", id, pipeline.StatusStopped)
				if e.Stop == nil || e.Stop.Reason != "wrong button" {
					t.Errorf("stop: %+v", e.Stop)
				}
				want := map[bool]string{false: "Code Succeeded, Build Succeeded", true: "Code Succeeded, Build Abandoned"}[abandon]
				if got := b.outline("web", id); got != want {
					t.Errorf("history: %s, want %s", got, want)
				}
				wantKind(t, b.Stop(t.Context(), "web", id, false, "", caller), pipeline.ExecutionNotStoppable)
			})
		})
	}
}

func TestApproval(t *testing.T) {
	for _, approved := range []bool{true, false} {
		t.Run(fmt.Sprint("approved ", approved), func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				b := newBelt(t, st)
				id := b.create(withApproval(site("web")))
				token := b.awaitToken("web", "Gate", "Approve")
				decide := flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: "not it", Approved: approved, Summary: "looks fine", By: ann}
				_, err := b.Approve(t.Context(), decide)
				wantKind(t, err, pipeline.InvalidApprovalToken)
				decide.Token = token
				if _, err := b.Approve(t.Context(), decide); err != nil {
					t.Fatal(err)
				}
				_, err = b.Approve(t.Context(), decide)
				wantKind(t, err, pipeline.ApprovalAlreadyCompleted)
				b.await("web", id, map[bool]pipeline.Status{true: pipeline.StatusSucceeded, false: pipeline.StatusFailed}[approved])
				if a := b.latest("web", "Gate", "Approve"); a.Summary != "looks fine" || a.By != caller {
					t.Errorf("the decision shows %+v", a)
				}
				if got := len(b.providers.started("Publish")); (got == 1) != approved {
					t.Errorf("%d deployments", got)
				}
			})
		})
	}
}

func TestAnApprovalNobodyDecidesTimesOut(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(withApproval(site("web")))
		token := b.awaitToken("web", "Gate", "Approve")
		timers := b.timers()
		if len(timers) != 1 {
			t.Fatalf("%d timers are set, want the approval's alone: %v", len(timers), timers)
		}
		if in := timers[0].At.Sub(b.clock.now()); in < 29*time.Minute || in > 30*time.Minute {
			t.Errorf("the approval expires in %s, want 30 minutes", in)
		}
		b.clock.advance(31 * time.Minute)
		b.makeDue()
		e := b.await("web", id, pipeline.StatusFailed)
		a := b.latest("web", "Gate", "Approve")
		if a.Error == nil || a.Error.Code != pipeline.ActionTimeOut {
			t.Errorf("the approval shows %+v", a)
		}
		if e.Updated.Before(timers[0].At) {
			t.Errorf("ended at %s, before the timeout %s", e.Updated, timers[0].At)
		}
		_, err := b.Approve(t.Context(), flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: token, Approved: true, By: ann})
		wantKind(t, err, pipeline.InvalidApprovalToken)
		b.until(func() bool { return len(b.providers.cancelled()) == 1 }, func() string { return "the provider was not told" })
	})
}

func TestATransitionHoldsAndReleases(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Code", g.hold)
		id := b.create(site("web"))
		<-g.entered
		gateway := flow.Transition{Pipeline: "web", Stage: "Build", Type: engine.Inbound, Reason: "freeze", By: caller}
		if err := b.SetTransition(t.Context(), gateway); err != nil {
			t.Fatal(err)
		}
		g.leave <- action.Done{Revision: &pipeline.Revision{ID: "1"}}
		b.until(func() bool { return b.waitsFor("web", "Build", id) }, func() string { return "nobody waits for the stage" })
		gateway.Enabled = true
		if err := b.SetTransition(t.Context(), gateway); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusFailed) // the source gave no CommitId to resolve
		gateway.Stage = "Nowhere"
		wantKind(t, b.SetTransition(t.Context(), gateway), pipeline.StageNotFound)
	})
}

func (b *belt) waitsFor(name, stage, id string) bool {
	p, err := b.GetPipelineState(b.t.Context(), name)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, v := range engine.View(p.Definition, p.State) {
		if v.Name == stage && len(v.Inbound) == 1 && v.Inbound[0].ID == id {
			return true
		}
	}
	return false
}

func TestAVariableWithoutAValueFailsTheAction(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	b.providers.on("Code", func(context.Context, action.Job) (action.Result, error) { return action.Done{}, nil })
	id := b.create(site("web"))
	b.await("web", id, pipeline.StatusFailed)
	a := b.latest("web", "Build", "Build")
	if a.Error == nil || !strings.HasPrefix(a.Error.Message, "An action in this pipeline failed because one of the variables could not be resolved: Action name=Build.") {
		t.Errorf("error: %+v", a.Error)
	}
	if len(b.providers.started("Build")) != 0 {
		t.Error("the provider got an unresolved reference")
	}
}

func TestAnEditCancelsWhatRuns(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		id := b.create(site("web"))
		<-g.entered
		changed := site("web")
		changed.Stages[2].Actions[0].Configuration["BucketName"] = "other"
		updated, err := b.UpdatePipeline(t.Context(), changed, caller)
		if err != nil || updated.Version != 2 {
			t.Fatalf("version %d, %v", updated.Version, err)
		}
		g.leave <- action.Done{}
		b.await("web", id, pipeline.StatusCancelled)
		if got, want := b.outline("web", id), "Code Succeeded, Build Succeeded"; got != want {
			t.Errorf("history: %s, want %s", got, want)
		}
		b.providers.on("Build", nil)
		b.await("web", b.start("web"), pipeline.StatusSucceeded)
		if got := b.providers.started("Publish")[0].Configuration["BucketName"]; got != "other" {
			t.Errorf("deployed to %s", got)
		}
		old, err := b.GetPipeline(t.Context(), "web", 1)
		if err != nil || old.Stages[2].Actions[0].Configuration["BucketName"] != "web" {
			t.Errorf("version 1: %+v, %v", old, err)
		}
		_, err = b.GetPipeline(t.Context(), "web", 3)
		wantKind(t, err, pipeline.PipelineVersionNotFound)
	})
}

func TestAProviderThatCannotTryIsTriedAgainAndThenGivenUp(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st, func(o *flow.Options) { o.MaxAttempts = 3 })
		var mu sync.Mutex
		ids := map[string]int{}
		b.providers.on("Build", func(_ context.Context, job action.Job) (action.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			ids[job.ActionExecutionID]++
			return nil, errors.New("the disk is full")
		})
		id := b.create(site("web"))
		b.await("web", id, pipeline.StatusFailed)
		a := b.latest("web", "Build", "Build")
		if a.Error == nil || a.Error.Code != pipeline.SystemUnavailable || !strings.Contains(a.Error.Message, "the disk is full") {
			t.Errorf("error: %+v", a.Error)
		}
		if len(ids) != 1 || ids[a.ID] != 3 {
			t.Errorf("tried %v, want %s three times", ids, a.ID)
		}
	})
}

func TestWaitingWorkReportsItsEnd(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		waiting := make(chan action.Job, 1)
		b.providers.on("Build", func(_ context.Context, job action.Job) (action.Result, error) {
			waiting <- job
			return action.Wait{ExternalID: "web:1", LogStream: "arn:log"}, nil
		})
		id := b.create(site("web"))
		job := <-waiting
		report := func(r action.Result, percent int) {
			t.Helper()
			err := st.InTx(t.Context(), func(tx store.Tx) error {
				return b.Report(t.Context(), tx, action.Report{Pipeline: "web", ActionExecutionID: job.ActionExecutionID, Result: r, PercentComplete: percent})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		b.until(func() bool { return b.latest("web", "Build", "Build").LogStream == "arn:log" }, func() string { return "the start was not recorded" })
		report(action.Wait{Summary: "compiling"}, 40)
		if a := b.latest("web", "Build", "Build"); a.Percent != 40 || a.Summary != "compiling" || a.ExternalID != "web:1" {
			t.Errorf("progress shows %+v", a)
		}
		report(action.Done{Summary: "built", ExternalID: "web:1"}, 0)
		b.await("web", id, pipeline.StatusSucceeded)
		seq := b.seq("web")
		report(action.Failed{Code: "JobFailed", Message: "too late"}, 0)
		if b.seq("web") != seq {
			t.Error("a report about an ended action changed something")
		}
	})
}

// seq is how many events have been applied to a pipeline.
func (b *belt) seq(name string) (n int64) {
	b.t.Helper()
	err := b.store.Read(b.t.Context(), func(r store.Reader) error {
		return r.QueryRow(b.t.Context(), `SELECT seq FROM pipelines WHERE name = $1`, name).Scan(&n)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestDeletedPipelinesLeaveNothingBehind(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		g := newGate()
		b.providers.on("Build", g.hold)
		old := b.create(site("web"))
		<-g.entered
		for range 2 { // a second time is fine
			if err := b.DeletePipeline(t.Context(), "web", caller); err != nil {
				t.Fatal(err)
			}
		}
		_, err := b.GetPipeline(t.Context(), "web", 0)
		wantKind(t, err, pipeline.PipelineNotFound)
		b.until(func() bool { return len(b.providers.cancelled()) == 1 }, func() string { return "the running action was not cancelled" })

		b.providers.on("Build", nil)
		b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
		if got, _ := b.GetPipeline(t.Context(), "web", 0); got.Version != 1 {
			t.Errorf("version %d, want 1", got.Version)
		}
		if list := b.executions("web"); len(list) != 1 {
			t.Errorf("%d executions, want a history of 1", len(list))
		}
		_, err = b.GetExecution(t.Context(), "web", old)
		wantKind(t, err, pipeline.ExecutionNotFound)
		b.until(func() bool { return b.count(`SELECT COUNT(*) FROM executions`) == 1 }, func() string { return "the old history was not swept" })
	})
}

func (b *belt) count(query string) (n int) {
	b.t.Helper()
	err := b.store.Read(b.t.Context(), func(r store.Reader) error { return r.QueryRow(b.t.Context(), query).Scan(&n) })
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func TestRefusedRequestsChangeNothing(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
	before, rows := b.seq("web"), b.count(`SELECT COUNT(*) FROM pipeline_versions`)
	ctx := t.Context()
	bad := site("web")
	bad.Stages[1].Actions[0].ActionTypeID.Provider = "Bazel"
	elsewhere := site("web")
	elsewhere.Stages[2].Actions[0].Region = "eu-west-1"
	noRole := site("new")
	noRole.RoleArn = "arn:aws:iam::1:user/x"
	for _, c := range []struct {
		name string
		do   func() error
		kind pipeline.ErrorKind
	}{
		{"create twice", func() error { _, err := b.CreatePipeline(ctx, site("web"), nil, caller); return err }, pipeline.PipelineNameInUse},
		{"create with a bad tag", func() error {
			_, err := b.CreatePipeline(ctx, site("new"), map[string]string{"aws:x": "y"}, caller)
			return err
		}, pipeline.InvalidTags},
		{"create with something that is not a role", func() error { _, err := b.CreatePipeline(ctx, noRole, nil, caller); return err }, pipeline.InvalidStructure},
		{"update to an unknown provider", func() error { _, err := b.UpdatePipeline(ctx, bad, caller); return err }, pipeline.InvalidActionDeclaration},
		{"update to a region without a store", func() error { _, err := b.UpdatePipeline(ctx, elsewhere, caller); return err }, pipeline.InvalidStructure},
		{"update nothing", func() error { _, err := b.UpdatePipeline(ctx, site("new"), caller); return err }, pipeline.PipelineNotFound},
		{"start nothing", func() error { _, err := b.Start(ctx, flow.StartRequest{Pipeline: "new"}); return err }, pipeline.PipelineNotFound},
		{"pin no source", func() error {
			_, err := b.Start(ctx, flow.StartRequest{Pipeline: "web", Revisions: []pipeline.SourceRevisionOverride{{ActionName: "Build", RevisionType: "COMMIT_ID", RevisionValue: "x"}}})
			return err
		}, pipeline.Validation},
		{"pin the wrong type", func() error {
			_, err := b.Start(ctx, flow.StartRequest{Pipeline: "web", Revisions: []pipeline.SourceRevisionOverride{{ActionName: "Code", RevisionType: "S3_OBJECT_KEY", RevisionValue: "x"}}})
			return err
		}, pipeline.Validation},
		{"an undeclared variable", func() error {
			_, err := b.Start(ctx, flow.StartRequest{Pipeline: "web", Variables: []pipeline.ResolvedVariable{{Name: "Env", ResolvedValue: "x"}}})
			return err
		}, pipeline.Validation},
		{"stop nothing", func() error { return b.Stop(ctx, "web", "nothing", false, "", caller) }, pipeline.ExecutionNotStoppable},
		{"retry no stage", func() error { return b.Retry(ctx, "web", "Nowhere", "x", pipeline.RetryAllActions, caller) }, pipeline.StageNotFound},
		{"approve no action", func() error {
			_, err := b.Approve(ctx, flow.Approval{Pipeline: "web", Stage: "Build", Action: "Nobody", Token: "t"})
			return err
		}, pipeline.ActionNotFound},
		{"a token of another list", func() error {
			_, _, err := b.ListPipelines(ctx, flow.Page{Token: "eyJsIjoieCJ9"})
			return err
		}, pipeline.InvalidNextToken},
		{"a token that is none", func() error {
			_, _, err := b.ListExecutions(ctx, "web", "", flow.Page{Token: "?!"})
			return err
		}, pipeline.InvalidNextToken},
		{"tags of nothing", func() error { return b.Tag(ctx, b.ARN("new"), map[string]string{"a": "b"}) }, pipeline.ResourceNotFound},
		{"tags of no ARN", func() error { return b.Tag(ctx, "web", map[string]string{"a": "b"}) }, pipeline.InvalidArn},
	} {
		err := c.do()
		if pipeline.KindOf(err) != c.kind {
			t.Errorf("%s: %v, want %s", c.name, err, c.kind)
		}
	}
	if after := b.seq("web"); after != before {
		t.Errorf("refused requests applied %d events", after-before)
	}
	if after := b.count(`SELECT COUNT(*) FROM pipeline_versions`); after != rows {
		t.Errorf("refused requests stored %d versions", after-rows)
	}
}

func TestAClientTokenStartsOnlyOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		b.create(site("web"))
		ids := make(chan string, 10)
		var wg sync.WaitGroup
		for range cap(ids) {
			wg.Go(func() {
				id, err := b.Start(t.Context(), flow.StartRequest{Pipeline: "web", ClientToken: "again", By: caller})
				if err != nil {
					t.Error(err)
				}
				ids <- id
			})
		}
		wg.Wait()
		first := <-ids
		for range cap(ids) - 1 {
			if id := <-ids; id != first {
				t.Errorf("the same token started %s and %s", first, id)
			}
		}
		if n := len(b.executions("web")); n != 2 {
			t.Errorf("%d executions, want the first and the started one", n)
		}
		b.await("web", first, pipeline.StatusSucceeded)
	})
}

func TestPipelineVariables(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	d := site("web")
	d.Variables = []pipeline.VariableDeclaration{{Name: "Env", DefaultValue: "dev"}}
	d.Stages[2].Actions[0].Configuration["BucketName"] = "web-#{variables.Env}-#{codepipeline.PipelineExecutionId}"
	first := b.create(d)
	b.await("web", first, pipeline.StatusSucceeded)
	second, err := b.Start(t.Context(), flow.StartRequest{Pipeline: "web", By: caller, Variables: []pipeline.ResolvedVariable{{Name: "Env", ResolvedValue: "prod"}}})
	if err != nil {
		t.Fatal(err)
	}
	b.await("web", second, pipeline.StatusSucceeded)
	for i, want := range []string{"web-dev-" + first, "web-prod-" + second} {
		if got := b.providers.started("Publish")[i].Configuration["BucketName"]; got != want {
			t.Errorf("deployed to %s, want %s", got, want)
		}
	}
	if got := b.execution("web", second).Variables; len(got) != 1 || got[0].ResolvedValue != "prod" {
		t.Errorf("variables: %v", got)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	d := site("web")
	d.Stages[2].Actions = append(d.Stages[2].Actions, pipeline.Action{
		Name: "Check", ActionTypeID: typeSecret, Configuration: map[string]string{"Password": "hunter2"},
	})
	id := b.create(d)
	b.await("web", id, pipeline.StatusSucceeded)
	read, err := b.GetPipeline(t.Context(), "web", 0)
	if err != nil || read.Stages[2].Actions[1].Configuration["Password"] != "****" {
		t.Fatalf("%+v, %v", read, err)
	}
	for _, a := range b.actions("web", id) {
		if a.Configuration["Password"] == "hunter2" || a.Declaration.Configuration["Password"] == "hunter2" {
			t.Error("history shows the secret")
		}
	}
	if _, err := b.UpdatePipeline(t.Context(), read.Definition, caller); err != nil {
		t.Fatal(err)
	}
	b.await("web", b.start("web"), pipeline.StatusSucceeded)
	for _, j := range b.providers.started("Check") {
		if j.Configuration["Password"] != "hunter2" {
			t.Errorf("the provider got %q", j.Configuration["Password"])
		}
	}
}

func TestTags(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		if _, err := b.CreatePipeline(t.Context(), site("web"), map[string]string{"team": "a", "env": "dev"}, caller); err != nil {
			t.Fatal(err)
		}
		arn := b.ARN("web")
		if err := b.Tag(t.Context(), arn, map[string]string{"env": "prod"}); err != nil {
			t.Fatal(err)
		}
		if err := b.Untag(t.Context(), arn, []string{"team", "nothing"}); err != nil {
			t.Fatal(err)
		}
		tags, err := b.Tags(t.Context(), arn)
		if err != nil || fmt.Sprint(tags) != "map[env:prod]" {
			t.Errorf("%v, %v", tags, err)
		}
	})
}
