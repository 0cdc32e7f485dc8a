package sqltest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// Names of schemas. Making all the tables takes PostgreSQL a good part of a second, so a schema whose test has ended lies idle,
// emptied, until another test takes it, perhaps of another package.
const (
	usedSchema = "conveyor_test_"
	idleSchema = "conveyor_idle_"
)

// PostgresDSN is the address of a schema that has all tables and no rows; without a server the test is skipped.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	base := server(t)
	for {
		schema := newName(usedSchema)
		taken, err := take(base, schema)
		if err == nil && !taken {
			err = run(base, "CREATE SCHEMA "+schema)
		}
		if err != nil {
			t.Fatal(err)
		}
		dsn := address(t, base, schema)
		st, err := sqlstore.Open(context.Background(), dsn, sqlstore.Options{Connections: 1})
		if err == nil {
			err = st.Close()
		}
		switch {
		case err == nil:
			had, err := relations(base, schema)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := giveBack(base, schema, had); err != nil {
					t.Error(err)
				}
			})
			return dsn
		case !taken:
			t.Fatal(err)
		}
		if err := drop(base, schema); err != nil { // it is another version's
			t.Fatal(err)
		}
	}
}

// emptyPostgresDSN is the address of a schema without tables that is dropped when the test ends.
func emptyPostgresDSN(t testing.TB) string {
	t.Helper()
	base, schema := server(t), newName(usedSchema)
	if err := run(base, "CREATE SCHEMA "+schema); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(base, schema); err != nil {
			t.Error(err)
		}
	})
	return address(t, base, schema)
}

func server(t testing.TB) string {
	t.Helper()
	base := os.Getenv(PostgresVariable)
	if base == "" {
		t.Skip(PostgresVariable + " is not set: not tested on PostgreSQL")
	}
	return base
}

func newName(prefix string) string { return prefix + strings.ReplaceAll(uuid.NewString(), "-", "") }

func address(t testing.TB, base, schema string) string {
	t.Helper()
	address, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s: %v", PostgresVariable, err)
	}
	query := address.Query()
	query.Set("search_path", schema)
	query.Set("synchronous_commit", "off") // nobody pulls the plug of a test
	address.RawQuery = query.Encode()
	return address.String()
}

// take gives an idle schema a name, if there is one.
func take(dsn, name string) (taken bool, err error) {
	err = connected(dsn, func(ctx context.Context, conn *pgx.Conn) error {
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtext('"+idleSchema+"'))"); err != nil {
				return err
			}
			var idle string
			err := tx.QueryRow(ctx, "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, '"+idleSchema+"') LIMIT 1").Scan(&idle)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err == nil {
				_, err = tx.Exec(ctx, "ALTER SCHEMA "+idle+" RENAME TO "+name)
			}
			taken = err == nil
			return err
		})
	})
	return taken, err
}

// relations counts the tables, indexes and sequences of a schema.
func relations(dsn, schema string) (n int, err error) {
	err = connected(dsn, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, "SELECT count(*) FROM pg_class WHERE relnamespace = '"+schema+"'::regnamespace").Scan(&n)
	})
	return n, err
}

// giveBack makes a schema as it was before its test, and idle, unless the test changed its tables: then it is dropped. Under its new name nobody finds it who has the old one, such
// as a connection whose process was killed; the locks wait for what such a connection is in the middle of.
func giveBack(dsn, schema string, had int) error {
	if has, err := relations(dsn, schema); err != nil || has != had {
		return errors.Join(err, drop(dsn, schema))
	}
	idle := newName(idleSchema)
	return patiently(func() error {
		return run(dsn, `DO $$ DECLARE
			one text;
			used boolean;
			filled text[] := '{}';
		BEGIN
			ALTER SCHEMA `+schema+` RENAME TO `+idle+`;
			FOR one IN SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
				WHERE schemaname = '`+idle+`' AND tablename <> 'schema_migrations' ORDER BY tablename
			LOOP
				EXECUTE 'LOCK TABLE ' || one || ' IN ACCESS EXCLUSIVE MODE';
				EXECUTE 'SELECT EXISTS (SELECT FROM ' || one || ')' INTO used;
				IF used THEN filled := filled || one; END IF;
			END LOOP;
			IF filled <> '{}' THEN EXECUTE 'TRUNCATE ' || array_to_string(filled, ', ') || ' CASCADE'; END IF;
			PERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
				FROM pg_sequences WHERE schemaname = '`+idle+`' AND last_value IS NOT NULL;
			INSERT INTO `+idle+`.event_rules_version (version) VALUES (0); -- as the migrations do
		END $$`)
	})
}

func drop(dsn, schema string) error {
	return patiently(func() error { return run(dsn, "DROP SCHEMA "+schema+" CASCADE") })
}

// patiently tries again after a deadlock. The server may not have noticed yet that a connection was closed in the middle of a
// statement, whose locks then meet those of f.
func patiently(f func() error) (err error) {
	for range 10 {
		err = f()
		if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "40P01" {
			break
		}
	}
	return err
}

func run(dsn, statement string) error {
	return connected(dsn, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
}

func connected(dsn string, f func(context.Context, *pgx.Conn) error) error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("connect to the server %s names: %w", PostgresVariable, err)
	}
	defer func() { _ = conn.Close(ctx) }()
	return f(ctx, conn)
}
