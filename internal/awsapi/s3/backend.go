package s3

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/valyala/fasthttp"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// store is the part of *objectstore.Store the protocol needs; all of it.
type store = objectstore.Store

// objects implements versitygw's backend over the object store. What is not implemented here is answered with
// NotImplemented by the embedded type.
type objects struct {
	backend.BackendUnsupported
	store *store
	owner string // the id of the account, which owns everything
	base  context.Context
	log   *slog.Logger
}

var _ backend.Backend = (*objects)(nil)

func (*objects) String() string { return "Conveyor" }

// Shutdown implements backend.Backend; the store outlives the protocol.
func (*objects) Shutdown() {}

// request is what the gateway's interface leaves out of its inputs: headers of the request being served.
type request struct {
	context.Context
	http *fasthttp.RequestCtx // nil outside a request
}

// request detaches ctx from fasthttp, whose contexts are used again for other requests as soon as this one is over. The
// server's own context takes its place; a client that goes away is noticed by reading its body.
func (o *objects) request(ctx context.Context) request {
	rc, _ := ctx.(*fasthttp.RequestCtx)
	return request{Context: o.base, http: rc}
}

func (r request) header(name string) string {
	if r.http == nil {
		return ""
	}
	return string(r.http.Request.Header.Peek(name))
}

func (r request) setHeader(name, value string) {
	if r.http != nil && value != "" {
		r.http.Response.Header.Set(name, value)
	}
}

// anonymous tells whether the request carries no signature: neither a header nor a parameter with a value, which the
// gateway would check. Parameters without one prove nothing, and the gateway takes them for none.
func (r request) anonymous() bool {
	if r.http == nil {
		return false
	}
	return r.header("Authorization") == "" && len(r.http.URI().QueryArgs().Peek("X-Amz-Signature")) == 0
}

// NormalizeObjectKey implements backend.Backend: it says by what name policies know an object. The source of a copy may
// name a version, which the gateway leaves in the key; a policy about the object is about that too.
func (*objects) NormalizeObjectKey(_, object string) string {
	key, _, _ := strings.Cut(object, "?versionId=")
	return key
}

// apiError turns the store's errors into S3's. Errors that are S3's already pass.
func (o *objects) apiError(err error, bucket, key, version string) error {
	var marker *objectstore.DeleteMarkerError
	if e := s3err.S3Error(nil); err == nil || errors.As(err, &e) {
		if err != nil {
			return e
		}
		return nil
	}
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return s3err.GetBucketErr(s3err.ErrNoSuchBucket, bucket)
	case errors.As(err, &marker) && marker.Explicit:
		return s3err.GetAPIError(s3err.ErrMethodNotAllowed)
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return s3err.GetAPIError(s3err.ErrNoSuchKey)
	case errors.Is(err, objectstore.ErrNoSuchVersion):
		return s3err.GetNoSuchVersionErr(key, version)
	case errors.Is(err, objectstore.ErrInvalidBucket):
		return s3err.GetBucketErr(s3err.ErrInvalidBucketName, bucket)
	case errors.Is(err, objectstore.ErrReserved):
		return s3err.APIError{Code: "InvalidBucketName", Description: err.Error(), HTTPStatusCode: http.StatusBadRequest}
	case errors.Is(err, objectstore.ErrBucketNotEmpty):
		return s3err.GetBucketErr(s3err.ErrBucketNotEmpty, bucket)
	case errors.Is(err, objectstore.ErrInvalidKey) && len(key) > objectstore.MaxKey:
		return s3err.GetKeyTooLongErr(int64(len(key)), objectstore.MaxKey)
	case errors.Is(err, objectstore.ErrInvalidKey):
		return s3err.GetAPIError(s3err.ErrInvalidURI)
	case errors.Is(err, objectstore.ErrACLNotSupported):
		return s3err.GetAPIError(s3err.ErrAclNotSupported)
	case errors.Is(err, objectstore.ErrUnsupported):
		return notImplemented(err.Error())
	}
	o.log.Error("an S3 request failed", "bucket", bucket, "key", key, "error", err)
	return s3err.GetAPIError(s3err.ErrInternalError)
}

// notImplemented refuses something that S3 has and Conveyor does not.
func notImplemented(what string) error {
	return s3err.APIError{Code: "NotImplemented", Description: what, HTTPStatusCode: 501}
}

// str copies: the gateway's strings point into buffers that are used again after the request.
func str(p *string) string {
	if p == nil {
		return ""
	}
	return strings.Clone(*p)
}

// ptr is nil for "", which leaves a header or element out.
func ptr(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func quoted(etag string) *string {
	q := `"` + etag + `"`
	return &q
}

// second is t as HTTP dates have it; conditions on times compare whole seconds.
func second(t time.Time) time.Time { return t.Truncate(time.Second) }

// sums spreads a checksum over the fields the gateway's outputs have for each algorithm.
type sums struct {
	CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512, MD5 *string
	Type                                                types.ChecksumType
}

func spread(c objectstore.Checksum) sums {
	s := sums{Type: types.ChecksumType(c.Type)}
	v := ptr(c.Value)
	switch c.Algorithm {
	case objectstore.CRC32:
		s.CRC32 = v
	case objectstore.CRC32C:
		s.CRC32C = v
	case objectstore.CRC64NVME:
		s.CRC64NVME = v
	case objectstore.SHA1:
		s.SHA1 = v
	case objectstore.SHA256:
		s.SHA256 = v
	case objectstore.SHA512:
		s.SHA512 = v
	case objectstore.MD5:
		s.MD5 = v
	}
	return s
}
