package queue_test

import (
	"context"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// start starts q and stops it when the test ends.
func start(t testing.TB, q *queue.Queue) {
	t.Helper()
	if err := q.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	})
}

// enqueue adds jobs in one transaction and reports which were added.
func enqueue(t testing.TB, st store.Store, q queue.Enqueuer, jobs ...queue.Job) []bool {
	t.Helper()
	ctx := context.Background()
	var added []bool
	err := st.InTx(ctx, func(tx store.Tx) error {
		added = nil
		for _, job := range jobs {
			ok, err := q.Enqueue(ctx, tx, job)
			if err != nil {
				return err
			}
			added = append(added, ok)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// receive waits for a value.
func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// until polls for a condition that no signal announces.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not happen in %s: %s", patience, what)
		}
	}
}

// rows counts the rows of the jobs table that satisfy a condition.
func rows(t testing.TB, st store.Store, condition string) int {
	t.Helper()
	var n int
	err := st.Read(context.Background(), func(r store.Reader) error {
		return r.QueryRow(context.Background(), "SELECT count(*) FROM jobs WHERE "+condition).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mustExec runs one statement in a transaction.
func mustExec(t testing.TB, st store.Store, query string, args ...any) {
	t.Helper()
	ctx := context.Background()
	err := st.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// count counts the rows of a table.
func count(t testing.TB, st store.Store, table string) int {
	t.Helper()
	var n int
	err := st.Read(context.Background(), func(r store.Reader) error {
		return r.QueryRow(context.Background(), "SELECT count(*) FROM "+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
