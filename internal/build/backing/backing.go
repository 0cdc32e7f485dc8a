// Package backing connects builds with the rooms beside theirs: the object store, hosted repositories and logs.
package backing

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/parameter"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

// Store is the object store as builds need it.
type Store interface {
	objectstore.Objects
	List(ctx context.Context, in objectstore.ListInput) (objectstore.Page, error)
}

// Objects lets builds read and write the object store.
func Objects(o Store) build.Objects { return objects{o} }

type objects struct{ store Store }

// translate replaces the object store's errors by those builds know.
func translate(err error) error {
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return fmt.Errorf("%w: %w", build.ErrNoBucket, err)
	case errors.Is(err, objectstore.ErrNoSuchKey):
		return fmt.Errorf("%w: %w", build.ErrNoObject, err)
	}
	return denied(err)
}

// denied makes what the build's role refuses a failure of the build.
func denied(err error) error {
	if n, ok := errors.AsType[*iam.NotPermitted](err); ok {
		return &build.Failure{Code: "CLIENT_ERROR", Message: "AccessDenied: " + n.Message}
	}
	return err
}

func (o objects) Open(ctx context.Context, bucket, key, version string) (build.Object, error) {
	r, err := o.store.Get(ctx, bucket, key, version)
	if err != nil {
		return build.Object{}, translate(err)
	}
	return build.Object{Size: r.Size, Version: r.VersionID, Body: r.Body}, nil
}

const pageSize = 1000

func (o objects) List(ctx context.Context, bucket, prefix, after string) (list []build.Listed, next string, err error) {
	page, err := o.store.List(ctx, objectstore.ListInput{Bucket: bucket, Prefix: prefix, After: after, Max: pageSize})
	if err != nil {
		return nil, "", translate(err)
	}
	for _, obj := range page.Objects {
		list = append(list, build.Listed{Key: obj.Key, Size: obj.Size, Stored: obj.LastModified})
	}
	if page.Truncated {
		next = page.Next
	}
	return list, next, nil
}

func (o objects) StageDir() string { return o.store.StageDir() }

func attributes(a build.Attributes) objectstore.Attributes {
	return objectstore.Attributes{ContentType: a.ContentType, KMSKeyID: a.KMSKeyID, Metadata: a.Metadata}
}

func (o objects) PutFile(ctx context.Context, bucket, key, path string, a build.Attributes) error {
	_, err := o.store.PutFile(ctx, bucket, key, path, attributes(a))
	return translate(err)
}

func (o objects) Publish(ctx context.Context, bucket string, files []build.Upload) error {
	out := make([]objectstore.File, len(files))
	for i, f := range files {
		out[i] = objectstore.File{Key: f.Key, Open: f.Open, Attributes: attributes(f.Attributes)}
	}
	return translate(o.store.Publish(ctx, bucket, out))
}

// Repositories lets builds clone hosted repositories.
func Repositories(s gitrepo.Source) build.Repositories {
	return RepositoriesAndMirrors(s, func(context.Context, string) (string, error) { return "", build.ErrNoRepository })
}

// RepositoriesAndMirrors lets builds clone hosted repositories, and mirrors of others: mirror finds the directory of one by
// a gitrepo.CloneRef's Mirror.
func RepositoriesAndMirrors(s gitrepo.Source, mirror func(ctx context.Context, sealed string) (string, error)) build.Repositories {
	return repositories{s, mirror}
}

type repositories struct {
	source gitrepo.Source
	mirror func(ctx context.Context, sealed string) (string, error)
}

func (r repositories) Path(ctx context.Context, repository string) (string, error) {
	if sealed, ok := gitrepo.MirrorNamed(repository); ok {
		path, err := r.mirror(ctx, sealed)
		if errors.Is(err, gitrepo.ErrNoRef) {
			err = fmt.Errorf("%w: its copy on this server is gone; start the pipeline again", build.ErrNoRepository)
		}
		return path, err
	}
	path, err := r.source.Path(ctx, repository)
	if errors.Is(err, gitrepo.ErrNoRepository) {
		err = fmt.Errorf("%w: %w", build.ErrNoRepository, err)
	}
	return path, denied(err)
}

func (r repositories) CloneRef(artifact []byte) (build.CloneRef, bool, error) {
	ref, ok, err := gitrepo.ParseCloneRef(artifact)
	return build.CloneRef{Repository: ref.Name(), Branch: ref.Branch, Commit: ref.Commit, URL: ref.CloneURL}, ok, err
}

// Roles says what the role of a build allows. Implemented by *iam.Directory.
type Roles interface {
	// Require is nil when the role of the work of ctx allows action on resource in a policy, else an *iam.NotPermitted.
	Require(ctx context.Context, action, resource string) error
}

// Secrets lets builds read the parameters and secrets that their role allows.
func Secrets(p *parameter.Store, v *vault.Store, roles Roles, place build.Place) build.Secrets {
	return secrets{p, v, roles, place}
}

type secrets struct {
	parameters *parameter.Store
	vault      *vault.Store
	roles      Roles
	place      build.Place
}

func (s secrets) arn(service, resource string) string {
	return "arn:aws:" + service + ":" + s.place.Region + ":" + s.place.Account + ":" + resource
}

// here reports whether an id is no ARN, or the ARN of something of this server.
func (s secrets) here(service, id string) bool {
	return !strings.HasPrefix(id, "arn:") || strings.HasPrefix(id, s.arn(service, ""))
}

func (s secrets) Parameter(ctx context.Context, name string) (string, error) {
	v, err := parameter.Version{}, parameter.ErrNotFound
	if s.here("ssm", name) {
		v, err = s.parameters.Find(ctx, name)
	}
	if errors.Is(err, parameter.ErrNotFound) || errors.Is(err, parameter.ErrNoVersion) {
		return "", fmt.Errorf("%w: parameter %s: %w", build.ErrNoSecret, name, err)
	}
	if err == nil {
		err = s.roles.Require(ctx, "ssm:GetParameters", s.arn("ssm", "parameter/"+strings.TrimPrefix(v.Name, "/")))
	}
	if err != nil {
		return "", err
	}
	return s.parameters.Value(v)
}

func (s secrets) Secret(ctx context.Context, ref buildspec.SecretRef) (string, error) {
	v, err := vault.Version{}, vault.ErrNotFound
	if s.here("secretsmanager", ref.ID) {
		name := vault.Name(ref.ID)
		if err := s.roles.Require(ctx, "secretsmanager:GetSecretValue", s.arn("secretsmanager", "secret:"+vault.ResourceName(name))); err != nil {
			return "", err
		}
		v, err = s.vault.Value(ctx, name, ref.VersionID, ref.Stage)
	}
	switch {
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrNoVersion), errors.Is(err, vault.ErrDeleted):
		return "", fmt.Errorf("%w: secret %s: %w", build.ErrNoSecret, ref.ID, err)
	case err == nil && v.Binary:
		return "", fmt.Errorf("%w: secret %s is binary, and an environment variable is a text", build.ErrNoSecret, ref.ID)
	}
	return string(v.Value), err
}

// Logs lets builds write to the log store.
func Logs(s *logstore.Store) build.Logs { return logs{s} }

type logs struct{ store *logstore.Store }

func (l logs) Stream(ctx context.Context, group, stream string) (build.LogStream, error) {
	w, err := l.store.Writer(ctx, group, stream)
	if err != nil {
		return nil, err
	}
	return &logStream{w: w}, nil
}

type logStream struct{ w *logstore.Writer }

func (s *logStream) Append(_ context.Context, text []byte) error {
	_, err := s.w.Write(text)
	return err
}

func (s *logStream) Close(ctx context.Context) error { return s.w.Close(ctx) }
