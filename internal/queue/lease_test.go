package queue_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// eachSkewed is sqltest.Each with the clock of SQLite seven years ahead of this process's.
func eachSkewed(t *testing.T, test func(t *testing.T, st store.Store)) {
	future := func() time.Time { return time.Now().AddDate(7, 0, 0) }
	t.Run("sqlite", func(t *testing.T) { test(t, sqltest.Open(t, sqltest.SQLiteDSN(t), sqlstore.Options{Clock: future})) })
	t.Run("postgres", func(t *testing.T) { test(t, sqltest.Postgres(t)) })
}

func TestALeaseIsRenewedWhileTheHandlerRuns(t *testing.T) {
	eachSkewed(t, func(t *testing.T, st store.Store) {
		config := queue.Config{Lease: 300 * time.Millisecond, Poll: 20 * time.Millisecond}
		running, finish := make(chan int, 10), make(chan struct{})
		handler := func(_ context.Context, job queue.Job) (queue.Completion, error) {
			running <- job.Attempt
			<-finish
			return nil, nil
		}
		for range 2 {
			q := queue.New(st, config)
			q.Handle("long", handler, queue.Options{})
			start(t, q)
		}
		enqueue(t, st, queue.New(st, queue.Config{}), queue.Job{Kind: "long"})
		receive(t, running)
		// It runs for many leases, each of them renewed.
		var last, renewals int
		until(t, "the lease is renewed five times", func() bool {
			if lease := leaseOf(t, st); lease != last {
				last = lease
				renewals++
			}
			return renewals > 5
		})
		close(finish)
		until(t, "the job is done", func() bool { return rows(t, st, "1 = 1") == 0 })
		if len(running) != 0 {
			t.Error("another server ran it too")
		}
	})
}

func leaseOf(t testing.TB, st store.Store) (lease int) {
	t.Helper()
	err := st.Read(context.Background(), func(r store.Reader) error {
		return r.QueryRow(context.Background(), "SELECT lease_until FROM jobs").Scan(&lease)
	})
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestAJobOfADeadServerIsTakenOver(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Lease: 100 * time.Millisecond, Poll: 20 * time.Millisecond})
		ran := make(chan queue.Job, 1)
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- job
			return nil, nil
		}, queue.Options{})
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("p")})
		die(t, st)
		start(t, q)
		if job := receive(t, ran); job.Attempt != 2 || string(job.Payload) != "p" {
			t.Errorf("got %+v", job)
		}
	})
}

// Whoever brings the server down every time must not do so for ever.
func TestAJobThatCrashesEveryServerIsGivenUp(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Lease: 100 * time.Millisecond, Poll: 20 * time.Millisecond})
		given := make(chan error, 1)
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) {
			t.Error("it ran once more")
			return nil, nil
		}, queue.Options{MaxAttempts: 3, GiveUp: func(_ context.Context, tx store.Tx, _ queue.Job, cause error) error {
			tx.AfterCommit(func() { given <- cause })
			return nil
		}})
		enqueue(t, st, q, queue.Job{Kind: "k"})
		mustExec(t, st, "UPDATE jobs SET failures = 3, attempt = 3")
		start(t, q)
		receive(t, given)
	})
}

func TestACrashedJobThatWasCutShortBeforeWaitsALittle(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{
			Lease: 100 * time.Millisecond, Poll: 20 * time.Millisecond, Backoff: func(int) time.Duration { return time.Hour },
		})
		q.Handle("k", func(context.Context, queue.Job) (queue.Completion, error) { return nil, nil }, queue.Options{})
		enqueue(t, st, q, queue.Job{Kind: "k"})
		mustExec(t, st, "UPDATE jobs SET failures = 1, attempt = 1")
		die(t, st)
		start(t, q)
		until(t, "the job is scheduled", func() bool { return rows(t, st, "state = 'scheduled' AND failures = 2") == 1 })
	})
}

// Another server has taken the job, rightly or not. What this one does with it from now on must have no effect.
func TestALostLeaseEndsTheContextAndUndoesTheCompletion(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		mustExec(t, st, "CREATE TABLE results (attempt BIGINT NOT NULL)")
		q := queue.New(st, queue.Config{Lease: 150 * time.Millisecond})
		running, causes, finish := make(chan struct{}), make(chan error), make(chan struct{})
		q.Handle("k", func(ctx context.Context, job queue.Job) (queue.Completion, error) {
			running <- struct{}{}
			<-ctx.Done()
			causes <- context.Cause(ctx)
			<-finish
			return func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO results (attempt) VALUES ($1)", job.Attempt)
				return err
			}, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		receive(t, running)
		mustExec(t, st, "UPDATE jobs SET owner = 'thief', attempt = attempt + 1, lease_until = 9000000000000000")
		if cause := receive(t, causes); !errors.Is(cause, queue.ErrLeaseLost) {
			t.Errorf("the context ended with %v", cause)
		}
		close(finish)
		until(t, "the late completion was tried", func() bool { return queue.Held(q) == 0 })
		if n := count(t, st, "results"); n != 0 {
			t.Error("the completion took effect")
		}
		if rows(t, st, "owner = 'thief' AND state = 'running'") != 1 {
			t.Error("the thief's claim was disturbed")
		}
	})
}

// A server that stood still, and does not yet know that its job is another's, writes nothing for it.
func TestAHandlerThatLostItsJobWritesNothing(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		if st.Dialect() == store.SQLite {
			t.Skip("a SQLite database has no other server")
		}
		mustExec(t, st, "CREATE TABLE results (attempt BIGINT NOT NULL)")
		q := queue.New(st, queue.Config{})
		running, write, wrote := make(chan struct{}), make(chan struct{}), make(chan error)
		q.Handle("k", func(ctx context.Context, job queue.Job) (queue.Completion, error) {
			for {
				select {
				case running <- struct{}{}:
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
				<-write
				wrote <- st.InTx(ctx, func(tx store.Tx) error {
					_, err := tx.Exec(ctx, "INSERT INTO results (attempt) VALUES ($1)", job.Attempt)
					return err
				})
			}
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		attempt := func() error {
			receive(t, running)
			write <- struct{}{}
			return receive(t, wrote)
		}
		if err := attempt(); err != nil {
			t.Errorf("while the job is its own: %v", err)
		}
		mustExec(t, st, "UPDATE jobs SET owner = 'thief', attempt = attempt + 1, lease_until = 9000000000000000")
		if err := attempt(); !errors.Is(err, queue.ErrLeaseLost) {
			t.Errorf("when it is another's: %v", err)
		}
		if n := count(t, st, "results"); n != 1 {
			t.Errorf("%d rows were written", n)
		}
	})
}

// Who has seen a server end need not wait for its leases.
func TestTakingOverFromAServerThatHasEnded(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		other := queue.New(st, queue.Config{Owner: "other"})
		for _, owner := range []string{"ended", "alive"} {
			enqueue(t, st, other, queue.Job{Kind: "k", Payload: []byte(owner)})
			mustExec(t, st, "UPDATE jobs SET state = 'running', owner = $1, attempt = 1, lease_until = 9000000000000000 WHERE payload = $1", owner)
		}
		if err := other.TakeOver(t.Context(), "ended"); err != nil {
			t.Fatal(err)
		}
		if rows(t, st, "state = 'available' AND payload = 'ended' AND failures = 1") != 1 || rows(t, st, "state = 'running' AND owner = 'alive'") != 1 {
			t.Error("not the jobs of the server that ended, or not they alone, are free")
		}
	})
}

// Even the same process may have claimed the job again: the attempt tells the claims apart.
func TestACompletionOfAnEarlierClaimIsUndone(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		mustExec(t, st, "CREATE TABLE results (attempt BIGINT NOT NULL)")
		q := queue.New(st, queue.Config{})
		running, finish := make(chan struct{}), make(chan struct{})
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			running <- struct{}{}
			<-finish
			return func(ctx context.Context, tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO results (attempt) VALUES ($1)", job.Attempt)
				return err
			}, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k"})
		receive(t, running)
		mustExec(t, st, "UPDATE jobs SET attempt = attempt + 1")
		close(finish)
		until(t, "the completion was tried", func() bool { return queue.Held(q) == 0 })
		if n := count(t, st, "results"); n != 0 {
			t.Error("the completion took effect")
		}
	})
}

// A row that names this process without its knowing: the answer to a commit was lost on the way.
func TestAJobTheProcessDoesNotKnowItOwnsRunsAllTheSame(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Owner: "me", Lease: 150 * time.Millisecond, Poll: 20 * time.Millisecond})
		ran, finish := make(chan string, 10), make(chan struct{})
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- string(job.Payload)
			<-finish
			return nil, nil
		}, queue.Options{})
		start(t, q)
		// While another job keeps the leases of this owner renewed.
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("known")})
		receive(t, ran)
		idle := queue.New(st, queue.Config{})
		enqueue(t, st, idle, queue.Job{Kind: "k2", Payload: []byte("orphan")})
		mustExec(t, st, "UPDATE jobs SET kind = 'k', state = 'running', owner = 'me', attempt = 1, lease_until = 9000000000000000 WHERE kind = 'k2'")
		if got := receive(t, ran); got != "orphan" {
			t.Errorf("%s ran", got)
		}
		close(finish)
	})
}

// The clocks of servers disagree; only the database's counts. On PostgreSQL the check is that nothing but its own clock
// gets into the rows.
func TestOnlyTheDatabasesClockCounts(t *testing.T) {
	eachSkewed(t, func(t *testing.T, st store.Store) {
		q := queue.New(st, queue.Config{Lease: 200 * time.Millisecond, Poll: 20 * time.Millisecond})
		finish, ran := make(chan struct{}), make(chan string, 10)
		q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			ran <- string(job.Payload)
			if string(job.Payload) == "long" {
				<-finish
			}
			return nil, nil
		}, queue.Options{})
		start(t, q)
		enqueue(t, st, q, queue.Job{Kind: "k", Payload: []byte("so that nothing waits and the next is handed over")})
		receive(t, ran)
		until(t, "the first is done", func() bool { return rows(t, st, "1 = 1") == 0 && queue.Held(q) == 0 })
		ctx := t.Context()
		var now time.Time
		err := st.InTx(ctx, func(tx store.Tx) error {
			now = tx.Now()
			if _, err := q.Enqueue(ctx, tx, queue.Job{Kind: "k", Payload: []byte("timer"), RunAt: now.Add(50 * time.Millisecond)}); err != nil {
				return err
			}
			_, err := q.Enqueue(ctx, tx, queue.Job{Kind: "k", Payload: []byte("long")})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if a, b := receive(t, ran), receive(t, ran); a == b {
			t.Errorf("%s ran twice", a)
		}
		until(t, "the timer is done", func() bool { return rows(t, st, "1 = 1") == 1 })
		if lease := store.FromMicros(int64(leaseOf(t, st))); lease.Before(now) || lease.After(now.Add(patience)) {
			t.Errorf("at %s by the database's clock there is a lease until %s", now, lease)
		}
		close(finish)
	})
}

// Many queues over one database, as many servers would have, want the same jobs. Every job completes exactly once.
func TestManyServersCompleteEveryJobOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		const jobs = 300
		mustExec(t, st, "CREATE TABLE results (job BIGINT PRIMARY KEY, runs BIGINT NOT NULL)")
		var queues []*queue.Queue
		for range 4 {
			q := queue.New(st, queue.Config{Poll: 10 * time.Millisecond, Lease: 2 * time.Second})
			q.Handle("k", func(_ context.Context, job queue.Job) (queue.Completion, error) {
				return func(ctx context.Context, tx store.Tx) error {
					// A second completion would violate the primary key and show as a failed attempt.
					_, err := tx.Exec(ctx, "INSERT INTO results (job, runs) VALUES (CAST(CAST($1 AS TEXT) AS BIGINT), $2)", string(job.Payload), job.Attempt)
					return err
				}, nil
			}, queue.Options{Workers: 3})
			queues = append(queues, q)
			start(t, q)
		}
		var producers sync.WaitGroup
		for p := range 3 {
			producers.Go(func() {
				for i := range jobs / 3 {
					enqueue(t, st, queues[(p+i)%len(queues)], queue.Job{
						Kind: "k", Group: fmt.Sprint(i % 7), Payload: fmt.Append(nil, p*jobs+i),
					})
				}
			})
		}
		producers.Wait()
		until(t, "all jobs are done", func() bool { return rows(t, st, "1 = 1") == 0 })
		if n := count(t, st, "results WHERE runs = 1"); n != jobs {
			t.Errorf("%d jobs completed at their first attempt, want %d", n, jobs)
		}
	})
}
