package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	saveEvery  = 200 * time.Millisecond // how far the stored state of a running build may lag behind
	watchEvery = 5 * time.Second        // how often stop requests and queue timeouts are looked for beside the news of them
	maxRuns    = 10                     // a build that takes the server down with it is given up after that many runs
)

// Handlers is where the service registers its job. *queue.Queue is one.
type Handlers interface {
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Register adds the job that runs builds. Call it before the queue starts.
func (s *Service) Register(q Handlers) {
	q.Handle(BatchJobKind, s.handleBatch, queue.Options{MaxAttempts: batchRuns, GiveUp: s.giveUpBatch})
	q.Handle(JobKind, s.handle, queue.Options{Workers: s.cfg.Slots, MaxAttempts: maxRuns, GiveUp: s.giveUp})
}

// Recover ends the processes and removes the files that builds of servers left behind which run no more. Call it before
// the queue starts, and whenever another server has ended.
func (s *Service) Recover(ctx context.Context) error {
	if err := s.cfg.Runner.Sweep(ctx); err != nil {
		return fmt.Errorf("remove what earlier builds left behind: %w", err)
	}
	return nil
}

// Watch looks after stop requests made on other servers and after queue timeouts until ctx ends.
func (s *Service) Watch(ctx context.Context) {
	wake := make(chan struct{}, 1)
	go s.cfg.Store.Listen(ctx, stopChannel, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-tick.C:
		}
		if err := s.watch(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("builds to stop could not be looked up", "error", err)
		}
	}
}

// watch stops the builds of this server that somebody asked to stop or that have ended elsewhere, and ends those whose
// time in the queue is over. It also lets in what may run.
func (s *Service) watch(ctx context.Context) error {
	s.mu.Lock()
	ids := make([]string, 0, len(s.live))
	for id := range s.live {
		ids = append(ids, id)
	}
	s.mu.Unlock()
	for _, id := range ids {
		var rec record
		err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
			rec, err = load(ctx, r, id)
			return err
		})
		if err != nil && !errors.Is(err, ErrNoBuild) {
			return err
		}
		if err != nil || rec.Stop || rec.Build.BuildComplete {
			s.cancel(id, errStopped)
		}
		if r := s.running(id); r != nil && rec.Build.BuildComplete && r.hasEnded() {
			s.forget(id, r) // its end was stored, but the answer of the database was lost
		}
	}
	return errors.Join(s.expire(ctx), s.admitAll(ctx), s.loseWorkers(ctx))
}

// expire ends builds that waited too long.
func (s *Service) expire(ctx context.Context) error {
	var overdue []string
	err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
		overdue, err = store.Strings(ctx, r, `SELECT id FROM builds WHERE status = 'IN_PROGRESS' AND started = 0 AND queued_until < $1 LIMIT 100`,
			store.Micros(time.Now()))
		return err
	})
	for _, id := range overdue {
		if err != nil {
			break
		}
		if s.running(id) == nil {
			err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error { return s.expireOne(ctx, tx, id) })
		}
	}
	return err
}

func (s *Service) expireOne(ctx context.Context, tx store.Tx, id string) error {
	rec, err := load(ctx, tx, id)
	if errors.Is(err, ErrNoBuild) || err == nil && (rec.Started || rec.Build.BuildComplete || tx.Now().Before(queuedUntil(&rec.Build))) {
		return nil
	}
	if err != nil {
		return err
	}
	why, err := s.whyQueued(ctx, tx, &rec)
	if err != nil {
		return err
	}
	return s.endQueued(ctx, tx, rec, types.StatusTypeTimedOut, &Failure{Code: codeTimeout, Message: fmt.Sprintf(
		"Build has timed out in the queue after %d minutes. %s", aws.ToInt32(rec.Build.QueuedTimeoutInMinutes), why)})
}

// handle runs one build.
func (s *Service) handle(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var payload runPayload
	if err := json.Unmarshal(job.Payload, &payload); err != nil {
		return nil, fmt.Errorf("job of a build: %w", err)
	}
	r := &run{s: s, job: context.WithoutCancel(ctx), attempt: max(job.Attempt, payload.Attempt)}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r.cancel = cancel
	if err := s.begin(ctx, r, payload.ID); err != nil || r.rec.ID == "" {
		return nil, err
	}
	final, err := r.work(ctx)
	r.log.Close()
	r.endSaving()
	if err != nil {
		s.forget(payload.ID, r)
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error {
		tx.AfterCommit(func() { s.forget(payload.ID, r) })
		_, err := s.finish(ctx, tx, r.rec, final, r.toldPhases())
		return err
	}, nil
}

// begin loads the build and makes its run visible. It leaves r.rec empty when there is nothing to do.
func (s *Service) begin(ctx context.Context, r *run, id string) error {
	// Stop looks for the run before it looks at the row; the run is there before it looks at the row: one of both
	// notices the other.
	s.mu.Lock()
	s.live[id] = r
	s.mu.Unlock()
	var rec record
	err := s.cfg.Store.Read(context.WithoutCancel(ctx), func(rd store.Reader) (err error) {
		rec, err = load(context.WithoutCancel(ctx), rd, id)
		return err
	})
	if err != nil || rec.Build.BuildComplete {
		s.forget(id, r)
		if errors.Is(err, ErrNoBuild) {
			err = nil
		}
		return err
	}
	b := rec.Build
	rewind(&b)
	r.rec = rec
	r.log = openLog(ctx, r.logs(), aws.ToString(b.Logs.GroupName), aws.ToString(b.Logs.StreamName), time.Now, s.cfg.Log)
	p := newProgress(&b, func() time.Time { return time.Now().UTC().Truncate(time.Millisecond) })
	p.changed = r.saveSoon
	s.mu.Lock()
	r.progress = p
	s.mu.Unlock()
	if rec.Stop {
		r.cancel(errStopped)
	}
	return nil
}

// liveState is the state of a build that runs here.
func (s *Service) liveState(id string) (types.Build, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.live[id]; r != nil && r.progress != nil {
		return r.snapshot(), true
	}
	return types.Build{}, false
}

// rewind takes a build that ran before back to the queue: it runs again from the start.
func rewind(b *types.Build) {
	for i, p := range b.Phases {
		if p.PhaseType == types.BuildPhaseTypeQueued {
			b.Phases = append([]types.BuildPhase(nil), b.Phases[:i+1]...)
			b.Phases[i] = types.BuildPhase{PhaseType: p.PhaseType, StartTime: p.StartTime}
			break
		}
	}
	b.ExportedEnvironmentVariables, b.ReportArns = nil, nil
}

func (s *Service) forget(id string, r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[id] == r {
		delete(s.live, id)
	}
}

// saveSoon has the state of the build stored a little later, together with what changes until then. A build shorter
// than that costs one write: its end.
func (r *run) saveSoon() {
	r.saving.Lock()
	defer r.saving.Unlock()
	if r.timer == nil && !r.over {
		r.timer = time.AfterFunc(saveEvery, r.save)
	}
}

func (r *run) save() {
	r.saving.Lock()
	r.timer = nil
	over := r.over
	r.saving.Unlock()
	if over {
		return // the end is for the transaction that ends the job; what comes late changes nothing then
	}
	b := r.snapshot()
	told := r.toldPhases()
	err := r.s.cfg.Store.InTx(r.job, func(tx store.Tx) error {
		running, err := save(r.job, tx, r.rec.ID, &b)
		if err != nil || !running {
			return err
		}
		tx.AfterCommit(func() { r.tellFrom(ended(&b)) })
		return r.s.tell(r.job, tx, r.rec.Settings, &b, told, false)
	})
	if err != nil && !errors.Is(err, queue.ErrLeaseLost) { // another server's run of the build is the one to be seen
		r.s.cfg.Log.Warn("the state of a running build could not be saved; it is tried again with the next change", "build", *b.Id, "error", err)
	}
}

// toldPhases is how many phases the world knows to have ended.
func (r *run) toldPhases() int {
	r.saving.Lock()
	defer r.saving.Unlock()
	return max(r.told, submitted)
}

func (r *run) tellFrom(n int) {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.told = max(r.told, n)
}

func (r *run) endSaving() {
	r.saving.Lock()
	defer r.saving.Unlock()
	r.over = true
	if r.timer != nil {
		r.timer.Stop()
	}
}

func (r *run) hasEnded() bool {
	r.saving.Lock()
	defer r.saving.Unlock()
	return r.over
}

// giveUp ends a build whose runs never came to an end.
func (s *Service) giveUp(ctx context.Context, tx store.Tx, job queue.Job, cause error) error {
	var payload runPayload
	if err := json.Unmarshal(job.Payload, &payload); err != nil {
		return nil //nolint:nilerr // there is no build to tell
	}
	rec, err := load(ctx, tx, payload.ID)
	if errors.Is(err, ErrNoBuild) || err == nil && rec.Build.BuildComplete {
		return nil
	}
	if err != nil {
		return err
	}
	rewind(&rec.Build)
	p := newProgress(&rec.Build, tx.Now)
	p.leave(types.StatusTypeSucceeded, nil)
	p.enter(buildspec.Provisioning)
	p.leave(types.StatusTypeFault, &Failure{Code: codeInternal, Message: fmt.Sprintf("the build was given up after %d runs: %v", job.Attempt, cause)})
	p.complete(types.StatusTypeFault)
	_, err = s.finish(ctx, tx, rec, p.build, submitted)
	return err
}
