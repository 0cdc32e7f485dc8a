// Package sqltest opens fresh databases for tests, each with all of Conveyor's tables.
package sqltest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// PostgresVariable is the environment variable that names the PostgreSQL server for tests, as a postgres:// address.
// The role must be allowed to create schemas.
const PostgresVariable = "CONVEYOR_TEST_POSTGRES"

// Each runs the test on a fresh SQLite file and, when PostgresVariable is set, in a fresh PostgreSQL schema.
func Each(t *testing.T, test func(t *testing.T, st store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// EachDSN is Each for tests that open the database themselves, perhaps several times or in several processes.
func EachDSN(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLiteDSN(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, PostgresDSN(t)) })
}

// EachEmptyDSN is EachDSN for tests of the migrations: there are no tables yet.
func EachEmptyDSN(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLiteDSN(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, emptyPostgresDSN(t)) })
}

// SQLite opens a fresh SQLite database that is closed when the test ends. It does not wait for the disk.
func SQLite(t testing.TB) *sqlstore.DB {
	t.Helper()
	tables, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	dsn := SQLiteDSN(t)
	if err := os.WriteFile(strings.TrimPrefix(dsn, "sqlite:"), tables, 0o600); err != nil {
		t.Fatal(err)
	}
	return Open(t, dsn, sqlstore.Options{Synchronous: "off"})
}

// migrated is a database file with all tables and no rows. Tests start from copies of it, which costs a fraction of the
// migrations.
var migrated = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "conveyor-tables-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "conveyor.db")
	st, err := sqlstore.Open(context.Background(), "sqlite:"+path, sqlstore.Options{Synchronous: "off"})
	if err != nil {
		return nil, err
	}
	if err := st.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Postgres opens a fresh schema with all tables, or skips the test when there is no server.
func Postgres(t testing.TB) *sqlstore.DB {
	t.Helper()
	return Open(t, PostgresDSN(t), sqlstore.Options{Connections: 10})
}

// Open opens dsn and closes it when the test ends.
func Open(t testing.TB, dsn string, opts sqlstore.Options) *sqlstore.DB {
	t.Helper()
	st, err := sqlstore.Open(context.Background(), dsn, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return st
}

// SQLiteDSN is the address of a database file that does not exist yet.
func SQLiteDSN(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "conveyor.db")
}
