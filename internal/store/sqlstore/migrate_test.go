package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestServersThatStartTogetherMigrateOnce(t *testing.T) {
	sqltest.EachEmptyDSN(t, func(t *testing.T, dsn string) {
		var servers sync.WaitGroup
		for range 6 {
			servers.Go(func() {
				st, err := sqlstore.Open(context.Background(), dsn, sqlstore.Options{Connections: 2})
				if err != nil {
					t.Error(err)
					return
				}
				if n := number(t, st, "SELECT count(*) FROM jobs"); n != 0 {
					t.Errorf("%d jobs", n)
				}
				if err := st.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		servers.Wait()
		st := sqltest.Open(t, dsn, sqlstore.Options{})
		if bad := number(t, st, "SELECT count(*) - count(DISTINCT version) FROM schema_migrations"); bad != 0 {
			t.Errorf("%d migrations were applied twice", bad)
		}
	})
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	sqltest.EachEmptyDSN(t, func(t *testing.T, dsn string) {
		st := sqltest.Open(t, dsn, sqlstore.Options{})
		exec(t, st, "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (9999, '9999_future', 'x', 0)")
		_, err := sqlstore.Open(t.Context(), dsn, sqlstore.Options{})
		if !errors.Is(err, sqlstore.ErrNewerDatabase) || !strings.Contains(err.Error(), "9999_future") {
			t.Errorf("got %v", err)
		}
	})
}

func TestAChangedMigrationIsRefused(t *testing.T) {
	sqltest.EachEmptyDSN(t, func(t *testing.T, dsn string) {
		st := sqltest.Open(t, dsn, sqlstore.Options{})
		exec(t, st, "UPDATE schema_migrations SET checksum = 'other' WHERE version = 1")
		_, err := sqlstore.Open(t.Context(), dsn, sqlstore.Options{})
		if err == nil || !strings.Contains(err.Error(), "0001_jobs") {
			t.Errorf("got %v", err)
		}
	})
}

// A migration missing in the database is applied even when later ones are there: releases may be merged in any order.
func TestAMissingMigrationIsApplied(t *testing.T) {
	sqltest.EachEmptyDSN(t, func(t *testing.T, dsn string) {
		st := sqltest.Open(t, dsn, sqlstore.Options{})
		exec(t, st, "DROP TABLE jobs")
		exec(t, st, "DELETE FROM schema_migrations WHERE version = 1")
		again := sqltest.Open(t, dsn, sqlstore.Options{})
		if n := number(t, again, "SELECT count(*) FROM jobs"); n != 0 {
			t.Errorf("%d jobs", n)
		}
	})
}
