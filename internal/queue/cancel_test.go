package queue_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func cancelJob(t testing.TB, st store.Store, q *queue.Queue, kind, key string) {
	t.Helper()
	ctx := context.Background()
	if err := st.InTx(ctx, func(tx store.Tx) error { return q.Cancel(ctx, tx, kind, key) }); err != nil {
		t.Fatal(err)
	}
}

func TestCancellingAWaitingJobDeletesIt(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		enqueue(t, st, q, queue.Job{Kind: "k", Key: "now"}, queue.Job{Kind: "k", Key: "later", RunAt: time.Now().Add(time.Hour)},
			queue.Job{Kind: "k", Key: "other"}, queue.Job{Kind: "l", Key: "now"})
		cancelJob(t, st, q, "k", "now")
		cancelJob(t, st, q, "k", "later")
		cancelJob(t, st, q, "k", "nobody")
		if n := rows(t, st, "1 = 1"); n != 2 {
			t.Errorf("%d jobs are left, want the other two", n)
		}
		if err := q.Cancel(t.Context(), nil, "k", ""); err == nil {
			t.Error("a job without a key was cancelled")
		}
	})
}

// cancellable is a kind whose job runs until its context ends and then ends as its payload says.
type cancellable struct {
	running chan struct{}
	causes  chan error
	ends    chan string // "completed" or why it was given up
}

func (c *cancellable) handle(q *queue.Queue) {
	q.Handle("k", func(ctx context.Context, job queue.Job) (queue.Completion, error) {
		c.running <- struct{}{}
		<-ctx.Done()
		c.causes <- context.Cause(ctx)
		if string(job.Payload) == "fail" {
			return nil, errors.New("interrupted")
		}
		return func(_ context.Context, tx store.Tx) error {
			tx.AfterCommit(func() { c.ends <- "completed" })
			return nil
		}, nil
	}, queue.Options{GiveUp: func(_ context.Context, tx store.Tx, _ queue.Job, cause error) error {
		tx.AfterCommit(func() {
			if errors.Is(cause, queue.ErrCancelled) {
				c.ends <- "given up: cancelled"
			} else {
				c.ends <- "given up: " + cause.Error()
			}
		})
		return nil
	}})
}

func newCancellable() *cancellable {
	return &cancellable{running: make(chan struct{}, 10), causes: make(chan error, 10), ends: make(chan string, 10)}
}

func TestCancellingARunningJobEndsItsContext(t *testing.T) {
	for payload, want := range map[string]string{"complete": "completed", "fail": "given up: cancelled"} {
		t.Run(payload, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, st store.Store) {
				var log lockedBuffer
				q := queue.New(st, queue.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
				c := newCancellable()
				c.handle(q)
				start(t, q)
				enqueue(t, st, q, queue.Job{Kind: "k", Key: "key", Payload: []byte(payload)})
				receive(t, c.running)
				cancelJob(t, st, q, "k", "key")
				if cause := receive(t, c.causes); !errors.Is(cause, queue.ErrCancelled) {
					t.Errorf("the context ended with %v", cause)
				}
				if got := receive(t, c.ends); got != want {
					t.Errorf("it was %s, want %s", got, want)
				}
				if err := q.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				if strings.Contains(log.String(), "level=ERROR") {
					t.Errorf("what was asked for is logged as an error:\n%s", log.String())
				}
			})
		})
	}
}

// The server that runs the job is not the one that is asked to cancel it.
func TestCancellingReachesOtherServers(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		worker, asked := queue.New(st, queue.Config{}), queue.New(st, queue.Config{})
		c := newCancellable()
		c.handle(worker)
		start(t, asked)
		start(t, worker)
		enqueue(t, st, asked, queue.Job{Kind: "k", Key: "key", Payload: []byte("complete")})
		receive(t, c.running)
		cancelJob(t, st, asked, "k", "key")
		if cause := receive(t, c.causes); !errors.Is(cause, queue.ErrCancelled) {
			t.Errorf("the context ended with %v", cause)
		}
		receive(t, c.ends)
	})
}

func TestCancellingFreesTheKeyAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		c := newCancellable()
		c.handle(q)
		start(t, q)
		job := queue.Job{Kind: "k", Key: "key", Payload: []byte("complete")}
		enqueue(t, st, q, job)
		receive(t, c.running)
		ctx := t.Context()
		err := st.InTx(ctx, func(tx store.Tx) error {
			if err := q.Cancel(ctx, tx, "k", "key"); err != nil {
				return err
			}
			added, err := q.Enqueue(ctx, tx, job)
			if !added {
				t.Error("the key is not free")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		receive(t, c.running) // the second
		receive(t, c.ends)    // the first
		if len(c.ends) != 0 {
			t.Error("the second was cancelled as well")
		}
		cancelJob(t, st, q, "k", "key")
		receive(t, c.ends)
	})
}

func TestACancelledJobOfADeadServerIsGivenUp(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Lease: 100 * time.Millisecond})
		c := newCancellable()
		c.handle(q)
		enqueue(t, st, q, queue.Job{Kind: "k", Key: "key"})
		die(t, st)
		cancelJob(t, st, q, "k", "key")
		start(t, q)
		if got := receive(t, c.ends); got != "given up: cancelled" {
			t.Errorf("it was %s", got)
		}
	})
}

// die makes the waiting jobs look as if a server had claimed them and ended.
func die(t testing.TB, st store.Store) {
	t.Helper()
	mustExec(t, st, "UPDATE jobs SET state = 'running', owner = 'a server that ended', attempt = attempt + 1, lease_until = 1 WHERE state = 'available'")
}
