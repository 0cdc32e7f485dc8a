package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const sqlRollback = "ROLLBACK"

// lite is the SQLite dialect: one writer connection, whose transactions queue in the order they came and share
// commits, and a pool of connections that can only read. In WAL mode neither waits for the other.
type lite struct {
	local
	path  string
	clock func() time.Time
	write *sql.DB
	read  *sql.DB
	line  line   // the turn to write
	open  *group // what the next transaction joins; belongs to whoever has the turn
	// oldest is how long a group goes on.
	oldest time.Duration
}

func openSQLite(ctx context.Context, path string, opts Options) (*lite, error) {
	if path == "" || path == ":memory:" {
		return nil, errors.New("a SQLite database needs a file: sqlite:PATH")
	}
	path, err := filepath.Abs(strings.TrimPrefix(path, "//"))
	if err != nil {
		return nil, err
	}
	if err := secureFile(path); err != nil {
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	s := &lite{path: path, clock: opts.Clock, oldest: oldestGroup}
	if s.write, err = openLitePool(path, 1, writerPragmas(opts)); err != nil {
		return nil, err
	}
	// The writer goes first: it turns WAL on.
	if err := s.write.PingContext(ctx); err != nil {
		_ = s.write.Close()
		return nil, fmt.Errorf("open the database %s: %w", path, err)
	}
	if s.read, err = openLitePool(path, orDefault(opts.Connections, 8), readerPragmas()); err != nil {
		_ = s.write.Close()
		return nil, err
	}
	return s, nil
}

// secureFile makes the file readable by its owner only: it holds secrets. SQLite gives its -wal and -shm files the
// same mode.
func secureFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func writerPragmas(opts Options) []string {
	synchronous := opts.Synchronous
	if synchronous == "" {
		synchronous = "full"
	}
	return []string{
		"busy_timeout(10000)", "journal_mode(wal)", "synchronous(" + synchronous + ")", "foreign_keys(1)",
		"cache_size(-8000)", "journal_size_limit(67108864)", "temp_store(memory)",
	}
}

func readerPragmas() []string {
	return []string{"busy_timeout(10000)", "query_only(1)", "temp_store(memory)"}
}

func openLitePool(path string, size int, pragmas []string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Path: path, RawQuery: url.Values{"_pragma": pragmas, "_dqs": {"0"}}.Encode()}
	connector, err := sqlite.NewConnector(address.String())
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(liteConnector{connector})
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// InTx implements store.Store. Statements are not interrupted when ctx ends in the middle of one, since that costs the
// writer its connection; ctx is looked at before each statement and before the commit.
func (s *lite) InTx(ctx context.Context, f func(store.Tx) error) error {
	if err := s.line.enter(ctx); err != nil {
		return err
	}
	if s.open == nil {
		g, err := s.beginGroup(ctx)
		if err != nil {
			s.line.leave()
			return err
		}
		s.open = g
	}
	return s.member(ctx, s.open, f)
}

// member runs f in the group and returns when the group has ended. It has the turn and passes it on.
func (s *lite) member(ctx context.Context, g *group, f func(store.Tx) error) error {
	t := &tx{reader: reader{conn: g.conn, wrap: context.WithoutCancel, now: s.clock}, dialect: store.SQLite}
	durable := false
	defer func() {
		if !durable {
			t.undone()
		}
	}()
	err := func() error {
		defer s.endTurn(ctx, g)
		return g.run(ctx, t, f)
	}()
	<-g.done
	if err != nil {
		return err
	}
	if g.err != nil {
		return g.err
	}
	durable = true
	t.committed()
	return nil
}

// endTurn lets the next transaction join the group. When there is none, or the group is full, it is committed.
func (s *lite) endTurn(ctx context.Context, g *group) {
	if !g.full() && s.line.pass() {
		return
	}
	g.commit(ctx)
	s.open = nil
	s.line.leave()
}

// noTransaction tells whether SQLite had already ended what should be rolled back.
func noTransaction(err error) bool { return strings.Contains(err.Error(), "no transaction is active") }

// Read implements store.Store.
func (s *lite) Read(ctx context.Context, f func(store.Reader) error) error {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	// It waits for nothing. Were it interrupted, the driver would tell of ctx's end though the transaction has begun, and whoever
	// has the connection next could begin none.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN"); err != nil {
		discard(conn)
		return fmt.Errorf("begin to read: %w", err)
	}
	r := &reader{conn: conn, wrap: unchanged, now: s.clock}
	defer func() {
		r.closeResults()
		if _, err := conn.ExecContext(context.WithoutCancel(ctx), sqlRollback); err != nil {
			discard(conn)
		}
	}()
	return f(r)
}

func (s *lite) Dialect() store.Dialect { return store.SQLite }

func (s *lite) Ping(ctx context.Context) error {
	var one int
	return s.read.QueryRowContext(ctx, "SELECT 1").Scan(&one)
}

// Close closes the readers first, so that the writer, the last connection, folds the WAL into the database file.
func (s *lite) Close() error {
	return errors.Join(s.read.Close(), s.write.Close())
}

func (s *lite) migrationConn() *sql.DB { return s.write }
