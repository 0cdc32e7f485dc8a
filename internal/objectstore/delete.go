package objectstore

import (
	"context"
	"database/sql"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// DeleteInput names an object, or one version of it.
type DeleteInput struct {
	Key, Version string
	// Check may refuse the deletion given what is to be deleted, nil when there is nothing. It runs in the transaction.
	Check func(current *Object) error
}

// Deleted tells what became of a DeleteInput.
type Deleted struct {
	Key          string
	VersionID    string // the version removed, or the id of the delete marker made; "" in an unversioned bucket
	DeleteMarker bool   // a delete marker was made, or removed
	Err          error  // of Check; other keys are deleted all the same
}

// Delete removes a version, or makes a delete marker where versioning asks for one. Deleting what is not there is no
// error.
func (s *Store) Delete(ctx context.Context, bucket string, in DeleteInput) (Deleted, error) {
	out, err := s.DeleteMany(ctx, bucket, []DeleteInput{in})
	if err != nil {
		return Deleted{}, err
	}
	return out[0], out[0].Err
}

// DeleteMany deletes several objects in one transaction; the answers are in the order of the questions.
func (s *Store) DeleteMany(ctx context.Context, bucket string, in []DeleteInput) ([]Deleted, error) {
	var out []Deleted
	err := s.inTx(ctx, func(tx store.Tx) error {
		out = make([]Deleted, len(in))
		b, err := lockBucket(ctx, tx, bucket, len(in) > 1)
		if err != nil {
			return err
		}
		for i, d := range in {
			if out[i], err = s.deleteOne(ctx, tx, b, d); err != nil {
				return err
			}
			if s.onDelete == nil || out[i].Err != nil {
				continue
			}
			if err := s.onDelete(ctx, tx, bucket, out[i]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (s *Store) deleteOne(ctx context.Context, tx store.Tx, b bucketRow, d DeleteInput) (Deleted, error) {
	out := Deleted{Key: d.Key, VersionID: d.Version}
	if d.Check != nil {
		var current *Object
		var err error
		if d.Version == "" {
			current, err = currentObject(ctx, tx, b, d.Key)
		} else if r, e := versionRow(ctx, tx, b, d.Key, d.Version); e == nil {
			current = &r.Object
		} else if !errors.Is(e, sql.ErrNoRows) {
			err = e
		}
		if err != nil {
			return out, err
		}
		if out.Err = d.Check(current); out.Err != nil {
			return out, nil
		}
	}
	switch {
	case d.Version != "":
		return s.deleteVersion(ctx, tx, b, out)
	case b.versioning == "":
		return out, s.removeVersion(ctx, tx, b, d.Key, nullVersion)
	}
	marker, err := s.addVersion(ctx, tx, b, row{Object: Object{
		Bucket: b.name, Key: d.Key, DeleteMarker: true, LastModified: s.now(),
	}})
	out.VersionID, out.DeleteMarker = marker.VersionID, true
	return out, err
}

// deleteVersion removes one version for good and makes the one before it the newest, if it was the newest.
func (s *Store) deleteVersion(ctx context.Context, tx store.Tx, b bucketRow, out Deleted) (Deleted, error) {
	r, err := versionRow(ctx, tx, b, out.Key, out.VersionID)
	if errors.Is(err, sql.ErrNoRows) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.DeleteMarker = r.DeleteMarker
	if err := s.removeVersion(ctx, tx, b, out.Key, out.VersionID); err != nil {
		return out, err
	}
	if r.Latest {
		_, err = tx.Exec(ctx, `UPDATE object_versions SET latest = 1 WHERE id =
			(SELECT max(id) FROM object_versions WHERE bucket_id = $1 AND object_key = $2)`, b.id, []byte(out.Key))
	}
	return out, err
}
