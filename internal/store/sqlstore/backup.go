package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Backup writes a copy of a SQLite database to dest while the server goes on reading and writing. The copy is the state
// at one moment, a complete database file without a WAL, readable by its owner only, and durable when Backup returns.
// dest must not exist; its directory must. PostgreSQL brings its own tools for this (pg_dump).
func Backup(ctx context.Context, st store.Store, dest string) error {
	s, ok := unwrap(st).(*lite)
	if !ok {
		return errors.New("only SQLite databases are backed up by Conveyor; use pg_dump, or continuous archiving, for PostgreSQL")
	}
	if _, err := os.Lstat(dest); err == nil {
		return fmt.Errorf("back up to %s: the file exists; remove it or choose another name", dest)
	}
	if err := s.backup(ctx, dest); err != nil {
		return fmt.Errorf("back up to %s: %w", dest, err)
	}
	return nil
}

func unwrap(st store.Store) store.Store {
	if db, ok := st.(*DB); ok {
		return db.backend
	}
	return st
}

// backup copies to a temporary name first, so that a file with the final name is always whole.
func (s *lite) backup(ctx context.Context, dest string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(dest), filepath.Base(dest)+".*.partial") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	// A reader does not keep the writer from working. It may not write to any database, not even to the copy, until it
	// is told otherwise.
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		discard(conn)
		_ = conn.Close()
	}()
	if _, err := conn.ExecContext(ctx, "PRAGMA query_only = 0"); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "VACUUM INTO $1", f.Name()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), dest); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dest))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}
