// Package sqlstore implements store.Store on SQLite (modernc.org/sqlite) and on PostgreSQL (pgx), and holds the
// migrations that create every table of Conveyor.
package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Options tune a database; the zero value is right for a server.
type Options struct {
	// Synchronous is SQLite's setting of that name: "full" (the default: what was acknowledged survives a power cut),
	// or "normal" (survives a crash of the process, but a power cut may take the last moments away). "off" is for tests.
	Synchronous string
	// Clock is the database clock of SQLite; default time.Now. PostgreSQL uses the clock of its own server.
	Clock func() time.Time
	// Connections bounds the pool: readers on SQLite (default 8), everything on PostgreSQL (default 20).
	Connections int
	// Logger hears of lost connections and the like; default: nothing is logged.
	Logger *slog.Logger
}

// DB is an open database. It implements store.Store.
type DB struct{ backend }

// backend is what differs between the dialects.
type backend interface {
	store.Store
	// migrationConn is the pool on which migrations run.
	migrationConn() *sql.DB
}

// Open opens the database that dsn names and brings its tables up to date:
//
//	sqlite:PATH                     a file, made when missing; its directory must exist
//	postgres://user@host/database   a PostgreSQL server, version 13 or later (also postgresql://)
//
// Several servers may open the same PostgreSQL database at the same time.
func Open(ctx context.Context, dsn string, opts Options) (*DB, error) {
	if opts.Clock == nil {
		opts.Clock = time.Now
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	b, err := connect(ctx, dsn, opts)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, b); err != nil {
		_ = b.Close()
		return nil, err
	}
	return &DB{b}, nil
}

func connect(ctx context.Context, dsn string, opts Options) (backend, error) {
	scheme, rest, _ := strings.Cut(dsn, ":")
	switch scheme {
	case "sqlite":
		return openSQLite(ctx, rest, opts)
	case "postgres", "postgresql":
		return openPostgres(ctx, dsn, opts)
	}
	// The text is not repeated: it may hold a password.
	return nil, fmt.Errorf("a database address begins with sqlite: or postgres://, not %q", scheme)
}
