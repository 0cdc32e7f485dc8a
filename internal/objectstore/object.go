package objectstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// PutInput is a put with everything S3 lets a client say.
type PutInput struct {
	Bucket, Key string
	Body        io.Reader
	Attributes  Attributes
	// Algorithm of the additional checksum to compute; "" is CRC64NVME.
	Algorithm string
	// Verify may refuse the body once it has been read, from its checksum and its MD5 in hex.
	Verify func(sum Checksum, md5 string) error
	// Check may refuse the put given the newest version, nil when the key has none. It runs in the transaction.
	Check func(current *Object) error
}

// Put implements Objects.
func (s *Store) Put(ctx context.Context, bucket, key string, r io.Reader, attrs Attributes) (Object, error) {
	return s.PutObject(ctx, PutInput{Bucket: bucket, Key: key, Body: r, Attributes: attrs})
}

// PutObject stores an object. When it returns nil, body and metadata are durable.
func (s *Store) PutObject(ctx context.Context, in PutInput) (Object, error) {
	return s.put(ctx, in, func(algorithm string) (*body, error) { return s.stage(ctx, in.Body, algorithm) })
}

// PutFile implements Objects.
func (s *Store) PutFile(ctx context.Context, bucket, key, path string, attrs Attributes) (Object, error) {
	in := PutInput{Bucket: bucket, Key: key, Attributes: attrs}
	return s.put(ctx, in, func(algorithm string) (*body, error) { return s.stageFile(ctx, path, algorithm) })
}

func (s *Store) put(ctx context.Context, in PutInput, stage func(algorithm string) (*body, error)) (Object, error) {
	if err := CheckKey(in.Key); err != nil {
		return Object{}, err
	}
	// Before the body is read, so that nobody sends gigabytes to a bucket that does not exist.
	if _, err := s.Bucket(ctx, in.Bucket); err != nil {
		return Object{}, err
	}
	algorithm := in.Algorithm
	if algorithm == "" {
		algorithm = CRC64NVME
	}
	b, err := stage(algorithm)
	if err != nil {
		return Object{}, err
	}
	sum := Checksum{Algorithm: algorithm, Type: FullObject, Value: b.sum}
	if in.Verify != nil {
		if err := in.Verify(sum, b.md5); err != nil {
			discard(b)
			return Object{}, err
		}
	}
	r := row{Object: Object{
		Bucket: in.Bucket, Key: in.Key, ETag: b.md5, Size: b.size, Checksum: sum, Attributes: in.Attributes,
	}}
	var out Object
	err = s.withBodies(ctx, []*body{b}, func(tx store.Tx, ids map[string]int64) error {
		r.blob = ids[b.hash]
		var err error
		out, err = s.commitPut(ctx, tx, r, in.Check)
		return err
	})
	return out, err
}

// commitPut stores r as the newest version of its key and tells the hook.
func (s *Store) commitPut(ctx context.Context, tx store.Tx, r row, check func(*Object) error) (Object, error) {
	b, err := lockBucket(ctx, tx, r.Bucket, false)
	if err != nil {
		return Object{}, err
	}
	if check != nil {
		current, err := currentObject(ctx, tx, b, r.Key)
		if err != nil {
			return Object{}, err
		}
		if err := check(current); err != nil {
			return Object{}, err
		}
	}
	if err := checkACL(ctx, tx, b, r.CannedACL); err != nil {
		return Object{}, err
	}
	r.LastModified = s.now()
	if r, err = s.addVersion(ctx, tx, b, r); err != nil {
		return Object{}, err
	}
	return r.Object, s.announce(ctx, tx, r.Object)
}

func (s *Store) announce(ctx context.Context, tx store.Tx, o Object) error {
	if s.onPut == nil {
		return nil
	}
	return s.onPut(ctx, tx, o)
}

// currentObject is the newest version of key, nil when there is none or it is a delete marker.
func currentObject(ctx context.Context, r store.Reader, b bucketRow, key string) (*Object, error) {
	current, err := latestRow(ctx, r, b, key)
	if errors.Is(err, sql.ErrNoRows) || err == nil && current.DeleteMarker {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &current.Object, nil
}

// Head implements Objects. A delete marker is a *DeleteMarkerError.
func (s *Store) Head(ctx context.Context, bucket, key, version string) (Object, error) {
	o, _, err := s.find(ctx, bucket, key, version)
	return o, err
}

// Get implements Objects. A delete marker is a *DeleteMarkerError.
func (s *Store) Get(ctx context.Context, bucket, key, version string) (*Reader, error) {
	for again := true; ; again = false {
		o, file, err := s.find(ctx, bucket, key, version)
		if err != nil {
			return nil, err
		}
		path := s.bodyPath(file)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) && again {
			continue // replaced and swept since the row was read
		}
		if err != nil {
			return nil, fmt.Errorf("open the body of %q in bucket %q: %w", key, bucket, err)
		}
		return &Reader{Object: o, Body: f, Path: path}, nil
	}
}

// find reads one version and the name of its body's file.
func (s *Store) find(ctx context.Context, bucket, key, version string) (Object, string, error) {
	var r row
	var file sql.NullString
	err := s.db.Read(ctx, func(rd store.Reader) error {
		var err error
		r, file, err = findRow(ctx, rd, bucket, key, version)
		return err
	})
	if err != nil {
		return Object{}, "", err
	}
	return r.Object, file.String, nil
}

func findRow(ctx context.Context, rd store.Reader, bucket, key, version string) (row, sql.NullString, error) {
	var scan rowScan
	var file sql.NullString
	which, args := `v.latest = 1`, []any{bucket, []byte(key)}
	if version != "" {
		which, args = `v.version = $3`, append(args, version)
	}
	err := rd.QueryRow(ctx, `SELECT `+rowColumns+`, b.file FROM buckets k
		LEFT JOIN object_versions v ON v.bucket_id = k.id AND v.object_key = $2 AND `+which+`
		LEFT JOIN blobs b ON b.id = v.blob_id
		WHERE k.name = $1`, args...).Scan(scan.targets(&file)...)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return row{}, file, noBucket(bucket)
	case err != nil:
		return row{}, file, err
	case !scan.id.Valid && version != "":
		return row{}, file, fmt.Errorf("version %q of object %q in bucket %q: %w", version, key, bucket, ErrNoSuchVersion)
	case !scan.id.Valid:
		return row{}, file, noKey(bucket, key)
	}
	r, err := scan.row(bucket)
	if err == nil && r.DeleteMarker {
		err = &DeleteMarkerError{VersionID: r.VersionID, Explicit: version != ""}
	}
	return r, file, err
}
