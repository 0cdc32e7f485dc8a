// Package s3source is the source provider for objects: it turns a version of an object in a versioned bucket into an
// artifact.
package s3source

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys.
const (
	keyBucket   = "S3Bucket"
	keyObject   = "S3ObjectKey"
	keyPoll     = "PollForSourceChanges"
	keyOverride = "AllowOverrideForS3ObjectKey"
)

// Types of revision overrides.
const (
	overrideVersion = "S3_OBJECT_VERSION_ID"
	overrideKey     = "S3_OBJECT_KEY"
)

// summaryMetadata is the metadata key with which an uploader describes a revision.
const summaryMetadata = "codepipeline-artifact-revision-summary"

// maxSummary is how long a revision's summary may be.
const maxSummary = 2048

// Objects is what the provider needs of the object store. Implemented by *objectstore.Store.
type Objects interface {
	Versioned(ctx context.Context, bucket string) (bool, error)
	Head(ctx context.Context, bucket, key, version string) (objectstore.Object, error)
	Copy(ctx context.Context, in objectstore.CopyInput) (copied, source objectstore.Object, err error)
}

// Provider implements action.Provider.
type Provider struct{ objects Objects }

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(objects Objects) *Provider { return &Provider{objects} }

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	flag := []string{"true", "false"}
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Source", Owner: "AWS", Provider: "S3", Version: "1"},
		Properties: []action.Property{
			{Name: keyBucket, Required: true, Key: true, Type: "String", Description: "The bucket that holds the source; it must be versioned."},
			{Name: keyObject, Required: true, Key: true, Type: "String", Description: "The object whose changes start the pipeline."},
			{Name: keyPoll, Type: "Boolean", Values: flag, Description: "Whether an upload starts the pipeline by itself; true when absent."},
			{Name: keyOverride, Type: "Boolean", Values: flag, Description: "Whether an execution may be started with another object key; false when absent."},
		},
		Outputs:        action.Count{Min: 1, Max: 1},
		TimeoutMinutes: 60,
	}
}

// source is the object version that an execution is about; version "" is the newest.
type source struct {
	bucket, key, version string
}

// Start makes the object the artifact, byte for byte; nothing is copied but the reference to the body. Running it again
// may find a newer version, unless the execution pins one.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	src, refused := sourceOf(job)
	if refused != nil {
		return *refused, nil
	}
	versioned, err := p.objects.Versioned(ctx, src.bucket)
	switch {
	case err != nil:
		return src.failure(err)
	case !versioned:
		return action.Fail(pipeline.ConfigurationError, "The S3 bucket %s is not versioned. A source action needs object versions to tell "+
			"revisions apart: enable versioning on the bucket.", src.bucket), nil
	}
	found, err := p.objects.Head(ctx, src.bucket, src.key, src.version)
	if err != nil {
		return src.failure(err)
	}
	src.version = found.VersionID // a newer upload in between does not matter
	if err := p.take(ctx, src, job); err != nil {
		if errors.Is(err, objectstore.ErrNoSuchBucket) {
			return action.Fail(pipeline.ConfigurationError, "Could not upload the source artifact: the pipeline's artifact bucket %s does not exist. "+
				"Create it, or change artifactStore in the pipeline.", job.Outputs[0].Bucket), nil
		}
		return src.failure(err)
	}
	return done(found), nil
}

// Cancel implements action.Provider. Nothing is ever left waiting.
func (*Provider) Cancel(context.Context, action.Job) error { return nil }

func sourceOf(job action.Job) (source, *action.Failed) {
	src := source{bucket: job.Configuration[keyBucket], key: job.Configuration[keyObject]}
	pinned, err := job.Overrides(overrideVersion, overrideKey)
	if err != nil {
		f := action.Fail(pipeline.ConfigurationError, "%v", err)
		return src, &f
	}
	if key := pinned[overrideKey]; key != "" {
		if !job.Flag(keyOverride, false) {
			f := action.Fail(pipeline.ConfigurationError, "The execution was started with the object key %s for the source action %s, which does "+
				"not allow it: set %s to true.", key, job.Action, keyOverride)
			return src, &f
		}
		src.key = key
	}
	src.version = pinned[overrideVersion]
	return src, nil
}

// take makes the artifact.
func (p *Provider) take(ctx context.Context, src source, job action.Job) error {
	out := job.Outputs[0]
	_, _, err := p.objects.Copy(ctx, objectstore.CopyInput{
		SourceBucket: src.bucket, SourceKey: src.key, SourceVersion: src.version,
		Bucket: out.Bucket, Key: out.Key,
		Change: func(o objectstore.Object) (objectstore.Attributes, error) {
			return objectstore.Attributes{
				ContentType: o.ContentType, ContentEncoding: o.ContentEncoding, Metadata: o.Metadata, KMSKeyID: job.KMSKeyID(),
			}, nil
		},
	})
	return err
}

// failure tells the user's mistakes, which fail the action, from trouble of the server's, which is tried again.
func (s source) failure(err error) (action.Result, error) {
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return action.Fail(pipeline.ConfigurationError, "The S3 bucket %s does not exist. Create it, or change %s in the action's configuration.", s.bucket, keyBucket), nil
	case errors.Is(err, objectstore.ErrNoSuchVersion), s.version != "" && errors.Is(err, objectstore.ErrNoSuchKey):
		return action.Fail(pipeline.RevisionUnavailable, "The object %s in the S3 bucket %s has no version %s.", s.key, s.bucket, s.version), nil
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return action.Fail(pipeline.ConfigurationError, "The S3 bucket %s has no object %s. Upload it, or change %s in the action's configuration.", s.bucket, s.key, keyObject), nil
	}
	if marker := new(objectstore.DeleteMarkerError); errors.As(err, &marker) {
		return action.Fail(pipeline.RevisionUnavailable, "The version %s of the object %s in the S3 bucket %s is its deletion.", s.version, s.key, s.bucket), nil
	}
	return nil, fmt.Errorf("fetch object %s of bucket %s: %w", s.key, s.bucket, err)
}

func done(o objectstore.Object) action.Done {
	summary := cmp.Or(o.Metadata[summaryMetadata], "Amazon S3 version id: "+o.VersionID)
	return action.Done{
		ExternalID: o.VersionID,
		Revision:   &pipeline.Revision{ID: o.VersionID, Summary: action.Cut(summary, maxSummary), Created: o.LastModified.UTC()},
		Variables:  map[string]string{"BucketName": o.Bucket, "ETag": o.ETag, "ObjectKey": o.Key, "VersionId": o.VersionID},
	}
}
