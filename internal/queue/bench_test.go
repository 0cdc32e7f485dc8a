package queue_test

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// eachDatabase measures on both dialects, with what a server uses: on SQLite every commit waits for the disk.
func eachDatabase(b *testing.B, bench func(b *testing.B, st store.Store)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{})) })
	b.Run("postgres", func(b *testing.B) { bench(b, sqltest.Postgres(b)) })
}

// BenchmarkHandOffChain is a chain of nine jobs, each enqueued by the completion of the one before.
func BenchmarkHandOffChain(b *testing.B) {
	eachDatabase(b, func(b *testing.B, st store.Store) {
		const length = 9
		q := queue.New(st, queue.Config{})
		done := make(chan struct{}, 1)
		q.Handle("link", func(_ context.Context, job queue.Job) (queue.Completion, error) {
			n, _ := strconv.Atoi(string(job.Payload))
			return func(ctx context.Context, tx store.Tx) error {
				if n == length {
					tx.AfterCommit(func() { done <- struct{}{} })
					return nil
				}
				_, err := q.Enqueue(ctx, tx, queue.Job{Kind: "link", Payload: []byte(strconv.Itoa(n + 1))})
				return err
			}, nil
		}, queue.Options{})
		start(b, q)
		for b.Loop() {
			enqueue(b, st, q, queue.Job{Kind: "link", Payload: []byte("1")})
			<-done
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/length, "µs/job")
	})
}

// BenchmarkBacklog works off jobs that were all waiting in the table.
func BenchmarkBacklog(b *testing.B) {
	eachDatabase(b, func(b *testing.B, st store.Store) {
		q := queue.New(st, queue.Config{})
		var ran atomic.Int64
		done := make(chan struct{})
		q.Handle("work", func(context.Context, queue.Job) (queue.Completion, error) {
			if ran.Add(1) == int64(b.N) {
				close(done)
			}
			return nil, nil
		}, queue.Options{})
		fill(b, st, b.N, "'work'", "'available'")
		b.ResetTimer()
		start(b, q)
		<-done
	})
}

// BenchmarkClaimAmongMany claims and completes one job while a hundred thousand others wait, were given up, or are
// scheduled: the time must not depend on them.
func BenchmarkClaimAmongMany(b *testing.B) {
	for _, state := range []string{"none", "available", "failed", "scheduled"} {
		b.Run(state, func(b *testing.B) {
			eachDatabase(b, func(b *testing.B, st store.Store) {
				if state != "none" {
					fill(b, st, 100_000, "'work'", "'"+state+"'")
				}
				q := queue.New(st, queue.Config{})
				next := make(chan struct{})
				q.Handle("work", func(context.Context, queue.Job) (queue.Completion, error) {
					next <- struct{}{}
					return nil, nil
				}, queue.Options{Workers: 1})
				if state != "available" {
					// A first job that waits keeps the others from being handed over.
					fill(b, st, 20_000, "'work'", "'available'")
				}
				start(b, q)
				b.Cleanup(func() { drain(next) })
				<-next
				for i := 0; b.Loop() && i < 19_000; i++ {
					<-next
				}
			})
		})
	}
}

func drain(c <-chan struct{}) {
	go func() {
		for {
			select {
			case <-c:
			case <-time.After(time.Second):
				return
			}
		}
	}()
}

// fill inserts jobs of a hundred groups.
func fill(b *testing.B, st store.Store, n int, kind, state string) {
	b.Helper()
	ctx := context.Background()
	err := st.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf(`
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO jobs (kind, payload, grp, key, priority, state, run_at, attempt, failures, owner, lease_until, created_at)
			SELECT %s, '{}', CAST(i %% 100 AS TEXT), '', 0, %s, 9000000000000000, 0, 0, '', 0, 0 FROM n`, n, kind, state))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
}
