// Package container runs builds in containers of a Docker or Podman engine on this machine, through the API that both speak.
//
// A build has one container. Its first process waits for the end of a pipe that this server holds open, so that the
// container ends with the server, however that ends, and with it every process of the build. The build's shells are further
// processes in it, which are talked to through pipes with names in the workspace: the engine must run on this machine.
package container

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
)

// Config is what a Runner is made of.
type Config struct {
	Engine  *Engine
	Disk    *disk.Disk
	Images  Images // what the names of images stand for
	Network string // the engine's network that builds are in; "": its default, "none": no network
	// Privileged lets projects ask for privileged containers, whose commands can become root of this machine.
	Privileged bool
	Log        *slog.Logger
}

// Runner runs builds in containers. It implements build.Runner.
type Runner struct {
	Config
	owner owner
}

var _ build.Runner = (*Runner)(nil)

// New makes a runner.
func New(c Config) *Runner { return &Runner{Config: c, owner: me()} }

// Labels by which a build's container is known again, also by other servers and after a crash.
const (
	labelServer    = "conveyor.server"    // whose build it is
	labelDirectory = "conveyor.directory" // the directory that servers share which know each other's names
	labelBuild     = "conveyor.build"
)

// Notice implements build.Runner.
func (r *Runner) Notice(n build.Needs) string {
	image, err := r.Images.Resolve(n.Image)
	switch {
	case err != nil:
		return "This build runs in a container"
	case image == n.Image:
		return fmt.Sprintf("This build runs in a container of the image %s (%s)", image, r.Engine)
	}
	return fmt.Sprintf("This build runs in a container of the image %s, which stands for %s on this server (%s)", image, n.Image, r.Engine)
}

// Prepare implements build.Runner.
func (r *Runner) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	if n.Say == nil {
		n.Say = func(string, ...any) {}
	}
	image, err := r.Images.Resolve(n.Image)
	if err != nil {
		return nil, err
	}
	if n.Privileged && !r.Privileged {
		return nil, &build.Failure{Code: codeProvision, Message: "the project asks for privilegedMode, in which its commands could become root of this machine; " +
			"turn it off in the project, or allow it on this server with --build-privileged"}
	}
	if err := r.Engine.connect(ctx); err != nil {
		return nil, err
	}
	root, err := r.empty(ctx, n.ID)
	if err != nil {
		return nil, err
	}
	w := &workspace{runner: r, id: n.ID, root: root, caches: n.Caches, keep: n.Keep}
	w.life, w.die = context.WithCancel(context.WithoutCancel(ctx))
	if err := w.begin(ctx, image, n); err != nil {
		return nil, errors.Join(err, w.Cleanup(context.WithoutCancel(ctx)))
	}
	return w, nil
}

// empty ends earlier attempts of a build, on whatever server, and makes its workspace.
func (r *Runner) empty(ctx context.Context, id string) (root string, err error) {
	if err := r.end(ctx, make(client.Filters).Add("label", labelBuild+"="+id)); err != nil {
		return "", fmt.Errorf("end an earlier attempt of the build: %w", err)
	}
	root, err = r.Disk.Make(id, notesDir)
	if errors.Is(err, fs.ErrExist) {
		r.Log.Info("removing what an earlier attempt of the build left", "build", id)
		if err := r.Disk.Discard(root); err != nil {
			return "", err
		}
		root, err = r.Disk.Make(id, notesDir)
	}
	if err == nil {
		err = os.Chmod(root, 0o755) //nolint:gosec // for the container's users; the directory it lies in is closed to others
	}
	return root, err
}

// end removes the containers that match, running or not.
func (r *Runner) end(ctx context.Context, which client.Filters) error {
	found, err := r.Engine.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: which})
	if err != nil {
		return err
	}
	var errs []error
	for _, c := range found.Items {
		r.Log.Info("removing the container that an earlier attempt of a build left", "build", c.Labels[labelBuild], "container", c.ID)
		errs = append(errs, r.Engine.remove(ctx, c.ID))
	}
	return errors.Join(errs...)
}

// Sweep implements build.Runner. Containers end with their server. Should the engine not answer, what is left of them
// waits for a later sweep: nothing runs in it.
func (r *Runner) Sweep(ctx context.Context) error {
	if err := r.Engine.connect(ctx); err != nil {
		r.Log.Warn("containers of earlier builds could not be looked for", "error", err)
		return r.Disk.Sweep()
	}
	ours := make(client.Filters).Add("label", labelDirectory+"="+r.Disk.All)
	found, err := r.Engine.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ours})
	if err != nil {
		return fmt.Errorf("look for containers of earlier builds: %w", err)
	}
	var errs []error
	for _, c := range found.Items {
		if r.Disk.Dead(c.Labels[labelServer]) {
			errs = append(errs, r.Engine.remove(ctx, c.ID), r.reclaim(ctx, c.Image, filepath.Join(r.Disk.All, c.Labels[labelServer], c.Labels[labelBuild])))
		}
	}
	return errors.Join(append(errs, r.Disk.Sweep())...)
}

// Wait returns when all discarded workspaces are off the disk.
func (r *Runner) Wait() { r.Disk.Wait() }
