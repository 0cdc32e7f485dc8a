package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// tx implements store.Tx on one connection that is inside a transaction.
type tx struct {
	reader
	dialect  store.Dialect
	commit   []func()
	rollback []func()
}

// run runs f if the context's guard lets it.
func (t *tx) run(ctx context.Context, f func(store.Tx) error) error {
	if err := store.Guarded(ctx, t); err != nil {
		return err
	}
	return f(t)
}

func (t *tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := t.ready(ctx); err != nil {
		return 0, err
	}
	res, err := t.conn.ExecContext(t.wrap(ctx), query, args...)
	if err != nil {
		return 0, t.fail(err)
	}
	return res.RowsAffected()
}

func (t *tx) AfterCommit(f func())   { t.commit = append(t.commit, f) }
func (t *tx) AfterRollback(f func()) { t.rollback = append(t.rollback, f) }

func (t *tx) Dialect() store.Dialect { return t.dialect }

// reader implements store.Reader on one connection that is inside a transaction. After a failed statement it refuses
// all others, as PostgreSQL does, so that code tested on one dialect behaves the same on the other.
type reader struct {
	conn   *sql.Conn
	wrap   func(context.Context) context.Context
	now    func() time.Time
	at     time.Time
	failed error
	// The last results handed out. A connection cannot be given back while results are open.
	rows *sql.Rows
	row  *sql.Row
}

// closeResults closes results that f forgot to close.
func (r *reader) closeResults() {
	if r.rows != nil {
		_ = r.rows.Close()
	}
	if r.row != nil {
		_ = r.row.Scan() // the only way to close a Row
	}
}

func (r *reader) Now() time.Time {
	if r.at.IsZero() {
		r.at = r.now().Truncate(time.Microsecond).UTC()
	}
	return r.at
}

func (r *reader) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	rows, err := r.conn.QueryContext(r.wrap(ctx), query, args...)
	if err != nil {
		return nil, r.fail(err)
	}
	r.rows = rows
	return rows, nil
}

func (r *reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if err := r.ready(ctx); err != nil {
		return refusedRow(err)
	}
	row := r.conn.QueryRowContext(r.wrap(ctx), query, args...)
	if err := row.Err(); err != nil {
		_ = r.fail(err)
	}
	r.row = row
	return row
}

// refusedRow is a Row whose Scan returns err. Only a driver can make one.
func refusedRow(err error) *sql.Row {
	db := sql.OpenDB(refuser{err})
	defer func() { _ = db.Close() }()
	return db.QueryRowContext(context.Background(), "")
}

// refuser is a driver that cannot connect.
type refuser struct{ err error }

func (r refuser) Connect(context.Context) (driver.Conn, error) { return nil, r.err }
func (r refuser) Driver() driver.Driver                        { return nil }

// ready tells whether the next statement may run. Rows that are still open are refused here, before database/sql and
// the drivers, which would take it differently and not always end well.
func (r *reader) ready(ctx context.Context) error {
	if r.failed == nil && r.open() {
		return r.fail(errOpenRows)
	}
	if r.failed != nil {
		return fmt.Errorf("%w: %w", store.ErrTxFailed, r.failed)
	}
	return ctx.Err()
}

var errOpenRows = errors.New("the rows of an earlier query of this transaction are still open: close them first")

func (r *reader) open() bool {
	if r.rows == nil {
		return false
	}
	if _, err := r.rows.Columns(); err == nil { // an error means that they are closed
		return true
	}
	r.rows = nil
	return false
}

func (r *reader) fail(err error) error {
	if r.failed == nil {
		r.failed = err
	}
	return err
}

// outcome tells whether a transaction that ended with err, the result of its function, may be committed.
func (t *tx) outcome(ctx context.Context, err error) error {
	if err != nil {
		return err
	}
	return t.ready(ctx)
}

func (t *tx) committed() {
	for _, f := range t.commit {
		f()
	}
}

func (t *tx) undone() {
	for _, f := range t.rollback {
		f()
	}
}

// discard makes the pool drop a connection that is in an unknown state.
func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}

// unchanged is the context of a statement that may be interrupted.
func unchanged(ctx context.Context) context.Context { return ctx }
