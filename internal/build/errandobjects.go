package build

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// Objects is where artifacts are staged and stored; what is stored must be checked with MayWrite first.
func (e *Errand) Objects() Objects { return e.s.cfg.Objects }

// Open opens an object that is a source of the build, holds its buildspec, or is a cache of its project.
func (e *Errand) Open(ctx context.Context, bucket, key, version string) (Object, error) {
	if !e.reads(bucket, key) && !e.caches(bucket, key) {
		return Object{}, clientFailure("the object %s/%s is no source of this build", bucket, key)
	}
	return e.s.cfg.Objects.Open(e.Acting(ctx), bucket, key, version)
}

// List lists objects of a source of the build, or caches of its project.
func (e *Errand) List(ctx context.Context, bucket, prefix, after string) (page []Listed, next string, err error) {
	if !e.lists(bucket, prefix) && !e.caches(bucket, prefix) {
		return nil, "", clientFailure("the objects below %s/%s are no source of this build", bucket, prefix)
	}
	return e.s.cfg.Objects.List(e.Acting(ctx), bucket, prefix, after)
}

// sources are all sources of the build.
func (e *Errand) sources() []types.ProjectSource {
	return append([]types.ProjectSource{*e.rec.Build.Source}, e.rec.Build.SecondarySources...)
}

func (e *Errand) reads(bucket, key string) bool {
	b := &e.rec.Build
	is := func(location string) bool {
		ownBucket, ownKey, err := bucketAndKey(location)
		return err == nil && ownBucket == bucket && ownKey == key
	}
	for _, src := range e.sources() {
		version := secondaryVersion(b, aws.ToString(src.SourceIdentifier))
		if aws.ToString(src.SourceIdentifier) == "" {
			version = aws.ToString(b.SourceVersion)
		}
		if src.Type == types.SourceTypeS3 && is(aws.ToString(src.Location)) || src.Type == types.SourceTypeCodepipeline && is(version) {
			return true
		}
	}
	kind, spec := buildspec.Locate(aws.ToString(b.Source.Buildspec))
	return kind == buildspec.S3 && is(spec) || e.lists(bucket, key)
}

// lists reports whether a source of the build is a folder, and holds all keys with a prefix.
func (e *Errand) lists(bucket, prefix string) bool {
	return slices.ContainsFunc(e.sources(), func(src types.ProjectSource) bool {
		own, folder, err := bucketAndKey(aws.ToString(src.Location))
		return src.Type == types.SourceTypeS3 && err == nil && own == bucket && isFolder(folder) && strings.HasPrefix(prefix, folder)
	})
}

// caches reports whether the project has its caches in a bucket, and all keys with a prefix are of them.
func (e *Errand) caches(bucket, prefix string) bool {
	own, folder, ok := cacheFolder(&e.rec.Build)
	return ok && own == bucket && strings.HasPrefix(prefix, folder)
}

// MayWrite refuses to store an object that is no artifact of the build, nor its log, a cache of its project, or a file of its
// reports.
func (e *Errand) MayWrite(ctx context.Context, bucket, key string) error {
	if e.writes(bucket, key) {
		return nil
	}
	exports, err := e.exports(ctx, bucket, key)
	if err == nil && !exports {
		err = clientFailure("%s/%s is no artifact of this build", bucket, key)
	}
	return err
}

// writes reports whether the build stores artifacts at a place (in a pipeline exactly its outputs, and elsewhere in the
// buckets and below the paths of its artifacts), its log, or a cache.
func (e *Errand) writes(bucket, key string) bool {
	if logBucket, logKey, ok := s3LogOf(e.rec.Build.Logs.S3Logs, e.rec.ID); ok && logBucket == bucket && logKey == key {
		return true
	}
	if e.caches(bucket, key) {
		return true
	}
	if p := e.rec.Settings.Pipeline; p != nil {
		for _, out := range p.Outputs {
			if out.Bucket == bucket && out.Key == key {
				return true
			}
		}
		return false
	}
	return slices.ContainsFunc(e.rec.Settings.Artifacts, func(a types.ProjectArtifacts) bool {
		if a.Type != types.ArtifactsTypeS3 || strings.TrimPrefix(aws.ToString(a.Location), "arn:aws:s3:::") != bucket {
			return false
		}
		if a.NamespaceType == types.ArtifactNamespaceBuildId { // its path may be one that the buildspec says
			return strings.Contains("/"+key, "/"+e.rec.space()+"/")
		}
		path := strings.Trim(aws.ToString(a.Path), "/")
		return path == "" || strings.HasPrefix(key, path+"/")
	})
}
