package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/middlewares"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// expected is the checksum a client sends along, if any.
type expected struct {
	algorithm string
	value     func() string // known only after the body has been read when it comes in a trailer; nil: none was sent
}

type sent struct {
	crc32, crc32c, crc64nvme, sha1, sha256, sha512, md5, xxhash64, xxhash3, xxhash128 *string
}

func expect(body io.Reader, algorithm types.ChecksumAlgorithm, s sent) (expected, error) {
	if t, ok := body.(middlewares.ChecksumReader); ok && t.Algorithm() != "" {
		e := expected{algorithm: strings.ToUpper(t.Algorithm()), value: t.Checksum}
		return e, supported(e.algorithm)
	}
	for _, c := range []struct {
		algorithm string
		value     *string
	}{
		{objectstore.CRC32, s.crc32},
		{objectstore.CRC32C, s.crc32c},
		{objectstore.CRC64NVME, s.crc64nvme},
		{objectstore.SHA1, s.sha1},
		{objectstore.SHA256, s.sha256},
		{objectstore.SHA512, s.sha512},
		{objectstore.MD5, s.md5},
		{"XXHASH64", s.xxhash64},
		{"XXHASH3", s.xxhash3},
		{"XXHASH128", s.xxhash128},
	} {
		if c.value != nil {
			value := str(c.value)
			return expected{c.algorithm, func() string { return value }}, supported(c.algorithm)
		}
	}
	e := expected{algorithm: strings.ToUpper(strings.Clone(string(algorithm)))}
	if e.algorithm == "" {
		e.algorithm = objectstore.CRC64NVME
	}
	return e, supported(e.algorithm)
}

func supported(algorithm string) error {
	if strings.HasPrefix(algorithm, "XXHASH") {
		return notImplemented("Conveyor does not compute " + algorithm + " checksums: use one of CRC32, CRC32C, CRC64NVME, SHA1, SHA256, SHA512 and MD5.")
	}
	return nil
}

func (e expected) verify(sum objectstore.Checksum, _ string) error {
	if e.value == nil {
		return nil
	}
	if want := e.value(); want != "" && want != sum.Value {
		return s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithm(e.algorithm))
	}
	return nil
}

// encryption reads the server-side encryption a client asks for. It is recorded and reported back; keys of the
// client's own cannot be honoured that way and are refused.
func (r request) encryption(a *objectstore.Attributes) error {
	if r.header("X-Amz-Server-Side-Encryption-Customer-Algorithm") != "" {
		return notImplemented("Conveyor does not encrypt with customer-provided keys (SSE-C).")
	}
	a.Encryption = r.header("X-Amz-Server-Side-Encryption")
	a.KMSKeyID = r.header("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
	a.BucketKeyEnabled = strings.EqualFold(r.header("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled"), "true")
	switch a.Encryption {
	case "", "AES256", "aws:kms", "aws:kms:dsse":
		return nil
	}
	return s3err.APIError{
		Code: "InvalidArgument", Description: "The encryption method specified is not supported", HTTPStatusCode: 400,
	}
}

func (r request) report(a objectstore.Attributes) {
	r.setHeader("X-Amz-Server-Side-Encryption", a.Encryption)
	r.setHeader("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", a.KMSKeyID)
	if a.BucketKeyEnabled {
		r.setHeader("X-Amz-Server-Side-Encryption-Bucket-Key-Enabled", "true")
	}
}

// cannedACLs are those an object can be given; all but two of them say no more than private on a server whose objects
// all belong to one account.
var cannedACLs = map[string]bool{
	"": true, "private": true, "public-read": true, "public-read-write": true, "authenticated-read": true,
	"aws-exec-read": true, "bucket-owner-read": true, "bucket-owner-full-control": true,
}

// whole makes reading body fail unless it has the announced length, so that an upload cut short is never taken for a
// complete one. Forms (POST) announce more than the file.
func (r request) whole(body io.Reader, length *int64) io.Reader {
	if length == nil || r.http == nil || !r.http.IsPut() {
		return body
	}
	return &wholeReader{body, *length}
}

type wholeReader struct {
	r    io.Reader
	left int64
}

// Read implements io.Reader.
func (w *wholeReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.left -= int64(n)
	if errors.Is(err, io.EOF) && w.left != 0 {
		err = s3err.GetAPIError(s3err.ErrIncompleteBody)
	}
	return n, err
}

// acl reads the canned ACL of a put.
func (o *objects) acl(r request, bucket string) (string, error) {
	for _, h := range []string{"Full-Control", "Read", "Read-Acp", "Write-Acp"} {
		if r.header("X-Amz-Grant-"+h) != "" {
			return "", notImplemented("Conveyor supports canned ACLs only: use x-amz-acl instead of x-amz-grant-" + strings.ToLower(h) + ".")
		}
	}
	acl := r.header("X-Amz-Acl")
	if !cannedACLs[acl] {
		return "", s3err.GetInvalidArgumentErr(s3err.InvalidArgCannedAcl, acl)
	}
	if objectstore.PublicACL(acl) {
		if err := o.refusePublicACL(r.http, bucket); err != nil {
			return "", err
		}
	}
	return acl, nil
}

// PutObject implements backend.Backend.
func (o *objects) PutObject(ctx context.Context, in s3response.PutObjectInput) (s3response.PutObjectOutput, error) {
	r, bucket, key := o.request(ctx), str(in.Bucket), str(in.Key)
	fail := func(err error) (s3response.PutObjectOutput, error) {
		return s3response.PutObjectOutput{}, o.apiError(err, bucket, key, "")
	}
	if in.ObjectLockMode != "" || in.ObjectLockLegalHoldStatus != "" {
		return fail(notImplemented("Conveyor has no object lock."))
	}
	attrs := objectstore.Attributes{
		ContentType: str(in.ContentType), ContentEncoding: str(in.ContentEncoding), ContentLanguage: str(in.ContentLanguage),
		ContentDisposition: str(in.ContentDisposition), CacheControl: str(in.CacheControl), Expires: str(in.Expires),
		WebsiteRedirect: str(in.WebsiteRedirectLocation), Metadata: cloned(in.Metadata),
		StorageClass: r.header("X-Amz-Storage-Class"),
	}
	var err error
	if attrs.CannedACL, err = o.acl(r, bucket); err != nil {
		return fail(err)
	}
	if attrs.Tags, err = tags(in.Tagging); err != nil {
		return fail(err)
	}
	if err := r.encryption(&attrs); err != nil {
		return fail(err)
	}
	want, err := expect(in.Body, in.ChecksumAlgorithm, sent{
		in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256, in.ChecksumSHA512,
		in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128,
	})
	if err != nil {
		return fail(err)
	}
	put, err := o.store.PutObject(r, objectstore.PutInput{
		Bucket: bucket, Key: key, Body: r.whole(in.Body, in.ContentLength), Attributes: attrs, Algorithm: want.algorithm, Verify: want.verify,
		Check: putCondition(in.IfMatch, in.IfNoneMatch),
	})
	if err != nil {
		return fail(err)
	}
	r.report(put.Attributes)
	c := spread(put.Checksum)
	return s3response.PutObjectOutput{
		ETag: *quoted(put.ETag), VersionID: shownVersion(put), Size: &put.Size, ChecksumType: c.Type,
		ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C, ChecksumCRC64NVME: c.CRC64NVME, ChecksumSHA1: c.SHA1,
		ChecksumSHA256: c.SHA256, ChecksumSHA512: c.SHA512, ChecksumMD5: c.MD5,
	}, nil
}

// shownVersion is the version id a put reports: none for null versions.
func shownVersion(obj objectstore.Object) string {
	if obj.VersionID == "null" {
		return ""
	}
	return obj.VersionID
}

func cloned(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[strings.Clone(k)] = strings.Clone(v)
	}
	return out
}

// tags parses an x-amz-tagging header.
func tags(header *string) (map[string]string, error) {
	t, err := backend.ParseObjectTags(str(header))
	if err == nil && len(t) > 10 {
		return nil, s3err.GetAPIError(s3err.ErrObjectTaggingLimited)
	}
	return t, err
}

// putCondition is If-Match and If-None-Match of a put.
func putCondition(ifMatch, ifNoneMatch *string) func(*objectstore.Object) error {
	if ifMatch == nil && ifNoneMatch == nil {
		return nil
	}
	return func(current *objectstore.Object) error {
		if current == nil {
			return backend.EvaluateObjectPutPreconditions("", ifMatch, ifNoneMatch, false)
		}
		return backend.EvaluateObjectPutPreconditions(current.ETag, ifMatch, ifNoneMatch, true)
	}
}

// content is what GetObject and HeadObject have in common: the object, and the part of it that was asked for.
type content struct {
	objectstore.Object
	from, length int64
	rangeHeader  *string
	partsCount   *int32
	sums         sums
	tagCount     *int32
}

// choose applies conditions, Range and partNumber.
func choose(obj objectstore.Object, cond backend.PreConditions, byteRange *string, part *int32, mode types.ChecksumMode) (content, error) {
	c := content{Object: obj, length: obj.Size}
	if err := backend.EvaluatePreconditions(obj.ETag, second(obj.LastModified), cond); err != nil {
		return c, err
	}
	if part != nil {
		if err := c.part(*part); err != nil {
			return c, err
		}
	} else {
		from, n, partial, err := backend.ParseObjectRange(obj.Size, str(byteRange))
		if err != nil {
			return c, err
		}
		c.from, c.length = from, n
		if partial {
			c.rangeHeader = ptr(fmt.Sprintf("bytes %d-%d/%d", from, from+n-1, obj.Size))
		}
	}
	if mode == types.ChecksumModeEnabled && c.rangeHeader == nil {
		c.sums = spread(obj.Checksum)
	}
	if n := int32(len(obj.Tags)); n > 0 { // at most 10
		c.tagCount = &n
	}
	return c, nil
}

func (c *content) part(n int32) error {
	count := int32(max(1, len(c.Parts))) // at most 10000
	if n > count {
		return s3err.GetInvalidPartNumberRangeErr(count, n)
	}
	if len(c.Parts) > 0 {
		for _, p := range c.Parts[:n-1] {
			c.from += p.Size
		}
		c.length, c.partsCount = c.Parts[n-1].Size, &count
	}
	if c.length > 0 {
		c.rangeHeader = ptr(fmt.Sprintf("bytes %d-%d/%d", c.from, c.from+c.length-1, c.Size))
	}
	return nil
}

func (c content) storageClass() types.StorageClass {
	if c.StorageClass == "" || c.StorageClass == string(types.StorageClassStandard) {
		return "" // S3 names the class only when it is another one
	}
	return types.StorageClass(c.StorageClass)
}

// section is a part of a body; without one, the file itself is handed on so that the kernel can copy it.
type section struct {
	io.Reader
	io.Closer
}

// GetObject implements backend.Backend.
func (o *objects) GetObject(ctx context.Context, in *sdk.GetObjectInput) (*sdk.GetObjectOutput, error) {
	r, bucket, key, version := o.request(ctx), str(in.Bucket), str(in.Key), str(in.VersionId)
	body, err := o.store.Get(r, bucket, key, version)
	if err != nil {
		return o.deleted(r, err), o.apiError(err, bucket, key, version)
	}
	c, err := choose(body.Object, backend.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	}, in.Range, in.PartNumber, in.ChecksumMode)
	if err != nil {
		_ = body.Body.Close()
		return nil, o.apiError(err, bucket, key, version)
	}
	var rc io.ReadCloser = body.Body
	if c.length != c.Size {
		rc = section{io.NewSectionReader(body.Body, c.from, c.length), body.Body}
	}
	r.report(c.Attributes)
	modified := c.LastModified
	return &sdk.GetObjectOutput{
		Body: rc, ContentLength: &c.length, ContentRange: c.rangeHeader, PartsCount: c.partsCount, AcceptRanges: ptr("bytes"),
		ETag: quoted(c.ETag), LastModified: &modified, VersionId: ptr(shownVersion(c.Object)), Metadata: c.Metadata, TagCount: c.tagCount,
		ContentType: ptr(c.ContentType), ContentEncoding: ptr(c.ContentEncoding), ContentLanguage: ptr(c.ContentLanguage),
		ContentDisposition: ptr(c.ContentDisposition), CacheControl: ptr(c.CacheControl), ExpiresString: ptr(c.Expires),
		WebsiteRedirectLocation: ptr(c.WebsiteRedirect), StorageClass: c.storageClass(), ChecksumType: c.sums.Type,
		ChecksumCRC32: c.sums.CRC32, ChecksumCRC32C: c.sums.CRC32C, ChecksumCRC64NVME: c.sums.CRC64NVME,
		ChecksumSHA1: c.sums.SHA1, ChecksumSHA256: c.sums.SHA256, ChecksumSHA512: c.sums.SHA512, ChecksumMD5: c.sums.MD5,
	}, nil
}

// deleted makes the gateway say x-amz-delete-marker where there is one.
func (o *objects) deleted(r request, err error) *sdk.GetObjectOutput {
	var marker *objectstore.DeleteMarkerError
	if !errors.As(err, &marker) {
		return nil
	}
	r.setHeader("X-Amz-Version-Id", marker.VersionID)
	yes := true
	return &sdk.GetObjectOutput{DeleteMarker: &yes}
}

// HeadObject implements backend.Backend.
func (o *objects) HeadObject(ctx context.Context, in *sdk.HeadObjectInput) (*sdk.HeadObjectOutput, error) {
	r, bucket, key, version := o.request(ctx), str(in.Bucket), str(in.Key), str(in.VersionId)
	obj, err := o.store.Head(r, bucket, key, version)
	if err != nil {
		if o.deleted(r, err) != nil {
			r.setHeader("X-Amz-Delete-Marker", "true")
		}
		return nil, o.apiError(err, bucket, key, version)
	}
	c, err := choose(obj, backend.PreConditions{
		IfMatch: in.IfMatch, IfNoneMatch: in.IfNoneMatch, IfModSince: in.IfModifiedSince, IfUnmodeSince: in.IfUnmodifiedSince,
	}, in.Range, in.PartNumber, in.ChecksumMode)
	if err != nil {
		return nil, o.apiError(err, bucket, key, version)
	}
	r.report(c.Attributes)
	modified := c.LastModified
	return &sdk.HeadObjectOutput{
		ContentLength: &c.length, ContentRange: c.rangeHeader, PartsCount: c.partsCount, AcceptRanges: ptr("bytes"),
		ETag: quoted(c.ETag), LastModified: &modified, VersionId: ptr(shownVersion(c.Object)), Metadata: c.Metadata, TagCount: c.tagCount,
		ContentType: ptr(c.ContentType), ContentEncoding: ptr(c.ContentEncoding), ContentLanguage: ptr(c.ContentLanguage),
		ContentDisposition: ptr(c.ContentDisposition), CacheControl: ptr(c.CacheControl), ExpiresString: ptr(c.Expires),
		WebsiteRedirectLocation: ptr(c.WebsiteRedirect), StorageClass: c.storageClass(), ChecksumType: c.sums.Type,
		ChecksumCRC32: c.sums.CRC32, ChecksumCRC32C: c.sums.CRC32C, ChecksumCRC64NVME: c.sums.CRC64NVME,
		ChecksumSHA1: c.sums.SHA1, ChecksumSHA256: c.sums.SHA256, ChecksumSHA512: c.sums.SHA512, ChecksumMD5: c.sums.MD5,
	}, nil
}

// GetObjectAttributes implements backend.Backend.
func (o *objects) GetObjectAttributes(ctx context.Context, in *sdk.GetObjectAttributesInput) (s3response.GetObjectAttributesResponse, error) {
	r, bucket, key, version := o.request(ctx), str(in.Bucket), str(in.Key), str(in.VersionId)
	obj, err := o.store.Head(r, bucket, key, version)
	if err != nil {
		var out s3response.GetObjectAttributesResponse
		if d := o.deleted(r, err); d != nil {
			out.DeleteMarker = d.DeleteMarker
		}
		return out, o.apiError(err, bucket, key, version)
	}
	c := spread(obj.Checksum)
	modified := obj.LastModified
	out := s3response.GetObjectAttributesResponse{
		ETag: ptr(obj.ETag), ObjectSize: &obj.Size, StorageClass: types.StorageClass(orStandard(obj.StorageClass)),
		VersionId: ptr(shownVersion(obj)), LastModified: &modified,
		Checksum: &types.Checksum{
			ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C, ChecksumCRC64NVME: c.CRC64NVME, ChecksumSHA1: c.SHA1,
			ChecksumSHA256: c.SHA256, ChecksumSHA512: c.SHA512, ChecksumMD5: c.MD5, ChecksumType: c.Type,
		},
	}
	if len(obj.Parts) > 0 {
		out.ObjectParts = objectParts(obj, in)
	}
	return out, nil
}

func objectParts(obj objectstore.Object, in *sdk.GetObjectAttributesInput) *s3response.ObjectParts {
	limit, marker := 1000, 0
	if in.MaxParts != nil {
		limit = int(*in.MaxParts)
	}
	_, _ = fmt.Sscan(str(in.PartNumberMarker), &marker)
	out := &s3response.ObjectParts{PartNumberMarker: marker, MaxParts: limit}
	for i, p := range obj.Parts {
		n := int32(i + 1) // at most 10000
		if int(n) <= marker {
			continue
		}
		if len(out.Parts) == limit {
			out.IsTruncated = true
			break
		}
		c := spread(objectstore.Checksum{Algorithm: obj.Checksum.Algorithm, Value: p.Checksum})
		out.Parts = append(out.Parts, types.ObjectPart{
			PartNumber: &n, Size: &p.Size, ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C, ChecksumCRC64NVME: c.CRC64NVME,
			ChecksumSHA1: c.SHA1, ChecksumSHA256: c.SHA256,
		})
		out.NextPartNumberMarker = int(n)
	}
	return out
}

func orStandard(class string) string {
	if class == "" {
		return string(types.StorageClassStandard)
	}
	return class
}

// CopyObject implements backend.Backend.
func (o *objects) CopyObject(ctx context.Context, in s3response.CopyObjectInput) (s3response.CopyObjectOutput, error) {
	r, bucket, key := o.request(ctx), str(in.Bucket), str(in.Key)
	fail := func(err error) (s3response.CopyObjectOutput, error) {
		return s3response.CopyObjectOutput{}, o.apiError(err, bucket, key, "")
	}
	fromBucket, fromKey, fromVersion, err := backend.ParseCopySource(str(in.CopySource))
	if err != nil {
		return fail(err)
	}
	if in.ObjectLockMode != "" || in.ObjectLockLegalHoldStatus != "" {
		return fail(notImplemented("Conveyor has no object lock."))
	}
	attrs := objectstore.Attributes{
		ContentType: str(in.ContentType), ContentEncoding: str(in.ContentEncoding), ContentLanguage: str(in.ContentLanguage),
		ContentDisposition: str(in.ContentDisposition), CacheControl: str(in.CacheControl), Expires: str(in.Expires),
		Metadata: cloned(in.Metadata),
	}
	acl, err := o.acl(r, bucket)
	if err != nil {
		return fail(err)
	}
	newTags, err := tags(in.Tagging)
	if err != nil {
		return fail(err)
	}
	var sse objectstore.Attributes
	if err := r.encryption(&sse); err != nil {
		return fail(err)
	}
	replace := in.MetadataDirective == types.MetadataDirectiveReplace
	change := func(src objectstore.Object) (objectstore.Attributes, error) {
		if err := backend.EvaluatePreconditions(src.ETag, second(src.LastModified), backend.PreConditions{
			IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
			IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
		}); err != nil {
			if errors.Is(err, s3err.GetAPIError(s3err.ErrNotModified)) {
				err = s3err.GetAPIError(s3err.ErrPreconditionFailed) // a copy has no 304
			}
			return objectstore.Attributes{}, err
		}
		class := r.header("X-Amz-Storage-Class")
		if fromBucket == bucket && fromKey == key && fromVersion == "" && !replace && class == "" && sse.Encryption == "" {
			return objectstore.Attributes{}, s3err.GetAPIError(s3err.ErrInvalidCopyDest)
		}
		to := src.Attributes
		if replace {
			to = attrs
		}
		to.UploadID, to.CannedACL, to.WebsiteRedirect, to.StorageClass = "", acl, str(in.WebsiteRedirectLocation), class
		to.Encryption, to.KMSKeyID, to.BucketKeyEnabled = sse.Encryption, sse.KMSKeyID, sse.BucketKeyEnabled
		to.Tags = maps.Clone(src.Tags)
		if in.TaggingDirective == types.TaggingDirectiveReplace {
			to.Tags = newTags
		}
		return to, nil
	}
	copied, src, err := o.store.Copy(r, objectstore.CopyInput{
		SourceBucket: fromBucket, SourceKey: fromKey, SourceVersion: fromVersion, Bucket: bucket, Key: key, Change: change,
		Algorithm: strings.ToUpper(strings.Clone(string(in.ChecksumAlgorithm))),
	})
	if err != nil {
		if errors.Is(err, objectstore.ErrNoSuchBucket) {
			if _, e := o.store.Bucket(r, fromBucket); e != nil {
				return s3response.CopyObjectOutput{}, o.apiError(e, fromBucket, fromKey, fromVersion)
			}
		}
		return s3response.CopyObjectOutput{}, o.apiError(err, bucket, fromKey, fromVersion)
	}
	r.report(copied.Attributes)
	c := spread(copied.Checksum)
	modified := copied.LastModified
	return s3response.CopyObjectOutput{
		VersionId: ptr(shownVersion(copied)), CopySourceVersionId: ptr(shownVersion(src)),
		CopyObjectResult: &s3response.CopyObjectResult{
			ETag: quoted(copied.ETag), LastModified: &modified, ChecksumType: c.Type, ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C,
			ChecksumCRC64NVME: c.CRC64NVME, ChecksumSHA1: c.SHA1, ChecksumSHA256: c.SHA256, ChecksumSHA512: c.SHA512, ChecksumMD5: c.MD5,
		},
	}, nil
}

// DeleteObject implements backend.Backend.
func (o *objects) DeleteObject(ctx context.Context, in *sdk.DeleteObjectInput) (*sdk.DeleteObjectOutput, error) {
	bucket, key, version := str(in.Bucket), str(in.Key), str(in.VersionId)
	d := objectstore.DeleteInput{Key: key, Version: version}
	if in.IfMatch != nil || in.IfMatchLastModifiedTime != nil || in.IfMatchSize != nil {
		d.Check = func(current *objectstore.Object) error {
			if current == nil {
				return s3err.GetAPIError(s3err.ErrNoSuchKey)
			}
			return backend.EvaluateObjectDeletePreconditions(current.ETag, current.LastModified, current.Size, backend.ObjectDeletePreconditions{
				IfMatch: in.IfMatch, IfMatchLastModTime: in.IfMatchLastModifiedTime, IfMatchSize: in.IfMatchSize,
			})
		}
	}
	done, err := o.store.Delete(o.request(ctx), bucket, d)
	if err != nil {
		return nil, o.apiError(err, bucket, key, version)
	}
	out := &sdk.DeleteObjectOutput{VersionId: ptr(done.VersionID)}
	if done.DeleteMarker {
		out.DeleteMarker = &done.DeleteMarker
	}
	return out, nil
}

// DeleteObjects implements backend.Backend.
func (o *objects) DeleteObjects(ctx context.Context, in *sdk.DeleteObjectsInput) (s3response.DeleteResult, error) {
	bucket := str(in.Bucket)
	var out s3response.DeleteResult
	if len(in.Delete.Objects) > 1000 {
		return out, s3err.GetAPIError(s3err.ErrMalformedXML)
	}
	list := make([]objectstore.DeleteInput, len(in.Delete.Objects))
	for i, d := range in.Delete.Objects {
		list[i] = objectstore.DeleteInput{Key: str(d.Key), Version: str(d.VersionId)}
	}
	done, err := o.store.DeleteMany(o.request(ctx), bucket, list)
	if err != nil {
		return out, o.apiError(err, bucket, "", "")
	}
	for i, d := range done {
		r := types.DeletedObject{Key: &done[i].Key, VersionId: ptr(list[i].Version)}
		if d.DeleteMarker {
			r.DeleteMarker, r.DeleteMarkerVersionId = &done[i].DeleteMarker, &done[i].VersionID
		}
		out.Deleted = append(out.Deleted, r)
	}
	return out, nil
}

// GetObjectTagging implements backend.Backend.
func (o *objects) GetObjectTagging(ctx context.Context, bucket, key, version string) (map[string]string, error) {
	obj, err := o.store.Head(o.request(ctx), bucket, key, version)
	if err != nil {
		return nil, o.apiError(err, bucket, key, version)
	}
	if obj.Tags == nil {
		return map[string]string{}, nil
	}
	return obj.Tags, nil
}

// PutObjectTagging implements backend.Backend.
func (o *objects) PutObjectTagging(ctx context.Context, bucket, key, version string, tags map[string]string) error {
	_, err := o.store.SetTags(o.request(ctx), strings.Clone(bucket), strings.Clone(key), strings.Clone(version), cloned(tags))
	return o.apiError(err, bucket, key, version)
}

// DeleteObjectTagging implements backend.Backend.
func (o *objects) DeleteObjectTagging(ctx context.Context, bucket, key, version string) error {
	return o.PutObjectTagging(ctx, bucket, key, version, nil)
}
