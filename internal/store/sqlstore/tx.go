package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
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
	return rows, nil
}

func (r *reader) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if r.failed != nil {
		// A Row gets its error from the driver only. PostgreSQL refuses by itself; liteConn knows by the context.
		return r.conn.QueryRowContext(refusing(r.wrap(ctx), r.ready(ctx)), query, args...)
	}
	if ctx.Err() != nil {
		return r.conn.QueryRowContext(ctx, query, args...)
	}
	row := r.conn.QueryRowContext(r.wrap(ctx), query, args...)
	if err := row.Err(); err != nil {
		_ = r.fail(err)
	}
	return row
}

func (r *reader) ready(ctx context.Context) error {
	if r.failed != nil {
		return fmt.Errorf("%w: %w", store.ErrTxFailed, r.failed)
	}
	return ctx.Err()
}

func (r *reader) fail(err error) error {
	if r.failed == nil {
		r.failed = err
	}
	return err
}

// outcome tells whether a transaction that ended with err, the result of its function, may be committed.
func (t *tx) outcome(ctx context.Context, err error) error {
	switch {
	case err != nil:
		return err
	case t.failed != nil:
		return fmt.Errorf("%w: %w", store.ErrTxFailed, t.failed)
	default:
		return ctx.Err()
	}
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
