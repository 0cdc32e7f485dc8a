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
		_, err := b.AcknowledgeJob(t.Context(), first.ID, first.Nonce)
		wantKind(t, err, pipeline.InvalidNonce)
		if state, err := b.AcknowledgeJob(t.Context(), second.ID, second.Nonce); err != nil || state != flow.JobInProgress {
			t.Fatal(state, err)
		}
		b.clock.advance(time.Hour)
		if again := b.poll(1); len(again) != 0 {
			t.Error("an acknowledged job is handed out")
		}
		if err := b.PutJobResult(t.Context(), second.ID, flow.JobResult{Summary: "ground"}); err != nil {
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
		if _, err := b.AcknowledgeJob(t.Context(), job.ID, job.Nonce); err != nil {
			t.Fatal(err)
		}
		deadline := b.actions("web", id)[1].Action.Deadline
		timer := engine.Timer{Kind: engine.TimerAction, ID: job.Job.ActionExecutionID, At: deadline}
		if err := b.Apply(t.Context(), "web", engine.TimerFired{At: deadline, Timer: timer}); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusFailed)
		wantKind(t, b.PutJobResult(t.Context(), job.ID, flow.JobResult{}), pipeline.InvalidJobState)
		b.until(func() bool {
			return b.count(`SELECT COUNT(*) FROM worker_jobs WHERE state = 'TimedOut' AND job = ''`) == 1
		},
			func() string { return "the job is not given up" })
		if state, err := b.AcknowledgeJob(t.Context(), job.ID, job.Nonce); err != nil || state != flow.JobTimedOut {
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

// A type that is deleted while pipelines use it fails their actions, and its secrets stay masked.
func TestADeletedType(t *testing.T) {
	b := newBelt(t, sqltest.SQLite(t))
	b.create(b.byWorkers())
	b.handedOut()
	if err := b.DeleteCustomType(t.Context(), typeWorker); err != nil {
		t.Fatal(err)
	}
	id := b.start("web")
	b.until(func() bool {
		return b.execution("web", id).Status != pipeline.StatusInProgress || len(b.stage("web", "Build").Inbound) > 0
	}, func() string { return "it does not come to the build" })
	if err := b.Stop(t.Context(), "web", b.executions("web")[1].ID, true, "", caller); err != nil {
		t.Fatal(err)
	}
	e := b.await("web", id, pipeline.StatusFailed)
	if want := "ActionType (Category: 'Build', Provider: 'Mill', Owner: 'Custom', Version: '1') in action 'Build' is not available"; !strings.Contains(e.Reason, want) {
		t.Errorf("the reason is %q", e.Reason)
	}
}
