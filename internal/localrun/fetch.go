package localrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/action/directory"
	"github.com/conveyor-cd/conveyor/internal/archive"
)

// fetchArtifacts unpacks what the pipeline's actions made, and what was deployed to buckets, below Out.
func (r *run) fetchArtifacts(ctx context.Context, f *following) error {
	for i := range f.actions {
		a := &f.actions[i]
		if a.Output == nil || a.Input != nil && a.Input.ActionTypeId != nil && aws.ToString(a.Input.ActionTypeId.Provider) == directory.Name {
			continue
		}
		for _, out := range a.Output.OutputArtifacts {
			if out.S3location == nil {
				continue
			}
			to := []string{aws.ToString(a.StageName), aws.ToString(out.Name)}
			if err := r.fetchArtifact(ctx, aws.ToString(out.S3location.Key), to); err != nil {
				return err
			}
		}
	}
	for bucket, stage := range r.plan.buckets {
		if err := r.fetchBucket(ctx, bucket, stage); err != nil {
			return err
		}
	}
	return nil
}

// fetchOutputs unpacks what a single build made.
func (r *run) fetchOutputs(ctx context.Context) error {
	keys, err := r.keys(ctx, artifactBucket, outputPrefix)
	for _, key := range keys {
		if err = r.fetchArtifact(ctx, key, []string{buildStage, path.Base(key)}); err != nil {
			return err
		}
	}
	return err
}

// place empties Out/to... and makes it anew.
func (r *run) place(to []string) (string, error) {
	rel := filepath.Join(to...)
	if !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%q cannot be the name of a directory", strings.Join(to, "/"))
	}
	dir := filepath.Join(r.Out, rel)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("removing what an earlier run left: %w", err)
	}
	return dir, os.MkdirAll(dir, 0o755) //nolint:gosec // artifacts are for whoever the directory is for
}

// fetchArtifact unpacks an artifact. One that was never stored is left out; one that is no zip becomes a file.
func (r *run) fetchArtifact(ctx context.Context, key string, to []string) error {
	f, size, err := r.download(ctx, artifactBucket, key)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it lies in a directory that goes anyway
	defer f.Close()
	dir, err := r.place(to)
	if err != nil {
		return err
	}
	if _, err := archive.Unzip(ctx, f, size, dir, archive.Limits{}); err != nil {
		return fmt.Errorf("unpacking the artifact %s: %w", strings.Join(to, "/"), err)
	}
	r.View.Artifact(to[0], path.Join(to[1:]...), dir)
	return nil
}

// download copies an object to a file in the server's directory.
func (r *run) download(ctx context.Context, bucket, key string) (*os.File, int64, error) {
	out, err := r.api.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, 0, err
	}
	defer out.Body.Close()
	f, err := os.CreateTemp(r.server.Temp, "artifact-*")
	if err != nil {
		return nil, 0, err
	}
	size, err := io.Copy(f, out.Body)
	if err != nil {
		return nil, 0, errors.Join(err, f.Close(), os.Remove(f.Name()))
	}
	return f, size, nil
}

// fetchBucket writes the objects of a bucket as files.
func (r *run) fetchBucket(ctx context.Context, bucket, stage string) error {
	keys, err := r.keys(ctx, bucket, "")
	if err != nil || len(keys) == 0 {
		return err
	}
	dir, err := r.place([]string{stage, bucket})
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is kept in it
	for _, key := range keys {
		if err := r.fetchObject(ctx, root, bucket, key); err != nil {
			return fmt.Errorf("fetching %s of the bucket %s: %w", key, bucket, err)
		}
	}
	r.View.Artifact(stage, bucket, dir)
	return nil
}

func (r *run) fetchObject(ctx context.Context, root *os.Root, bucket, key string) error {
	name := filepath.FromSlash(strings.TrimSuffix(key, "/"))
	if !filepath.IsLocal(name) {
		return errors.New("the key cannot be the path of a file")
	}
	if strings.HasSuffix(key, "/") {
		return root.MkdirAll(name, 0o755)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	out, err := r.api.objects.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	f, err := root.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, out.Body)
	return errors.Join(err, f.Close())
}

func (r *run) keys(ctx context.Context, bucket, prefix string) ([]string, error) {
	var keys []string
	pages := s3.NewListObjectsV2Paginator(r.api.objects, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}

func isMissing(err error) bool {
	e, ok := errors.AsType[smithy.APIError](err)
	return ok && e.ErrorCode() == "NoSuchKey"
}

// plain is what the server said, without the trimmings of the client.
func plain(err error) error {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return errors.New(e.ErrorMessage())
	}
	return err
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
