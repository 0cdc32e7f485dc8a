package queue_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestStopReleasesWhatRunsAndTheNextServerRunsItAgain(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		running := make(chan struct{}, 1)
		first := queue.New(st, queue.Config{})
		// One failed attempt would bury it: being released is not a failure.
		o := queue.Options{Workers: 1, MaxAttempts: 1}
		first.Handle("k", func(ctx context.Context, _ queue.Job) (queue.Completion, error) {
			running <- struct{}{}
			<-ctx.Done()
			if cause := context.Cause(ctx); !errors.Is(cause, queue.ErrStopping) {
				t.Errorf("the context ended with %v", cause)
			}
			return nil, ctx.Err()
		}, o)
		if err := first.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		enqueue(t, st, first, queue.Job{Kind: "k", Payload: []byte("running")})
		receive(t, running)
		enqueue(t, st, first, queue.Job{Kind: "k", Payload: []byte("waiting")})
		if err := first.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, st, "state = 'available' AND owner = ''"); n != 2 {
			t.Fatalf("%d jobs are available, want both", n)
		}
		if len(running) != 0 {
			t.Error("a job began while the server stopped")
		}
		// Enqueuing goes on working; nothing is handed over any more.
		enqueue(t, st, first, queue.Job{Kind: "k", Payload: []byte("late")})

		second := queue.New(st, queue.Config{})
		attempts := make(chan queue.Job, 10)
		second.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			attempts <- job
			return nil, nil
		}, o)
		start(t, second)
		for _, want := range []struct {
			payload string
			attempt int
		}{{"running", 2}, {"waiting", 1}, {"late", 1}} {
			if job := receive(t, attempts); string(job.Payload) != want.payload || job.Attempt != want.attempt {
				t.Errorf("attempt %d of %s, want %+v", job.Attempt, job.Payload, want)
			}
		}
	})
}

func TestStopLetsHandlersEndWithinTheGrace(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Grace: patience})
		running, finish := make(chan struct{}), make(chan struct{})
		q.Handle("k", func(ctx context.Context, _ queue.Job) (queue.Completion, error) {
			close(running)
			<-finish
			return nil, ctx.Err()
		}, queue.Options{})
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		enqueue(t, st, q, queue.Job{Kind: "k"})
		receive(t, running)
		stopped := make(chan error, 1)
		go func() { stopped <- q.Stop(context.Background()) }()
		close(finish)
		if err := receive(t, stopped); err != nil {
			t.Error(err)
		}
		if n := rows(t, st, "1 = 1"); n != 0 {
			t.Error("the job did not complete")
		}
	})
}

func TestAHandlerThatDoesNotStopLosesItsJob(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		running, finish := make(chan struct{}), make(chan struct{})
		q.Handle("stubborn", func(context.Context, queue.Job) (queue.Completion, error) {
			close(running)
			<-finish
			return func(_ context.Context, tx store.Tx) error {
				t.Error("the late completion ran")
				return nil
			}, nil
		}, queue.Options{})
		if err := q.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		enqueue(t, st, q, queue.Job{Kind: "stubborn"})
		receive(t, running)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := q.Stop(ctx); err == nil || !strings.Contains(err.Error(), "stubborn") {
			t.Errorf("Stop says %v", err)
		}
		if n := rows(t, st, "state = 'available'"); n != 1 {
			t.Error("the job was not released")
		}
		close(finish)
		until(t, "the handler has tried to complete", func() bool { return queue.Held(q) == 0 })
		if n := rows(t, st, "state = 'available'"); n != 1 {
			t.Error("the late result took effect")
		}
	})
}
