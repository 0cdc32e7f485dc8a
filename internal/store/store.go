// Package store is the contract between Conveyor and its SQL database.
//
// There is one implementation (sqlstore) with two dialects, SQLite and PostgreSQL, and one suite (storetest) that
// both pass. Packages write their SQL beside the Go that uses it, in the subset both dialects share: `$N` parameters,
// ON CONFLICT, RETURNING, BIGINT for numbers, TEXT for strings and JSON, BLOB/BYTEA for bytes. Times are stored as
// microseconds since the Unix epoch (see Micros and FromMicros).
package store

import (
	"context"
	"database/sql"
	"time"
)

// Dialect names the database behind a Store. Ask for it only where SQL cannot be shared.
type Dialect string

// The two dialects.
const (
	SQLite   Dialect = "sqlite"
	Postgres Dialect = "postgres"
)

// Reader runs queries. Rows must be closed before the next statement of the same transaction: neither dialect accepts a
// statement while rows are open.
type Reader interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
	// Now is the database's clock, read once per transaction, in UTC with microseconds. Leases and schedules use it, so
	// that servers with skewed clocks agree.
	Now() time.Time
}

// Tx is one write transaction. It must not be used after the function it was given to has returned, nor from several
// goroutines. There is no I/O other than SQL inside a transaction: SQLite has a single writer. For the same reason never
// call InTx inside InTx, it would wait for itself; pass the Tx on.
//
// A statement that fails (a unique violation, say) ends the transaction on both dialects: the statements after it fail
// with ErrTxFailed, and so does InTx even when its function returns nil.
//
// Isolation: SQLite runs write transactions one after another. PostgreSQL runs them at REPEATABLE READ: two
// transactions that change the same row never both commit on what they read (the later runs again), but two that read
// the same rows and change different ones may. So let transactions that must exclude each other update one common row,
// for example the pipeline's.
type Tx interface {
	Reader
	// Exec runs a statement and returns how many rows it changed.
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// AfterCommit runs f once the transaction is durable, in order of registration, and never when it rolled back.
	AfterCommit(f func())
	// AfterRollback runs f when what the transaction did was undone: it failed, or is about to be run again after a
	// serialisation failure. It is for in-memory reservations that belong to rows written in the transaction.
	AfterRollback(f func())
	Dialect() Dialect
}

// Store opens transactions. All methods may be called from many goroutines.
type Store interface {
	// InTx runs f in one write transaction and commits when it returns nil; any error or panic rolls back and is passed
	// on. It rolls back too when ctx ends before the commit. When InTx returns nil the change is durable (fsynced).
	// A guard in ctx (WithGuard) runs before f. Serialisation failures and deadlocks of PostgreSQL run f again, so f may not have side effects outside the
	// transaction except through AfterCommit, and must set, not add to, the variables it leaves its result in.
	InTx(ctx context.Context, f func(Tx) error) error
	// Read runs f against one consistent snapshot that cannot write and does not wait for writers.
	Read(ctx context.Context, f func(Reader) error) error
	// Listen returns at once; from then on wake is called whenever any server on the same database calls Notify with
	// that channel, until ctx ends. wake must return quickly. On SQLite only this process can notify. Deliveries may be
	// merged or, while a connection is lost, missed (wake is called once when it is back): pair it with a slow poll.
	Listen(ctx context.Context, channel string, wake func())
	// Notify wakes listeners of channel once tx has committed.
	Notify(ctx context.Context, tx Tx, channel string) error
	Dialect() Dialect
	Ping(ctx context.Context) error
	Close() error
}

// Micros is t as it is stored; the zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// FromMicros is the reverse of Micros, in UTC.
func FromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
