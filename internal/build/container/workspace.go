package container

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// workspace is one build's directory and its container.
type workspace struct {
	runner *Runner
	id     string
	root   string
	caches []string
	image  string
	keep   bool // the container stays when its session ends, until Cleanup

	container string   // its id; "" before it is made
	notes     notes    // what the server puts into the container
	held      *os.File // the container ends when this is closed
	life      context.Context
	die       context.CancelFunc

	mu      sync.Mutex
	session *shell.Session
	place   *place // of the session
	cleaned bool
	ended   bool
}

const holdPipe = "hold"

// begin makes and starts the container.
func (w *workspace) begin(ctx context.Context, image string, n build.Needs) error {
	w.image = image
	has, err := w.runner.fetch(ctx, image, n)
	if err != nil {
		return err
	}
	if w.notes.Root, err = os.OpenRoot(filepath.Join(w.root, notesDir)); err != nil {
		return fmt.Errorf("prepare workspace: %w", err)
	}
	if w.held, err = w.notes.makePipe(holdPipe); err != nil {
		return fmt.Errorf("prepare workspace: %w", err)
	}
	made, err := w.runner.Engine.client.ContainerCreate(ctx, w.spec(image, has, n))
	if err == nil {
		w.container = made.ID
		_, err = w.runner.Engine.client.ContainerStart(ctx, w.container, client.ContainerStartOptions{})
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return &build.Failure{Code: codeProvision, Message: fmt.Sprintf(
			"the container of the image %s does not start: %v; builds need an image with /bin/sh and an engine on the server's own machine", image, err)}
	}
	return nil
}

// Root implements build.Workspace.
func (w *workspace) Root() string { return w.root }

// Path implements build.Workspace.
func (w *workspace) Path(rel string) string { return path.Join(workspacePath, rel) }

// Reach implements build.Workspace: a container has a loopback of its own, and this machine another name.
func (w *workspace) Reach(address string) string {
	u, err := url.Parse(address)
	if err != nil || w.runner.Network == "host" {
		return address
	}
	if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return address
	}
	u.Host = net.JoinHostPort(w.runner.Engine.hostName(), u.Port())
	if u.Port() == "" {
		u.Host = w.runner.Engine.hostName()
	}
	return u.String()
}

// Size implements build.Workspace: the workspace, and what the build has changed in its container.
func (w *workspace) Size(ctx context.Context) (int64, error) {
	size, err := disk.Usage(ctx, w.root)
	if err != nil {
		return 0, err
	}
	c, err := w.runner.Engine.client.ContainerInspect(ctx, w.container, client.ContainerInspectOptions{Size: true})
	if errdefs.IsNotFound(err) {
		return size, nil
	}
	if err == nil && c.Container.SizeRw != nil {
		size += *c.Container.SizeRw
	}
	return size, err
}

// Start implements build.Workspace.
func (w *workspace) Start(ctx context.Context, o build.SessionOptions) (build.Session, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session != nil || w.cleaned {
		return nil, errors.New("the workspace already had its session")
	}
	p, err := w.open(ctx, o)
	if err != nil {
		return nil, err
	}
	s, err := shell.Open(p, shell.Notes{Here: filepath.Join(w.root, notesDir), There: notesPath, Root: workspacePath}, o)
	if err != nil {
		return nil, err
	}
	w.session, w.place = s, p
	return s, nil
}

// stop ends everything in the container and leaves its files.
func (w *workspace) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
	defer cancel()
	now := 0
	_, err := w.runner.Engine.client.ContainerStop(ctx, w.container, client.ContainerStopOptions{Timeout: &now})
	if errdefs.IsNotFound(err) {
		return nil // somebody has removed it
	}
	if err != nil {
		return fmt.Errorf("stop the container %s: %w", w.container, err)
	}
	return nil
}

// end removes the container and takes the files back that its users own.
func (w *workspace) end(ctx context.Context) error {
	if w.ended {
		return nil
	}
	w.ended = true
	defer w.die()
	var errs []error
	if w.notes.Root != nil {
		errs = append(errs, w.notes.Close())
	}
	if w.held != nil {
		errs = append(errs, w.held.Close())
	}
	if w.container != "" {
		errs = append(errs, w.runner.Engine.remove(ctx, w.container))
		errs = append(errs, w.runner.reclaim(ctx, w.image, append([]string{w.root}, w.caches...)...))
	}
	return errors.Join(errs...)
}

// Cleanup implements build.Workspace.
func (w *workspace) Cleanup(ctx context.Context) error {
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
	return errors.Join(err, w.end(ctx), w.runner.Disk.Discard(w.root))
}
