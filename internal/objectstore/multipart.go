package objectstore

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

func (s *Store) dropUploads(ctx context.Context, tx store.Tx, b bucketRow) error {
	return nil
}
