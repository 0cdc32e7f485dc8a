package objectstore

import (
	"errors"
	"fmt"
)

// Errors of the store; the S3 front maps them to S3's codes.
var (
	ErrNoSuchBucket    = errors.New("no such bucket")
	ErrNoSuchKey       = errors.New("no such key")
	ErrNoSuchVersion   = errors.New("no such version")
	ErrNoSuchUpload    = errors.New("no such multipart upload")
	ErrNoSuchDocument  = errors.New("no such configuration")
	ErrBucketExists    = errors.New("bucket exists already")
	ErrBucketNotEmpty  = errors.New("bucket is not empty")
	ErrPrecondition    = errors.New("precondition failed")
	ErrBadDigest       = errors.New("the body does not have the checksum it was sent with")
	ErrInvalidPart     = errors.New("a part is missing or has another entity tag")
	ErrInvalidBucket   = errors.New("invalid bucket name")
	ErrReserved        = errors.New("the bucket name is taken by the server")
	ErrInvalidKey      = errors.New("invalid object key")
	ErrACLNotSupported = errors.New("the bucket does not allow ACLs")
	ErrUnsupported     = errors.New("not supported")
)

// DeleteMarkerError says that the version asked for is a delete marker. It is an ErrNoSuchKey when the newest version
// was asked for; Explicit means that the marker was asked for by its id, which S3 answers with MethodNotAllowed.
type DeleteMarkerError struct {
	VersionID string
	Explicit  bool
}

func (e *DeleteMarkerError) Error() string {
	return fmt.Sprintf("version %s is a delete marker", e.VersionID)
}

// Is makes errors.Is(err, ErrNoSuchKey) true.
func (e *DeleteMarkerError) Is(target error) bool { return target == ErrNoSuchKey }

func noBucket(name string) error { return fmt.Errorf("bucket %q: %w", name, ErrNoSuchBucket) }

func noKey(bucket, key string) error {
	return fmt.Errorf("object %q in bucket %q: %w", key, bucket, ErrNoSuchKey)
}
