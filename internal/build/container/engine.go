package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Engine is a Docker or Podman engine on this machine. It may be away for a while.
type Engine struct {
	socket string
	client *client.Client

	mu       sync.Mutex
	known    bool
	name     string // "podman 5.4", as far as it is known
	cpus     int
	rootless bool
	remapped bool // root in its containers is another user here
	bounded  bool // it can hold containers to limits
}

// Sockets are where engines listen, in the order they are looked for.
func Sockets() []string {
	var all []string
	if path, ok := strings.CutPrefix(os.Getenv("DOCKER_HOST"), "unix://"); ok {
		all = append(all, path)
	}
	all = append(all, "/var/run/docker.sock", "/run/podman/podman.sock")
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, filepath.Join(dir, "docker.sock"), filepath.Join(dir, "podman", "podman.sock"))
	}
	return all
}

// NewEngine is the engine that listens on a Unix socket. Whether it does is found out when it is needed.
func NewEngine(socket string) (*Engine, error) {
	c, err := client.New(client.WithHost("unix://" + socket))
	if err != nil {
		return nil, fmt.Errorf("container engine at %s: %w", socket, err)
	}
	return &Engine{socket: socket, client: c}, nil
}

// Socket is where it listens.
func (e *Engine) Socket() string { return e.socket }

// Find returns the first engine that answers on one of the sockets; ok is false when none does.
func Find(ctx context.Context, sockets []string) (e *Engine, ok bool) {
	for _, socket := range sockets {
		if _, err := os.Stat(socket); err != nil {
			continue
		}
		e, err := NewEngine(socket)
		if err != nil {
			continue
		}
		if e.connect(ctx) == nil {
			return e, true
		}
	}
	return nil, false
}

// askPatience is how long an engine may take to say who it is.
const askPatience = 10 * time.Second

// connect makes sure that the engine answers and learns about it what matters for builds.
func (e *Engine) connect(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, askPatience)
	defer cancel()
	if e.known {
		if _, err := e.client.Ping(ctx, client.PingOptions{}); err != nil {
			return e.away(err)
		}
		return nil
	}
	if ping, err := e.client.Ping(ctx, client.PingOptions{NegotiateAPIVersion: true}); errdefs.IsInvalidArgument(err) && ping.APIVersion != "" {
		return &build.Failure{Code: codeProvision, Message: fmt.Sprintf(
			"the container engine at %s speaks version %s of its API, and builds need %s or a newer one: update it", e.socket, ping.APIVersion, client.MinAPIVersion)}
	} else if err != nil {
		return e.away(err)
	}
	info, err := e.client.Info(ctx, client.InfoOptions{})
	if err != nil {
		return e.away(err)
	}
	version, err := e.client.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return e.away(err)
	}
	e.name = "docker " + version.Version
	for _, c := range version.Components {
		if strings.HasPrefix(c.Name, "Podman") {
			e.name = "podman " + c.Version
		}
	}
	has := func(option string) bool {
		return slices.ContainsFunc(info.Info.SecurityOptions, func(o string) bool {
			return strings.HasPrefix(o, "name="+option)
		})
	}
	e.cpus, e.rootless, e.remapped = info.Info.NCPU, has("rootless"), has("userns")
	e.bounded = !e.rootless || info.Info.CgroupVersion == "2"
	e.known = true
	return nil
}

func (e *Engine) away(err error) error {
	if errdefs.IsPermissionDenied(err) || errors.Is(err, os.ErrPermission) {
		return &build.Failure{Code: codeProvision, Message: fmt.Sprintf(
			"the server's user may not use the container engine at %s: %v; add that user to the group that owns the socket and start the server again", e.socket, err)}
	}
	if !client.IsErrConnectionFailed(err) && !errors.Is(err, context.DeadlineExceeded) {
		return &build.Failure{Code: codeProvision, Message: fmt.Sprintf("the container engine at %s cannot be used: %v; see its log, and whether it is one of today's versions", e.socket, err)}
	}
	return &build.Failure{Code: codeProvision, Message: fmt.Sprintf(
		"no container engine answers at %s: %v; start it (systemctl start docker, or systemctl start podman.socket) and run the build again", e.socket, err)}
}

// String names the engine for people.
func (e *Engine) String() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.name == "" {
		return "engine at " + e.socket
	}
	return e.name
}

// cli is the program that people use the engine with.
func (e *Engine) cli() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if strings.HasPrefix(e.name, "podman") {
		return "podman"
	}
	return "docker"
}

// hostName is what containers call this machine.
func (e *Engine) hostName() string {
	if e.cli() == "podman" {
		return "host.containers.internal" // which it knows by itself
	}
	return dockerHost
}

const dockerHost = "host.docker.internal"

const (
	removePatience  = 30 * time.Second
	removePause     = 50 * time.Millisecond
	reclaimPatience = 10 * time.Minute // for the files of a large build
)

// remove ends a container and removes it. When it returns nil nothing of it runs.
func (e *Engine) remove(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removePatience)
	defer cancel()
	for {
		_, err := e.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err == nil || errdefs.IsNotFound(err) {
			return nil
		}
		select { // perhaps it is being removed already
		case <-ctx.Done():
			return fmt.Errorf("remove the container %s: %w", id, err)
		case <-time.After(removePause):
		}
	}
}
