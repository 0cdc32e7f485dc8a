// Package remote is what builds have to do with forges and other Git servers: the credentials they sign in with, the
// repositories they clone, by way of mirrors that are kept, and the webhooks that start them.
package remote

import (
	"context"
	"log/slog"

	"golang.org/x/sync/semaphore"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/vcs"
)

// Permitter says what the role of a build allows. Implemented by *iam.Directory.
type Permitter interface {
	// Permit is nil when the work of ctx may do action on resource, else an *iam.NotPermitted.
	Permit(ctx context.Context, action, resource string) error
}

// Options are what a Service works with. All but the last two are required.
type Options struct {
	Store       store.Store
	Connections *connection.Store
	Mirrors     *gitrepo.Mirrors
	Runner      *vcs.Runner
	Box         secret.Sealer
	Secrets     build.Secrets
	Roles       Permitter
	PublicURL   string
	Region      string // in the names of statuses
	Forge       forge.Options
	Log         *slog.Logger // nil discards
}

// Service signs in, fetches, and starts builds of what forges post. It is the HTTP handler of that. Its methods may be called
// from many goroutines.
type Service struct {
	o      Options
	builds Builds
	jobs   Jobs
	bodies *semaphore.Weighted // how many are read at one time
}

const maxBodies = 4

var _ build.Remotes = (*Service)(nil)

// New makes a Service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{o: o, bodies: semaphore.NewWeighted(maxBodies)}
}
