package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	codebuildapi "github.com/conveyor-cd/conveyor/internal/awsapi/codebuild"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/container"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/config"
)

// runners choose where a build runs. Whether there is a container engine is asked once, when the server starts, so that the
// same build never runs in a container today and on the host tomorrow because the engine was away for a moment.
type runners struct {
	mode      string
	images    container.Images
	host      *host.Runner
	functions *host.Runner      // where the programs of functions run, as the server's user
	container *container.Runner // nil: there is no engine, or it is not wanted
}

var _ build.Runner = (*runners)(nil)

// openRunners opens the places for builds that the settings ask for.
func (r *rooms) openRunners(ctx context.Context) (*runners, error) {
	log := r.log.With("room", "builds")
	workspaces, err := disk.Among(r.seat.builds, r.seat.name, r.seat.lives, log)
	if err != nil {
		return nil, err
	}
	r.closers = append(r.closers, workspaces.Close)
	c := r.config.Builds
	var users *host.Users
	if c.User != "" {
		if users, err = host.ParseUsers(c.User); err != nil {
			return nil, fmt.Errorf("setting build-user: %w", err)
		}
		if err := users.Reach(workspaces.All); err != nil {
			return nil, fmt.Errorf("setting build-user: %w", err)
		}
	}
	var limits *host.Limits
	if c.Limits == config.LimitsAuto {
		limits = host.FindLimits(workspaces.All)
		r.closers = append(r.closers, limits.Close)
	}
	log.Info("limits of builds on this host", "held", limits)
	all := &runners{mode: c.Runner, host: host.On(workspaces, users, limits, log), functions: host.On(workspaces, nil, nil, log)}
	if all.images, err = container.ParseImages(c.Images); err != nil {
		return nil, fmt.Errorf("setting build-images: %w", err)
	}
	if c.Runner == config.RunnerHost {
		return all, nil
	}
	engine, err := findEngine(ctx, c)
	if err != nil {
		return nil, err
	}
	if engine == nil {
		log.Info("no container engine answers: builds run on this host")
		return all, nil
	}
	all.container = container.New(container.Config{
		Engine: engine, Disk: workspaces, Images: all.images, Network: c.Network, Privileged: c.Privileged, Log: log,
	})
	log.Info("builds run in containers", "engine", engine.String(), "runner", c.Runner)
	return all, nil
}

// findEngine is the engine that the settings name, whether or not it answers just now, or one that does; nil when there
// is none and none is asked for.
func findEngine(ctx context.Context, c config.Builds) (*container.Engine, error) {
	sockets := container.Sockets()
	if c.Socket != "" {
		sockets = []string{c.Socket}
	}
	if engine, ok := container.Find(ctx, sockets); ok {
		return engine, nil
	}
	if c.Runner == config.RunnerContainer || c.Socket != "" {
		return container.NewEngine(sockets[0])
	}
	return nil, nil
}

// hostImage is what a project can call the place where no image is used.
const hostImage = "host"

// list says what projects can name as their image, for those who ask the API.
func (r *runners) list() []codebuildapi.Image {
	var all []codebuildapi.Image
	if r.mode != config.RunnerContainer {
		all = append(all, codebuildapi.Image{Name: hostImage, Description: "This server's own host, with what is installed there"})
	}
	if r.container == nil {
		return all
	}
	for _, m := range r.images {
		name := m.Name
		if strings.ContainsAny(name, "*?[") {
			name = m.Image // the pattern is no name
		}
		all = append(all, codebuildapi.Image{Name: name, Description: "Runs in a container of " + m.Image})
	}
	return all
}

func (r *runners) choose(n build.Needs) build.Runner {
	if r.container != nil && (r.mode == config.RunnerContainer || n.Image != hostImage && r.images.Named(n.Image)) {
		return r.container
	}
	return r.host
}

// Notice implements build.Runner.
func (r *runners) Notice(n build.Needs) string {
	chosen := r.choose(n)
	notice := chosen.Notice(n)
	if chosen == build.Runner(r.host) && r.container != nil && n.Image != "" && n.Image != hostImage {
		notice += "; to have such builds run in containers, name an image for it with the server's setting build-images"
	}
	return notice
}

// Prepare implements build.Runner.
func (r *runners) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	return r.choose(n).Prepare(ctx, n)
}

// Sweep implements build.Runner. What runs is ended before any files are removed.
func (r *runners) Sweep(ctx context.Context) error {
	var err error
	if r.container != nil {
		err = r.container.Sweep(ctx)
	}
	return errors.Join(err, r.host.Sweep(ctx))
}
