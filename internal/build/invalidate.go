package build

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// InvalidateCaches makes builds of a project that start from now on find none of its caches, wherever they are kept: the names
// of new ones begin with a new epoch. A build that runs meanwhile cannot bring an old one back. Those on this machine are
// removed; those on others go when there is no room for them, and those in buckets are the user's. ErrNoProject.
func (s *Service) InvalidateCaches(ctx context.Context, name string) error {
	epoch := rand.Text()[:8] + "."
	err := s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE build_projects SET cache_epoch = $2 WHERE name = $1`, name, epoch)
		if err == nil && n == 0 {
			err = fmt.Errorf("%w: %s", ErrNoProject, name)
		}
		return err
	})
	if err != nil || s.cfg.Caches == nil {
		return err
	}
	return s.cfg.Caches.forget(name)
}

// cacheEpoch is what the names of a new build's caches begin with.
func cacheEpoch(ctx context.Context, r store.Reader, b *types.Build) (epoch string, err error) {
	if b.Cache == nil || b.Cache.Type == types.CacheTypeNoCache {
		return "", nil
	}
	err = r.QueryRow(ctx, `SELECT cache_epoch FROM build_projects WHERE name = $1`, *b.ProjectName).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return epoch, err
}
