package s3

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/s3response"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

func (o *objects) ownerRef() *types.Owner {
	return &types.Owner{ID: &o.owner, DisplayName: ptr(ownerName)}
}

func limit(p *int32) int {
	if p == nil {
		return 1000
	}
	return int(min(*p, 1000))
}

// listed is an object as listings show it.
func (o *objects) listed(obj objectstore.Object, withOwner bool) s3response.Object {
	out := s3response.Object{
		Key: &obj.Key, Size: &obj.Size, ETag: quoted(obj.ETag), LastModified: &obj.LastModified,
		StorageClass: types.ObjectStorageClass(orStandard(obj.StorageClass)), ChecksumType: types.ChecksumType(obj.Checksum.Type),
	}
	if obj.Checksum.Algorithm != "" {
		out.ChecksumAlgorithm = []types.ChecksumAlgorithm{types.ChecksumAlgorithm(obj.Checksum.Algorithm)}
	}
	if withOwner {
		out.Owner = o.ownerRef()
	}
	return out
}

func prefixes(in []string) []types.CommonPrefix {
	var out []types.CommonPrefix
	for _, p := range in {
		out = append(out, types.CommonPrefix{Prefix: &p})
	}
	return out
}

// ListObjects implements backend.Backend.
func (o *objects) ListObjects(ctx context.Context, in *sdk.ListObjectsInput) (s3response.ListObjectsResult, error) {
	bucket, maxKeys := str(in.Bucket), int32(limit(in.MaxKeys)) // at most 1000
	page, err := o.store.List(o.request(ctx), objectstore.ListInput{
		Bucket: bucket, Prefix: str(in.Prefix), Delimiter: str(in.Delimiter), After: str(in.Marker), Max: int(maxKeys),
	})
	if err != nil {
		return s3response.ListObjectsResult{}, o.apiError(err, bucket, "", "")
	}
	out := s3response.ListObjectsResult{
		Name: &bucket, Prefix: in.Prefix, Marker: in.Marker, Delimiter: ptr(str(in.Delimiter)), MaxKeys: &maxKeys,
		IsTruncated: &page.Truncated, CommonPrefixes: prefixes(page.Prefixes), NextMarker: ptr(page.Next),
	}
	for _, obj := range page.Objects {
		out.Contents = append(out.Contents, o.listed(obj, true))
	}
	return out, nil
}

// ListObjectsV2 implements backend.Backend. The continuation token is the last key or prefix of the page before.
func (o *objects) ListObjectsV2(ctx context.Context, in *sdk.ListObjectsV2Input) (s3response.ListObjectsV2Result, error) {
	bucket, maxKeys := str(in.Bucket), int32(limit(in.MaxKeys)) // at most 1000
	from := max(str(in.StartAfter), str(in.ContinuationToken))
	page, err := o.store.List(o.request(ctx), objectstore.ListInput{
		Bucket: bucket, Prefix: str(in.Prefix), Delimiter: str(in.Delimiter), After: from, Max: int(maxKeys),
	})
	if err != nil {
		return s3response.ListObjectsV2Result{}, o.apiError(err, bucket, "", "")
	}
	count := int32(len(page.Objects) + len(page.Prefixes)) // at most 1000
	out := s3response.ListObjectsV2Result{
		Name: &bucket, Prefix: in.Prefix, StartAfter: ptr(str(in.StartAfter)), ContinuationToken: ptr(str(in.ContinuationToken)),
		Delimiter: ptr(str(in.Delimiter)), MaxKeys: &maxKeys, KeyCount: &count, IsTruncated: &page.Truncated,
		CommonPrefixes: prefixes(page.Prefixes), NextContinuationToken: ptr(page.Next),
	}
	for _, obj := range page.Objects {
		out.Contents = append(out.Contents, o.listed(obj, in.FetchOwner != nil && *in.FetchOwner))
	}
	return out, nil
}

// ListObjectVersions implements backend.Backend.
func (o *objects) ListObjectVersions(ctx context.Context, in *sdk.ListObjectVersionsInput) (s3response.ListVersionsResult, error) {
	bucket, maxKeys := str(in.Bucket), int32(limit(in.MaxKeys)) // at most 1000
	page, err := o.store.ListVersions(o.request(ctx), objectstore.ListInput{
		Bucket: bucket, Prefix: str(in.Prefix), Delimiter: str(in.Delimiter), After: str(in.KeyMarker),
		AfterVersion: str(in.VersionIdMarker), Max: int(maxKeys),
	})
	if err != nil {
		return s3response.ListVersionsResult{}, o.apiError(err, bucket, str(in.KeyMarker), str(in.VersionIdMarker))
	}
	out := s3response.ListVersionsResult{
		Name: &bucket, Prefix: in.Prefix, Delimiter: ptr(str(in.Delimiter)), KeyMarker: in.KeyMarker, VersionIdMarker: in.VersionIdMarker,
		MaxKeys: &maxKeys, IsTruncated: &page.Truncated, CommonPrefixes: prefixes(page.Prefixes),
		NextKeyMarker: ptr(page.Next), NextVersionIdMarker: ptr(page.NextVersion),
	}
	for _, obj := range page.Objects {
		if obj.DeleteMarker {
			out.DeleteMarkers = append(out.DeleteMarkers, types.DeleteMarkerEntry{
				Key: &obj.Key, VersionId: &obj.VersionID, IsLatest: &obj.Latest, LastModified: &obj.LastModified, Owner: o.ownerRef(),
			})
			continue
		}
		v := s3response.ObjectVersion{
			Key: &obj.Key, VersionId: &obj.VersionID, IsLatest: &obj.Latest, LastModified: &obj.LastModified, Owner: o.ownerRef(),
			Size: &obj.Size, ETag: quoted(obj.ETag), ChecksumType: types.ChecksumType(obj.Checksum.Type),
			StorageClass: types.ObjectVersionStorageClass(orStandard(obj.StorageClass)),
		}
		if obj.Checksum.Algorithm != "" {
			v.ChecksumAlgorithm = []types.ChecksumAlgorithm{types.ChecksumAlgorithm(obj.Checksum.Algorithm)}
		}
		out.Versions = append(out.Versions, v)
	}
	return out, nil
}
