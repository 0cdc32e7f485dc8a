package objectstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Publish implements Objects. Of a key that occurs several times the last file counts.
func (s *Store) Publish(ctx context.Context, bucket string, files []File) error {
	return s.publish(ctx, "", bucket, files)
}

// PublishOnce is Publish, unless something was published under the token before: then it does nothing, whatever has been
// published since. Tokens are forgotten after a week.
func (s *Store) PublishOnce(ctx context.Context, token, bucket string, files []File) error {
	done, err := s.published(ctx, token)
	if done || err != nil {
		return err
	}
	return ignorePublished(s.publish(ctx, token, bucket, files))
}

func (s *Store) publish(ctx context.Context, token, bucket string, files []File) error {
	if _, err := s.Bucket(ctx, bucket); err != nil {
		return err
	}
	last := make(map[string]int, len(files))
	for i, f := range files {
		if err := CheckKey(f.Key); err != nil {
			return err
		}
		last[f.Key] = i
	}
	order := make([]int, 0, len(last))
	for _, i := range last {
		order = append(order, i)
	}
	slices.SortFunc(order, func(a, b int) int { return compare(files[a].Key, files[b].Key) })

	bodies, err := s.stageAll(ctx, files, order)
	if err != nil {
		return err
	}
	if len(bodies) == 0 {
		return nil
	}
	return s.withBodies(ctx, bodies, func(tx store.Tx, ids map[string]int64) error {
		b, err := lockBucket(ctx, tx, bucket, true)
		if err != nil {
			return err
		}
		if err := s.redeem(ctx, tx, token); err != nil {
			return err
		}
		acls := map[string]bool{}
		for _, i := range order {
			acls[files[i].CannedACL] = true
		}
		for acl := range acls {
			if err := checkACL(ctx, tx, b, acl); err != nil {
				return err
			}
		}
		now := s.now()
		rows := make([]row, len(order))
		for n, i := range order {
			rows[n] = row{blob: ids[bodies[n].hash], Object: Object{
				Bucket: bucket, Key: files[i].Key, VersionID: nullVersion, Latest: true, LastModified: now,
				ETag: bodies[n].md5, Size: bodies[n].size, Attributes: files[i].Attributes,
				Checksum: Checksum{Algorithm: CRC64NVME, Type: FullObject, Value: bodies[n].sum},
			}}
			if b.versioned() {
				rows[n].VersionID = s.newID()
			}
		}
		return s.switchKeys(ctx, tx, b, rows)
	})
}

func compare(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// stageAll writes the bodies of files[order[n]] side by side, and removes them all if one fails.
func (s *Store) stageAll(ctx context.Context, files []File, order []int) ([]*body, error) {
	bodies := make([]*body, len(order))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for n, i := range order {
		if gctx.Err() != nil {
			break
		}
		g.Go(func() error {
			r, err := files[i].Open()
			if err != nil {
				return fmt.Errorf("open %q to publish it: %w", files[i].Key, err)
			}
			bodies[n], err = s.stage(gctx, r, CRC64NVME)
			if err := errors.Join(err, r.Close()); err != nil {
				return err
			}
			return s.settle(gctx, bodies[n], files[i].Open)
		})
	}
	if err := errors.Join(g.Wait(), ctx.Err()); err != nil {
		discard(bodies...)
		return nil, err
	}
	return bodies, nil
}

// settle keeps the bytes of many small bodies from gathering in memory: one that is stored already can be read again
// should it be needed after all, and any other gets its file now.
func (s *Store) settle(ctx context.Context, b *body, open func() (io.ReadCloser, error)) error {
	if b.path != "" {
		return nil
	}
	known, err := s.knownBlobs(ctx, []string{b.hash})
	if err != nil {
		return err
	}
	if known[b.hash] {
		b.read = open
		return nil
	}
	return s.write(ctx, b)
}

// switchKeys makes rows the newest versions of their keys, in few statements.
func (s *Store) switchKeys(ctx context.Context, tx store.Tx, b bucketRow, rows []row) error {
	for batch := range slices.Chunk(rows, maxBatch) {
		if err := s.supersede(ctx, tx, b, batch); err != nil {
			return err
		}
	}
	for batch := range slices.Chunk(rows, maxBatch/rowWidth) {
		args := make([]any, 0, len(batch)*rowWidth)
		for _, r := range batch {
			a, err := r.insertArgs(b.id)
			if err != nil {
				return err
			}
			args = append(args, a...)
		}
		if _, err := tx.Exec(ctx, rowInsert+placeholders(1, len(batch), rowWidth), args...); err != nil {
			return err
		}
	}
	for _, r := range rows {
		if err := s.announce(ctx, tx, r.Object); err != nil {
			return err
		}
	}
	return nil
}

// supersede makes room for new newest versions of the keys of rows.
func (s *Store) supersede(ctx context.Context, tx store.Tx, b bucketRow, rows []row) error {
	keys := []any{b.id}
	for _, r := range rows {
		keys = append(keys, []byte(r.Key))
	}
	in := placeholders(2, 1, len(rows))
	if !b.versioned() {
		if err := s.removeNulls(ctx, tx, in, keys); err != nil {
			return err
		}
	}
	if b.versioning == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE object_versions SET latest = 0
		WHERE bucket_id = $1 AND latest = 1 AND object_key IN `+in, keys...)
	return err
}

// removeNulls removes the null versions of keys and leaves their bodies to the sweeper.
func (s *Store) removeNulls(ctx context.Context, tx store.Tx, in string, keys []any) error {
	rows, err := tx.Query(ctx, `DELETE FROM object_versions
		WHERE bucket_id = $1 AND version = 'null' AND object_key IN `+in+` RETURNING blob_id`, keys...)
	if err != nil {
		return err
	}
	var blobs []int64
	if err := each(rows, func() error {
		var id sql.NullInt64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		if id.Valid {
			blobs = append(blobs, id.Int64)
		}
		return nil
	}); err != nil {
		return err
	}
	slices.Sort(blobs)
	return s.suspect(ctx, tx, slices.Compact(blobs)...)
}
