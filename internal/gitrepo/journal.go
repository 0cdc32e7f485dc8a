package gitrepo

import (
	"context"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// PushHook is told of every push event in the transaction that records it.
type PushHook func(ctx context.Context, tx store.Tx, p Push) error

// Push is one ref that was changed.
type Push struct{}
