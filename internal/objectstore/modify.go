package objectstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// CopyInput copies an object inside the store; the body is shared, not copied.
type CopyInput struct {
	SourceBucket, SourceKey, SourceVersion string
	Bucket, Key                            string
	// Change decides about the copy's attributes from those of the source, and may refuse. It runs in the transaction.
	Change func(source Object) (Attributes, error)
	// Check may refuse the put given the newest version of Key, nil when there is none.
	Check func(current *Object) error
	// Algorithm of the copy's checksum; "" keeps the source's.
	Algorithm string
	// Token, when set, makes this copy happen once: when something was published under the token before (see
	// PublishOnce), nothing is copied and both objects returned are empty.
	Token string
}

// Copy makes a new object of an existing one. It returns the new object and the source.
func (s *Store) Copy(ctx context.Context, in CopyInput) (copied, source Object, err error) {
	if err := CheckKey(in.Key); err != nil {
		return Object{}, Object{}, err
	}
	sum, etag, err := s.recomputed(ctx, in)
	if err != nil {
		return Object{}, Object{}, err
	}
	err = s.inTx(ctx, func(tx store.Tx) error {
		if err := s.redeem(ctx, tx, in.Token); err != nil {
			return err
		}
		from, _, err := findRow(ctx, tx, in.SourceBucket, in.SourceKey, in.SourceVersion)
		if err != nil {
			return err
		}
		attrs, err := in.Change(from.Object)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `UPDATE blobs SET suspect_at = 0 WHERE id = $1`, from.blob)
		if err != nil {
			return err
		}
		if n == 0 {
			return noKey(in.SourceBucket, in.SourceKey)
		}
		to := row{blob: from.blob, Object: Object{
			Bucket: in.Bucket, Key: in.Key, ETag: from.ETag, Size: from.Size, Checksum: from.Checksum,
			Parts: from.Parts, Attributes: attrs,
		}}
		if sum.Value != "" && from.ETag == etag {
			to.Checksum = sum
		}
		source = from.Object
		copied, err = s.commitPut(ctx, tx, to, in.Check)
		return err
	})
	return copied, source, ignorePublished(err)
}

// recomputed is the checksum of the source when another algorithm is asked for than the one it has, and the ETag of
// what was read.
func (s *Store) recomputed(ctx context.Context, in CopyInput) (Checksum, string, error) {
	if in.Algorithm == "" {
		return Checksum{}, "", nil
	}
	r, err := s.Get(ctx, in.SourceBucket, in.SourceKey, in.SourceVersion)
	if err != nil {
		return Checksum{}, "", err
	}
	defer r.Body.Close()
	if r.Checksum.Algorithm == in.Algorithm {
		return Checksum{}, "", nil
	}
	h, err := NewChecksum(in.Algorithm)
	if err != nil {
		return Checksum{}, "", err
	}
	if _, err := io.Copy(h, onlyReader{ctx, r.Body}); err != nil {
		return Checksum{}, "", err
	}
	return Checksum{Algorithm: in.Algorithm, Type: FullObject, Value: encodeSum(h.Sum(nil))}, r.ETag, nil
}

// SetTags replaces the tags of a version; version "" is the newest.
func (s *Store) SetTags(ctx context.Context, bucket, key, version string, tags map[string]string) (Object, error) {
	return s.change(ctx, bucket, key, version, func(o *Object) { o.Tags = tags })
}

// SetACL replaces the canned ACL of a version; version "" is the newest.
func (s *Store) SetACL(ctx context.Context, bucket, key, version, canned string) (Object, error) {
	return s.change(ctx, bucket, key, version, func(o *Object) { o.CannedACL = canned })
}

func (s *Store) change(ctx context.Context, bucket, key, version string, f func(*Object)) (Object, error) {
	var o Object
	err := s.inTx(ctx, func(tx store.Tx) error {
		b, err := lockBucket(ctx, tx, bucket, false)
		if err != nil {
			return err
		}
		r, _, err := findRow(ctx, tx, bucket, key, version)
		if err != nil {
			return err
		}
		old := r.CannedACL
		f(&r.Object)
		if r.CannedACL != old {
			if err := checkACL(ctx, tx, b, r.CannedACL); err != nil {
				return err
			}
		}
		tags, err := encodeUnlessZero(r.Tags, len(r.Tags) == 0)
		if err != nil {
			return err
		}
		o = r.Object
		_, err = tx.Exec(ctx, `UPDATE object_versions SET tags = $1, acl = $2 WHERE id = $3`, tags, r.CannedACL, r.id)
		return err
	})
	return o, err
}

// readBucket finds a bucket without locking it.
func readBucket(ctx context.Context, r store.Reader, name string) (bucketRow, error) {
	b := bucketRow{name: name}
	err := r.QueryRow(ctx, `SELECT id, versioning FROM buckets WHERE name = $1`, name).Scan(&b.id, &b.versioning)
	if errors.Is(err, sql.ErrNoRows) {
		return b, noBucket(name)
	}
	if err != nil {
		return b, fmt.Errorf("bucket %q: %w", name, err)
	}
	return b, nil
}
