package sqlstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrDirInUse is returned by LockDir when another process holds the directory.
var ErrDirInUse = errors.New("the data directory is in use")

// LockDir makes sure that one server at a time uses a data directory: a second would take the first one's running jobs
// for a dead server's. The lock is the kernel's and ends with the process, however that ends; the file "lock" only
// carries it and the number of its holder.
func LockDir(dir string) (unlock func() error, err error) {
	f, err := lockDir(dir, unix.LOCK_EX)
	if err != nil {
		return nil, err
	}
	if err := writeHolder(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
	}
	return func() error { return errors.Join(f.Truncate(0), f.Close()) }, nil
}

// ShareDir lets servers that share a database share a data directory too, and keeps away those that need it alone.
func ShareDir(dir string) (unlock func() error, err error) {
	f, err := lockDir(dir, unix.LOCK_SH)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}

func lockDir(dir string, how int) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		defer func() { _ = f.Close() }()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock the data directory %s: %w", dir, err)
		}
		return nil, fmt.Errorf("%w: %s is served by %s; stop that server, or give this one another data directory",
			ErrDirInUse, dir, holder(f))
	}
	return f, nil
}

func holder(f *os.File) string {
	text, err := io.ReadAll(io.LimitReader(f, 32))
	pid, convErr := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || convErr != nil {
		return "another process"
	}
	return fmt.Sprintf("process %d", pid)
}

func writeHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}
