// Package storetest is the suite that every dialect of store.Store passes. It reads as a description of the contract.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Run runs the suite. open returns an empty database that is closed when its test ends.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	tests := []struct {
		name string
		test func(t *testing.T, s *suite)
	}{
		{"what is committed can be read", committed},
		{"an error rolls back and is passed on", errorRollsBack},
		{"a guard that refuses keeps a transaction from running", guard},
		{"a panic rolls back and goes on", panicRollsBack},
		{"a failed statement spoils the transaction", failedStatementSpoils},
		{"a failed QueryRow spoils the transaction", failedQueryRowSpoils},
		{"AfterCommit runs in order, after the commit", afterCommit},
		{"AfterCommit does not run after a rollback, AfterRollback does", afterRollback},
		{"AfterCommit may open transactions", afterCommitOpensTransactions},
		{"Now stands still within a transaction", now},
		{"an ended context begins nothing", endedContext},
		{"a context that ends before the commit rolls back", contextEndsBeforeCommit},
		{"a context that ends stops a wait for the database", contextEndsWait},
		{"Read sees one snapshot", readSnapshot},
		{"Read does not wait for a writer", readDoesNotWait},
		{"Read cannot write", readCannotWrite},
		{"Read passes errors and panics on", readFails},
		{"open rows refuse the next statement", openRows},
		{"the store works on after all of these", worksOn},
		{"unique violations are recognised", uniqueViolations},
		{"foreign keys are enforced", foreignKeys},
		{"large and odd values survive", values},
		{"concurrent increments lose nothing", increments},
		{"concurrent upserts of one row lose nothing", upserts},
		{"transactions that take rows in opposite orders both commit", deadlock},
		{"notifications arrive after the commit", notifications},
		{"a listener that has ended hears nothing more", endedListener},
		{"Ping answers", ping},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := &suite{Store: open(t)}
			s.must(t, "CREATE TABLE counters (name TEXT PRIMARY KEY, n BIGINT NOT NULL)")
			tt.test(t, s)
		})
	}
}

const patience = 10 * time.Second

var errWanted = errors.New("wanted")

type suite struct{ store.Store }

// must runs one statement in a transaction.
func (s *suite) must(t *testing.T, query string, args ...any) {
	t.Helper()
	if err := s.exec(t.Context(), query, args...); err != nil {
		t.Fatal(err)
	}
}

func (s *suite) exec(ctx context.Context, query string, args ...any) error {
	return s.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
}

func (s *suite) insert(t *testing.T, name string, n int) {
	t.Helper()
	s.must(t, "INSERT INTO counters (name, n) VALUES ($1, $2)", name, n)
}

func count(ctx context.Context, r store.Reader) (n int, err error) {
	err = r.QueryRow(ctx, "SELECT count(*) FROM counters").Scan(&n)
	return n, err
}

// wantCount checks how many counters a fresh reader sees.
func (s *suite) wantCount(t *testing.T, want int) {
	t.Helper()
	err := s.Read(t.Context(), func(r store.Reader) error {
		n, err := count(t.Context(), r)
		if err == nil && n != want {
			t.Errorf("%d counters are there, want %d", n, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func committed(t *testing.T, s *suite) {
	ctx := t.Context()
	err := s.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ($1, $2), ($3, $4)", "a", 1, "b", 2)
		if err != nil || n != 2 {
			t.Errorf("inserted %d rows, %v", n, err)
		}
		// A transaction sees its own writes.
		if n, err := count(ctx, tx); err != nil || n != 2 {
			t.Errorf("%d rows inside, %v", n, err)
		}
		n, err = tx.Exec(ctx, "UPDATE counters SET n = n + $1 WHERE name = $2", 10, "nobody")
		if err != nil || n != 0 {
			t.Errorf("updated %d rows, %v", n, err)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.wantCount(t, 2)
}

func errorRollsBack(t *testing.T, s *suite) {
	ctx := t.Context()
	err := s.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('a', 1)"); err != nil {
			return err
		}
		return errWanted
	})
	if !errors.Is(err, errWanted) {
		t.Errorf("got %v", err)
	}
	s.wantCount(t, 0)
}

func guard(t *testing.T, s *suite) {
	refused := true
	ctx := context.WithoutCancel(store.WithGuard(t.Context(), func(ctx context.Context, tx store.Tx) error {
		if _, err := count(ctx, tx); err != nil || !refused {
			return err
		}
		return errWanted
	}))
	insert := func(ctx context.Context) error {
		return s.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('a', 1)")
			return err
		})
	}
	if err := insert(ctx); !errors.Is(err, errWanted) {
		t.Errorf("got %v", err)
	}
	if err := store.CheckGuard(ctx, s); !errors.Is(err, errWanted) {
		t.Errorf("the check says %v", err)
	}
	s.wantCount(t, 0)
	refused = false
	if err := errors.Join(insert(ctx), store.CheckGuard(ctx, s), store.CheckGuard(t.Context(), s)); err != nil {
		t.Error(err)
	}
	s.wantCount(t, 1)
}

func panicRollsBack(t *testing.T, s *suite) {
	ctx := t.Context()
	got := catch(func() {
		_ = s.InTx(ctx, func(tx store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('a', 1)"); err != nil {
				return err
			}
			panic("oh")
		})
	})
	if got != "oh" {
		t.Errorf("the panic became %v", got)
	}
	s.wantCount(t, 0)
	s.insert(t, "a", 1) // nobody holds the writer
}

// catch returns what f panics with.
func catch(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func failedStatementSpoils(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "taken", 1)
	err := s.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('new', 1)"); err != nil {
			return err
		}
		_, _ = tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('taken', 1)")
		if _, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('newer', 1)"); !errors.Is(err, store.ErrTxFailed) {
			t.Errorf("a statement after the failed one: %v", err)
		}
		if _, err := tx.Query(ctx, "SELECT 1"); !errors.Is(err, store.ErrTxFailed) {
			t.Errorf("a query after the failed one: %v", err)
		}
		var one int
		if err := tx.QueryRow(ctx, "SELECT 1").Scan(&one); err == nil || ctx.Err() != nil {
			t.Errorf("a QueryRow after the failed one: %v", err)
		}
		return nil // the mistake is ignored
	})
	if !errors.Is(err, store.ErrTxFailed) || !store.IsUnique(err) {
		t.Errorf("got %v", err)
	}
	s.wantCount(t, 1)
}

func failedQueryRowSpoils(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "taken", 1)
	err := s.InTx(ctx, func(tx store.Tx) error {
		var n int
		err := tx.QueryRow(ctx, "INSERT INTO counters (name, n) VALUES ('taken', 1) RETURNING n").Scan(&n)
		if !store.IsUnique(err) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	if !errors.Is(err, store.ErrTxFailed) {
		t.Errorf("got %v", err)
	}
}

func afterCommit(t *testing.T, s *suite) {
	ctx := t.Context()
	var order []string
	err := s.InTx(ctx, func(tx store.Tx) error {
		order = nil
		for _, name := range []string{"first", "second", "third"} {
			tx.AfterCommit(func() {
				order = append(order, name)
				s.wantCount(t, 1)
			})
		}
		_, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('a', 1)")
		order = append(order, "statement")
		return err
	})
	if err != nil || !slices.Equal(order, []string{"statement", "first", "second", "third"}) {
		t.Errorf("%v, %v", order, err)
	}
}

func afterRollback(t *testing.T, s *suite) {
	ctx := t.Context()
	var order []string
	register := func(tx store.Tx) {
		tx.AfterCommit(func() { order = append(order, "commit") })
		tx.AfterRollback(func() { order = append(order, "rollback") })
	}
	_ = s.InTx(ctx, func(tx store.Tx) error {
		register(tx)
		return errWanted
	})
	_ = catch(func() {
		_ = s.InTx(ctx, func(tx store.Tx) error {
			register(tx)
			panic("oh")
		})
	})
	_ = s.InTx(ctx, func(tx store.Tx) error {
		register(tx)
		_, _ = tx.Exec(ctx, "this is not SQL")
		return nil
	})
	if err := s.InTx(ctx, func(tx store.Tx) error { register(tx); return nil }); err != nil {
		t.Error(err)
	}
	if !slices.Equal(order, []string{"rollback", "rollback", "rollback", "commit"}) {
		t.Error(order)
	}
}

func afterCommitOpensTransactions(t *testing.T, s *suite) {
	ctx := t.Context()
	err := s.InTx(ctx, func(tx store.Tx) error {
		tx.AfterCommit(func() { s.insert(t, "a", 1) })
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.wantCount(t, 1)
}

func now(t *testing.T, s *suite) {
	ctx := t.Context()
	var first, second time.Time
	check := func(r store.Reader, at *time.Time) {
		*at = r.Now()
		if !at.Equal(at.Truncate(time.Microsecond)) || at.Location() != time.UTC {
			t.Errorf("%v is not UTC in microseconds", *at)
		}
		if _, err := count(ctx, r); err != nil {
			t.Error(err)
		}
		if again := r.Now(); !again.Equal(*at) {
			t.Errorf("time went on from %v to %v", *at, again)
		}
	}
	if err := s.InTx(ctx, func(tx store.Tx) error { check(tx, &first); return nil }); err != nil {
		t.Fatal(err)
	}
	if err := s.Read(ctx, func(r store.Reader) error { check(r, &second); return nil }); err != nil {
		t.Fatal(err)
	}
	if second.Before(first) || second.Sub(first) > time.Minute {
		t.Errorf("%v, then %v", first, second)
	}
}

func endedContext(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.InTx(ctx, func(store.Tx) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("InTx: %v", err)
	}
	if err := s.Read(ctx, func(store.Reader) error { t.Error("ran"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
}

func contextEndsBeforeCommit(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO counters (name, n) VALUES ('a', 1)"); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	s.wantCount(t, 0)
	s.insert(t, "a", 1)
}

func contextEndsWait(t *testing.T, s *suite) {
	s.insert(t, "a", 1)
	update := "UPDATE counters SET n = n + 1 WHERE name = 'a'"
	err := s.InTx(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Exec(t.Context(), update); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		waiter := make(chan error, 1)
		go func() { waiter <- s.exec(ctx, update) }()
		select {
		case err := <-waiter:
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the waiter got %v", err)
			}
		case <-time.After(patience):
			t.Error("the waiter does not give up")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func readSnapshot(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "a", 1)
	err := s.Read(ctx, func(r store.Reader) error {
		before, err := count(ctx, r)
		if err != nil {
			return err
		}
		s.insert(t, "b", 1)
		after, err := count(ctx, r)
		if before != 1 || after != 1 {
			t.Errorf("%d, then %d", before, after)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.wantCount(t, 2)
}

func readDoesNotWait(t *testing.T, s *suite) {
	s.insert(t, "a", 1)
	err := s.InTx(t.Context(), func(tx store.Tx) error {
		if _, err := tx.Exec(t.Context(), "DELETE FROM counters"); err != nil {
			return err
		}
		s.wantCount(t, 1) // as before the transaction
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.wantCount(t, 0)
}

func readCannotWrite(t *testing.T, s *suite) {
	err := s.Read(t.Context(), func(r store.Reader) error {
		var n int
		return r.QueryRow(t.Context(), "INSERT INTO counters (name, n) VALUES ('a', 1) RETURNING n").Scan(&n)
	})
	if err == nil {
		t.Error("it could")
	}
	s.wantCount(t, 0)
}

func readFails(t *testing.T, s *suite) {
	if err := s.Read(t.Context(), func(store.Reader) error { return errWanted }); !errors.Is(err, errWanted) {
		t.Errorf("got %v", err)
	}
	// Each would lose a connection if it were not given back.
	for range 30 {
		if got := catch(func() { _ = s.Read(t.Context(), func(store.Reader) error { panic("oh") }) }); got != "oh" {
			t.Fatalf("the panic became %v", got)
		}
	}
	s.wantCount(t, 0)
}

func openRows(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "a", 1)
	s.insert(t, "b", 1)
	err := s.InTx(ctx, func(tx store.Tx) error {
		rows, err := tx.Query(ctx, "SELECT name FROM counters")
		if err != nil {
			return err
		}
		rows.Next()
		if _, err := tx.Exec(ctx, "DELETE FROM counters"); err == nil {
			t.Error("a statement ran while rows were open")
		}
		return rows.Close()
	})
	if err == nil {
		t.Error("the transaction was committed")
	}
	s.wantCount(t, 2)
	// Rows left open do no harm to who comes later.
	_ = s.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Query(ctx, "SELECT name FROM counters")
		return err
	})
	s.insert(t, "c", 1)
	s.wantCount(t, 3)
}

func worksOn(t *testing.T, s *suite) {
	for range 3 {
		_ = s.exec(t.Context(), "this is not SQL")
		_ = s.Read(t.Context(), func(r store.Reader) error {
			_, err := r.Query(t.Context(), "nor this")
			return err
		})
	}
	s.insert(t, "a", 1)
	s.wantCount(t, 1)
}

func uniqueViolations(t *testing.T, s *suite) {
	s.must(t, "CREATE TABLE pairs (a BIGINT NOT NULL, b BIGINT NOT NULL, UNIQUE (a, b))")
	s.must(t, "INSERT INTO pairs (a, b) VALUES (1, 2)")
	s.insert(t, "a", 1)
	for _, statement := range []string{"INSERT INTO counters (name, n) VALUES ('a', 2)", "INSERT INTO pairs (a, b) VALUES (1, 2)"} {
		if err := s.exec(t.Context(), statement); !store.IsUnique(err) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	for _, statement := range []string{"INSERT INTO pairs (a) VALUES (1)", "this is not SQL"} {
		if err := s.exec(t.Context(), statement); err == nil || store.IsUnique(err) {
			t.Errorf("%s: %v", statement, err)
		}
	}
	if store.IsUnique(nil) || store.IsUnique(errWanted) {
		t.Error("no error, or another, is taken for one")
	}
	err := s.InTx(t.Context(), func(tx store.Tx) error {
		n, err := tx.Exec(t.Context(), "INSERT INTO counters (name, n) VALUES ('a', 2) ON CONFLICT (name) DO NOTHING")
		if n != 0 {
			t.Errorf("%d rows changed", n)
		}
		return err
	})
	if err != nil {
		t.Errorf("an expected duplicate: %v", err)
	}
}

func foreignKeys(t *testing.T, s *suite) {
	s.must(t, "CREATE TABLE parts (counter TEXT NOT NULL REFERENCES counters (name))")
	err := s.exec(t.Context(), "INSERT INTO parts (counter) VALUES ('nobody')")
	if !store.IsForeignKey(err) || store.IsUnique(err) {
		t.Errorf("got %v", err)
	}
}

func values(t *testing.T, s *suite) {
	ctx := t.Context()
	blob := "BLOB"
	if s.Dialect() == store.Postgres {
		blob = "BYTEA"
	}
	s.must(t, "CREATE TABLE things (id BIGINT PRIMARY KEY, s TEXT, b "+blob+", n BIGINT)")
	tests := []struct {
		text   string
		binary []byte
		number int64
	}{
		{"", []byte{}, 0},
		{"plain", []byte("plain"), 42},
		{"한국어 🚚 'quoted' \"double\" $1 ? -- not a comment", []byte{0, 1, 255, 0}, -1},
		{strings.Repeat("line\n", 1_000_000), bytes.Repeat([]byte{0xca, 0xfe}, 4_000_000), 1<<63 - 1},
		{"2006-01-02T15:04:05Z", nil, -1 << 63},
	}
	for i, tt := range tests {
		s.must(t, "INSERT INTO things (id, s, b, n) VALUES ($1, $2, $3, $4)", i, tt.text, tt.binary, tt.number)
		var text string
		var binary []byte
		var number, null int64
		err := s.Read(ctx, func(r store.Reader) error {
			return r.QueryRow(ctx, "SELECT s, b, n, CASE WHEN b IS NULL THEN 1 ELSE 0 END FROM things WHERE id = $1", i).
				Scan(&text, &binary, &number, &null)
		})
		if err != nil || text != tt.text || !bytes.Equal(binary, tt.binary) || number != tt.number || (null == 1) != (tt.binary == nil) {
			t.Errorf("value %d did not survive: %v", i, err)
		}
	}
}

// together runs f in n goroutines and waits for them.
func together(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func (s *suite) wantCounter(t *testing.T, name string, want int) {
	t.Helper()
	var n int
	err := s.Read(t.Context(), func(r store.Reader) error {
		return r.QueryRow(t.Context(), "SELECT n FROM counters WHERE name = $1", name).Scan(&n)
	})
	if err != nil || n != want {
		t.Errorf("the counter %s is %d, want %d (%v)", name, n, want, err)
	}
}

func increments(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "a", 0)
	together(50, func(int) {
		for range 4 {
			err := s.InTx(ctx, func(tx store.Tx) error {
				var n int
				if err := tx.QueryRow(ctx, "SELECT n FROM counters WHERE name = 'a'").Scan(&n); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, "UPDATE counters SET n = $1 WHERE name = 'a'", n+1)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
	})
	s.wantCounter(t, "a", 200)
}

func upserts(t *testing.T, s *suite) {
	together(50, func(int) {
		err := s.exec(t.Context(), "INSERT INTO counters (name, n) VALUES ('a', 1) ON CONFLICT (name) DO UPDATE SET n = counters.n + 1")
		if err != nil {
			t.Error(err)
		}
	})
	s.wantCounter(t, "a", 50)
}

func deadlock(t *testing.T, s *suite) {
	ctx := t.Context()
	s.insert(t, "a", 0)
	s.insert(t, "b", 0)
	// Each holds its first row until the other has its own, or cannot get it because transactions take turns.
	holds := []chan struct{}{make(chan struct{}), make(chan struct{})}
	add := func(tx store.Tx, name string) error {
		_, err := tx.Exec(ctx, "UPDATE counters SET n = n + 1 WHERE name = $1", name)
		return err
	}
	together(2, func(i int) {
		mine, other := "a", "b"
		if i == 1 {
			mine, other = other, mine
		}
		var once sync.Once
		err := s.InTx(ctx, func(tx store.Tx) error {
			if err := add(tx, mine); err != nil {
				return err
			}
			once.Do(func() {
				close(holds[i])
				select {
				case <-holds[1-i]:
				case <-time.After(200 * time.Millisecond):
				}
			})
			return add(tx, other)
		})
		if err != nil {
			t.Error(err)
		}
	})
	s.wantCounter(t, "a", 2)
	s.wantCounter(t, "b", 2)
}

// notify notifies of a channel in a transaction that ends with err.
func (s *suite) notify(t *testing.T, channel string, result error) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx store.Tx) error {
		if err := s.Notify(t.Context(), tx, channel); err != nil {
			t.Error(err)
		}
		return result
	})
	if !errors.Is(err, result) {
		t.Fatal(err)
	}
}

// listen returns a channel that receives every wake, and proves that the listener is heard: PostgreSQL's connection
// may come later than Listen returns.
func (s *suite) listen(t *testing.T, ctx context.Context, channel string) <-chan struct{} {
	t.Helper()
	woken := make(chan struct{}, 1000)
	s.Listen(ctx, channel, func() { woken <- struct{}{} })
	for deadline := time.Now().Add(patience); ; {
		s.notify(t, channel, nil)
		select {
		case <-woken:
		case <-time.After(50 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatal("the listener hears nothing")
			}
			continue
		}
		break
	}
	// What was sent before is also delivered before a notification that is sent now.
	return woken
}

func notifications(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	one, other := s.listen(t, ctx, "one"), s.listen(t, ctx, "other")
	drain(one)
	drain(other)
	s.notify(t, "one", errWanted)
	s.notify(t, "other", nil)
	receive(t, other)
	drain(one) // a late echo of listen at most
	s.notify(t, "one", nil)
	receive(t, one)
}

func endedListener(t *testing.T, s *suite) {
	ctx, cancel := context.WithCancel(t.Context())
	ended, other := s.listen(t, ctx, "ended"), s.listen(t, t.Context(), "other")
	cancel()
	// The end is noted by a goroutine of the context.
	for deadline := time.Now().Add(patience); ; {
		drain(ended)
		drain(other)
		s.notify(t, "ended", nil)
		s.notify(t, "other", nil)
		receive(t, other)
		if len(ended) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it still hears")
		}
	}
}

func drain(c <-chan struct{}) {
	for {
		select {
		case <-c:
		case <-time.After(20 * time.Millisecond):
			return
		}
	}
}

func receive(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("no notification came")
	}
}

func ping(t *testing.T, s *suite) {
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
