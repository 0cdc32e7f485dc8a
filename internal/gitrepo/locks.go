package gitrepo

import (
	"context"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// The files whose locks servers that share the directory take in turn.
const (
	headLock     = "head.lock"     // while HEAD of a repository is changed
	maintainLock = "maintain.lock" // while repositories are repacked
)

// lockFile makes a file, if need be, and locks it, as flock's how says. The lock ends with the file's Close, or with the
// process.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), how); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// locks are mutexes by name that can be waited for with a context.
type locks struct {
	mu   sync.Mutex
	held map[string]chan struct{}
}

// lock waits for name and returns how to release it.
func (l *locks) lock(ctx context.Context, name string) (unlock func(), err error) {
	for {
		l.mu.Lock()
		if l.held == nil {
			l.held = map[string]chan struct{}{}
		}
		wait, busy := l.held[name]
		if !busy {
			done := make(chan struct{})
			l.held[name] = done
			l.mu.Unlock()
			return func() {
				l.mu.Lock()
				delete(l.held, name)
				l.mu.Unlock()
				close(done)
			}, nil
		}
		l.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
