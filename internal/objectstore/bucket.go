package objectstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// States of a bucket's versioning; "" is never enabled.
const (
	VersioningEnabled   = "Enabled"
	VersioningSuspended = "Suspended"
)

// Bucket describes a bucket.
type Bucket struct {
	Name       string
	Owner      string
	Versioning string
	Created    time.Time
}

// CreateBucket makes a bucket with its first documents. ErrBucketExists, ErrInvalidBucket, ErrReserved.
func (s *Store) CreateBucket(ctx context.Context, name, owner string, documents map[string][]byte) error {
	if err := CheckBucketName(name); err != nil {
		return err
	}
	if slices.Contains(s.hosts, name) {
		return fmt.Errorf("%w: %s is a host name of this server, whose pages a website of that name would hide; choose another name", ErrReserved, name)
	}
	return s.inTx(ctx, func(tx store.Tx) error {
		var id int64
		err := tx.QueryRow(ctx, `INSERT INTO buckets (name, owner, created_at) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO NOTHING RETURNING id`, name, owner, store.Micros(s.now())).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("bucket %q: %w", name, ErrBucketExists)
		}
		if err != nil {
			return err
		}
		for kind, body := range documents {
			if err := setDocument(ctx, tx, id, kind, body); err != nil {
				return err
			}
		}
		return nil
	})
}

// EnsureBucket implements Objects.
func (s *Store) EnsureBucket(ctx context.Context, bucket string) error {
	_, err := s.Bucket(ctx, bucket)
	if !errors.Is(err, ErrNoSuchBucket) {
		return err
	}
	err = s.CreateBucket(ctx, bucket, "", nil)
	if errors.Is(err, ErrBucketExists) {
		return nil
	}
	return err
}

// Bucket describes one bucket. ErrNoSuchBucket.
func (s *Store) Bucket(ctx context.Context, name string) (Bucket, error) {
	b := Bucket{Name: name}
	err := s.db.Read(ctx, func(r store.Reader) error {
		var created int64
		err := r.QueryRow(ctx, `SELECT owner, versioning, created_at FROM buckets WHERE name = $1`, name).
			Scan(&b.Owner, &b.Versioning, &created)
		b.Created = store.FromMicros(created)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return b, noBucket(name)
	}
	return b, err
}

// Buckets lists up to limit buckets whose names begin with prefix and follow after, by name.
func (s *Store) Buckets(ctx context.Context, prefix, after string, limit int) ([]Bucket, error) {
	var out []Bucket
	err := s.db.Read(ctx, func(r store.Reader) error {
		out = nil
		rows, err := r.Query(ctx, `SELECT name, owner, versioning, created_at FROM buckets
			WHERE name > $1 AND substr(name, 1, $2) = $3 ORDER BY name LIMIT $4`, after, len(prefix), prefix, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b Bucket
			var created int64
			if err := rows.Scan(&b.Name, &b.Owner, &b.Versioning, &created); err != nil {
				return err
			}
			b.Created = store.FromMicros(created)
			out = append(out, b)
		}
		return rows.Err()
	})
	return out, err
}

// DeleteBucket removes an empty bucket and its configuration. ErrBucketNotEmpty counts old versions, delete markers
// and unfinished uploads' parts are dropped with it, as on S3.
func (s *Store) DeleteBucket(ctx context.Context, name string) error {
	return s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, name, true)
		if err != nil {
			return err
		}
		var one int
		err = tx.QueryRow(ctx, `SELECT 1 FROM object_versions WHERE bucket_id = $1 LIMIT 1`, b.id).Scan(&one)
		if err == nil {
			return fmt.Errorf("bucket %q: %w", name, ErrBucketNotEmpty)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err := s.dropUploads(ctx, tx, b); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `DELETE FROM bucket_documents WHERE bucket_id = $1`, b.id); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM buckets WHERE id = $1`, b.id)
		return err
	})
}

// SetVersioning enables or suspends versioning.
func (s *Store) SetVersioning(ctx context.Context, bucket, status string) error {
	if status != VersioningEnabled && status != VersioningSuspended {
		return fmt.Errorf("versioning status %q: %w", status, ErrUnsupported)
	}
	return s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, bucket, true)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE buckets SET versioning = $1 WHERE id = $2`, status, b.id)
		return err
	})
}

// Versioned implements Objects.
func (s *Store) Versioned(ctx context.Context, bucket string) (bool, error) {
	b, err := s.Bucket(ctx, bucket)
	return b.Versioning == VersioningEnabled, err
}

// Document returns a bucket's configuration document of a kind. ErrNoSuchBucket, ErrNoSuchDocument.
func (s *Store) Document(ctx context.Context, bucket, kind string) ([]byte, error) {
	docs, err := s.Documents(ctx, bucket, kind)
	if err != nil {
		return nil, err
	}
	if docs[kind] == nil {
		return nil, fmt.Errorf("%s of bucket %q: %w", kind, bucket, ErrNoSuchDocument)
	}
	return docs[kind], nil
}

// Documents returns several kinds of documents of a bucket at once; absent ones are absent from the map. ErrNoSuchBucket.
func (s *Store) Documents(ctx context.Context, bucket string, kinds ...string) (map[string][]byte, error) {
	out := map[string][]byte{}
	found := false
	err := s.db.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT d.kind, d.body FROM buckets k
			LEFT JOIN bucket_documents d ON d.bucket_id = k.id AND d.kind IN `+placeholders(2, 1, len(kinds))+`
			WHERE k.name = $1`, append([]any{bucket}, anys(kinds)...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			found = true
			var kind sql.NullString
			var body []byte
			if err := rows.Scan(&kind, &body); err != nil {
				return err
			}
			if kind.Valid {
				out[kind.String] = append([]byte{}, body...)
			}
		}
		return rows.Err()
	})
	if err == nil && !found {
		err = noBucket(bucket)
	}
	return out, err
}

// SetDocument stores a configuration document; nil removes it.
func (s *Store) SetDocument(ctx context.Context, bucket, kind string, body []byte) error {
	return s.UpdateDocument(ctx, bucket, kind, func([]byte) ([]byte, error) { return body, nil })
}

// UpdateDocument replaces a document by what f makes of it, in one transaction. f gets nil when there is none, and nil
// from f removes it.
func (s *Store) UpdateDocument(ctx context.Context, bucket, kind string, f func([]byte) ([]byte, error)) error {
	return s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, bucket, true)
		if err != nil {
			return err
		}
		var old []byte
		err = tx.QueryRow(ctx, `SELECT body FROM bucket_documents WHERE bucket_id = $1 AND kind = $2`, b.id, kind).Scan(&old)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		body, err := f(old)
		if err != nil {
			return err
		}
		return setDocument(ctx, tx, b.id, kind, body)
	})
}

func setDocument(ctx context.Context, tx store.Tx, bucketID int64, kind string, body []byte) error {
	if body == nil {
		_, err := tx.Exec(ctx, `DELETE FROM bucket_documents WHERE bucket_id = $1 AND kind = $2`, bucketID, kind)
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO bucket_documents (bucket_id, kind, body) VALUES ($1, $2, $3)
		ON CONFLICT (bucket_id, kind) DO UPDATE SET body = excluded.body`, bucketID, kind, body)
	return err
}
