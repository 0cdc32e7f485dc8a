package sqlstore_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// The database restarts, or the network fails: every connection of the store ends. It must work on by itself.
func TestPostgresIsConnectedAgain(t *testing.T) {
	dsn := sqltest.PostgresDSN(t)
	victim := fmt.Sprintf("victim-%d", os.Getpid())
	st := sqltest.Open(t, dsn+"&application_name="+victim, sqlstore.Options{})
	killer := sqltest.Open(t, dsn, sqlstore.Options{})
	woken := make(chan struct{}, 100)
	st.Listen(t.Context(), "news", func() { woken <- struct{}{} })
	awaitNews(t, killer, woken)

	for range 3 {
		connections := " FROM pg_stat_activity WHERE application_name = '" + victim + "'"
		// The pool's and the listener's: what wakes it may have come before it was connected again.
		for deadline := time.Now().Add(10 * time.Second); number(t, killer, "SELECT count(*)"+connections) < 2; {
			if time.Now().After(deadline) {
				t.Fatal("the store has not connected its listener again")
			}
		}
		if n := number(t, killer, "SELECT count(pg_terminate_backend(pid))"+connections); n < 2 {
			t.Fatalf("%d connections were ended, want the pool's and the listener's", n)
		}
		// Work that begins now does not notice.
		exec(t, st, "INSERT INTO jobs (kind, payload, grp, key, priority, state, run_at, attempt, failures, owner, lease_until, created_at) "+
			"VALUES ('k', '', '', '', 0, 'failed', 0, 0, 0, '', 0, 0)")
		awaitNews(t, killer, woken)
	}
	if n := number(t, st, "SELECT count(*) FROM jobs"); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// awaitNews notifies until the listener hears of it.
func awaitNews(t *testing.T, st store.Store, woken <-chan struct{}) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		err := st.InTx(context.Background(), func(tx store.Tx) error { return st.Notify(context.Background(), tx, "news") })
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-woken:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("the listener hears nothing any more")
}
