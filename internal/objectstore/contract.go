// Package objectstore keeps S3 buckets and objects: metadata in the SQL store, bodies as content-addressed files.
package objectstore

import (
	"context"
	"errors"
	"io"
	"time"
)

// Errors of Objects; the S3 front maps them to S3's codes.
var (
	ErrNoSuchBucket = errors.New("no such bucket")
	ErrNoSuchKey    = errors.New("no such key")
)

// Objects is what the rest of Conveyor (artifact staging, source and deploy actions, builds) needs of the object store.
// The S3 protocol has its own, wider way in. Implemented by *Store.
type Objects interface {
	// Put stores body durably (fsynced, committed) when it returns nil. Memory is bounded for any size.
	Put(ctx context.Context, bucket, key string, body io.Reader, attrs Attributes) (Object, error)
	// Get opens an object; version "" is the newest. The caller closes it. ErrNoSuchBucket, ErrNoSuchKey.
	Get(ctx context.Context, bucket, key, version string) (*Reader, error)
	// Head is Get without the body.
	Head(ctx context.Context, bucket, key, version string) (Object, error)
	// Publish stores all files, then switches all their keys in one transaction: a visitor sees the old release or the
	// new one, never half. An error means that nothing changed.
	Publish(ctx context.Context, bucket string, files []File) error
	// Versioned reports whether versioning is enabled on bucket.
	Versioned(ctx context.Context, bucket string) (bool, error)
	// EnsureBucket makes a private bucket unless it exists.
	EnsureBucket(ctx context.Context, bucket string) error
	// StageDir is a directory on the same file system as the bodies, for files that will be handed over with PutFile.
	StageDir() string
	// PutFile is Put of a finished file in StageDir, which is moved (or linked), not copied. The file is gone afterwards.
	PutFile(ctx context.Context, bucket, key, path string, attrs Attributes) (Object, error)
}

// Attributes are stored with an object and returned with it.
type Attributes struct {
	ContentType     string
	ContentEncoding string
	CacheControl    string
	CannedACL       string // "" is private; "public-read" makes the object readable by a website's visitors
	KMSKeyID        string // recorded, reported back; bodies are not encrypted (docs say so)
	Metadata        map[string]string
}

// Object describes one version of an object.
type Object struct {
	Bucket, Key, VersionID string // VersionID is "null" in an unversioned bucket
	ETag                   string // without quotes
	Size                   int64
	LastModified           time.Time
	Attributes
}

// Reader is an open object body. It is backed by an immutable file.
type Reader struct {
	Object
	Body interface {
		io.ReadSeekCloser
		io.ReaderAt
	}
	// Path is the body's file on this machine, immutable; hard links to it are allowed, writing is not.
	Path string
}

// File is one file of a Publish.
type File struct {
	Key  string
	Open func() (io.ReadCloser, error)
	Attributes
}
