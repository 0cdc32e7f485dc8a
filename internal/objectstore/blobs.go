package objectstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// withBodies makes staged bodies durable and then runs f in a transaction in which each of them has a row in blobs;
// ids maps their hashes to those rows. f adds what refers to them. Bodies that are not needed, because their bytes are
// stored already or because f failed, are removed.
func (s *Store) withBodies(ctx context.Context, bodies []*body, f func(tx store.Tx, ids map[string]int64) error) error {
	unique := make(map[string]*body, len(bodies))
	var surplus []*body
	for _, b := range bodies {
		if unique[b.hash] == nil {
			unique[b.hash] = b
		} else {
			surplus = append(surplus, b)
		}
	}
	discard(surplus...)
	hashes := make([]string, 0, len(unique))
	for h := range unique {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes) // one order for all, so that transactions do not wait for each other in a circle

	known, err := s.knownBlobs(ctx, hashes)
	if err != nil {
		discard(bodies...)
		return err
	}
	for {
		var missing []*body
		for _, h := range hashes {
			if !known[h] && unique[h].file == "" {
				missing = append(missing, unique[h])
			}
		}
		if err := s.install(ctx, missing); err != nil {
			discard(bodies...)
			return err
		}
		var files map[string]string
		var inner error
		err := s.inTx(ctx, func(tx store.Tx) error {
			var ids map[string]int64
			if ids, files, inner = s.refer(ctx, tx, hashes, unique); inner == nil {
				inner = f(tx, ids)
			}
			return inner
		})
		switch {
		case err == nil:
			for h, b := range unique {
				if files[h] != b.file {
					discard(b)
				}
			}
			return nil
		case errors.Is(err, errRetry):
			known = nil
		case inner != nil:
			discard(bodies...)
			return err
		default:
			// The commit itself failed and may have happened all the same: leave installed files to the sweeper, which
			// looks whether a row names them.
			for _, b := range unique {
				if b.file == "" {
					discard(b)
				}
			}
			return err
		}
	}
}

// knownBlobs tells which bodies are stored already, to spare writing them again. The answer may be outdated by the time
// it is used; refer notices.
func (s *Store) knownBlobs(ctx context.Context, hashes []string) (map[string]bool, error) {
	known := make(map[string]bool, len(hashes))
	err := s.db.Read(ctx, func(r store.Reader) error {
		for batch := range slices.Chunk(hashes, maxBatch) {
			rows, err := r.Query(ctx, `SELECT hash FROM blobs WHERE hash IN `+placeholders(1, 1, len(batch)), anys(batch)...)
			if err != nil {
				return err
			}
			if err := each(rows, func() error {
				var h string
				if err := rows.Scan(&h); err != nil {
					return err
				}
				known[h] = true
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return known, err
}

// refer clears the suspicion of all bodies and inserts rows for those installed by us. It returns errRetry when a body
// that was known has been swept meanwhile.
func (s *Store) refer(ctx context.Context, tx store.Tx, hashes []string, unique map[string]*body) (ids map[string]int64, files map[string]string, err error) {
	ids, files = make(map[string]int64, len(hashes)), make(map[string]string, len(hashes))
	var ours, theirs []string
	for _, h := range hashes {
		if unique[h].file != "" {
			ours = append(ours, h)
		} else {
			theirs = append(theirs, h)
		}
	}
	collect := func(query string, args []any) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return each(rows, func() error {
			var h, file string
			var id int64
			if err := rows.Scan(&h, &id, &file); err != nil {
				return err
			}
			ids[h], files[h] = id, file
			return nil
		})
	}
	for batch := range slices.Chunk(theirs, maxBatch) {
		if err := collect(`UPDATE blobs SET suspect_at = 0 WHERE hash IN `+placeholders(1, 1, len(batch))+
			` RETURNING hash, id, file`, anys(batch)); err != nil {
			return nil, nil, err
		}
	}
	for batch := range slices.Chunk(ours, maxBatch/3) {
		args := make([]any, 0, 3*len(batch))
		for _, h := range batch {
			args = append(args, h, unique[h].file, unique[h].size)
		}
		if err := collect(`INSERT INTO blobs (hash, file, size) VALUES `+placeholders(1, len(batch), 3)+
			` ON CONFLICT (hash) DO UPDATE SET suspect_at = 0 RETURNING hash, id, file`, args); err != nil {
			return nil, nil, err
		}
	}
	for _, h := range hashes {
		if ids[h] == 0 {
			return nil, nil, fmt.Errorf("body %s: %w", h, errRetry)
		}
	}
	return ids, files, nil
}

func anys[T any](in []T) []any {
	out := make([]any, len(in))
	for i, v := range in {
		out[i] = v
	}
	return out
}
