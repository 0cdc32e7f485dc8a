package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

func openLite(t testing.TB, synchronous string) *lite {
	t.Helper()
	db, err := Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), Options{Synchronous: synchronous})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.backend.(*lite)
}

func execute(t testing.TB, s *lite, statement string) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), statement)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// together runs the functions as one group, in their order, and returns what became of each.
func together(t *testing.T, s *lite, contexts []context.Context, functions []func(store.Tx) error) []error {
	t.Helper()
	s.oldest = time.Hour // however slow the machine is
	if err := s.line.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	results := make([]error, len(functions))
	var all sync.WaitGroup
	for i, f := range functions {
		all.Go(func() {
			results[i] = errors.New("it panicked, or ended its goroutine")
			defer func() { _ = recover() }()
			results[i] = s.InTx(contexts[i], f)
		})
		if err := awaitLine(t.Context(), s, i+1); err != nil {
			t.Fatal(err)
		}
	}
	s.line.leave()
	all.Wait()
	return results
}

func awaitLine(ctx context.Context, s *lite, want int) error {
	for {
		s.line.mu.Lock()
		n := s.line.waiting.Len()
		s.line.mu.Unlock()
		if n == want {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%d wait: %w", n, ctx.Err())
		}
		runtime.Gosched()
	}
}

func contexts(ctx context.Context, n int) []context.Context {
	list := make([]context.Context, n)
	for i := range list {
		list[i] = ctx
	}
	return list
}

func TestEachTransactionOfAGroupFailsAlone(t *testing.T) {
	s := openLite(t, "off")
	execute(t, s, "CREATE TABLE notes (id INTEGER PRIMARY KEY)")
	var commits, rollbacks atomic.Int64
	insert := func(id int, then func(store.Tx) error) func(store.Tx) error {
		return func(tx store.Tx) error {
			tx.AfterCommit(func() { commits.Add(1) })
			tx.AfterRollback(func() { rollbacks.Add(1) })
			if _, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ($1)", id); err != nil {
				return err
			}
			return then(tx)
		}
	}
	well := func(store.Tx) error { return nil }
	refusal := errors.New("refused")
	canceled, cancel := context.WithCancel(t.Context())
	functions := []func(store.Tx) error{
		0: insert(0, func(store.Tx) error { return refusal }), // the first of its group
		1: insert(1, well),
		2: insert(2, func(store.Tx) error { return refusal }),
		3: insert(3, well),
		4: insert(3, well), // what the one before it did can be seen
		5: insert(5, func(store.Tx) error { panic("lost") }),
		6: insert(6, func(store.Tx) error { runtime.Goexit(); return nil }),
		7: insert(7, func(tx store.Tx) error {
			_, _ = tx.Exec(t.Context(), "INSERT INTO nowhere VALUES (1)") // and goes on as if nothing were wrong
			return nil
		}),
		8: insert(8, func(store.Tx) error { cancel(); return nil }),
		9: insert(9, well),
	}
	waits := contexts(t.Context(), len(functions))
	waits[8] = canceled
	results := together(t, s, waits, functions)
	kept := map[int]bool{1: true, 3: true, 9: true}
	for i, err := range results {
		if (err == nil) != kept[i] {
			t.Errorf("transaction %d: %v", i, err)
		}
	}
	if !errors.Is(results[0], refusal) || !errors.Is(results[2], refusal) || !errors.Is(results[7], store.ErrTxFailed) || !errors.Is(results[8], context.Canceled) {
		t.Errorf("the reasons: %v", results)
	}
	if got := ids(t, s); got != "1 3 9" {
		t.Errorf("kept: %s", got)
	}
	if commits.Load() != 3 || rollbacks.Load() != 7 {
		t.Errorf("told of %d commits and %d rollbacks", commits.Load(), rollbacks.Load())
	}
}

func ids(t *testing.T, s *lite) (list string) {
	t.Helper()
	err := s.Read(t.Context(), func(r store.Reader) error {
		return r.QueryRow(t.Context(), "SELECT COALESCE(group_concat(id, ' ' ORDER BY id), '') FROM notes").Scan(&list)
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A constraint that is looked at by the commit only stands for all that can go wrong there.
func TestAGroupThatCannotBeCommittedFailsWhole(t *testing.T) {
	s := openLite(t, "off")
	execute(t, s, "CREATE TABLE notes (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES notes (id) DEFERRABLE INITIALLY DEFERRED)")
	insert := func(id int, parent any) func(store.Tx) error {
		return func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ($1, $2)", id, parent)
			return err
		}
	}
	results := together(t, s, contexts(t.Context(), 3), []func(store.Tx) error{insert(1, nil), insert(2, 77), insert(3, nil)})
	for i, err := range results {
		if err == nil || !strings.Contains(err.Error(), "commit: ") {
			t.Errorf("transaction %d: %v", i, err)
		}
	}
	execute(t, s, "INSERT INTO notes VALUES (4, NULL)")
	if got := ids(t, s); got != "4" {
		t.Errorf("kept: %s", got)
	}
}

// After some errors SQLite has undone all of a transaction: then nobody may believe that his part was kept.
func TestAGroupThatSQLiteUndidFailsWhole(t *testing.T) {
	s := openLite(t, "off")
	execute(t, s, "CREATE TABLE notes (id INTEGER PRIMARY KEY)")
	insert := func(id int, then string) func(store.Tx) error {
		return func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO notes VALUES ($1)", id)
			if err == nil && then != "" {
				_, err = tx.Exec(t.Context(), then)
			}
			return err
		}
	}
	results := together(t, s, contexts(t.Context(), 3), []func(store.Tx) error{
		insert(1, ""), insert(2, "INSERT OR ROLLBACK INTO notes VALUES (1)"), insert(3, ""),
	})
	if results[0] == nil || results[1] == nil || results[2] != nil {
		t.Errorf("got %v", results)
	}
	if got := ids(t, s); got != "3" {
		t.Errorf("kept: %s", got)
	}
}

func TestWhoLeavesTheLineHoldsNobodyUp(t *testing.T) {
	s := openLite(t, "off")
	impatient, cancel := context.WithCancel(t.Context())
	left := make(chan error)
	err := s.InTx(t.Context(), func(store.Tx) error {
		go func() { left <- s.InTx(impatient, func(store.Tx) error { return nil }) }()
		if err := awaitLine(t.Context(), s, 1); err != nil {
			return err
		}
		cancel()
		return awaitLine(t.Context(), s, 0)
	})
	if err != nil || !errors.Is(<-left, context.Canceled) {
		t.Errorf("got %v", err)
	}
	execute(t, s, "CREATE TABLE notes (id INTEGER)")
}

// BenchmarkCommits is what many small durable transactions cost when they come one by one and when they come at once.
func BenchmarkCommits(b *testing.B) {
	for _, writers := range []int{1, 32} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := openLite(b, "full")
			execute(b, s, "CREATE TABLE notes (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)")
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			b.ResetTimer()
			for range writers {
				all.Go(func() {
					for left.Add(-1) >= 0 {
						err := s.InTx(b.Context(), func(tx store.Tx) error {
							_, err := tx.Exec(b.Context(), "INSERT INTO notes (at) VALUES ($1)", time.Now().UnixMicro())
							return err
						})
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}
