// Package remote is what builds have to do with forges and other Git servers: the credentials they sign in with, and the
// repositories they clone, by way of mirrors that are kept.
package remote

import (
	"context"
	"log/slog"

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
	Forge       forge.Options
	Log         *slog.Logger // nil discards
}

// Service signs in and fetches. Its methods may be called from many goroutines.
type Service struct{ o Options }

var _ build.Remotes = (*Service)(nil)

// New makes a Service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{o}
}
