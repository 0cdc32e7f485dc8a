package app

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// Option changes what a server is.
type Option func(*options)

type options struct {
	directories bool
	failed      func(ctx context.Context, f build.Failed)
}

// FromDirectories makes a server whose pipelines may take directories of this machine as their sources, and whose builds run
// on it whatever workers they ask for. It is for a server that its user has alone: whoever may make pipelines on it can
// read every file.
func FromDirectories(o *options) { o.directories = true }

// OnFailed has f look at failed builds before their workspaces go.
func OnFailed(f func(ctx context.Context, f build.Failed)) Option {
	return func(o *options) { o.failed = f }
}
