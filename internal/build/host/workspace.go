package host

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// workspace is one build's directory.
type workspace struct {
	runner *Runner
	root   string
	user   *taken // who its commands run as unless they name another
	hold   *hold  // what limits it; nil: nothing does
	caches []string

	mu      sync.Mutex
	session *shell.Session
	place   *place
	cleaned bool
}

func (w *workspace) dir(name string) string { return filepath.Join(w.root, name) }

func (w *workspace) marker() string { return w.root }

// target is what the workspace's shells have started.
func (w *workspace) target(shells []int) target {
	t := target{marker: w.marker(), sessions: shells, hold: w.hold}
	if w.user.alone {
		t.uid = w.user.credential.Uid
	}
	return t
}

// Root implements build.Workspace.
func (w *workspace) Root() string { return w.root }

// Path implements build.Workspace.
func (w *workspace) Path(rel string) string { return filepath.Join(w.root, filepath.FromSlash(rel)) }

// Cache implements build.Workspace.
func (w *workspace) Cache(dir string) string { return dir }

// Reach implements build.Workspace.
func (w *workspace) Reach(url string) string { return url }

// Size implements build.Workspace.
func (w *workspace) Size(ctx context.Context) (int64, error) {
	return disk.Usage(ctx, w.root)
}

// Start implements build.Workspace.
func (w *workspace) Start(_ context.Context, o build.SessionOptions) (build.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil || w.cleaned {
		return nil, errors.New("the workspace already had its session")
	}
	p, err := w.open(o)
	if err != nil {
		return nil, err
	}
	s, err := shell.Open(p, shell.Notes{Here: w.dir(notesDir), There: w.dir(notesDir), Root: w.root}, o)
	if err != nil {
		return nil, err
	}
	w.session, w.place = s, p
	return s, nil
}

// shells are the sessions of processes that the workspace's shells began.
func (w *workspace) shells() []int {
	w.mu.Lock()
	p := w.place
	w.mu.Unlock()
	if p == nil {
		return nil
	}
	return p.begun()
}

// Cleanup implements build.Workspace.
func (w *workspace) Cleanup(context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cleaned {
		return nil
	}
	w.cleaned = true
	var err error
	if w.session != nil {
		err = w.session.Kill()
	}
	return errors.Join(err, w.hold.release(), w.runner.disk.Discard(w.root), w.user.release())
}

// OutOfMemory implements build.MemoryWatcher.
func (w *workspace) OutOfMemory() bool { return w.hold.outOfMemory() }
