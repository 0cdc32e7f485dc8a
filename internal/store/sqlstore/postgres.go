package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The clock comes with BEGIN in one round trip.
const (
	pgBeginWrite = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT (extract(epoch FROM now()) * 1000000)::bigint"
	pgBeginRead  = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT (extract(epoch FROM now()) * 1000000)::bigint"
)

// maxRuns bounds how often a transaction is run again after serialisation failures.
const maxRuns = 100

// pg is the PostgreSQL dialect.
type pg struct {
	*pgListener
	db *sql.DB
	// again lets one transaction at a time run again after its second failure, so that many transactions that want the
	// same row take turns instead of failing each other over and over.
	again chan struct{}
}

func openPostgres(ctx context.Context, dsn string, opts Options) (*pg, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("the address of the PostgreSQL database is malformed: expected postgres://user@host:port/database")
	}
	setDefault(config.RuntimeParams, "application_name", "conveyor")
	// A server that hangs inside a transaction must not hold its locks for ever.
	setDefault(config.RuntimeParams, "idle_in_transaction_session_timeout", "60000")

	db := stdlib.OpenDB(*config)
	size := orDefault(opts.Connections, 20)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(max(2, size/2))
	db.SetConnMaxIdleTime(5 * time.Minute)

	var schema sql.NullString
	if err := db.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open the PostgreSQL database %s at %s: %w", config.Database, config.Host, err)
	}
	if !schema.Valid {
		_ = db.Close()
		return nil, fmt.Errorf("the PostgreSQL database %s has no schema to work in: create the one search_path names", config.Database)
	}
	return &pg{
		pgListener: newPGListener(config, schema.String, opts.Logger),
		db:         db,
		again:      make(chan struct{}, 1),
	}, nil
}

func setDefault(params map[string]string, name, value string) {
	if _, ok := params[name]; !ok {
		params[name] = value
	}
}

// InTx implements store.Store.
func (s *pg) InTx(ctx context.Context, f func(store.Tx) error) error {
	for run := 1; ; run++ {
		release, err := s.turn(ctx, run)
		if err != nil {
			return err
		}
		err = s.once(ctx, f)
		release()
		if err == nil || run == maxRuns || !isTransient(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (s *pg) turn(ctx context.Context, run int) (release func(), err error) {
	switch run {
	case 1:
		return func() {}, nil
	case 2:
		// Those that failed each other in a deadlock should not meet again.
		select {
		case <-time.After(rand.N(2 * time.Millisecond)):
			return func() {}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	select {
	case s.again <- struct{}{}:
		return func() { <-s.again }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isTransient tells errors after which the same transaction may well succeed.
func isTransient(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && (pgErr.Code == "40001" || pgErr.Code == "40P01")
}

func (s *pg) once(ctx context.Context, f func(store.Tx) error) error {
	conn, at, err := s.begin(ctx, pgBeginWrite)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	t := &tx{reader: reader{conn: conn, wrap: unchanged, at: at}, dialect: store.Postgres}
	if err := runPostgres(ctx, t, f); err != nil {
		return err
	}
	t.committed()
	return nil
}

// runPostgres runs f and ends the transaction and the use of its connection, also when f panics.
func runPostgres(ctx context.Context, t *tx, f func(store.Tx) error) error {
	committed := false
	defer func() {
		t.closeResults()
		if !committed {
			pgRollback(ctx, t.conn)
		}
		_ = t.conn.Close()
		if !committed {
			t.undone()
		}
	}()
	if err := t.outcome(ctx, t.run(ctx, f)); err != nil {
		// f may have hidden the reason why its statement failed; what is transient must stay recognisable.
		if t.failed != nil && isTransient(t.failed) && !isTransient(err) {
			return fmt.Errorf("%w: %w", err, t.failed)
		}
		return err
	}
	tag, err := pgExec(context.WithoutCancel(ctx), t.conn, "COMMIT")
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if tag != "COMMIT" {
		return fmt.Errorf("%w (the database answered COMMIT with %s)", store.ErrTxFailed, tag)
	}
	committed = true
	return nil
}

// begin starts a transaction. A connection that was lost while idle shows only now and is replaced.
func (s *pg) begin(ctx context.Context, statement string) (*sql.Conn, time.Time, error) {
	for try := 1; ; try++ {
		conn, err := s.db.Conn(ctx)
		if err != nil {
			return nil, time.Time{}, err
		}
		at, err := pgBegin(ctx, conn, statement)
		if err == nil {
			return conn, at, nil
		}
		discard(conn)
		_ = conn.Close()
		var refused *pgconn.PgError
		if try == 3 || ctx.Err() != nil || (errors.As(err, &refused) && refused.Code[:2] != "57") {
			return nil, time.Time{}, err
		}
	}
}

func pgBegin(ctx context.Context, conn *sql.Conn, statement string) (at time.Time, err error) {
	err = conn.Raw(func(raw any) error {
		results, err := raw.(*stdlib.Conn).Conn().PgConn().Exec(ctx, statement).ReadAll()
		if err != nil {
			return err
		}
		micros, err := strconv.ParseInt(string(results[1].Rows[0][0]), 10, 64)
		at = store.FromMicros(micros)
		return err
	})
	return at, err
}

// pgExec runs a statement without parameters and returns its command tag.
func pgExec(ctx context.Context, conn *sql.Conn, statement string) (tag string, err error) {
	err = conn.Raw(func(raw any) error {
		results, err := raw.(*stdlib.Conn).Conn().PgConn().Exec(ctx, statement).ReadAll()
		if len(results) > 0 {
			tag = results[len(results)-1].CommandTag.String()
		}
		return err
	})
	return tag, err
}

func pgRollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if _, err := pgExec(ctx, conn, sqlRollback); err != nil {
		discard(conn)
	}
}

// Read implements store.Store.
func (s *pg) Read(ctx context.Context, f func(store.Reader) error) error {
	conn, at, err := s.begin(ctx, pgBeginRead)
	if err != nil {
		return fmt.Errorf("begin to read: %w", err)
	}
	r := &reader{conn: conn, wrap: unchanged, at: at}
	defer func() {
		r.closeResults()
		pgRollback(ctx, conn)
		_ = conn.Close()
	}()
	return f(r)
}

func (s *pg) Dialect() store.Dialect { return store.Postgres }

func (s *pg) Ping(ctx context.Context) error { return s.db.PingContext(ctx) }

func (s *pg) Close() error {
	s.stop()
	return s.db.Close()
}

func (s *pg) migrationConn() *sql.DB { return s.db }
