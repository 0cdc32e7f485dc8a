package app

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
)

// buildObjects lets builds use the object store; rooms of one layer do not know each other.
type buildObjects struct{ objects objectstore.Objects }

func (b buildObjects) Open(ctx context.Context, bucket, key, version string) (build.Object, error) {
	r, err := b.objects.Get(ctx, bucket, key, version)
	if err != nil {
		return build.Object{}, buildError(err)
	}
	return build.Object{Size: r.Size, Version: r.VersionID, Body: r.Body}, nil
}

func (b buildObjects) StageDir() string { return b.objects.StageDir() }

func (b buildObjects) PutFile(ctx context.Context, bucket, key, path string, a build.Attributes) error {
	_, err := b.objects.PutFile(ctx, bucket, key, path, objectAttributes(a))
	return buildError(err)
}

func (b buildObjects) Publish(ctx context.Context, bucket string, uploads []build.Upload) error {
	files := make([]objectstore.File, len(uploads))
	for i, u := range uploads {
		files[i] = objectstore.File{Key: u.Key, Open: u.Open, Attributes: objectAttributes(u.Attributes)}
	}
	return buildError(b.objects.Publish(ctx, bucket, files))
}

func objectAttributes(a build.Attributes) objectstore.Attributes {
	return objectstore.Attributes{ContentType: a.ContentType, KMSKeyID: a.KMSKeyID, Metadata: a.Metadata}
}

func buildError(err error) error {
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return build.ErrNoBucket
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return build.ErrNoObject
	default:
		return err
	}
}

// buildRepositories lets builds clone hosted repositories.
type buildRepositories struct{ repositories *gitrepo.Store }

func (b buildRepositories) Path(ctx context.Context, repository string) (string, error) {
	return b.repositories.Path(ctx, repository)
}

func (b buildRepositories) CloneRef(artifact []byte) (build.CloneRef, bool, error) {
	ref, ok, err := gitrepo.ParseCloneRef(artifact)
	return build.CloneRef{Repository: ref.Repository, Branch: ref.Branch, Commit: ref.Commit, URL: ref.CloneURL}, ok, err
}

// buildLogs lets builds write to CloudWatch Logs' groups and streams.
type buildLogs struct{ logs *logstore.Store }

func (b buildLogs) Stream(ctx context.Context, group, stream string) (build.LogStream, error) {
	writer, err := b.logs.Writer(ctx, group, stream)
	if err != nil {
		return nil, err
	}
	return buildLog{writer}, nil
}

type buildLog struct{ writer *logstore.Writer }

func (l buildLog) Append(_ context.Context, lines []build.LogLine) error {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.Text)
		text.WriteByte('\n')
	}
	_, err := io.WriteString(l.writer, text.String())
	return err
}

func (l buildLog) Close(ctx context.Context) error { return l.writer.Close(ctx) }
