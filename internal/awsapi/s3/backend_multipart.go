package s3

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3api/utils"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// CreateMultipartUpload implements backend.Backend.
func (o *objects) CreateMultipartUpload(ctx context.Context, in s3response.CreateMultipartUploadInput) (s3response.InitiateMultipartUploadResult, error) {
	r, bucket, key := o.request(ctx), str(in.Bucket), str(in.Key)
	fail := func(err error) (s3response.InitiateMultipartUploadResult, error) {
		return s3response.InitiateMultipartUploadResult{}, o.apiError(err, bucket, key, "")
	}
	if in.ObjectLockMode != "" || in.ObjectLockLegalHoldStatus != "" {
		return fail(notImplemented("Conveyor has no object lock."))
	}
	u := objectstore.Upload{
		Bucket: bucket, Key: key,
		ChecksumAlgorithm: strings.ToUpper(strings.Clone(string(in.ChecksumAlgorithm))), ChecksumType: strings.Clone(string(in.ChecksumType)),
		Attributes: objectstore.Attributes{
			ContentType: str(in.ContentType), ContentEncoding: str(in.ContentEncoding), ContentLanguage: str(in.ContentLanguage),
			ContentDisposition: str(in.ContentDisposition), CacheControl: str(in.CacheControl), Expires: str(in.Expires),
			WebsiteRedirect: str(in.WebsiteRedirectLocation), Metadata: cloned(in.Metadata), StorageClass: r.header("X-Amz-Storage-Class"),
		},
	}
	if err := supported(u.ChecksumAlgorithm); err != nil {
		return fail(err)
	}
	if u.ChecksumAlgorithm != "" && u.ChecksumType == "" {
		u.ChecksumType = objectstore.Composite
		if u.ChecksumAlgorithm == objectstore.CRC64NVME {
			u.ChecksumType = objectstore.FullObject
		}
	}
	var err error
	if u.Attributes.CannedACL, err = o.acl(r, bucket); err != nil {
		return fail(err)
	}
	if u.Attributes.Tags, err = tags(in.Tagging); err != nil {
		return fail(err)
	}
	if err := r.encryption(&u.Attributes); err != nil {
		return fail(err)
	}
	if u, err = o.store.CreateUpload(r, u); err != nil {
		return fail(err)
	}
	r.report(u.Attributes)
	return s3response.InitiateMultipartUploadResult{Bucket: bucket, Key: key, UploadId: u.ID}, nil
}

func (o *objects) uploadError(err error, bucket, key, upload string) error {
	if errors.Is(err, objectstore.ErrNoSuchUpload) {
		return s3err.GetNoSuchUploadErr(upload)
	}
	return o.apiError(err, bucket, key, "")
}

// UploadPart implements backend.Backend.
func (o *objects) UploadPart(ctx context.Context, in *sdk.UploadPartInput) (*sdk.UploadPartOutput, error) {
	r, bucket, key, id := o.request(ctx), str(in.Bucket), str(in.Key), str(in.UploadId)
	u, err := o.store.Upload(r, bucket, key, id)
	if err != nil {
		return nil, o.uploadError(err, bucket, key, id)
	}
	want, err := expect(in.Body, in.ChecksumAlgorithm, sent{
		in.ChecksumCRC32, in.ChecksumCRC32C, in.ChecksumCRC64NVME, in.ChecksumSHA1, in.ChecksumSHA256, in.ChecksumSHA512,
		in.ChecksumMD5, in.ChecksumXXHASH64, in.ChecksumXXHASH3, in.ChecksumXXHASH128,
	})
	if err != nil {
		return nil, err
	}
	if u.ChecksumAlgorithm != "" && want.value != nil && want.algorithm != u.ChecksumAlgorithm {
		return nil, s3err.GetChecksumTypeMismatchErr(types.ChecksumAlgorithm(u.ChecksumAlgorithm), types.ChecksumAlgorithm(want.algorithm))
	}
	// Kept with the part is the checksum the finished object will need; what the client sent is checked beside it.
	algorithm := u.ChecksumAlgorithm
	if algorithm == "" {
		algorithm = objectstore.CRC64NVME
	}
	body, check := r.whole(in.Body, in.ContentLength), want.verify
	shown := objectstore.Checksum{Algorithm: algorithm}
	if want.value != nil && want.algorithm != algorithm {
		sum, err := objectstore.NewChecksum(want.algorithm)
		if err != nil {
			return nil, o.apiError(err, bucket, key, "")
		}
		body = io.TeeReader(body, sum)
		check = func(objectstore.Checksum, string) error {
			shown = objectstore.Checksum{Algorithm: want.algorithm, Value: base64.StdEncoding.EncodeToString(sum.Sum(nil))}
			return want.verify(shown, "")
		}
	}
	p, err := o.store.PutPart(r, objectstore.PartInput{
		Bucket: bucket, Key: key, UploadID: id, Number: int(*in.PartNumber), Body: body, Algorithm: algorithm, Verify: check,
	})
	if err != nil {
		return nil, o.uploadError(err, bucket, key, id)
	}
	r.report(u.Attributes)
	out := &sdk.UploadPartOutput{ETag: quoted(p.ETag)}
	if want.value == nil && u.ChecksumAlgorithm == "" {
		return out, nil
	}
	if shown.Value == "" {
		shown.Value = p.Checksum
	}
	c := spread(shown)
	out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	out.ChecksumSHA512, out.ChecksumMD5 = c.SHA512, c.MD5
	return out, nil
}

// UploadPartCopy implements backend.Backend.
func (o *objects) UploadPartCopy(ctx context.Context, in *sdk.UploadPartCopyInput) (s3response.CopyPartResult, error) {
	r, bucket, key, id := o.request(ctx), str(in.Bucket), str(in.Key), str(in.UploadId)
	var none s3response.CopyPartResult
	u, err := o.store.Upload(r, bucket, key, id)
	if err != nil {
		return none, o.uploadError(err, bucket, key, id)
	}
	fromBucket, fromKey, fromVersion, err := backend.ParseCopySource(str(in.CopySource))
	if err != nil {
		return none, err
	}
	src, err := o.store.Get(r, fromBucket, fromKey, fromVersion)
	if err != nil {
		return none, o.apiError(err, fromBucket, fromKey, fromVersion)
	}
	defer src.Body.Close()
	if err := backend.EvaluatePreconditions(src.ETag, second(src.LastModified), backend.PreConditions{
		IfMatch: in.CopySourceIfMatch, IfNoneMatch: in.CopySourceIfNoneMatch,
		IfModSince: in.CopySourceIfModifiedSince, IfUnmodeSince: in.CopySourceIfUnmodifiedSince,
	}); err != nil {
		return none, o.apiError(err, bucket, key, "")
	}
	from, n, err := backend.ParseCopySourceRange(src.Size, str(in.CopySourceRange))
	if err != nil {
		return none, err
	}
	algorithm := u.ChecksumAlgorithm
	if algorithm == "" {
		algorithm = objectstore.CRC64NVME
	}
	p, err := o.store.PutPart(r, objectstore.PartInput{
		Bucket: bucket, Key: key, UploadID: id, Number: int(*in.PartNumber), Body: io.NewSectionReader(src.Body, from, n), Algorithm: algorithm,
	})
	if err != nil {
		return none, o.uploadError(err, bucket, key, id)
	}
	out := s3response.CopyPartResult{LastModified: p.LastModified, ETag: quoted(p.ETag), CopySourceVersionId: shownVersion(src.Object)}
	if u.ChecksumAlgorithm != "" {
		c := spread(objectstore.Checksum{Algorithm: algorithm, Value: p.Checksum})
		out.ChecksumCRC32, out.ChecksumCRC32C, out.ChecksumCRC64NVME, out.ChecksumSHA1, out.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
	}
	return out, nil
}

// AbortMultipartUpload implements backend.Backend.
func (o *objects) AbortMultipartUpload(ctx context.Context, in *sdk.AbortMultipartUploadInput) error {
	bucket, key, id := str(in.Bucket), str(in.Key), str(in.UploadId)
	if in.IfMatchInitiatedTime != nil {
		u, err := o.store.Upload(o.request(ctx), bucket, key, id)
		if err != nil {
			return o.uploadError(err, bucket, key, id)
		}
		if u.Initiated.Unix() != in.IfMatchInitiatedTime.Unix() {
			return s3err.GetAPIError(s3err.ErrPreconditionFailed)
		}
	}
	return o.uploadError(o.store.AbortUpload(o.request(ctx), bucket, key, id), bucket, key, id)
}

// ListParts implements backend.Backend.
func (o *objects) ListParts(ctx context.Context, in *sdk.ListPartsInput) (s3response.ListPartsResult, error) {
	r, bucket, key, id := o.request(ctx), str(in.Bucket), str(in.Key), str(in.UploadId)
	var none s3response.ListPartsResult
	marker := 0
	if m := str(in.PartNumberMarker); m != "" {
		var err error
		if marker, err = strconv.Atoi(m); err != nil {
			return none, s3err.GetInvalidArgMaxLimiter("part-number-marker", m)
		}
	}
	u, err := o.store.Upload(r, bucket, key, id)
	if err != nil {
		return none, o.uploadError(err, bucket, key, id)
	}
	size := limit(in.MaxParts)
	parts, err := o.store.Parts(r, id, marker, size+1)
	if err != nil {
		return none, o.apiError(err, bucket, key, "")
	}
	out := s3response.ListPartsResult{
		Bucket: bucket, Key: key, UploadID: id, MaxParts: size, PartNumberMarker: marker, StorageClass: types.StorageClass(orStandard(u.Attributes.StorageClass)),
		Owner: s3response.Owner{ID: o.owner, DisplayName: ownerName}, Initiator: s3response.Initiator{ID: o.owner, DisplayName: ownerName},
		ChecksumAlgorithm: types.ChecksumAlgorithm(u.ChecksumAlgorithm), ChecksumType: types.ChecksumType(u.ChecksumType),
	}
	for i, p := range parts {
		if i == size {
			out.IsTruncated = true
			break
		}
		part := s3response.Part{PartNumber: p.Number, LastModified: p.LastModified, ETag: *quoted(p.ETag), Size: p.Size}
		if u.ChecksumAlgorithm != "" {
			c := spread(objectstore.Checksum{Algorithm: u.ChecksumAlgorithm, Value: p.Checksum})
			part.ChecksumCRC32, part.ChecksumCRC32C, part.ChecksumCRC64NVME, part.ChecksumSHA1, part.ChecksumSHA256 = c.CRC32, c.CRC32C, c.CRC64NVME, c.SHA1, c.SHA256
		}
		out.Parts = append(out.Parts, part)
		out.NextPartNumberMarker = p.Number
	}
	return out, nil
}

// ListMultipartUploads implements backend.Backend.
func (o *objects) ListMultipartUploads(ctx context.Context, in *sdk.ListMultipartUploadsInput) (s3response.ListMultipartUploadsResult, error) {
	bucket := str(in.Bucket)
	size := limit(in.MaxUploads)
	page, err := o.store.Uploads(o.request(ctx), bucket, str(in.Prefix), str(in.Delimiter), str(in.KeyMarker), str(in.UploadIdMarker), size)
	if err != nil {
		return s3response.ListMultipartUploadsResult{}, o.apiError(err, bucket, "", "")
	}
	out := s3response.ListMultipartUploadsResult{
		Bucket: bucket, Prefix: str(in.Prefix), Delimiter: str(in.Delimiter), KeyMarker: str(in.KeyMarker), UploadIDMarker: str(in.UploadIdMarker),
		MaxUploads: size, IsTruncated: page.Truncated,
	}
	if page.Truncated {
		out.NextKeyMarker, out.NextUploadIDMarker = page.NextKey, page.NextUpload
	}
	for _, u := range page.Uploads {
		out.Uploads = append(out.Uploads, s3response.Upload{
			Key: u.Key, UploadID: u.ID, Initiated: u.Initiated, StorageClass: types.StorageClass(orStandard(u.Attributes.StorageClass)),
			Owner: s3response.Owner{ID: o.owner, DisplayName: ownerName}, Initiator: s3response.Initiator{ID: o.owner, DisplayName: ownerName},
			ChecksumAlgorithm: types.ChecksumAlgorithm(u.ChecksumAlgorithm), ChecksumType: types.ChecksumType(u.ChecksumType),
		})
	}
	for _, p := range page.Prefixes {
		out.CommonPrefixes = append(out.CommonPrefixes, s3response.CommonPrefix{Prefix: p})
	}
	return out, nil
}

// CompleteMultipartUpload implements backend.Backend.
func (o *objects) CompleteMultipartUpload(ctx context.Context, in *sdk.CompleteMultipartUploadInput) (s3response.CompleteMultipartUploadResult, string, error) {
	r, bucket, key, id := o.request(ctx), str(in.Bucket), str(in.Key), str(in.UploadId)
	obj, err := o.store.CompleteUpload(r, objectstore.CompleteInput{
		Bucket: bucket, Key: key, UploadID: id, Check: putCondition(in.IfMatch, in.IfNoneMatch),
		Choose: func(u objectstore.Upload, uploaded []objectstore.Part) ([]objectstore.Part, objectstore.Checksum, error) {
			return chooseParts(in, u, uploaded)
		},
	})
	if err != nil {
		return s3response.CompleteMultipartUploadResult{}, "", o.uploadError(err, bucket, key, id)
	}
	r.report(obj.Attributes)
	c := spread(obj.Checksum)
	out := s3response.CompleteMultipartUploadResult{
		Bucket: &bucket, Key: &key, ETag: quoted(obj.ETag), ChecksumCRC32: c.CRC32, ChecksumCRC32C: c.CRC32C,
		ChecksumCRC64NVME: c.CRC64NVME, ChecksumSHA1: c.SHA1, ChecksumSHA256: c.SHA256,
	}
	if c.Type != "" {
		out.ChecksumType = &c.Type
	}
	return out, shownVersion(obj), nil
}

// chooseParts applies S3's rules to the list of parts a client completes an upload with.
func chooseParts(in *sdk.CompleteMultipartUploadInput, u objectstore.Upload, uploaded []objectstore.Part) ([]objectstore.Part, objectstore.Checksum, error) {
	var none objectstore.Checksum
	if in.ChecksumType != "" && u.ChecksumType != "" && string(in.ChecksumType) != u.ChecksumType {
		return nil, none, s3err.GetChecksumTypeMismatchOnMpErr(types.ChecksumType(u.ChecksumType))
	}
	have := make(map[int]objectstore.Part, len(uploaded))
	for _, p := range uploaded {
		have[p.Number] = p
	}
	list := in.MultipartUpload.Parts
	var chosen []objectstore.Part
	var size int64
	for i, want := range list {
		if want.PartNumber == nil || want.ETag == nil {
			return nil, none, s3err.GetAPIError(s3err.ErrMalformedXML)
		}
		n := int(*want.PartNumber)
		if i > 0 && n <= chosen[i-1].Number {
			return nil, none, s3err.GetAPIError(s3err.ErrInvalidPartOrder)
		}
		p, ok := have[n]
		if !ok || !backend.AreEtagsSame(p.ETag, *want.ETag) {
			return nil, none, s3err.GetInvalidPartErr(u.ID, *want.PartNumber, str(want.ETag))
		}
		if i < len(list)-1 && p.Size < backend.MinPartSize {
			return nil, none, s3err.GetEntityTooSmallErr(p.Size, backend.MinPartSize)
		}
		if sum := completedSum(want, u.ChecksumAlgorithm); sum != "" && sum != p.Checksum {
			return nil, none, s3err.GetInvalidPartErr(u.ID, *want.PartNumber, str(want.ETag))
		}
		chosen = append(chosen, p)
		size += p.Size
	}
	if in.MpuObjectSize != nil && *in.MpuObjectSize != size {
		return nil, none, s3err.GetIncorrectMpObjectSizeErr(size, *in.MpuObjectSize)
	}
	sum, err := combine(u, chosen)
	if err != nil {
		return nil, none, err
	}
	if got := completeSum(in, sum.Algorithm); got != "" && u.ChecksumAlgorithm != "" {
		if sum.Type == objectstore.Composite && !strings.Contains(got, "-") {
			got += "-" + strconv.Itoa(len(chosen))
		}
		if got != sum.Value {
			return nil, none, s3err.GetChecksumBadDigestErr(types.ChecksumAlgorithm(sum.Algorithm))
		}
	}
	return chosen, sum, nil
}

func completedSum(p types.CompletedPart, algorithm string) string {
	switch algorithm {
	case objectstore.CRC32:
		return str(p.ChecksumCRC32)
	case objectstore.CRC32C:
		return str(p.ChecksumCRC32C)
	case objectstore.CRC64NVME:
		return str(p.ChecksumCRC64NVME)
	case objectstore.SHA1:
		return str(p.ChecksumSHA1)
	case objectstore.SHA256:
		return str(p.ChecksumSHA256)
	}
	return ""
}

func completeSum(in *sdk.CompleteMultipartUploadInput, algorithm string) string {
	return completedSum(types.CompletedPart{
		ChecksumCRC32: in.ChecksumCRC32, ChecksumCRC32C: in.ChecksumCRC32C, ChecksumCRC64NVME: in.ChecksumCRC64NVME,
		ChecksumSHA1: in.ChecksumSHA1, ChecksumSHA256: in.ChecksumSHA256,
	}, algorithm)
}

// combine makes the object's checksum of those of its parts: CRCs of the whole can be computed from those of the parts,
// other algorithms make a checksum of the checksums.
func combine(u objectstore.Upload, parts []objectstore.Part) (objectstore.Checksum, error) {
	out := objectstore.Checksum{Algorithm: u.ChecksumAlgorithm, Type: u.ChecksumType}
	if out.Algorithm == "" {
		out.Algorithm, out.Type = objectstore.CRC64NVME, objectstore.FullObject
	}
	if out.Type == objectstore.FullObject {
		for i, p := range parts {
			if i == 0 {
				out.Value = p.Checksum
				continue
			}
			var err error
			if out.Value, err = utils.AddCRCChecksum(types.ChecksumAlgorithm(out.Algorithm), out.Value, p.Checksum, p.Size); err != nil {
				return out, err
			}
		}
		return out, nil
	}
	h, err := objectstore.NewChecksum(out.Algorithm)
	if err != nil {
		return out, err
	}
	for _, p := range parts {
		b, err := base64.StdEncoding.DecodeString(p.Checksum)
		if err != nil {
			return out, fmt.Errorf("checksum of part %d: %w", p.Number, err)
		}
		_, _ = h.Write(b)
	}
	out.Value = fmt.Sprintf("%s-%d", base64.StdEncoding.EncodeToString(h.Sum(nil)), len(parts))
	return out, nil
}
