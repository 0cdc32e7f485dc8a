package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// lock makes sure that no other server works on what this one is about to open, and returns what ends that. With
// PostgreSQL several servers may share both database and directory, but not with one that has SQLite.
//
// The database has a lock of its own because it may lie outside the data directory: two servers with a directory each
// would take each other's running jobs for those of a dead server.
func lock(c config.Config) (unlock []func() error, err error) {
	path, ok := c.SQLite()
	if !ok {
		unlock, err := sqlstore.ShareDir(c.Data)
		return []func() error{unlock}, err
	}
	unlockDir, err := sqlstore.LockDir(c.Data)
	if err != nil {
		return nil, err
	}
	unlockFile, err := lockFile(path)
	if err != nil {
		return nil, errors.Join(err, unlockDir())
	}
	return []func() error{unlockDir, unlockFile}, nil
}

// lockFile locks a SQLite database through a file beside it: opening the database itself and closing it again would
// drop SQLite's own locks. Whatever way the path is written, the same database has the same lock.
func lockFile(path string) (unlock func() error, err error) {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, os.ErrNotExist) {
		real, err = path, nil // made by whoever holds the lock
	}
	if err != nil {
		return nil, fmt.Errorf("lock the database %s: %w", path, err)
	}
	f, err := os.OpenFile(real+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database %s: %w", path, err)
	}
	switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
	case errors.Is(err, unix.EWOULDBLOCK):
		_ = f.Close()
		return nil, fmt.Errorf("the database %s is used by another server; stop that server, or give this one another database (servers share a PostgreSQL database, never a SQLite file)", path)
	case err != nil:
		_ = f.Close()
		return nil, fmt.Errorf("lock the database %s: %w", path, err)
	}
	return f.Close, nil
}
