package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action/remotesource"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codeconnections"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/forgehost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// elsewhere is everything about sources that lie elsewhere: at forges and at servers of version control.
type elsewhere struct {
	connections *connection.Store
	mirrors     *gitrepo.Mirrors
	runner      *vcs.Runner
	sources     *remotesource.Sources
	host        *forgehost.Host
	handler     *codeconnections.Handler
}

const (
	// keepMirrors is how long the copies of repositories are kept that nobody uses.
	keepMirrors = 30 * 24 * time.Hour
	// maxMirrors is how many bytes all of them may take before the ones used longest ago go.
	maxMirrors = 50 << 30
)

func (r *rooms) openElsewhere(_ context.Context, db store.Store) error {
	var err error
	if r.box, err = secret.Open(r.config.Data); err != nil {
		return err
	}
	dir := filepath.Join(r.config.Data, "mirrors")
	runner, err := vcs.NewRunner(vcs.Options{Home: filepath.Join(dir, "home"), KnownHosts: r.config.KnownHosts})
	if err != nil {
		return err
	}
	e := &elsewhere{runner: runner, connections: connection.New(db, r.box, connection.Options{})}
	if e.mirrors, err = gitrepo.OpenMirrors(dir, runner); err != nil {
		return err
	}
	r.closers = append(r.closers, e.mirrors.Close)
	e.sources, err = remotesource.New(remotesource.Options{
		Connections: e.connections, Mirrors: e.mirrors, Runner: runner, Objects: r.objects, Box: r.box, Dir: dir,
	})
	if err != nil {
		return err
	}
	e.host = forgehost.New(forgehost.Options{
		Store: db, Jobs: r.queue, Connections: e.connections, Mirrors: e.mirrors, Runner: runner, Box: r.box, PublicURL: r.config.PublicURL,
		Log: r.log.With("room", "forges"),
	})
	r.elsewhere = e
	return nil
}

// serveElsewhere gives the rooms about elsewhere the pipelines, and the pipelines' users the services.
func (r *rooms) serveElsewhere(verifier *awsapi.Verifier, authorizer awsapi.Authorizer, place awsapi.Place) {
	e := r.elsewhere
	e.host.Serve(r.flow)
	for _, s := range codeconnections.Services(e.connections, place) {
		r.api.Add(s.APIs()...)
	}
	e.handler = &codeconnections.Handler{
		Store: e.connections, Place: place, Verifier: verifier, Authorizer: authorizer, Log: r.log.With("room", "connections"),
		Authorized: e.host.Authorized,
		Watched: func(ctx context.Context) (any, any, error) {
			hooks, polls, err := e.host.States(ctx)
			return hooks, polls, err
		},
	}
}

// RegisterHook implements flow.ThirdParty.
func (e *elsewhere) RegisterHook(ctx context.Context, configuration map[string]string, url, secret string, remove bool) error {
	return e.sources.RegisterHook(ctx, configuration, forge.Hook{URL: url, Secret: secret}, remove)
}

func (e *elsewhere) sweep(ctx context.Context) error {
	before := time.Now().Add(-keepMirrors)
	return errors.Join(e.mirrors.Sweep(ctx, before, maxMirrors), e.sources.Sweep(ctx, before), e.host.Prune(ctx, time.Now()))
}

// stepped and watched tell what a step or a change of a pipeline means elsewhere.
func (r *rooms) stepped(ctx context.Context, tx store.Tx, s flow.Step) error {
	if err := r.noteStatuses(ctx, tx, s); err != nil {
		return err
	}
	return r.elsewhere.host.Stepped(ctx, tx, s)
}

func (r *rooms) watched(ctx context.Context, tx store.Tx, provider, resource string) error {
	return r.elsewhere.host.Watched(ctx, tx, provider, resource)
}
