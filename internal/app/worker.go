package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/away"
	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// WorkerOptions say for whom a worker works, and what it offers.
type WorkerOptions struct {
	Name        string
	Labels      []string
	Server      string // its URL
	Region      string
	Credentials aws.Credentials
	// Drain is how long builds may go on once the worker is to end; then they are given back.
	Drain time.Duration
}

// Worker runs builds of a server elsewhere. It keeps nothing: should it be lost, the server notices within seconds and
// gives its builds to another.
type Worker struct {
	options WorkerOptions
	rooms   *rooms // the few that a worker needs
	runner  *runners
	client  *away.Client
	log     *slog.Logger
}

// OpenWorker takes the data directory, which is the worker's own, and ends what an earlier one left there. c says where
// and how builds run, and how many at once.
func OpenWorker(ctx context.Context, c config.Config, o WorkerOptions, log *slog.Logger) (*Worker, error) {
	w := &Worker{
		options: o, rooms: &rooms{config: c, log: log}, log: log.With("room", "worker"),
		client: &away.Client{URL: o.Server, Region: o.Region, Credentials: o.Credentials, HTTP: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: connectLimit}).DialContext,
			TLSHandshakeTimeout: connectLimit, MaxIdleConnsPerHost: 2 * c.BuildSlots, IdleConnTimeout: time.Minute,
		}}},
	}
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(err, w.rooms.closers.close())
	}
	return w, nil
}

func (w *Worker) open(ctx context.Context) error {
	r := w.rooms
	if err := os.MkdirAll(r.config.Data, 0o700); err != nil {
		return fmt.Errorf("making the data directory: %w", err)
	}
	unlock, err := sqlstore.LockDir(r.config.Data)
	if err != nil {
		return err
	}
	r.closers = append(r.closers, unlock)
	if err := os.RemoveAll(w.errands()); err != nil {
		return err
	}
	if r.seat, err = takeSeat(r.config.Data, r.config.Builds.Directory); err != nil {
		return err
	}
	r.closers = append(r.closers, r.seat.leave)
	if w.runner, err = r.openRunners(ctx); err != nil {
		return err
	}
	if err := w.runner.Sweep(ctx); err != nil {
		return err
	}
	return r.seat.deserted(ctx, func(string, string) error { return nil })
}

// errands is where every build has a directory of its own.
func (w *Worker) errands() string { return filepath.Join(w.rooms.config.Data, "errands") }

const (
	connectLimit = 10 * time.Second
	heartbeat    = build.RemoteLease / 6 // several may be lost before the lease is
	takePause    = time.Second           // after a server could not be asked; doubling up to takeLimit
	takeLimit    = 15 * time.Second
)

// Run takes builds and runs them until ctx ends; then it takes no more and lets those that run end within the drain time.
func (w *Worker) Run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, w.rooms.closers.close()) }()
	builds, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	context.AfterFunc(ctx, func() {
		w.log.Info("taking no more builds", "drain", w.options.Drain.String())
		time.AfterFunc(w.options.Drain, func() { cut(errDrained) })
	})
	var running sync.WaitGroup
	slots := make(chan struct{}, w.rooms.config.BuildSlots)
	w.log.Info("waiting for builds", "server", w.options.Server, "labels", w.options.Labels, "slots", cap(slots))
	for {
		select {
		case <-ctx.Done():
			running.Wait()
			return nil
		case slots <- struct{}{}:
		}
		a, ok := w.take(ctx)
		if !ok {
			<-slots
			continue // ctx has ended
		}
		running.Go(func() {
			defer func() { <-slots }()
			w.run(builds, a)
		})
	}
}

// errDrained ends builds that did not end in time when their worker had to.
var errDrained = errors.New("the worker is stopping")

// take waits for a build, however long the server is out of reach. false: ctx has ended.
func (w *Worker) take(ctx context.Context) (build.Assignment, bool) {
	for wait := takePause; ; wait = min(2*wait, takeLimit) {
		began := time.Now()
		a, found, err := w.client.Take(ctx, away.Request{Name: w.options.Name, Labels: w.options.Labels})
		switch {
		case ctx.Err() != nil && !found:
			return a, false
		case found && err == nil:
			return a, true
		case err == nil:
			wait = takePause / 2
			continue
		}
		w.log.Warn("the server gives no builds; it is asked again", "error", err, "after", time.Since(began).Round(time.Millisecond).String())
		select {
		case <-ctx.Done():
			return a, false
		case <-time.After(wait):
		}
	}
}

// run runs one build to its end, or until it is no longer this worker's.
func (w *Worker) run(ctx context.Context, a build.Assignment) {
	log := w.log.With("build", a.ID)
	log.Info("running a build")
	dir := filepath.Join(w.errands(), a.ID)
	err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o700))
	if err == nil {
		err = w.runIn(ctx, dir, a, log)
	}
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		log.Error("the build was not brought to its end here; the server gives it to another worker", "error", err)
		return
	}
	log.Info("the build has ended")
}

// runIn makes the rooms that one build needs, on a database of its own, which goes with it.
func (w *Worker) runIn(ctx context.Context, dir string, a build.Assignment, log *slog.Logger) (err error) {
	lease := w.client.Lease(a, dir)
	db, err := sqlstore.Open(ctx, "sqlite:"+filepath.Join(dir, "build.db"), sqlstore.Options{Logger: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	q := queue.New(db, queue.Config{Logger: log, Lease: time.Minute, Grace: w.rooms.config.ShutdownTimeout / 5})
	builds := build.New(build.Config{
		Store: db, Queue: q, Runner: onWorker{w.runner, w.options.Name}, Slots: 1, Objects: lease.Objects(), Repositories: lease.Repositories(), Logs: lease.Logs(),
		Secrets: lease.Secrets(), Roles: lease.Roles(), Endpoint: w.options.Server, Place: a.Place, Reports: lease.Reports(), Remotes: lease.Remotes(), Log: log,
	})
	ended := make(chan struct{})
	builds.Register(q)
	q.Handle(endedKind, func(context.Context, queue.Job) (queue.Completion, error) {
		return func(_ context.Context, tx store.Tx) error {
			tx.AfterCommit(func() { close(ended) })
			return nil
		}, nil
	}, queue.Options{Workers: 1})
	if err := q.Start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.rooms.config.ShutdownTimeout)
		defer cancel()
		err = errors.Join(err, q.Stop(stopping))
		if errors.Is(err, errDrained) { // nothing of the build runs here any more
			err = errors.Join(err, lease.GiveBack(stopping))
		}
	}()
	if err := builds.Adopt(ctx, a, queue.Job{Kind: endedKind, Payload: json.RawMessage(`{}`)}); err != nil {
		return err
	}
	return w.attend(ctx, lease, builds, a, ended)
}

// onWorker has the logs of builds say where they ran.
type onWorker struct {
	build.Runner
	name string
}

// Notice implements build.Runner.
func (r onWorker) Notice(n build.Needs) string {
	return "This build runs on the worker " + r.name + ". " + r.Runner.Notice(n)
}

// endedKind is the job by which a worker hears of the end of its build.
const endedKind = "worker.ended"

// attend tells the server how the build is going until it has ended, and then that.
func (w *Worker) attend(ctx context.Context, lease *away.Lease, builds *build.Service, a build.Assignment, ended <-chan struct{}) error {
	var b types.Build
	if err := json.Unmarshal(a.Build, &b); err != nil {
		return err
	}
	id := aws.ToString(b.Id)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	told := ""
	for {
		select {
		case <-ended:
			final, err := builds.Get(ctx, id)
			if err != nil {
				return err
			}
			return lease.Finish(context.WithoutCancel(ctx), &final)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-beat.C:
		}
		state, err := builds.Get(ctx, id)
		if err != nil {
			return err
		}
		stop, err := lease.Renew(ctx, &state)
		switch {
		case errors.Is(err, build.ErrNotLeased):
			return err // stopping the queue ends the build
		case err != nil && told != err.Error():
			w.log.Warn("the server is out of reach; the build goes on", "build", a.ID, "error", err)
			told = err.Error()
		case stop:
			if _, err := builds.Stop(ctx, id); err != nil {
				return err
			}
		}
	}
}
