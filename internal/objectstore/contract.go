// Package objectstore keeps S3 buckets and objects: metadata in the SQL store, bodies as content-addressed files.
package objectstore

import (
	"context"
	"io"
	"time"
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
	// Files left there longer than a day are swept.
	StageDir() string
	// PutFile is Put of a finished file in StageDir, which is moved (or linked), not copied. The file is gone afterwards.
	PutFile(ctx context.Context, bucket, key, path string, attrs Attributes) (Object, error)
}

// Attributes are stored with an object and returned with it.
type Attributes struct {
	ContentType        string            `json:"type,omitempty"`
	ContentEncoding    string            `json:"encoding,omitempty"`
	ContentLanguage    string            `json:"language,omitempty"`
	ContentDisposition string            `json:"disposition,omitempty"`
	CacheControl       string            `json:"cacheControl,omitempty"`
	Expires            string            `json:"expires,omitempty"`   // verbatim, as S3 keeps it
	WebsiteRedirect    string            `json:"redirect,omitempty"`  // x-amz-website-redirect-location
	Encryption         string            `json:"encrypted,omitempty"` // x-amz-server-side-encryption as sent; recorded only
	KMSKeyID           string            `json:"kmsKey,omitempty"`    // recorded, reported back; bodies are not encrypted (docs say so)
	BucketKeyEnabled   bool              `json:"bucketKey,omitempty"` // recorded, reported back
	StorageClass       string            `json:"class,omitempty"`     // "" is STANDARD; recorded, reported back
	Metadata           map[string]string `json:"metadata,omitempty"`  // x-amz-meta-*, without the prefix
	Owner              string            `json:"owner,omitempty"`     // who put it, an access key or "" for Conveyor itself
	UploadID           string            `json:"upload,omitempty"`    // the multipart upload that made it
	CannedACL          string            `json:"-"`                   // "" is private; "public-read" makes the object readable by a website's visitors
	Tags               map[string]string `json:"-"`                   // object tags
}

// Object describes one version of an object.
type Object struct {
	Bucket, Key, VersionID string // VersionID is "null" in an unversioned bucket
	ETag                   string // without quotes
	Size                   int64
	LastModified           time.Time
	Checksum               Checksum
	Parts                  []ObjectPart // of an object made by a multipart upload, in order
	Latest                 bool
	DeleteMarker           bool // only in listings of versions
	Attributes
}

// Checksum is the additional checksum S3 keeps beside the ETag.
type Checksum struct {
	Algorithm string `json:"a,omitempty"` // CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512 or MD5
	Type      string `json:"t,omitempty"` // FULL_OBJECT or COMPOSITE
	Value     string `json:"v,omitempty"` // base64; composite values end in "-N"
}

// ObjectPart is one part of a multipart object.
type ObjectPart struct {
	Number   int    `json:"n"`
	Size     int64  `json:"s"`
	Checksum string `json:"c,omitempty"`
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
