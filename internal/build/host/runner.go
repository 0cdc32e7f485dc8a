// Package host runs builds on this machine, as the user the server runs as. A build has a workspace, a session of
// processes and an environment of its own, and is ended whole; it is not shut in. Whoever may start builds may do on
// the machine what the server's user may do.
package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
)

const (
	notesDir = ".conveyor"
	homeDir  = "home"
	tempDir  = "tmp"
	trashDir = ".trash"
)

// Runner runs builds on this machine. It implements build.Runner.
type Runner struct {
	all   string // the directory of all servers' workspaces, absolute
	name  string // of this server
	root  string // this server's workspaces: all/name
	lives func(server string) bool
	path  string // PATH of builds
	log   *slog.Logger
	trash sync.WaitGroup
}

var _ build.Runner = (*Runner)(nil)

// New makes a runner for a server that has dir to itself.
func New(dir string, log *slog.Logger) (*Runner, error) {
	return Among(dir, uuid.NewString()[:8], func(string) bool { return false }, log)
}

// Among makes a runner for one of several servers that share dir. Its workspaces lie in DIR/SERVER; server is a name that
// no other ever had. lives tells whether another server runs; what those left behind that do not is for Sweep.
func Among(dir, server string, lives func(server string) bool, log *slog.Logger) (*Runner, error) {
	if err := os.MkdirAll(filepath.Join(dir, server, trashDir), 0o700); err != nil {
		return nil, fmt.Errorf("builds directory: %w", err)
	}
	abs, err := filepath.Abs(dir)
	if err == nil {
		abs, err = filepath.EvalSymlinks(abs)
	}
	if err != nil {
		return nil, fmt.Errorf("builds directory: %w", err)
	}
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return &Runner{all: abs, name: server, root: filepath.Join(abs, server), lives: lives, path: path, log: log}, nil
}

// Notice implements build.Runner.
func (r *Runner) Notice(n build.Needs) string {
	if n.Image == "" {
		return "This build runs directly on the host of the Conveyor server"
	}
	return fmt.Sprintf("This build runs directly on the host of the Conveyor server; the image %s is not used", n.Image)
}

// Sweep implements build.Runner.
func (r *Runner) Sweep(context.Context) error {
	left, err := os.ReadDir(r.all)
	if err != nil {
		return err
	}
	dead := r.strays()
	for _, entry := range left {
		dead[entry.Name()] = true
	}
	var errs []error
	for server := range dead {
		if server == r.name || r.lives(server) {
			continue
		}
		dir := filepath.Join(r.all, server)
		errs = append(errs, r.end(target{marker: dir + "/"}, nil, 0), r.discard(dir))
	}
	return errors.Join(errs...)
}

// strays are the servers of which processes run on this machine, whether or not their directories are still there: a
// neighbour on another machine may have removed them.
func (r *Runner) strays() map[string]bool {
	servers := map[string]bool{}
	for _, workspace := range markers(r.all + "/") {
		server, _, _ := strings.Cut(strings.TrimPrefix(workspace, r.all+"/"), "/")
		servers[server] = true
	}
	return servers
}

// Wait returns when all discarded workspaces are off the disk.
func (r *Runner) Wait() { r.trash.Wait() }

// Prepare implements build.Runner.
func (r *Runner) Prepare(_ context.Context, n build.Needs) (build.Workspace, error) {
	id := n.ID
	if _, err := uuid.Parse(id); err != nil {
		return nil, fmt.Errorf("%q is not the id of a build: %w", id, err)
	}
	if err := r.endElsewhere(id); err != nil {
		return nil, err
	}
	ws := &workspace{runner: r, root: filepath.Join(r.root, id)}
	err := os.Mkdir(ws.root, 0o700)
	if errors.Is(err, fs.ErrExist) {
		r.log.Info("removing what an earlier attempt of the build left", "build", id)
		if err := r.end(target{marker: ws.marker()}, nil, 0); err != nil {
			return nil, err
		}
		if err := r.discard(ws.root); err != nil {
			return nil, err
		}
		err = os.Mkdir(ws.root, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("prepare workspace: %w", err)
	}
	for _, d := range []string{notesDir, homeDir, tempDir} {
		if err := os.Mkdir(ws.dir(d), 0o700); err != nil {
			return nil, fmt.Errorf("prepare workspace: %w", err)
		}
	}
	return ws, nil
}

// endElsewhere ends what an attempt on another server has left running on this machine: that server has ended, or has
// lost the build while it stood still. The files are for whoever clears up after it.
func (r *Runner) endElsewhere(id string) error {
	servers, err := os.ReadDir(r.all)
	if err != nil {
		return fmt.Errorf("look for earlier attempts of the build: %w", err)
	}
	for _, server := range servers {
		dir := filepath.Join(r.all, server.Name(), id)
		if server.Name() == r.name {
			continue
		}
		if _, err := os.Lstat(dir); err != nil {
			continue
		}
		r.log.Info("ending what an earlier attempt of the build left on another server", "build", id, "server", server.Name())
		if err := r.end(target{marker: dir}, nil, 0); err != nil {
			return err
		}
	}
	return nil
}

// Close gives the server's directory back, unless something is left in it that a later Sweep has to end or to remove.
func (r *Runner) Close() error {
	for _, dir := range []string{filepath.Join(r.root, trashDir), r.root} {
		if err := os.Remove(dir); err != nil {
			if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) {
				return nil
			}
			return fmt.Errorf("give the builds directory back: %w", err)
		}
	}
	return nil
}

// discard takes a workspace out of the way at once and removes it in the background: a tree of many files takes longer
// than the build's successor should wait.
func (r *Runner) discard(dir string) error {
	to := filepath.Join(r.root, trashDir, uuid.NewString())
	if err := os.Rename(dir, to); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		// A directory that cannot be moved because its owner took the right away.
		if cerr := os.Chmod(dir, 0o700); cerr != nil || os.Rename(dir, to) != nil {
			return fmt.Errorf("remove workspace: %w", err)
		}
	}
	r.remove(to)
	return nil
}

func (r *Runner) remove(dir string) {
	r.trash.Go(func() {
		if err := removeAll(dir); err != nil {
			r.log.Error("a build's files could not be removed; free the disk by hand", "directory", dir, "error", err)
		}
	})
}

// removeAll removes a tree whatever modes its directories have.
func removeAll(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(path, 0o700) //nolint:gosec // a directory that is about to be removed
			if err != nil {
				return fs.SkipDir
			}
		}
		return nil
	})
	// WalkDir reads a directory before it asks about it, so what could not be read the first time is walked again by
	// RemoveAll, one level at a time.
	var err error
	for range 64 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		pe, ok := errors.AsType[*fs.PathError](err)
		if !ok || os.Chmod(filepath.Dir(pe.Path), 0o700) != nil {
			return err
		}
		_ = os.Chmod(pe.Path, 0o700) //nolint:gosec // as above
	}
	return err
}
