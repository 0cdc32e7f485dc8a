package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/conveyor-cd/conveyor/internal/store"
)

//go:embed migrations
var migrationFiles embed.FS

// ErrNewerDatabase is returned by Open when a newer Conveyor has already changed the tables.
var ErrNewerDatabase = errors.New("the database belongs to a newer version of Conveyor")

// migration is one numbered script. Once released its text never changes.
type migration struct {
	version  int
	name     string // with the number, for example 0001_jobs
	text     string
	checksum string
}

var migrationName = regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.sql$`)

// migrations lists the scripts of a dialect in order.
func migrations(files fs.FS, dialect store.Dialect) ([]migration, error) {
	dir := path.Join("migrations", string(dialect))
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, err
	}
	list := make([]migration, 0, len(entries))
	for _, e := range entries {
		match := migrationName.FindStringSubmatch(e.Name())
		if match == nil {
			return nil, fmt.Errorf("migration %s is not named NNNN_name.sql", e.Name())
		}
		text, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		version, _ := strconv.Atoi(match[1])
		sum := sha256.Sum256(text)
		name := e.Name()[:len(e.Name())-len(".sql")]
		list = append(list, migration{version: version, name: name, text: string(text), checksum: hex.EncodeToString(sum[:])})
	}
	slices.SortFunc(list, func(a, b migration) int { return a.version - b.version })
	for i := 1; i < len(list); i++ {
		if list[i].version == list[i-1].version {
			return nil, fmt.Errorf("migrations %s and %s have the same number", list[i-1].name, list[i].name)
		}
	}
	return list, nil
}

// migrate applies what is missing in one transaction, one server at a time.
func migrate(ctx context.Context, b backend) error {
	list, err := migrations(migrationFiles, b.Dialect())
	if err != nil {
		return err
	}
	conn, err := b.migrationConn().Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	m := migrator{conn: conn, dialect: b.Dialect()}
	if done, err := m.upToDate(ctx, list); done || err != nil {
		return err
	}
	if err := m.apply(ctx, list); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	return nil
}

type migrator struct {
	conn    *sql.Conn
	dialect store.Dialect
}

// upToDate spares the usual start the lock and the write.
func (m migrator) upToDate(ctx context.Context, list []migration) (bool, error) {
	known, err := m.exists(ctx)
	if !known || err != nil {
		return false, err
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return false, err
	}
	missing, err := plan(list, applied)
	return err == nil && len(missing) == 0, err
}

func (m migrator) apply(ctx context.Context, list []migration) (err error) {
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_, _ = m.conn.ExecContext(context.WithoutCancel(ctx), sqlRollback)
		}
	}()
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (
		version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`
	if _, err := m.conn.ExecContext(ctx, table); err != nil {
		return err
	}
	applied, err := m.applied(ctx)
	if err != nil {
		return err
	}
	missing, err := plan(list, applied)
	if err != nil {
		return err
	}
	for _, one := range missing {
		if err := m.run(ctx, one); err != nil {
			return fmt.Errorf("migration %s: %w", one.name, err)
		}
	}
	_, err = m.conn.ExecContext(ctx, "COMMIT")
	return err
}

// begin opens the transaction and keeps other servers out until it ends.
func (m migrator) begin(ctx context.Context) error {
	if m.dialect == store.SQLite {
		_, err := m.conn.ExecContext(ctx, "BEGIN IMMEDIATE")
		return err
	}
	if _, err := m.conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	var schema string
	if err := m.conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte("conveyor migrations " + schema))
	_, err := m.conn.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(h.Sum64()))
	return err
}

func (m migrator) exists(ctx context.Context) (bool, error) {
	query := "SELECT count(*) FROM sqlite_master WHERE name = 'schema_migrations'"
	if m.dialect == store.Postgres {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migrations'"
	}
	var n int
	err := m.conn.QueryRowContext(ctx, query).Scan(&n)
	return n > 0, err
}

func (m migrator) applied(ctx context.Context) ([]migration, error) {
	rows, err := m.conn.QueryContext(ctx, "SELECT version, name, checksum FROM schema_migrations ORDER BY version")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []migration
	for rows.Next() {
		var one migration
		if err := rows.Scan(&one.version, &one.name, &one.checksum); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, rows.Err()
}

func (m migrator) run(ctx context.Context, one migration) error {
	if err := m.script(ctx, one.text); err != nil {
		return err
	}
	_, err := m.conn.ExecContext(ctx, "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, $4)",
		one.version, one.name, one.checksum, time.Now().UnixMicro())
	return err
}

// script runs many statements; pgx takes them only through the simple protocol.
func (m migrator) script(ctx context.Context, text string) error {
	if m.dialect == store.SQLite {
		_, err := m.conn.ExecContext(ctx, text)
		return err
	}
	return m.conn.Raw(func(raw any) error {
		_, err := raw.(*stdlib.Conn).Conn().PgConn().Exec(ctx, text).ReadAll()
		return err
	})
}

// plan compares the binary's migrations with those the database has seen and returns the missing ones.
func plan(list, applied []migration) ([]migration, error) {
	known := map[int]migration{}
	for _, one := range list {
		known[one.version] = one
	}
	seen := map[int]bool{}
	for _, one := range applied {
		ours, ok := known[one.version]
		if !ok {
			return nil, fmt.Errorf("%w: it has migration %s, which this version does not know; start that version, or restore a backup made before the upgrade",
				ErrNewerDatabase, one.name)
		}
		if ours.checksum != one.checksum {
			return nil, fmt.Errorf("migration %s was applied to this database with another text than this version has (%s): the two were not made by the same release",
				one.name, ours.name)
		}
		seen[one.version] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(one migration) bool { return seen[one.version] }), nil
}
