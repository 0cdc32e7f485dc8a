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
	return copyDatabase(ctx, s.path, dest)
}

// BackupFile is Backup for a database that another process, such as the server, may have open. Unlike Open it changes
// nothing: it applies no migrations and makes no file.
func BackupFile(ctx context.Context, path, dest string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return copyDatabase(ctx, path, dest)
}

func unwrap(st store.Store) store.Store {
	if db, ok := st.(*DB); ok {
		return db.backend
	}
	return st
}

func copyDatabase(ctx context.Context, path, dest string) error {
	if _, err := os.Lstat(dest); err == nil {
		return fmt.Errorf("back up to %s: the file exists; remove it or choose another name", dest)
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("there is no database to back up: %w", err)
	}
	if err := vacuumInto(ctx, path, dest); err != nil {
		return fmt.Errorf("back up %s to %s: %w", path, dest, err)
	}
	return nil
}

// vacuumInto copies on a connection of its own, which keeps no writer waiting, and to a temporary name first, so that a
// file with the final name is always whole.
func vacuumInto(ctx context.Context, path, dest string) (err error) {
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
	db, err := openLitePool(path, 1, []string{"busy_timeout(10000)"})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", f.Name()); err != nil {
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
