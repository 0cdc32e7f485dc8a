package s3

import (
	"context"
	"encoding/json"
	"errors"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
	"github.com/versity/versitygw/s3response"

	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// ListBuckets implements backend.Backend.
func (o *objects) ListBuckets(ctx context.Context, in s3response.ListBucketsInput) (s3response.ListAllMyBucketsResult, error) {
	limit := int(in.MaxBuckets)
	if limit <= 0 {
		limit = 10000
	}
	found, err := o.store.Buckets(o.request(ctx), in.Prefix, in.ContinuationToken, limit+1)
	if err != nil {
		return s3response.ListAllMyBucketsResult{}, o.apiError(err, "", "", "")
	}
	out := s3response.ListAllMyBucketsResult{Owner: s3response.CanonicalUser{ID: o.owner, DisplayName: ownerName}, Prefix: in.Prefix}
	for i, b := range found {
		if i == limit {
			out.ContinuationToken = found[i-1].Name
			break
		}
		out.Buckets.Bucket = append(out.Buckets.Bucket, s3response.ListAllMyBucketsEntry{Name: b.Name, CreationDate: b.Created})
	}
	return out, nil
}

const ownerName = "conveyor"

// HeadBucket implements backend.Backend.
func (o *objects) HeadBucket(ctx context.Context, in *sdk.HeadBucketInput) (*sdk.HeadBucketOutput, error) {
	_, err := o.store.Bucket(o.request(ctx), str(in.Bucket))
	return &sdk.HeadBucketOutput{}, o.apiError(err, str(in.Bucket), "", "")
}

// CreateBucket implements backend.Backend.
func (o *objects) CreateBucket(ctx context.Context, in *sdk.CreateBucketInput, acl []byte) error {
	if in.ObjectLockEnabledForBucket != nil && *in.ObjectLockEnabledForBucket {
		return notImplemented("Conveyor has no object lock: create the bucket without it.")
	}
	bucket := str(in.Bucket)
	docs := map[string][]byte{objectstore.ACL: append([]byte{}, acl...)}
	if in.ObjectOwnership != "" {
		docs[objectstore.Ownership] = []byte(in.ObjectOwnership)
	}
	if in.CreateBucketConfiguration != nil {
		tags, err := backend.ParseCreateBucketTags(in.CreateBucketConfiguration.Tags)
		if err != nil {
			return err
		}
		if len(tags) > 0 {
			if docs[objectstore.Tagging], err = json.Marshal(tags); err != nil {
				return err
			}
		}
	}
	err := o.store.CreateBucket(o.request(ctx), bucket, o.owner, docs)
	if errors.Is(err, objectstore.ErrBucketExists) {
		return s3err.GetBucketErr(s3err.ErrBucketAlreadyOwnedByYou, bucket)
	}
	return o.apiError(err, bucket, "", "")
}

// DeleteBucket implements backend.Backend.
func (o *objects) DeleteBucket(ctx context.Context, bucket string) error {
	return o.apiError(o.store.DeleteBucket(o.request(ctx), bucket), bucket, "", "")
}

// PutBucketVersioning implements backend.Backend.
func (o *objects) PutBucketVersioning(ctx context.Context, bucket string, status types.BucketVersioningStatus) error {
	return o.apiError(o.store.SetVersioning(o.request(ctx), bucket, string(status)), bucket, "", "")
}

// GetBucketVersioning implements backend.Backend.
func (o *objects) GetBucketVersioning(ctx context.Context, bucket string) (s3response.GetBucketVersioningOutput, error) {
	var out s3response.GetBucketVersioningOutput
	b, err := o.store.Bucket(o.request(ctx), bucket)
	if err == nil && b.Versioning != "" {
		status := types.BucketVersioningStatus(b.Versioning)
		out.Status = &status
	}
	return out, o.apiError(err, bucket, "", "")
}

// document reads a configuration document; absent is the error for a bucket that has none.
func (o *objects) document(ctx context.Context, bucket, kind string, absent s3err.ErrorCode) ([]byte, error) {
	doc, err := o.store.Document(o.request(ctx), bucket, kind)
	if errors.Is(err, objectstore.ErrNoSuchDocument) {
		return nil, s3err.GetBucketErr(absent, bucket)
	}
	return doc, o.apiError(err, bucket, "", "")
}

func (o *objects) setDocument(ctx context.Context, bucket, kind string, doc []byte) error {
	if doc != nil {
		doc = append([]byte{}, doc...)
	}
	return o.apiError(o.store.SetDocument(o.request(ctx), bucket, kind, doc), bucket, "", "")
}

// GetBucketAcl implements backend.Backend. To anonymous callers of a bucket that ignores public ACLs, it shows none:
// that is how the gateway learns of it.
func (o *objects) GetBucketAcl(ctx context.Context, in *sdk.GetBucketAclInput) ([]byte, error) {
	bucket, r := str(in.Bucket), o.request(ctx)
	docs, err := o.store.Documents(r, bucket, objectstore.ACL, objectstore.PublicAccessBlock)
	if err != nil {
		return nil, o.apiError(err, bucket, "", "")
	}
	acl := docs[objectstore.ACL]
	if acl == nil || r.anonymous() && objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]).IgnorePublicAcls {
		return json.Marshal(auth.ACL{Owner: o.owner, Grantees: []auth.Grantee{{
			Permission: auth.PermissionFullControl, Access: o.owner, Type: types.TypeCanonicalUser,
		}}})
	}
	return acl, nil
}

// PutBucketAcl implements backend.Backend.
func (o *objects) PutBucketAcl(ctx context.Context, bucket string, acl []byte) error {
	parsed, err := auth.ParseACL(acl)
	if err != nil {
		return s3err.GetAPIError(s3err.ErrMalformedACL)
	}
	for _, g := range parsed.Grantees {
		if g.Access == "all-users" {
			if err := o.refusePublicACL(ctx, bucket); err != nil {
				return err
			}
		}
	}
	return o.setDocument(ctx, bucket, objectstore.ACL, acl)
}

// refusePublicACL is the effect of BlockPublicAcls on a request that would make something public.
func (o *objects) refusePublicACL(ctx context.Context, bucket string) error {
	docs, err := o.store.Documents(o.request(ctx), bucket, objectstore.PublicAccessBlock)
	if err != nil {
		return o.apiError(err, bucket, "", "")
	}
	if objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]).BlockPublicAcls {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return nil
}

// GetBucketPolicy implements backend.Backend. Anonymous callers of a bucket that restricts public policies get nothing
// from its policy: that is how the gateway learns of it.
func (o *objects) GetBucketPolicy(ctx context.Context, bucket string) ([]byte, error) {
	r := o.request(ctx)
	docs, err := o.store.Documents(r, bucket, objectstore.Policy, objectstore.PublicAccessBlock)
	if err != nil {
		return nil, o.apiError(err, bucket, "", "")
	}
	policy := docs[objectstore.Policy]
	if policy == nil || r.anonymous() && objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]).RestrictPublicBuckets {
		return nil, s3err.GetBucketErr(s3err.ErrNoSuchBucketPolicy, bucket)
	}
	return policy, nil
}

// PutBucketPolicy implements backend.Backend.
func (o *objects) PutBucketPolicy(ctx context.Context, bucket string, policy []byte) error {
	docs, err := o.store.Documents(o.request(ctx), bucket, objectstore.PublicAccessBlock)
	if err != nil {
		return o.apiError(err, bucket, "", "")
	}
	if objectstore.ParsePublicAccessBlock(docs[objectstore.PublicAccessBlock]).BlockPublicPolicy && publicPolicy(policy) {
		return s3err.GetAPIError(s3err.ErrAccessDenied)
	}
	return o.setDocument(ctx, bucket, objectstore.Policy, policy)
}

// publicPolicy tells whether a policy allows anything to everybody.
func publicPolicy(policy []byte) bool {
	p, err := auth.ParsePolicyDocument(policy)
	if err != nil {
		return true
	}
	for _, s := range p.Statement {
		if _, everybody := s.Principals["*"]; everybody && s.Effect == auth.BucketPolicyAccessTypeAllow && len(s.Condition) == 0 {
			return true
		}
	}
	return false
}

// DeleteBucketPolicy implements backend.Backend.
func (o *objects) DeleteBucketPolicy(ctx context.Context, bucket string) error {
	return o.setDocument(ctx, bucket, objectstore.Policy, nil)
}

// PutBucketOwnershipControls implements backend.Backend.
func (o *objects) PutBucketOwnershipControls(ctx context.Context, bucket string, ownership types.ObjectOwnership) error {
	return o.setDocument(ctx, bucket, objectstore.Ownership, []byte(ownership))
}

// GetBucketOwnershipControls implements backend.Backend.
func (o *objects) GetBucketOwnershipControls(ctx context.Context, bucket string) (types.ObjectOwnership, error) {
	doc, err := o.document(ctx, bucket, objectstore.Ownership, s3err.ErrOwnershipControlsNotFound)
	return types.ObjectOwnership(doc), err
}

// DeleteBucketOwnershipControls implements backend.Backend.
func (o *objects) DeleteBucketOwnershipControls(ctx context.Context, bucket string) error {
	return o.setDocument(ctx, bucket, objectstore.Ownership, nil)
}

// PutBucketCors implements backend.Backend.
func (o *objects) PutBucketCors(ctx context.Context, bucket string, cors []byte) error {
	return o.setDocument(ctx, bucket, objectstore.CORS, cors)
}

// GetBucketCors implements backend.Backend.
func (o *objects) GetBucketCors(ctx context.Context, bucket string) ([]byte, error) {
	return o.document(ctx, bucket, objectstore.CORS, s3err.ErrNoSuchCORSConfiguration)
}

// DeleteBucketCors implements backend.Backend.
func (o *objects) DeleteBucketCors(ctx context.Context, bucket string) error {
	return o.setDocument(ctx, bucket, objectstore.CORS, nil)
}

// PutBucketWebsite implements backend.Backend.
func (o *objects) PutBucketWebsite(ctx context.Context, bucket string, website []byte) error {
	return o.setDocument(ctx, bucket, objectstore.Website, website)
}

// GetBucketWebsite implements backend.Backend.
func (o *objects) GetBucketWebsite(ctx context.Context, bucket string) ([]byte, error) {
	return o.document(ctx, bucket, objectstore.Website, s3err.ErrNoSuchWebsiteConfiguration)
}

// DeleteBucketWebsite implements backend.Backend.
func (o *objects) DeleteBucketWebsite(ctx context.Context, bucket string) error {
	return o.setDocument(ctx, bucket, objectstore.Website, nil)
}

// GetBucketTagging implements backend.Backend.
func (o *objects) GetBucketTagging(ctx context.Context, bucket string) (map[string]string, error) {
	doc, err := o.document(ctx, bucket, objectstore.Tagging, s3err.ErrBucketTaggingNotFound)
	if err != nil {
		return nil, err
	}
	var tags map[string]string
	err = json.Unmarshal(doc, &tags)
	return tags, err
}

// PutBucketTagging implements backend.Backend.
func (o *objects) PutBucketTagging(ctx context.Context, bucket string, tags map[string]string) error {
	if len(tags) == 0 {
		return o.DeleteBucketTagging(ctx, bucket)
	}
	doc, err := json.Marshal(tags)
	if err != nil {
		return err
	}
	return o.setDocument(ctx, bucket, objectstore.Tagging, doc)
}

// DeleteBucketTagging implements backend.Backend.
func (o *objects) DeleteBucketTagging(ctx context.Context, bucket string) error {
	return o.setDocument(ctx, bucket, objectstore.Tagging, nil)
}

// GetObjectLockConfiguration implements backend.Backend: no bucket has object lock. The gateway asks before each write.
func (o *objects) GetObjectLockConfiguration(_ context.Context, bucket string) ([]byte, error) {
	return nil, s3err.GetBucketErr(s3err.ErrObjectLockConfigurationNotFound, bucket)
}
