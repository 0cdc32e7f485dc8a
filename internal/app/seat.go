package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"
)

// seat is a server's place in a data directory that it may share: a name that no other server ever had, and a lock in
// RUN/NAME.lock that the kernel holds as long as the process lives, however it ends. So every server can tell at once
// which of its neighbours live. What belongs to one server alone lies in directories of its name: its sockets in
// RUN/NAME, the workspaces of its builds in BUILDS/NAME.
type seat struct {
	run    string // the directory of all seats
	builds string // the directory of all servers' builds
	name   string
	lock   *os.File

	mu   sync.Mutex
	dead map[string]bool // those this server is clearing up after, whose locks it holds itself meanwhile
}

const lockSuffix = ".lock"

// takeSeat takes a seat in a data directory, with its builds in another one.
func takeSeat(data, builds string) (*seat, error) {
	data, err := filepath.Abs(data)
	if err == nil {
		builds, err = filepath.Abs(builds)
	}
	if err != nil {
		return nil, err
	}
	s := &seat{
		run: filepath.Join(data, "run"), builds: builds,
		name: uuid.NewString()[:8], dead: map[string]bool{},
	}
	if err := os.MkdirAll(s.dir(), 0o700); err != nil {
		return nil, fmt.Errorf("take a seat in the data directory: %w", err)
	}
	// Nobody may ever see the lock file without its lock, so it is renamed into place.
	f, err := os.OpenFile(filepath.Join(s.dir(), "lock"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("take a seat in the data directory: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = os.Rename(f.Name(), s.lockFile(s.name))
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("take a seat in the data directory (it needs a file system with locks): %w", err)
	}
	s.lock = f
	return s, nil
}

func (s *seat) dir() string { return filepath.Join(s.run, s.name) }

func (s *seat) lockFile(name string) string { return filepath.Join(s.run, name+lockSuffix) }

// sign writes the name by which the queue knows this server into the lock file, for those who take its jobs over.
func (s *seat) sign(owner string) error {
	if _, err := s.lock.WriteAt([]byte(owner+"\n"), 0); err != nil {
		return fmt.Errorf("sign the seat: %w", err)
	}
	return nil
}

// leave gives the seat up. When a build did not end in time the lock file stays, so that a neighbour, or the next
// server, clears up as after a crash.
func (s *seat) leave() error {
	err := os.RemoveAll(s.dir())
	if _, left := os.Lstat(filepath.Join(s.builds, s.name)); errors.Is(left, fs.ErrNotExist) {
		err = errors.Join(err, os.Remove(s.lockFile(s.name)))
	}
	return errors.Join(err, s.lock.Close())
}

// lives tells whether a server runs.
func (s *seat) lives(name string) bool {
	s.mu.Lock()
	dead := s.dead[name]
	s.mu.Unlock()
	if dead {
		return false
	}
	f, err := s.takeOver(name)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	_ = f.Close()
	return false
}

// takeOver locks the seat of a server that has ended. unix.EWOULDBLOCK: it lives, or another server was faster.
// fs.ErrNotExist: somebody has cleared it away.
func (s *seat) takeOver(name string) (*os.File, error) {
	f, err := os.OpenFile(s.lockFile(name), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = stillAt(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// stillAt tells whether an open file still has its name: fs.ErrNotExist when it has not.
func stillAt(f *os.File) error {
	open, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(f.Name())
	if err == nil && !os.SameFile(open, named) {
		err = fs.ErrNotExist
	}
	return err
}

// deserted hands every server that has ended without leaving to clear, one server at a time among all that look, and
// removes its seat when clear succeeds. owner is what the dead server signed with, "" when it never came to that.
func (s *seat) deserted(ctx context.Context, clear func(name, owner string) error) error {
	entries, err := os.ReadDir(s.run)
	if err != nil {
		return fmt.Errorf("look for servers that have ended: %w", err)
	}
	var errs []error
	for _, e := range entries {
		name, isLock := strings.CutSuffix(e.Name(), lockSuffix)
		if !isLock || name == s.name || ctx.Err() != nil {
			continue
		}
		f, err := s.takeOver(name)
		if err != nil {
			continue
		}
		errs = append(errs, s.clear(name, f, clear), f.Close())
	}
	return errors.Join(errs...)
}

func (s *seat) clear(name string, lock io.Reader, clear func(name, owner string) error) error {
	s.mu.Lock()
	s.dead[name] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.dead, name)
	}()
	owner, err := io.ReadAll(lock)
	if err == nil {
		err = clear(name, strings.TrimSpace(string(owner)))
	}
	if err == nil {
		err = os.RemoveAll(filepath.Join(s.run, name))
	}
	if err == nil {
		err = os.Remove(s.lockFile(name))
	}
	if err != nil {
		return fmt.Errorf("clear up after server %s, which has ended: %w", name, err)
	}
	return nil
}
