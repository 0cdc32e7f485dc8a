package flow_test

import (
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

var typeWorker = pipeline.ActionTypeID{Category: "Build", Owner: "Custom", Provider: "Mill", Version: "1"}

// byWorkers is site with a build that job workers do.
func (b *belt) byWorkers() pipeline.Definition {
	b.t.Helper()
	err := b.CreateCustomType(b.t.Context(), action.Type{
		ID: typeWorker, Inputs: action.Count{Max: 1}, Outputs: action.Count{Max: 1}, TimeoutMinutes: 1440, Properties: text("Flour"),
	}, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	d := site("web")
	d.Stages[1].Actions[0].ActionTypeID, d.Stages[1].Actions[0].Configuration = typeWorker, map[string]string{"Flour": "#{CodeVars.CommitId}"}
	return d
}

func (b *belt) poll(most int) []flow.WorkerJob {
	b.t.Helper()
	jobs, err := b.PollForJobs(b.t.Context(), typeWorker, most, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return jobs
}

// handedOut waits for a job.
func (b *belt) handedOut() flow.WorkerJob {
	b.t.Helper()
	var jobs []flow.WorkerJob
	b.until(func() bool { jobs = b.poll(1); return len(jobs) == 1 }, func() string { return "no job is handed out" })
	return jobs[0]
}

// A worker that takes a job and dies before it acknowledges it keeps nobody from it; one that comes back late is told.
func TestAJobNobodyAcknowledged(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(b.byWorkers())
		first := b.handedOut()
		if first.Job.Configuration["Flour"] != "latest" {
			t.Errorf("the job's configuration is %v", first.Job.Configuration)
		}
		b.clock.advance(2 * time.Minute)
		second := b.handedOut()
		if second.ID != first.ID || second.Nonce == first.Nonce {
			t.Errorf("handed out %s with %s, then %s with %s", first.ID, first.Nonce, second.ID, second.Nonce)
		}
		_, err := b.AcknowledgeJob(t.Context(), first.ID, first.Nonce, flow.Claim{})
		wantKind(t, err, pipeline.InvalidNonce)
		if state, err := b.AcknowledgeJob(t.Context(), second.ID, second.Nonce, flow.Claim{}); err != nil || state != flow.JobInProgress {
			t.Fatal(state, err)
		}
		b.clock.advance(time.Hour)
		if again := b.poll(1); len(again) != 0 {
			t.Error("an acknowledged job is handed out")
		}
		if err := b.PutJobResult(t.Context(), second.ID, flow.Claim{}, flow.JobResult{Summary: "ground"}); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
	})
}

// However many workers poll at once, each job goes to one of them.
func TestWorkersThatPollAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		d := inMode(pipeline.Parallel, b.byWorkers())
		b.create(d)
		for range 9 {
			b.start("web")
		}
		b.until(func() bool { return b.count(`SELECT COUNT(*) FROM worker_jobs`) == 10 }, func() string { return "ten jobs are not there" })
		var mu sync.Mutex
		taken := map[string]int{}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 3 {
					jobs, err := b.PollForJobs(t.Context(), typeWorker, 2, nil)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					for _, j := range jobs {
						taken[j.ID]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(taken) != 10 {
			t.Errorf("%d jobs were taken", len(taken))
		}
		for id, n := range taken {
			if n != 1 {
				t.Errorf("job %s was taken %d times", id, n)
			}
		}
	})
}

func TestAJobWhoseTimeIsOver(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		id := b.create(b.byWorkers())
		job := b.handedOut()
		if _, err := b.AcknowledgeJob(t.Context(), job.ID, job.Nonce, flow.Claim{}); err != nil {
			t.Fatal(err)
		}
		deadline := b.actions("web", id)[1].Action.Deadline
		timer := engine.Timer{Kind: engine.TimerAction, ID: job.Job.ActionExecutionID, At: deadline}
		if err := b.Apply(t.Context(), "web", engine.TimerFired{At: deadline, Timer: timer}); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusFailed)
		wantKind(t, b.PutJobResult(t.Context(), job.ID, flow.Claim{}, flow.JobResult{}), pipeline.InvalidJobState)
		b.until(func() bool {
			return b.count(`SELECT COUNT(*) FROM worker_jobs WHERE state = 'TimedOut' AND job = ''`) == 1
		},
			func() string { return "the job is not given up" })
		if state, err := b.AcknowledgeJob(t.Context(), job.ID, job.Nonce, flow.Claim{}); err != nil || state != flow.JobTimedOut {
			t.Errorf("acknowledged: %s, %v", state, err)
		}
		b.clock.advance(31 * 24 * time.Hour)
		if err := b.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := b.count(`SELECT COUNT(*) FROM worker_jobs`); n != 0 {
			t.Errorf("%d old jobs are kept", n)
		}
	})
}

// A type that is deleted while pipelines use it fails their actions: those whose job nobody can poll for any more at once,
// later ones when they start. What a worker has taken it may finish, but nothing can follow.
func TestADeletedType(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		d := b.byWorkers()
		waiting := b.create(d)
		b.handedOut()
		working := b.another(d, "other")
		taken := b.handedOut()
		b.acknowledge(taken)
		going := b.another(d, "third")
		longer := b.handedOut()
		b.acknowledge(longer)
		for range 2 {
			if err := b.DeleteCustomType(t.Context(), typeWorker); err != nil {
				t.Fatal(err)
			}
		}
		e := b.await("web", waiting, pipeline.StatusFailed)
		if want := "The custom action type Build/Custom/Mill/1 was deleted"; !strings.Contains(e.Reason, want) {
			t.Errorf("the reason is %q", e.Reason)
		}
		if err := b.PutJobResult(t.Context(), taken.ID, flow.Claim{}, flow.JobResult{Summary: "ground"}); err != nil {
			t.Fatal(err)
		}
		b.await("other", working, pipeline.StatusSucceeded)
		if err := b.PutJobResult(t.Context(), longer.ID, flow.Claim{}, flow.JobResult{Continuation: "more"}); err != nil {
			t.Fatal(err)
		}
		b.await("third", going, pipeline.StatusFailed)
		e = b.await("web", b.start("web"), pipeline.StatusFailed)
		if want := "ActionType (Category: 'Build', Provider: 'Mill', Owner: 'Custom', Version: '1') in action 'Build' is not available"; !strings.Contains(e.Reason, want) {
			t.Errorf("the reason is %q", e.Reason)
		}
		if n := b.count(`SELECT COUNT(*) FROM worker_jobs WHERE ended = 0 OR job <> ''`); n != 0 {
			t.Errorf("%d jobs have not ended", n)
		}
	})
}

// another makes a pipeline like d and returns its first execution.
func (b *belt) another(d pipeline.Definition, name string) string {
	b.t.Helper()
	d.Name = name
	return b.create(d)
}

func (b *belt) acknowledge(j flow.WorkerJob) {
	b.t.Helper()
	if state, err := b.AcknowledgeJob(b.t.Context(), j.ID, j.Nonce, flow.Claim{}); err != nil || state != flow.JobInProgress {
		b.t.Fatal(state, err)
	}
}

// Nobody is given a job whose execution was abandoned or whose pipeline is gone, and its secrets are not kept.
func TestAJobNobodyWaitsFor(t *testing.T) {
	for name, end := range map[string]func(*belt, string) error{
		"abandoned": func(b *belt, id string) error { return b.Stop(b.t.Context(), "web", id, true, "", caller) },
		"deleted":   func(b *belt, _ string) error { return b.DeletePipeline(b.t.Context(), "web", caller) },
	} {
		t.Run(name, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				b := newBelt(t, st)
				id := b.create(b.byWorkers())
				job := b.handedOut()
				if err := end(b, id); err != nil {
					t.Fatal(err)
				}
				b.until(func() bool { return b.count(`SELECT COUNT(*) FROM worker_jobs WHERE ended > 0 AND job = ''`) == 1 },
					func() string { return "the job is not taken back" })
				b.clock.advance(2 * time.Minute)
				if jobs := b.poll(10); len(jobs) != 0 {
					t.Errorf("handed out: %+v", jobs)
				}
				if state, err := b.AcknowledgeJob(t.Context(), job.ID, job.Nonce, flow.Claim{}); err != nil || state == flow.JobInProgress {
					t.Errorf("acknowledged: %s, %v", state, err)
				}
				wantKind(t, b.PutJobResult(t.Context(), job.ID, flow.Claim{}, flow.JobResult{}), pipeline.InvalidJobState)
			})
		})
	}
}

// What a worker fetched for a source action is a known revision: telling of it starts nothing.
func TestARevisionAWorkerFetched(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		source := pipeline.ActionTypeID{Category: "Source", Owner: "Custom", Provider: "Field", Version: "1"}
		err := b.CreateCustomType(t.Context(), action.Type{ID: source, Outputs: action.Count{Min: 1, Max: 1}, TimeoutMinutes: 1440}, nil)
		if err != nil {
			t.Fatal(err)
		}
		d := site("web")
		a := &d.Stages[0].Actions[0]
		a.ActionTypeID, a.Configuration = source, nil
		fetch := func(revision string) {
			t.Helper()
			var jobs []flow.WorkerJob
			b.until(func() bool {
				if jobs, err = b.PollForJobs(t.Context(), source, 1, nil); err != nil {
					t.Fatal(err)
				}
				return len(jobs) == 1
			}, func() string { return "no job is handed out" })
			b.acknowledge(jobs[0])
			result := flow.JobResult{Revision: &pipeline.Revision{ID: revision}, Variables: map[string]string{"CommitId": revision}}
			if err := b.PutJobResult(t.Context(), jobs[0].ID, flow.Claim{}, result); err != nil {
				t.Fatal(err)
			}
		}
		put := func(revision string) (string, bool) {
			t.Helper()
			id, isNew, err := b.PutActionRevision(t.Context(), "web", "Source", a.Name, revision, caller)
			if err != nil {
				t.Fatal(err)
			}
			return id, isNew
		}
		first := b.create(d)
		fetch("spring")
		if e := b.await("web", first, pipeline.StatusSucceeded); len(e.Revisions) != 1 || e.Revisions[0].Revision.ID != "spring" {
			t.Errorf("the revisions are %+v", e.Revisions)
		}
		if id, isNew := put("spring"); isNew || id != first {
			t.Errorf("the fetched revision started %s (new: %t)", id, isNew)
		}
		second, isNew := put("summer")
		if !isNew || second == first {
			t.Errorf("a new revision gave %s (new: %t)", second, isNew)
		}
		fetch("summer")
		b.await("web", second, pipeline.StatusSucceeded)
		for _, seen := range []string{"spring", "summer"} {
			if id, isNew := put(seen); isNew || id != second {
				t.Errorf("%s started %s (new: %t)", seen, id, isNew)
			}
		}
	})
}

// Of two that make the same type at once one is told that it exists.
func TestATypeMadeTwiceAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		made := make(chan error, 8)
		for range cap(made) {
			go func() {
				made <- b.CreateCustomType(t.Context(), action.Type{ID: typeWorker, TimeoutMinutes: 1440}, map[string]string{"team": "web"})
			}()
		}
		well := 0
		for range cap(made) {
			switch err := <-made; {
			case err == nil:
				well++
			case pipeline.KindOf(err) != pipeline.Validation && pipeline.KindOf(err) != pipeline.ConcurrentModification:
				t.Error(err)
			}
		}
		if well != 1 {
			t.Errorf("%d were made", well)
		}
	})
}
