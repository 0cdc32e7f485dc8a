package connection

import (
	"context"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/forge"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// ErrRefused says that the forge does not take the connection's credentials any more. It is a forge.ErrDenied, too.
var ErrRefused = errors.New("the forge does not accept the credentials of the connection any more")

// watched is the forge of a connection. It notes when the forge takes the credentials no more, and when it does again.
type watched struct {
	forge.Forge
	s *Store
	c row
}

func (w watched) Repository(ctx context.Context, name string) (forge.Repository, error) {
	r, err := w.Forge.Repository(ctx, name)
	return r, w.noted(ctx, err)
}

func (w watched) Head(ctx context.Context, name, branch string) (string, error) {
	id, err := w.Forge.Head(ctx, name, branch)
	return id, w.noted(ctx, err)
}

func (w watched) EnsureHook(ctx context.Context, name string, h forge.Hook) (string, error) {
	id, err := w.Forge.EnsureHook(ctx, name, h)
	return id, w.noted(ctx, err)
}

func (w watched) DeleteHook(ctx context.Context, name, id string) error {
	return w.noted(ctx, w.Forge.DeleteHook(ctx, name, id))
}

func (w watched) SetStatus(ctx context.Context, name, commit string, s forge.Status) error {
	return w.noted(ctx, w.Forge.SetStatus(ctx, name, commit, s))
}

func (w watched) PullRequestFiles(ctx context.Context, name, number string, limit int) ([]string, error) {
	files, err := w.Forge.PullRequestFiles(ctx, name, number, limit)
	return files, w.noted(ctx, err)
}

func (w watched) Login(ctx context.Context, name string) (forge.Login, error) {
	l, err := w.Forge.Login(ctx, name)
	return l, w.noted(ctx, err)
}

// noted is err, after it has been noted what it says of the credentials. What they lack permission for, or may not see, says
// nothing: only a forge that refuses to say whose they are does.
func (w watched) noted(ctx context.Context, err error) error {
	switch {
	case err == nil && w.c.Problem == "", ctx.Err() != nil:
		return err
	case err == nil:
		return w.s.setProblem(ctx, w.c, "")
	case !errors.Is(err, forge.ErrDenied) && !errors.Is(err, forge.ErrNotFound):
		return err
	}
	_, refused := w.Whoami(ctx)
	if !errors.Is(refused, forge.ErrDenied) {
		return err
	}
	return errors.Join(fmt.Errorf("%w: %w", ErrRefused, refused), w.s.setProblem(ctx, w.c, refused.Error()))
}

// setProblem makes a connection ERROR for a reason, or AVAILABLE with none, unless it was given other credentials meanwhile.
func (s *Store) setProblem(ctx context.Context, c row, problem string) error {
	status := Available
	if problem != "" {
		status = Errored
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE connections SET status = $2, problem = $3 WHERE id = $1 AND credentials = $4 AND problem <> $3`,
			c.ID, string(status), problem, c.sealed)
		return err
	})
}
