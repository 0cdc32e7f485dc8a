// Package s3deploy is the deploy provider for buckets: it publishes an artifact's files, or the artifact itself.
package s3deploy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys.
const (
	keyBucket  = "BucketName"
	keyExtract = "Extract"
	keyObject  = "ObjectKey"
	keyKMS     = "KMSEncryptionKeyARN"
	keyACL     = "CannedACL"
	keyCache   = "CacheControl"
)

// succeeded is the summary AWS shows.
const succeeded = "Deployment Succeeded"

// Objects is what the provider needs of the object store. Implemented by *objectstore.Store.
type Objects interface {
	Get(ctx context.Context, bucket, key, version string) (*objectstore.Reader, error)
	Copy(ctx context.Context, in objectstore.CopyInput) (copied, source objectstore.Object, err error)
	PublishOnce(ctx context.Context, token, bucket string, files []objectstore.File) error
}

// Options tune a Provider. The zero value is right for servers.
type Options struct {
	Limits archive.Limits   // what an artifact may unpack to
	Now    func() time.Time // for {datetime} when the job does not say when it started; default time.Now
}

// Provider implements action.Provider.
type Provider struct {
	objects Objects
	limits  archive.Limits
	now     func() time.Time
}

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(objects Objects, o Options) *Provider {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Provider{objects: objects, limits: o.Limits, now: o.Now}
}

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Deploy", Owner: "AWS", Provider: "S3", Version: "1"},
		Properties: []action.Property{
			{Name: keyBucket, Required: true, Key: true, Type: "String", Description: "The bucket to deploy to."},
			{Name: keyExtract, Required: true, Type: "Boolean", Values: []string{"true", "false"}, Description: "Whether the artifact's files are deployed, or the artifact as it is."},
			{Name: keyObject, Type: "String", Description: "The object's key, or with Extract the folder; {datetime} and {uuid} are replaced."},
			{Name: keyKMS, Type: "String", Description: "The key that objects are recorded with."},
			{Name: keyACL, Type: "String", Values: []string{
				"private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read",
				"bucket-owner-full-control", "log-delivery-write",
			}, Description: "Who may read the objects."},
			{Name: keyCache, Type: "String", Description: "The Cache-Control header of the objects."},
		},
		Inputs:         action.Count{Min: 1, Max: 1},
		TimeoutMinutes: 90,
		EntityURL:      "",
	}
}

// Start deploys the artifact. A visitor of the bucket sees the release before or this one, never a part of each; objects
// that the artifact does not have are left alone, as in AWS. Delivered again, it publishes nothing: neither a later release
// nor whoever hears of new objects is disturbed.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	d := deployment{Provider: p, job: job, bucket: job.Configuration[keyBucket], key: p.expand(job)}
	extract := job.Flag(keyExtract, false)
	if !extract && d.key == "" {
		return action.Fail(pipeline.ConfigurationError, "The action %s lacks the configuration key %s, which is required when %s is false.", job.Action, keyObject, keyExtract), nil
	}
	if climbs(d.key) {
		return action.Fail(pipeline.ConfigurationError, "The configuration key %s of action %s is %q, which leads out of the bucket; S3 refuses such keys.", keyObject, job.Action, d.key), nil
	}
	artifact, err := p.objects.Get(ctx, job.Inputs[0].Bucket, job.Inputs[0].Key, "")
	if err != nil {
		return d.inputFailure(err)
	}
	defer artifact.Body.Close()
	if ref, err := isCloneRef(artifact); err != nil || ref {
		return d.notDeployable(ref, err)
	}
	if extract {
		return d.extract(ctx, artifact)
	}
	return d.whole(ctx, artifact)
}

// Cancel implements action.Provider. Nothing is ever left waiting.
func (*Provider) Cancel(context.Context, action.Job) error { return nil }

// deployment is one run of the action.
type deployment struct {
	*Provider
	job    action.Job
	bucket string
	key    string
}

// token is what a deployment is published under, so that it is published once.
func (d deployment) token() string { return "s3deploy/" + d.job.ActionExecutionID }

// expand fills the placeholders of the object key. The uuid follows from the action execution, and the time is when that
// began, so that a redelivery replaces what the first delivery wrote.
func (p *Provider) expand(job action.Job) string {
	at := job.Started
	if at.IsZero() {
		at = p.now()
	}
	return strings.NewReplacer(
		"{datetime}", at.UTC().Format("2006-01-02_15-04-05"),
		"{uuid}", uuid.NewSHA1(uuid.NameSpaceOID, []byte("s3deploy:"+job.ActionExecutionID)).String(),
	).Replace(job.Configuration[keyObject])
}

// climbs reports whether a key, read as a path, leads above the bucket, where a client that downloads it as a file would
// put it. S3 refuses those keys, and no other with dots.
func climbs(key string) bool {
	cleaned := path.Clean(strings.TrimLeft(key, "/"))
	return cleaned == ".." || strings.HasPrefix(cleaned, "../")
}

func (d deployment) attributes() objectstore.Attributes {
	c := d.job.Configuration
	return objectstore.Attributes{CacheControl: c[keyCache], CannedACL: c[keyACL], KMSKeyID: c[keyKMS]}
}

// whole deploys the artifact as one object; the body is shared, not copied.
func (d deployment) whole(ctx context.Context, artifact *objectstore.Reader) (action.Result, error) {
	_, _, err := d.objects.Copy(ctx, objectstore.CopyInput{
		SourceBucket: artifact.Bucket, SourceKey: artifact.Key, SourceVersion: artifact.VersionID, Bucket: d.bucket, Key: d.key,
		Token: d.token(),
		Change: func(o objectstore.Object) (objectstore.Attributes, error) {
			a := d.attributes()
			a.ContentType = o.ContentType
			return a, nil
		},
	})
	if err != nil {
		return d.failure(err)
	}
	return action.Done{Summary: succeeded, ExternalID: d.bucket + "/" + d.key}, nil
}

// extract deploys the artifact's files, streaming each from the zip into the store.
func (d deployment) extract(ctx context.Context, artifact *objectstore.Reader) (action.Result, error) {
	zip, err := archive.Open(artifact.Body, artifact.Size, d.limits)
	if err != nil {
		return d.failure(err)
	}
	files, err := d.files(zip)
	if err != nil {
		return d.failure(err)
	}
	if len(files) == 0 {
		return action.Fail(pipeline.JobFailed, "The artifact %s holds no files; nothing was deployed to the bucket %s.", d.job.Inputs[0].Name, d.bucket), nil
	}
	if err := d.objects.PublishOnce(ctx, d.token(), d.bucket, files); err != nil {
		return d.failure(err)
	}
	return action.Done{Summary: succeeded, ExternalID: strings.TrimSuffix(d.bucket+"/"+d.folder(), "/")}, nil
}

// folder is the key prefix of extracted files, with its slash, or nothing.
func (d deployment) folder() string {
	if folder := strings.Trim(d.key, "/"); folder != "" {
		return folder + "/"
	}
	return ""
}

func (d deployment) files(zip *archive.Reader) ([]objectstore.File, error) {
	folder := d.folder()
	entries := zip.Files()
	files := make([]objectstore.File, 0, len(entries))
	for _, entry := range entries {
		content, err := resolve(zip, entry)
		if err != nil {
			return nil, err
		}
		if content == nil {
			continue
		}
		a := d.attributes()
		if a.ContentType, err = contentType(entry.Name, content); err != nil {
			return nil, err
		}
		files = append(files, objectstore.File{Key: folder + entry.Name, Open: content.Open, Attributes: a})
	}
	return files, nil
}

// errLink reports a symbolic link that cannot become an object.
var errLink = errors.New("a bucket has no symbolic links, and this one does not lead to a file of the artifact")

// resolve finds the file behind an entry: itself, or what a link leads to. It is nil for directories, which a bucket does
// not have.
func resolve(zip *archive.Reader, entry *archive.File) (*archive.File, error) {
	const maxHops = 16
	f := entry
	for range maxHops {
		switch {
		case f == nil:
			return nil, &archive.EntryError{Name: entry.Name, Err: errLink}
		case f.Mode.IsRegular():
			return f, nil
		case f.Mode.IsDir() && f == entry:
			return nil, nil
		case f.Mode.IsDir():
			return nil, &archive.EntryError{Name: entry.Name, Err: errLink}
		}
		target, err := f.Link()
		if err != nil {
			return nil, err
		}
		f = zip.File(path.Join(path.Dir(f.Name), target))
	}
	return nil, &archive.EntryError{Name: entry.Name, Err: errLink}
}

func isCloneRef(artifact *objectstore.Reader) (bool, error) {
	if artifact.Size > gitrepo.CloneRefLimit {
		return false, nil
	}
	head, err := io.ReadAll(io.NewSectionReader(artifact.Body, 0, artifact.Size))
	if err != nil {
		return false, err
	}
	_, ref, _ := gitrepo.ParseCloneRef(head) // also a damaged one is one
	return ref, nil
}

func (d deployment) notDeployable(ref bool, err error) (action.Result, error) {
	if !ref {
		return nil, fmt.Errorf("read the artifact %s: %w", d.job.Inputs[0].Name, err)
	}
	return action.Fail(pipeline.ConfigurationError, "The artifact %s is a reference for a full clone, which only CodeBuild actions can use. Set the source "+
		"action's OutputArtifactFormat to CODE_ZIP, or deploy the output of a build.", d.job.Inputs[0].Name), nil
}

func (d deployment) inputFailure(err error) (action.Result, error) {
	in := d.job.Inputs[0]
	if errors.Is(err, objectstore.ErrNoSuchKey) || errors.Is(err, objectstore.ErrNoSuchBucket) {
		return action.Fail(pipeline.JobFailed, "The input artifact %s is gone: there is no object %s in the bucket %s.", in.Name, in.Key, in.Bucket), nil
	}
	return nil, fmt.Errorf("open the artifact %s: %w", in.Name, err)
}

// failure tells the user's mistakes, which fail the action, from trouble of the server's, which is tried again.
func (d deployment) failure(err error) (action.Result, error) {
	name := d.job.Inputs[0].Name
	entry := new(archive.EntryError)
	switch {
	case errors.Is(err, objectstore.ErrNoSuchBucket):
		return action.Fail(pipeline.ConfigurationError, "The bucket %s does not exist. Create it, or change %s in the action's configuration.", d.bucket, keyBucket), nil
	case errors.Is(err, objectstore.ErrACLNotSupported):
		return action.Fail(pipeline.ConfigurationError, "The bucket %s does not allow ACLs, so objects cannot be deployed with %s %s. Leave %s away and use a bucket policy, "+
			"or set the bucket's object ownership to BucketOwnerPreferred.", d.bucket, keyACL, d.job.Configuration[keyACL], keyACL), nil
	case errors.Is(err, objectstore.ErrInvalidKey):
		return action.Fail(pipeline.JobFailed, "The artifact %s cannot be deployed to the bucket %s: %v.", name, d.bucket, err), nil
	case errors.Is(err, archive.ErrFormat):
		return action.Fail(pipeline.JobFailed, "The artifact %s cannot be extracted: %v. With %s set to false it is deployed as it is.", name, err, keyExtract), nil
	case errors.Is(err, archive.ErrLimit), errors.As(err, &entry):
		return action.Fail(pipeline.JobFailed, "The artifact %s cannot be extracted: %v.", name, err), nil
	}
	return nil, fmt.Errorf("deploy the artifact %s to the bucket %s: %w", name, d.bucket, err)
}
