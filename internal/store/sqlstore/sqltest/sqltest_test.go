package sqltest_test

import (
	"context"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestEachDatabaseIsFreshAndHasTheTables(t *testing.T) {
	for range 2 {
		sqltest.Each(t, func(t *testing.T, st store.Store) {
			ctx := context.Background()
			var n int
			err := st.InTx(ctx, func(tx store.Tx) error {
				if err := tx.QueryRow(ctx, "SELECT count(*) FROM jobs").Scan(&n); err != nil {
					return err
				}
				_, err := tx.Exec(ctx, `INSERT INTO jobs (kind, payload, grp, key, priority, state, run_at, attempt,
					failures, owner, lease_until, created_at) VALUES ('k', '', '', '', 0, 'available', 0, 0, 0, '', 0, $1)`,
					store.Micros(tx.Now()))
				return err
			})
			if err != nil || n != 0 {
				t.Fatalf("%d jobs, %v", n, err)
			}
		})
	}
}
