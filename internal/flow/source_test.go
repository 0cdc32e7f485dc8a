package flow_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// push moves a branch of the repository, as githost does: in one transaction.
func (b *belt) push(repository, branch, commit string) {
	b.t.Helper()
	b.changed(flow.SourceChange{Provider: "CodeCommit", Resource: repository, Ref: branch, Revision: commit, Actor: caller})
}

func (b *belt) changed(c flow.SourceChange) {
	b.t.Helper()
	err := b.store.InTx(b.t.Context(), func(tx store.Tx) error { return b.SourceChanged(b.t.Context(), tx, c) })
	if err != nil {
		b.t.Error(err)
	}
}

func TestAPushStartsThePipelinesThatWatchTheBranch(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		unwatched := site("manual")
		unwatched.Stages[0].Actions[0].Configuration = map[string]string{"RepositoryName": "web", "BranchName": "main", "PollForSourceChanges": "false"}
		dev := site("dev")
		dev.Stages[0].Actions[0].Configuration = map[string]string{"RepositoryName": "web", "BranchName": "dev", "PollForSourceChanges": "true"}
		for _, d := range []pipeline.Definition{site("web"), dev, unwatched} {
			b.await(d.Name, b.create(d), pipeline.StatusSucceeded)
		}
		b.push("web", "main", "c0ffee")
		b.until(func() bool { return len(b.executions("web")) == 2 }, func() string { return "the push started nothing" })
		e := b.await("web", b.newest("web").ID, pipeline.StatusSucceeded)
		if want := (pipeline.ExecutionTrigger{TriggerType: "CloudWatchEvent", TriggerDetail: "arn:aws:codecommit:us-east-1:000000000000:web"}); e.Trigger != want {
			t.Errorf("trigger %+v, want %+v", e.Trigger, want)
		}
		if e.Revisions[0].Revision.ID != "c0ffee" {
			t.Errorf("built %s, want what was pushed", e.Revisions[0].Revision.ID)
		}
		for _, name := range []string{"dev", "manual"} {
			if n := len(b.executions(name)); n != 1 {
				t.Errorf("the push started %s", name)
			}
		}
		b.push("web", "main", "0000000000000000000000000000000000000000") // the branch was deleted
		if n := b.count(`SELECT COUNT(*) FROM source_changes`); n != 0 {
			t.Errorf("%d changes are left", n)
		}
	})
}

func TestAnUploadStartsThePipelinesThatWatchTheObject(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	d := site("web")
	d.Stages[0].Actions[0].ActionTypeID = typeObject
	d.Stages[0].Actions[0].Configuration = map[string]string{"S3Bucket": "drop", "S3ObjectKey": "site.zip"}
	b.await("web", b.create(d), pipeline.StatusSucceeded)
	b.changed(flow.SourceChange{Provider: "S3", Resource: "drop", Ref: "site.zip", Revision: "v7"})
	b.until(func() bool { return len(b.executions("web")) == 2 }, func() string { return "the upload started nothing" })
	e := b.await("web", b.newest("web").ID, pipeline.StatusSucceeded)
	if e.Trigger.TriggerDetail != "arn:aws:s3:::drop" {
		t.Errorf("trigger %+v", e.Trigger)
	}
	want := pipeline.SourceRevisionOverride{ActionName: "Code", RevisionType: "S3_OBJECT_VERSION_ID", RevisionValue: "v7"}
	if got := b.providers.started("Code")[1].Revision; len(got) != 1 || got[0] != want {
		t.Errorf("the source was to fetch %+v", got)
	}
}

func TestNoPushIsLost(t *testing.T) {
	const pipelines, pushes = 50, 2
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		for i := range pipelines {
			d := site(fmt.Sprint("web", i))
			d.Stages[0].Actions[0].Configuration = map[string]string{"RepositoryName": "web", "BranchName": fmt.Sprint("branch", i)}
			b.create(d)
		}
		var wg sync.WaitGroup
		for i := range pipelines {
			wg.Go(func() {
				for n := range pushes {
					b.push("web", fmt.Sprint("branch", i), fmt.Sprintf("c%d-%d", i, n+1))
				}
			})
		}
		wg.Wait()
		for i := range pipelines {
			name := fmt.Sprint("web", i)
			b.until(func() bool { return len(b.executions(name)) == 1+pushes }, func() string {
				return fmt.Sprintf("%s was started %d times, want %d", name, len(b.executions(name)), 1+pushes)
			})
			// The last push wins: it is the newest execution, and it is the one that arrives.
			e := b.await(name, b.newest(name).ID, pipeline.StatusSucceeded)
			if want := fmt.Sprintf("c%d-%d", i, pushes); e.Revisions[0].Revision.ID != want {
				t.Errorf("%s ended with %s, want %s", name, e.Revisions[0].Revision.ID, want)
			}
		}
	})
}

func TestAPushThatIsRolledBackStartsNothing(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	b.await("web", b.create(site("web")), pipeline.StatusSucceeded)
	err := b.store.InTx(t.Context(), func(tx store.Tx) error {
		if err := b.SourceChanged(t.Context(), tx, flow.SourceChange{Provider: "CodeCommit", Resource: "web", Ref: "main", Revision: "1"}); err != nil {
			return err
		}
		return errors.New("the push is refused")
	})
	if err == nil || b.count(`SELECT COUNT(*) FROM source_changes`) != 0 || b.count(`SELECT COUNT(*) FROM jobs WHERE kind = 'pipeline.change'`) != 0 {
		t.Errorf("something is left of it (%v)", err)
	}
}

func TestAPushWithoutAValueForAVariableIsAFailedExecution(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	d := site("web")
	d.Variables = []pipeline.VariableDeclaration{{Name: "Env"}}
	b.create(d)
	b.push("web", "main", "1")
	b.until(func() bool { return len(b.executions("web")) == 2 }, func() string { return "the push left no trace" })
	if e := b.newest("web"); e.Status != pipeline.StatusFailed || e.Reason == "" {
		t.Errorf("%+v", e)
	}
	if len(b.providers.started("Code")) != 0 {
		t.Error("something ran")
	}
}

// holdSources keeps every execution in its source action until release is called.
func (b *belt) holdSources() (release func()) {
	open := make(chan struct{})
	b.providers.on("Code", func(ctx context.Context, job action.Job) (action.Result, error) {
		select {
		case <-open:
			return action.Done{Revision: &pipeline.Revision{ID: pinned(job)}, Variables: map[string]string{"CommitId": pinned(job)}}, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	})
	return sync.OnceFunc(func() { close(open) })
}

func TestPushesBecomeExecutionsInTheirOrder(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		release := b.holdSources()
		b.create(site("web"))
		const pushes = 20
		for n := range pushes {
			b.push("web", "main", fmt.Sprint("c", n))
		}
		b.until(func() bool { return len(b.executions("web")) == 1+pushes }, func() string { return "pushes are missing" })
		for i, e := range b.executions("web")[:pushes] {
			if got, want := e.Overrides[0].RevisionValue, fmt.Sprint("c", pushes-1-i); got != want {
				t.Errorf("execution %d builds %s, want %s", e.Number, got, want)
			}
		}
		release()
		b.await("web", b.newest("web").ID, pipeline.StatusSucceeded)
	})
}
