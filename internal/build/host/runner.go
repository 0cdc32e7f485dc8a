// Package host runs builds on this machine. A build has a workspace, a session of processes and an environment of its own,
// and is ended whole. It is shut in as far as the user it runs as is: by default the server's own, so that whoever may start
// builds may do on the machine what the server may do; with Users, others that reach nothing of the server's.
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

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
)

const (
	notesDir = ".conveyor"
	homeDir  = "home"
	tempDir  = "tmp"

	locksDir = ".users"
)

// Runner runs builds on this machine. It implements build.Runner.
type Runner struct {
	disk   *disk.Disk
	users  *Users  // nil: builds run as the server does
	limits *Limits // nil: none
	path   string  // PATH of builds
	log    *slog.Logger
}

var _ build.Runner = (*Runner)(nil)

// New makes a runner for a server that has dir to itself.
func New(dir string, log *slog.Logger) (*Runner, error) {
	d, err := disk.New(dir, log)
	if err != nil {
		return nil, err
	}
	return On(d, nil, nil, log), nil
}

// On makes a runner whose workspaces lie on a disk. users may be nil: then builds run as the server does. limits may be nil:
// then compute types limit nothing.
func On(d *disk.Disk, users *Users, limits *Limits, log *slog.Logger) *Runner {
	path := os.Getenv("PATH")
	if path == "" {
		path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	}
	return &Runner{disk: d, users: users, limits: limits, path: path, log: log}
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
	servers, err := r.disk.Servers()
	if err != nil {
		return err
	}
	var errs []error
	for server := range r.strays(servers) {
		if r.disk.Dead(server) {
			errs = append(errs, r.end(target{marker: filepath.Join(r.disk.All, server) + "/"}, nil, 0))
		}
	}
	return errors.Join(append(errs, r.limits.endDead(r.disk.Dead), r.disk.Sweep())...)
}

// strays are some servers and those of which processes run on this machine, whether or not their directories are still
// there: a neighbour on another machine may have removed them.
func (r *Runner) strays(servers []string) map[string]bool {
	all := map[string]bool{}
	for _, server := range servers {
		all[server] = true
	}
	for _, workspace := range markers(r.disk.All + "/") {
		server, _, _ := strings.Cut(strings.TrimPrefix(workspace, r.disk.All+"/"), "/")
		all[server] = true
	}
	return all
}

// Wait returns when all discarded workspaces are off the disk.
func (r *Runner) Wait() { r.disk.Wait() }

// Prepare implements build.Runner.
func (r *Runner) Prepare(_ context.Context, n build.Needs) (build.Workspace, error) {
	if n.Offline {
		return nil, &build.Failure{Code: "CLIENT_ERROR", Message: "the project keeps its builds from the network (ConveyorNetwork=none), " +
			"which only containers can; name an image that this server can run, or leave that variable out"}
	}
	if err := errors.Join(r.endElsewhere(n.ID), r.limits.endStray(n.ID)); err != nil {
		return nil, err
	}
	root, err := r.disk.Make(n.ID, notesDir, homeDir, tempDir)
	if errors.Is(err, fs.ErrExist) {
		r.log.Info("removing what an earlier attempt of the build left", "build", n.ID)
		if err := errors.Join(r.end(target{marker: root}, nil, 0), r.disk.Discard(root)); err != nil {
			return nil, err
		}
		root, err = r.disk.Make(n.ID, notesDir, homeDir, tempDir)
	}
	if err != nil {
		return nil, err
	}
	user, err := r.users.take(filepath.Join(r.disk.All, locksDir))
	if err != nil {
		return nil, errors.Join(err, r.disk.Discard(root))
	}
	hold, err := r.limits.make(r.disk.Name, n, user.alone)
	if err != nil {
		return nil, errors.Join(err, r.disk.Discard(root), user.release())
	}
	return &workspace{runner: r, root: root, user: user, hold: hold, caches: n.Caches}, nil
}

// endElsewhere ends what an attempt on another server has left running on this machine. The files are for whoever clears
// up after that server.
func (r *Runner) endElsewhere(id string) error {
	dirs, err := r.disk.Elsewhere(id)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		r.log.Info("ending what an earlier attempt of the build left on another server", "workspace", dir)
		if err := r.end(target{marker: dir}, nil, 0); err != nil {
			return err
		}
	}
	return nil
}
