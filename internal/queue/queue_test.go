package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestAJobRunsAndItsCompletionEndsIt(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan queue.Job, 1)
		q.Handle("greet", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			return func(_ context.Context, tx store.Tx) error {
				tx.AfterCommit(func() { ran <- job })
				return nil
			}, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "greet", Payload: []byte(`{"name":"Kim"}`), Group: "g", Key: "k", Priority: 3})
		job := receive(t, ran)
		if string(job.Payload) != `{"name":"Kim"}` || job.Group != "g" || job.Key != "k" || job.Priority != 3 || job.Attempt != 1 || job.ID == 0 {
			t.Errorf("got %+v", job)
		}
		if n := rows(t, st, "1 = 1"); n != 0 {
			t.Errorf("%d jobs are left", n)
		}
	})
}

func TestAJobThatWasWaitingArrivesWhole(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan queue.Job, 1)
		q.Handle("greet", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- job
			return nil, nil
		}, queue.Options{})
		enqueue(t, st, q, queue.Job{Kind: "greet", Payload: []byte(`{"name":"Kim"}`), Group: "g", Key: "k", Priority: -3})
		start(t, q)
		job := receive(t, ran)
		if string(job.Payload) != `{"name":"Kim"}` || job.Group != "g" || job.Key != "k" || job.Priority != -3 || job.Attempt != 1 || job.RunAt.IsZero() {
			t.Errorf("got %+v", job)
		}
	})
}

func TestARolledBackJobNeverRunsAndCostsNoWorker(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan string, 10)
		q.Handle("k", note(ran), queue.Options{Workers: 1})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("warm up")})
		receive(t, ran)
		ctx := t.Context()
		for range 3 {
			err := st.InTx(ctx, func(tx store.Tx) error {
				if _, err := q.Enqueue(ctx, tx, queue.Job{Kind: "k", Payload: []byte("never")}); err != nil {
					t.Error(err)
				}
				return errors.New("no")
			})
			if err == nil {
				t.Fatal("no error")
			}
		}
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("after")})
		if got := receive(t, ran); got != "after" {
			t.Errorf("%q ran", got)
		}
	})
}

// note is a handler that tells which payloads it saw.
func note(c chan<- string) queue.Handler {
	return func(_ context.Context, job queue.Job) (queue.Completion, error) {
		c <- string(job.Payload)
		return nil, nil
	}
}

func TestFailuresAreTriedAgainAndInTheEndGivenUp(t *testing.T) {
	errAlways := errors.New("always")
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		var backoffs []int
		q := queue.New(st, queue.Config{Backoff: func(failures int) time.Duration {
			backoffs = append(backoffs, failures)
			return time.Millisecond
		}})
		var attempts []int
		given := make(chan error, 1)
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			attempts = append(attempts, job.Attempt)
			return nil, errAlways
		}, queue.Options{MaxAttempts: 4, GiveUp: func(_ context.Context, tx store.Tx, job queue.Job, cause error) error {
			if string(job.Payload) != "p" {
				t.Errorf("gave up %+v", job)
			}
			tx.AfterCommit(func() { given <- cause })
			return nil
		}})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("p"), Key: "key"})
		if cause := receive(t, given); !errors.Is(cause, errAlways) {
			t.Errorf("given up because of %v", cause)
		}
		if !slices.Equal(attempts, []int{1, 2, 3, 4}) || !slices.Equal(backoffs, []int{1, 2, 3}) {
			t.Errorf("attempts %v, backoffs %v", attempts, backoffs)
		}
		if rows(t, st, "state = 'failed' AND last_error = 'always'") != 1 {
			t.Error("the failed job is not kept")
		}
		if added := enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("p"), Key: "key"}); !added[0] {
			t.Error("a failed job still holds its key")
		}
		receive(t, given)
	})
}

func TestAPermanentErrorIsGivenUpAtOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		errBroken := errors.New("broken")
		given := make(chan error, 1)
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) {
			return nil, fmt.Errorf("wrapped: %w", queue.Permanent(errBroken))
		}, queue.Options{GiveUp: func(_ context.Context, tx store.Tx, job queue.Job, cause error) error {
			if job.Attempt != 1 {
				t.Errorf("attempt %d", job.Attempt)
			}
			tx.AfterCommit(func() { given <- cause })
			return nil
		}})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		if cause := receive(t, given); !errors.Is(cause, errBroken) {
			t.Errorf("given up because of %v", cause)
		}
	})
	if queue.Permanent(nil) != nil {
		t.Error("no error became one")
	}
}

func TestAGiveUpThatFailsIsNotForgotten(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		given := make(chan struct{}, 1)
		tries := 0
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) {
			return nil, queue.Permanent(errors.New("broken"))
		}, queue.Options{GiveUp: func(_ context.Context, tx store.Tx, _ queue.Job, _ error) error {
			if tries++; tries < 3 {
				return errors.New("not now")
			}
			tx.AfterCommit(func() { given <- struct{}{} })
			return nil
		}})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		receive(t, given)
		if rows(t, st, "state = 'failed'") != 1 {
			t.Error("the job is not buried")
		}
	})
}

func TestAPanicIsAFailedAttempt(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		var log lockedBuffer
		q := queue.New(st, queue.Config{Backoff: soon, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		done := make(chan int, 1)
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			if job.Attempt == 1 {
				panic("in the handler")
			}
			return func(_ context.Context, tx store.Tx) error {
				if job.Attempt == 2 {
					panic("in the completion")
				}
				tx.AfterCommit(func() { done <- job.Attempt })
				return nil
			}, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		if attempt := receive(t, done); attempt != 3 {
			t.Errorf("attempt %d succeeded", attempt)
		}
		for _, want := range []string{"in the handler", "in the completion", "queue_test.go"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log does not hold %q", want)
			}
		}
	})
}

func soon(int) time.Duration { return time.Millisecond }

// lockedBuffer collects what many goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestACompletionIsTriedAgainWithoutRunningTheJobAgain(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		var runs, tries int
		done := make(chan struct{}, 1)
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) {
			runs++
			return func(_ context.Context, tx store.Tx) error {
				if tries++; tries < 3 {
					return errors.New("the database has hiccups")
				}
				tx.AfterCommit(func() { done <- struct{}{} })
				return nil
			}, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		receive(t, done)
		if runs != 1 || tries != 3 {
			t.Errorf("%d runs, %d tries", runs, tries)
		}
	})
}

func TestATimeoutEndsTheHandlersContext(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		given := make(chan error, 1)
		q.Handle("k", func(ctx context.Context, _ queue.Job) (queue.Completion, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}, queue.Options{
			Timeout: 10 * time.Millisecond, MaxAttempts: 1,
			GiveUp: func(_ context.Context, tx store.Tx, _ queue.Job, cause error) error {
				tx.AfterCommit(func() { given <- cause })
				return nil
			},
		})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		if cause := receive(t, given); !strings.Contains(cause.Error(), "took longer than 10ms") {
			t.Errorf("given up because of %v", cause)
		}
	})
}

// No poll helps here: the queue must wake by itself when the time has come.
func TestAScheduledJobRunsPromptlyAndNotBefore(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Poll: time.Hour})
		late := make(chan time.Duration, 3)
		q.Handle("timer", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			return func(_ context.Context, tx store.Tx) error {
				after := tx.Now().Sub(job.RunAt)
				tx.AfterCommit(func() { late <- after })
				return nil
			}, nil
		}, queue.Options{})
		start(t, q)
		ctx := t.Context()
		err := st.InTx(ctx, func(tx store.Tx) error {
			// Out of order, and one so far away that it must not keep the others.
			for _, wait := range []time.Duration{200 * time.Millisecond, time.Hour, 50 * time.Millisecond, 120 * time.Millisecond} {
				if _, err := q.Enqueue(ctx, tx, queue.Job{Kind: "timer", RunAt: tx.Now().Add(wait)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if d := receive(t, late); d < 0 || d > 3*time.Second {
				t.Errorf("it ran %s after its time", d)
			}
		}
		if rows(t, st, "state = 'scheduled'") != 1 {
			t.Error("the distant one is gone")
		}
	})
}

func TestAKeyIsUniqueAmongUnfinishedJobs(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		running, finish := make(chan struct{}), make(chan struct{})
		var again []bool
		done := make(chan struct{})
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			if string(job.Payload) != "first" {
				return nil, nil
			}
			running <- struct{}{}
			<-finish
			return func(ctx context.Context, tx store.Tx) error {
				ok, err := q.Enqueue(ctx, tx, queue.Job{Kind: "k", Key: "a", Payload: []byte("next")})
				again = []bool{ok}
				tx.AfterCommit(func() { close(done) })
				return err
			}, nil
		}, queue.Options{})

		got := enqueue(t, st, q,
			queue.Job{Kind: "k", Key: "a", Payload: []byte("first")},
			queue.Job{Kind: "k", Key: "a"}, // taken in this very transaction
			queue.Job{Kind: "k", Key: "b"},
			queue.Job{Kind: "other", Key: "a"},
			queue.Job{Kind: "k"}, queue.Job{Kind: "k"}) // no key is never taken
		if !slices.Equal(got, []bool{true, false, true, true, true, true}) {
			t.Errorf("before the start: %v", got)
		}
		start(t, q)
		receive(t, running)
		if got := enqueue(t, st, q, queue.Job{Kind: "k", Key: "a"}); got[0] {
			t.Error("a running job does not hold its key")
		}
		close(finish)
		receive(t, done)
		if !again[0] {
			t.Error("a job's completion could not enqueue its successor")
		}
		until(t, "the key is free again", func() bool {
			return rows(t, st, "kind = 'k'") == 0
		})
		if got := enqueue(t, st, q, queue.Job{Kind: "k", Key: "a"}); !got[0] {
			t.Error("a finished job holds its key")
		}
	})
}

// A producer writes its news and enqueues the job that collects them; when the job is there already it relies on it.
// Whatever the interleaving with the job's completion, no news may stay behind.
func TestNewsLeftToAnUnfinishedJobAreSeenByItsCompletion(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		mustExec(t, st, "CREATE TABLE news (id BIGINT PRIMARY KEY)")
		q.Handle("collect", func(context.Context, queue.Job) (queue.Completion, error) {
			return func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "DELETE FROM news")
				return err
			}, nil
		}, queue.Options{})
		start(t, q)
		ctx := t.Context()
		var producers sync.WaitGroup
		for p := range 8 {
			producers.Go(func() {
				for i := range 25 {
					err := st.InTx(ctx, func(tx store.Tx) error {
						if _, err := q.Enqueue(ctx, tx, queue.Job{Kind: "collect", Key: "all"}); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, "INSERT INTO news (id) VALUES ($1)", p*1000+i)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		producers.Wait()
		until(t, "all jobs are done", func() bool { return rows(t, st, "1 = 1") == 0 })
		if n := count(t, st, "news"); n != 0 {
			t.Errorf("%d news stayed behind", n)
		}
	})
}

func TestGroupsTakeTurnsAndPrioritiesGoFirst(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan string, 100)
		q.Handle("k", note(ran), queue.Options{Workers: 1})
		var jobs []queue.Job
		add := func(group string, n, priority int) {
			for i := range n {
				jobs = append(jobs, queue.Job{Kind: "k", Group: group, Priority: priority, Payload: fmt.Appendf(nil, "%s%d", group, i)})
			}
		}
		add("greedy", 5, 0)
		add("b", 2, 0)
		add("a", 3, 0)
		add("urgent", 2, 5)
		add("idle", 1, -1)
		enqueue(t, st, q, jobs...)
		start(t, q)
		var order []string
		for range jobs {
			order = append(order, receive(t, ran))
		}
		want := "urgent0 urgent1 a0 b0 greedy0 a1 b1 greedy1 a2 greedy2 greedy3 greedy4 idle0"
		if got := strings.Join(order, " "); got != want {
			t.Errorf("they ran as\n%s, want\n%s", got, want)
		}
	})
}

func TestANewJobDoesNotOvertakeThoseThatWait(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran, proceed := make(chan string), make(chan struct{})
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- string(job.Payload)
			<-proceed
			return nil, nil
		}, queue.Options{Workers: 1})
		start(t, q)
		for i := range 6 {
			enqueue(t, st, q, queue.Job{Kind: "k", Payload: fmt.Append(nil, i)})
		}
		for i := range 12 {
			if got := receive(t, ran); got != fmt.Sprint(i) {
				t.Fatalf("%s ran, want %d", got, i)
			}
			if i < 6 {
				enqueue(t, st, q, queue.Job{Kind: "k", Payload: fmt.Append(nil, i+6)})
			}
			proceed <- struct{}{}
		}
	})
}

// In a completion the worker is free already, but it belongs to those that wait.
func TestASuccessorDoesNotOvertakeThoseThatWait(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan string, 10)
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- string(job.Payload)
			return func(ctx context.Context, tx store.Tx) error {
				if string(job.Payload) != "0" {
					return nil
				}
				_, err := q.Enqueue(ctx, tx, queue.Job{Kind: "k", Payload: []byte("successor of 0")})
				return err
			}, nil
		}, queue.Options{Workers: 1})
		for i := range 4 {
			enqueue(t, st, q, queue.Job{Kind: "k", Payload: fmt.Append(nil, i)})
		}
		start(t, q)
		for _, want := range []string{"0", "1", "2", "3", "successor of 0"} {
			if got := receive(t, ran); got != want {
				t.Errorf("%s ran, want %s", got, want)
			}
		}
	})
}

func TestNoMoreRunAtOnceThanThereAreWorkers(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		var mu sync.Mutex
		var now, most, total int
		done := make(chan struct{})
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) {
			mu.Lock()
			now++
			most = max(most, now)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()
			now--
			if total++; total == 100 {
				close(done)
			}
			return nil, nil
		}, queue.Options{Workers: 3})
		start(t, q)
		var producers sync.WaitGroup
		for range 4 {
			producers.Go(func() {
				for range 25 {
					enqueue(t, st, q, queue.Job{Kind: "k"})
				}
			})
		}
		producers.Wait()
		receive(t, done)
		if most != 3 {
			t.Errorf("%d ran at once, want 3", most)
		}
	})
}

func TestAKindNobodyHandlesWaits(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		ran := make(chan string, 10)
		q.Handle("known", note(ran), queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "unknown", Payload: []byte("u")}, queue.Job{Kind: "known", Payload: []byte("k")})
		if got := receive(t, ran); got != "k" {
			t.Errorf("%s ran", got)
		}
		if rows(t, st, "kind = 'unknown' AND state = 'available'") != 1 {
			t.Error("it does not wait")
		}
		if _, err := q.Enqueue(t.Context(), nil, queue.Job{}); err == nil {
			t.Error("a job without a kind was accepted")
		}
	})
}

func TestStatsCountAndOldFailuresAreDeleted(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{})
		enqueue(t, st, q, queue.Job{Kind: "a"}, queue.Job{Kind: "a"}, queue.Job{Kind: "b", RunAt: time.Now().Add(time.Hour)})
		mustExec(t, st, "UPDATE jobs SET state = 'failed', failed_at = 1 WHERE id = (SELECT min(id) FROM jobs)")
		stats, err := q.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range stats {
			got = append(got, fmt.Sprintf("%s %s %d", s.Kind, s.State, s.Count))
			if age := time.Since(s.Oldest); age < -time.Minute || age > time.Minute {
				t.Errorf("the oldest is from %s", s.Oldest)
			}
		}
		if want := []string{"a available 1", "a failed 1", "b scheduled 1"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		other := queue.New(st, queue.Config{Lease: 30 * time.Millisecond})
		start(t, other)
		until(t, "the failed job is deleted", func() bool { return rows(t, st, "state = 'failed'") == 0 })
	})
}

func TestMistakesOfTheProgrammerPanic(t *testing.T) {
	h := func(context.Context, queue.Job) (queue.Completion, error) { return nil, nil }
	st := sqltest.SQLite(t)
	q := queue.New(st, queue.Config{})
	q.Handle("k", h, queue.Options{})
	mustPanic(t, "a second handler", func() { q.Handle("k", h, queue.Options{}) })
	mustPanic(t, "no kind", func() { q.Handle("", h, queue.Options{}) })
	start(t, q)
	mustPanic(t, "Handle after Start", func() { q.Handle("late", h, queue.Options{}) })
	if err := q.Start(t.Context()); err == nil {
		t.Error("a second Start is accepted")
	}
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s is accepted", what)
		}
	}()
	f()
}
