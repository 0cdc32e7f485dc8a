// Package sqltest opens fresh databases for tests, each with all of Conveyor's tables.
package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

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

// Postgres opens a fresh schema that is dropped when the test ends, or skips the test when there is no server.
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

// PostgresDSN is the address of a fresh, empty schema that is dropped when the test ends; without a server the test is
// skipped.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	base := os.Getenv(PostgresVariable)
	if base == "" {
		t.Skip(PostgresVariable + " is not set: not tested on PostgreSQL")
	}
	address, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", PostgresVariable, err)
	}
	schema := "conveyor_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if err := run(base, "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(base, schema); err != nil {
			t.Error(err)
		}
	})
	query := address.Query()
	query.Set("search_path", schema)
	query.Set("synchronous_commit", "off") // nobody pulls the plug of a test
	address.RawQuery = query.Encode()
	return address.String()
}

// drop drops a schema. The server may not have noticed yet that a connection was closed in the middle of a statement, whose
// locks then meet those of the drop.
func drop(dsn, schema string) (err error) {
	for range 10 {
		err = run(dsn, "DROP SCHEMA "+schema+" CASCADE")
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "40P01" {
			break
		}
	}
	return err
}

func run(dsn, statement string) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to the server %s names: %w", PostgresVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}
