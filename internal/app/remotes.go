package app

import (
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// openRemotes opens what builds have to do with forges, after what lies elsewhere.
func (r *rooms) openRemotes(db store.Store, secrets build.Secrets) {
	r.remotes = remote.New(remote.Options{
		Store: db, Connections: r.elsewhere.connections, Mirrors: r.elsewhere.mirrors, Runner: r.elsewhere.runner, Box: r.box,
		Secrets: secrets, Roles: r.identities, PublicURL: r.config.PublicURL, Region: r.config.Region, Log: r.log.With("room", "remotes"),
	})
}
