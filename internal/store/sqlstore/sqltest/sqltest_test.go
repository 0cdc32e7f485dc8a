package sqltest_test

import (
	"context"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
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

// A schema that a test has used is for the next one as the migrations make it, whatever tables and rows there are.
func TestASchemaThatIsUsedAgainIsAsNew(t *testing.T) {
	fresh := "no database"
	sqltest.EachEmptyDSN(t, func(t *testing.T, dsn string) {
		if st := sqltest.Open(t, dsn, sqlstore.Options{}); st.Dialect() == store.Postgres {
			fresh = contents(t, st)
		}
	})
	for range 3 {
		t.Run("used", func(t *testing.T) {
			st := sqltest.Postgres(t)
			if now := contents(t, st); now != fresh {
				t.Fatalf("the database holds %s, want %s", now, fresh)
			}
			for _, statement := range []string{
				"UPDATE event_rules_version SET version = 7",
				"INSERT INTO log_groups (name, created, tags) VALUES ('g', 0, '{}')",
				"INSERT INTO log_streams (group_id, name, created) SELECT id, 's', 0 FROM log_groups",
			} {
				if err := st.InTx(t.Context(), func(tx store.Tx) error {
					_, err := tx.Exec(t.Context(), statement)
					return err
				}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// contents are all rows of a schema, and where its sequences are.
func contents(t *testing.T, st store.Store) (all string) {
	t.Helper()
	if err := st.Read(t.Context(), func(r store.Reader) error {
		return r.QueryRow(t.Context(), `SELECT
			(SELECT string_agg(tablename || query_to_xml(format('SELECT * FROM %I', tablename), false, false, '')::text, '' ORDER BY tablename)
				FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'schema_migrations') ||
			(SELECT string_agg(sequencename || coalesce(last_value, 0), ' ' ORDER BY sequencename) FROM pg_sequences WHERE schemaname = current_schema())`,
		).Scan(&all)
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
