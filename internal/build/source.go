package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// download puts all sources of the build into its workspace and sets the resolved version of the primary one.
func (r *run) download(ctx context.Context) error {
	b := r.rec.Build
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		version := aws.ToString(b.SourceVersion)
		if known := aws.ToString(b.ResolvedSourceVersion); known != "" && isGit(b.Source.Type) {
			version = known // a run after a crash builds the same commit, even when the branch has moved on
		}
		resolved, err := r.fetch(ctx, b.Source, version, srcDir)
		if err == nil && resolved != "" {
			r.progress.set(func(b *types.Build) { b.ResolvedSourceVersion = aws.String(resolved) })
		}
		return err
	})
	for _, src := range b.SecondarySources {
		id := aws.ToString(src.SourceIdentifier)
		g.Go(func() error {
			if !safeName(id) {
				return clientFailure("the source identifier %q cannot be the name of a directory", id)
			}
			if _, err := r.fetch(ctx, &src, secondaryVersion(&b, id), secondaryDir(id)); err != nil {
				return fmt.Errorf("source %s: %w", id, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func safeName(s string) bool {
	return s != "" && s != "." && s != ".." && !strings.ContainsAny(s, "/\\\x00")
}

// fetch puts one source into a directory of the workspace and returns what its version turned out to be.
func (r *run) fetch(ctx context.Context, src *types.ProjectSource, version, dir string) (resolved string, err error) {
	dest := filepath.Join(r.ws.Root(), filepath.FromSlash(dir))
	if err := os.MkdirAll(dest, 0o755); err != nil { //nolint:gosec // a build's tools may run as somebody else
		return "", err
	}
	switch src.Type {
	case types.SourceTypeNoSource:
		return "", nil
	case types.SourceTypeCodepipeline:
		bucket, key, err := bucketAndKey(version)
		if err != nil {
			return "", clientFailure("the input artifact has no location: %v", err)
		}
		return "", r.fetchArtifact(ctx, bucket, key, dest)
	case types.SourceTypeS3:
		bucket, key, err := bucketAndKey(aws.ToString(src.Location))
		if err != nil {
			return "", clientFailure("%v", err)
		}
		return "", r.fetchObject(ctx, bucket, key, version, dest)
	}
	if isGit(src.Type) {
		return r.fetchGit(ctx, src, version, dest)
	}
	return "", clientFailure("source type %s is not supported by this server yet", src.Type)
}

func (r *run) open(ctx context.Context, bucket, key, version string) (Object, error) {
	var o Object
	err := r.again(ctx, func() (err error) {
		o, err = r.s.cfg.Objects.Open(ctx, bucket, key, version)
		switch {
		case errors.Is(err, ErrNoBucket):
			err = clientFailure("the bucket %s does not exist", bucket)
		case errors.Is(err, ErrNoObject):
			err = clientFailure("the object %s does not exist in the bucket %s", key, bucket)
		}
		return err
	})
	return o, err
}

// fetchArtifact unpacks a pipeline's artifact, or clones what it refers to.
func (r *run) fetchArtifact(ctx context.Context, bucket, key, dest string) error {
	o, err := r.open(ctx, bucket, key, "")
	if err != nil {
		return err
	}
	defer o.Body.Close()
	if ref, ok, err := r.cloneRef(o); ok || err != nil {
		if err != nil {
			return err
		}
		return r.clone(ctx, ref, dest)
	}
	return r.unzip(ctx, o, s3ARN(bucket, key), dest)
}

// cloneRef reads an artifact that stands for a clone; ok is false for any other.
func (r *run) cloneRef(o Object) (ref CloneRef, ok bool, err error) {
	if o.Size <= 0 || o.Size > CloneRefLimit {
		return CloneRef{}, false, nil
	}
	doc := make([]byte, o.Size)
	if _, err := o.Body.ReadAt(doc, 0); err != nil && !errors.Is(err, io.EOF) {
		return CloneRef{}, false, err
	}
	if ref, ok, err = r.s.cfg.Repositories.CloneRef(doc); err != nil {
		err = clientFailure("%v", err)
	}
	return ref, ok, err
}

func (r *run) unzip(ctx context.Context, o Object, name, dest string) error {
	_, err := archive.Unzip(ctx, o.Body, o.Size, dest, archive.Limits{})
	if err == nil || ctx.Err() != nil {
		return err
	}
	return clientFailure("%s cannot be unpacked: %v", name, err)
}

// fetchObject unpacks an S3 source that is a zip, and copies one that is a folder or anything else.
func (r *run) fetchObject(ctx context.Context, bucket, key, version, dest string) error {
	if isFolder(key) {
		return r.fetchFolder(ctx, bucket, key, version, dest)
	}
	o, err := r.open(ctx, bucket, key, version)
	if err != nil {
		return err
	}
	defer o.Body.Close()
	var magic [4]byte
	n, _ := o.Body.ReadAt(magic[:], 0)
	if bytes.HasPrefix(magic[:n], []byte("PK")) {
		return r.unzip(ctx, o, s3ARN(bucket, key), dest)
	}
	name := path.Base(key)
	if !safeName(name) {
		return clientFailure("the object %s cannot be the name of a file", key)
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	return writeNew(root, name, o.Body)
}

// readSpec finds and reads the buildspec (codebuild.md section 1).
func (r *run) readSpec(ctx context.Context) (*buildspec.Spec, error) {
	if c := r.rec.Settings.Commands; c != nil {
		return c.spec(), nil
	}
	kind, value := buildspec.Locate(aws.ToString(r.rec.Build.Source.Buildspec))
	var text []byte
	var err error
	switch kind {
	case buildspec.Inline:
		text = []byte(value)
	case buildspec.S3:
		text, err = r.readSpecObject(ctx, value)
	default:
		r.log.Printf("YAML location is %s", r.ws.Path(path.Join(srcDir, value)))
		text, err = r.readSpecFile(value)
	}
	if err != nil {
		return nil, err
	}
	spec, err := buildspec.Parse(text)
	switch {
	case err != nil && kind == buildspec.Inline:
		return nil, &Failure{Code: codeYAML, Message: err.Error()}
	case err != nil:
		return nil, &Failure{Code: codeYAML, Message: value + ": " + err.Error()}
	}
	return spec, nil
}

func (r *run) readSpecFile(name string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Join(r.ws.Root(), srcDir))
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // read only
	f, err := root.Open(filepath.FromSlash(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Failure{Code: codeYAML, Message: fmt.Sprintf("YAML file does not exist: there is no %s in the source", name)}
	}
	if err != nil {
		return nil, &Failure{Code: codeYAML, Message: fmt.Sprintf("the buildspec %s cannot be read: %v", name, err)}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, buildspec.MaxSize+1))
	if err != nil {
		return nil, &Failure{Code: codeYAML, Message: fmt.Sprintf("the buildspec %s cannot be read: %v", name, err)}
	}
	return text, nil
}

func (r *run) readSpecObject(ctx context.Context, arn string) ([]byte, error) {
	bucket, key, err := bucketAndKey(arn)
	if err != nil || strings.HasPrefix(bucket, "arn:") {
		return nil, &Failure{Code: codeYAML, Message: fmt.Sprintf("the buildspec setting %q is not the ARN of an S3 object", arn)}
	}
	o, err := r.open(ctx, bucket, key, "")
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	return io.ReadAll(io.LimitReader(o.Body, buildspec.MaxSize+1))
}
