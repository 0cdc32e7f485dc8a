package objectstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// nullVersion is the version id of objects put while versioning was not enabled.
const nullVersion = "null"

// row is one row of object_versions.
type row struct {
	Object
	id   int64
	blob int64 // 0 for delete markers
}

const rowColumns = `v.id, v.object_key, v.version, v.latest, v.delete_marker, coalesce(v.blob_id, 0), v.size, v.etag,
	v.modified_at, v.checksum, v.attributes, v.acl, v.tags, v.parts`

// rowScan receives rowColumns and turns them into a row.
type rowScan struct {
	id, latest, marker, blob, size, modified              sql.NullInt64
	key                                                   []byte
	version, etag, checksum, attributes, acl, tags, parts sql.NullString
}

func (r *rowScan) targets(more ...any) []any {
	return append([]any{
		&r.id, &r.key, &r.version, &r.latest, &r.marker, &r.blob, &r.size, &r.etag,
		&r.modified, &r.checksum, &r.attributes, &r.acl, &r.tags, &r.parts,
	}, more...)
}

func (r *rowScan) row(bucket string) (row, error) {
	o := Object{
		Bucket: bucket, Key: string(r.key), VersionID: r.version.String, ETag: r.etag.String, Size: r.size.Int64,
		LastModified: store.FromMicros(r.modified.Int64), Latest: r.latest.Int64 == 1, DeleteMarker: r.marker.Int64 == 1,
	}
	for _, j := range []struct {
		text string
		into any
	}{
		{r.attributes.String, &o.Attributes},
		{r.checksum.String, &o.Checksum},
		{r.tags.String, &o.Tags},
		{r.parts.String, &o.Parts},
	} {
		if j.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(j.text), j.into); err != nil {
			return row{}, fmt.Errorf("read object %q of bucket %q: %w", o.Key, bucket, err)
		}
	}
	o.CannedACL = r.acl.String
	return row{Object: o, id: r.id.Int64, blob: r.blob.Int64}, nil
}

const rowInsert = `INSERT INTO object_versions (bucket_id, object_key, version, latest, delete_marker, blob_id, size,
	etag, modified_at, checksum, attributes, acl, tags, parts) VALUES `

const rowWidth = 14

// insertArgs are the values of rowInsert.
func (r row) insertArgs(bucketID int64) ([]any, error) {
	attributes, err := json.Marshal(r.Attributes)
	if err != nil {
		return nil, err
	}
	sum, err := encodeUnlessZero(r.Checksum, r.Checksum == Checksum{})
	if err != nil {
		return nil, err
	}
	tags, err := encodeUnlessZero(r.Tags, len(r.Tags) == 0)
	if err != nil {
		return nil, err
	}
	parts, err := encodeUnlessZero(r.Parts, len(r.Parts) == 0)
	if err != nil {
		return nil, err
	}
	return []any{
		bucketID, []byte(r.Key), r.VersionID, flag(r.Latest), flag(r.DeleteMarker),
		sql.NullInt64{Int64: r.blob, Valid: r.blob != 0},
		r.Size, r.ETag, store.Micros(r.LastModified), sum, string(attributes), r.CannedACL, tags, parts,
	}, nil
}

func encodeUnlessZero(v any, zero bool) (string, error) {
	if zero {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// bucketRow is what writes need to know of a bucket.
type bucketRow struct {
	id         int64
	name       string
	versioning string
}

func (b bucketRow) versioned() bool { return b.versioning == VersioningEnabled }

// lockBucket finds a bucket and keeps it from being deleted (shared) or from any other change (exclusive) until tx ends.
// SQLite has one writer, so there is nothing to lock.
func lockBucket(ctx context.Context, tx store.Tx, name string, exclusive bool) (bucketRow, error) {
	q := `SELECT id, versioning FROM buckets WHERE name = $1`
	if tx.Dialect() == store.Postgres {
		if exclusive {
			q += ` FOR UPDATE`
		} else {
			q += ` FOR KEY SHARE`
		}
	}
	b := bucketRow{name: name}
	err := tx.QueryRow(ctx, q, name).Scan(&b.id, &b.versioning)
	if errors.Is(err, sql.ErrNoRows) {
		return b, noBucket(name)
	}
	return b, err
}

// latestRow is the newest version of a key; sql.ErrNoRows when there is none.
func latestRow(ctx context.Context, r store.Reader, b bucketRow, key string) (row, error) {
	var s rowScan
	err := r.QueryRow(ctx, `SELECT `+rowColumns+` FROM object_versions v
		WHERE v.bucket_id = $1 AND v.object_key = $2 AND v.latest = 1`, b.id, []byte(key)).Scan(s.targets()...)
	if err != nil {
		return row{}, err
	}
	return s.row(b.name)
}

func versionRow(ctx context.Context, r store.Reader, b bucketRow, key, version string) (row, error) {
	var s rowScan
	err := r.QueryRow(ctx, `SELECT `+rowColumns+` FROM object_versions v
		WHERE v.bucket_id = $1 AND v.object_key = $2 AND v.version = $3`, b.id, []byte(key), version).Scan(s.targets()...)
	if err != nil {
		return row{}, err
	}
	return s.row(b.name)
}

// addVersion makes r the newest version of its key, replacing the null version where the bucket's state says so.
func (s *Store) addVersion(ctx context.Context, tx store.Tx, b bucketRow, r row) (row, error) {
	r.Latest, r.VersionID = true, nullVersion
	if b.versioned() {
		r.VersionID = s.newID()
	} else if err := s.removeVersion(ctx, tx, b, r.Key, nullVersion); err != nil {
		return r, err
	}
	if b.versioning != "" {
		if _, err := tx.Exec(ctx, `UPDATE object_versions SET latest = 0
			WHERE bucket_id = $1 AND object_key = $2 AND latest = 1`, b.id, []byte(r.Key)); err != nil {
			return r, err
		}
	}
	args, err := r.insertArgs(b.id)
	if err != nil {
		return r, err
	}
	_, err = tx.Exec(ctx, rowInsert+placeholders(1, 1, rowWidth), args...)
	return r, err
}

// removeVersion deletes one version, if it exists, and leaves its body to the sweeper.
func (s *Store) removeVersion(ctx context.Context, tx store.Tx, b bucketRow, key, version string) error {
	var blob sql.NullInt64
	err := tx.QueryRow(ctx, `DELETE FROM object_versions WHERE bucket_id = $1 AND object_key = $2 AND version = $3
		RETURNING blob_id`, b.id, []byte(key), version).Scan(&blob)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !blob.Valid {
		return nil
	}
	if err != nil {
		return err
	}
	return s.suspect(ctx, tx, blob.Int64)
}

// suspect notes that a reference to these bodies is gone, so that the sweeper looks whether any is left.
func (s *Store) suspect(ctx context.Context, tx store.Tx, blobs ...int64) error {
	for len(blobs) > 0 {
		n := min(len(blobs), maxBatch)
		args := []any{store.Micros(s.now())}
		for _, id := range blobs[:n] {
			args = append(args, id)
		}
		_, err := tx.Exec(ctx, `UPDATE blobs SET suspect_at = $1 WHERE id IN `+placeholders(2, 1, n), args...)
		if err != nil {
			return err
		}
		blobs = blobs[n:]
	}
	return nil
}

// maxBatch is the number of parameters of one statement. SQLite's driver looks each `$N` up by name, so the cost grows with
// the square of their number: 500 rows at once take 60 times as long as 10 at a time.
const maxBatch = 140
