// Package limits holds the actions of pipelines, and builds, to what their roles allow: what they read and write in the
// object store and in hosted repositories, and what they start.
package limits

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Roles decides. *iam.Directory is one.
type Roles interface {
	// Permit is nil when the work of ctx (see iam.ActingFor) may do action on resource, else an *iam.NotPermitted.
	Permit(ctx context.Context, action, resource string) error
	// Limits tells whether a role limits the work of ctx at all.
	Limits(ctx context.Context) (bool, error)
}

// Options are what Provider needs beside the roles.
type Options struct {
	// ARN names a resource of a service of this server.
	ARN func(service, resource string) string
	Log *slog.Logger
}

// Limiter wraps providers.
type Limiter struct {
	roles  Roles
	opts   Options
	warned sync.Map // ARNs of roles that were told to limit nothing
}

// New makes a Limiter.
func New(roles Roles, o Options) *Limiter {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Limiter{roles: roles, opts: o}
}

// Provider is p whose actions are done under their role: what that does not allow fails them with PermissionError.
func (l *Limiter) Provider(p action.Provider) action.Provider { return limited{p, l} }

type limited struct {
	action.Provider
	l *Limiter
}

const codepipeline = "codepipeline.amazonaws.com"

func (p limited) Start(ctx context.Context, job action.Job) (action.Result, error) {
	ctx = iam.ActingFor(ctx, iam.Service{Role: job.RoleArn, Name: codepipeline, Through: job.PipelineRoleArn})
	err := p.l.begin(ctx, job)
	var result action.Result
	if err == nil {
		result, err = p.Provider.Start(ctx, job)
	}
	if n, ok := errors.AsType[*iam.NotPermitted](err); ok {
		return action.Fail(pipeline.PermissionError, "%s", n.Message), nil
	}
	return result, err
}

// begin asks for what the action will start, and warns, once for each role, of roles that limit nothing.
func (l *Limiter) begin(ctx context.Context, job action.Job) error {
	limits, err := l.roles.Limits(ctx)
	if err != nil {
		return err
	}
	if !limits {
		if _, before := l.warned.LoadOrStore(job.RoleArn, true); !before && job.RoleArn != "" {
			l.opts.Log.WarnContext(ctx, "the role does not exist or has no policies, so actions under it may do everything; create it and give it policies to limit them",
				"role", job.RoleArn, "pipeline", job.Pipeline)
		}
		return nil
	}
	verb, resource := l.starts(job)
	if verb == "" {
		return nil
	}
	return l.roles.Permit(ctx, verb, resource)
}

// starts is what an action calls beside the stores.
func (l *Limiter) starts(job action.Job) (verb, resource string) {
	c := job.Configuration
	switch job.TypeID.Provider {
	case "CodeBuild":
		if strings.EqualFold(c["BatchEnabled"], "true") {
			return "codebuild:StartBuildBatch", l.opts.ARN("codebuild", "project/"+c["ProjectName"])
		}
		return "codebuild:StartBuild", l.opts.ARN("codebuild", "project/"+c["ProjectName"])
	case "CodePipeline":
		return "codepipeline:StartPipelineExecution", l.opts.ARN("codepipeline", c["PipelineName"])
	case "Lambda", "LambdaInvoke":
		return "lambda:InvokeFunction", l.opts.ARN("lambda", "function:"+c["FunctionName"])
	case "CloudWatchAlarm":
		return "cloudwatch:DescribeAlarms", l.opts.ARN("cloudwatch", "alarm:"+c["AlarmName"])
	case "Manual":
		if topic := c["NotificationArn"]; topic != "" {
			return "sns:Publish", topic
		}
	}
	return "", ""
}

// Objects is the object store as roles let it be used.
type Objects struct {
	*objectstore.Store
	roles Roles
}

// NewObjects limits store.
func NewObjects(store *objectstore.Store, roles Roles) *Objects { return &Objects{store, roles} }

func objectARN(bucket, key string) string { return "arn:aws:s3:::" + bucket + "/" + key }

func (o *Objects) mayRead(ctx context.Context, bucket, key, version string) error {
	verb := "s3:GetObject"
	if version != "" {
		verb = "s3:GetObjectVersion"
	}
	return o.roles.Permit(ctx, verb, objectARN(bucket, key))
}

func (o *Objects) mayWrite(ctx context.Context, bucket, key string, a objectstore.Attributes) error {
	if err := o.roles.Permit(ctx, "s3:PutObject", objectARN(bucket, key)); err != nil || a.CannedACL == "" {
		return err
	}
	return o.roles.Permit(ctx, "s3:PutObjectAcl", objectARN(bucket, key))
}

// Get needs s3:GetObject, of a version s3:GetObjectVersion.
func (o *Objects) Get(ctx context.Context, bucket, key, version string) (*objectstore.Reader, error) {
	if err := o.mayRead(ctx, bucket, key, version); err != nil {
		return nil, err
	}
	return o.Store.Get(ctx, bucket, key, version)
}

// Head needs what Get does.
func (o *Objects) Head(ctx context.Context, bucket, key, version string) (objectstore.Object, error) {
	if err := o.mayRead(ctx, bucket, key, version); err != nil {
		return objectstore.Object{}, err
	}
	return o.Store.Head(ctx, bucket, key, version)
}

// List needs s3:ListBucket.
func (o *Objects) List(ctx context.Context, in objectstore.ListInput) (objectstore.Page, error) {
	if err := o.roles.Permit(ctx, "s3:ListBucket", "arn:aws:s3:::"+in.Bucket); err != nil {
		return objectstore.Page{}, err
	}
	return o.Store.List(ctx, in)
}

// Versioned needs s3:GetBucketVersioning.
func (o *Objects) Versioned(ctx context.Context, bucket string) (bool, error) {
	if err := o.roles.Permit(ctx, "s3:GetBucketVersioning", "arn:aws:s3:::"+bucket); err != nil {
		return false, err
	}
	return o.Store.Versioned(ctx, bucket)
}

// Put needs s3:PutObject, with an ACL s3:PutObjectAcl as well.
func (o *Objects) Put(ctx context.Context, bucket, key string, body io.Reader, a objectstore.Attributes) (objectstore.Object, error) {
	if err := o.mayWrite(ctx, bucket, key, a); err != nil {
		return objectstore.Object{}, err
	}
	return o.Store.Put(ctx, bucket, key, body, a)
}

// PutFile needs what Put does.
func (o *Objects) PutFile(ctx context.Context, bucket, key, path string, a objectstore.Attributes) (objectstore.Object, error) {
	if err := o.mayWrite(ctx, bucket, key, a); err != nil {
		return objectstore.Object{}, err
	}
	return o.Store.PutFile(ctx, bucket, key, path, a)
}

// Publish needs what Put does, for every file.
func (o *Objects) Publish(ctx context.Context, bucket string, files []objectstore.File) error {
	if err := o.mayPublish(ctx, bucket, files); err != nil {
		return err
	}
	return o.Store.Publish(ctx, bucket, files)
}

// PublishOnce needs what Put does, for every file.
func (o *Objects) PublishOnce(ctx context.Context, token, bucket string, files []objectstore.File) error {
	if err := o.mayPublish(ctx, bucket, files); err != nil {
		return err
	}
	return o.Store.PublishOnce(ctx, token, bucket, files)
}

func (o *Objects) mayPublish(ctx context.Context, bucket string, files []objectstore.File) error {
	for _, f := range files {
		if err := o.mayWrite(ctx, bucket, f.Key, f.Attributes); err != nil {
			return err
		}
	}
	return nil
}

// Copy needs to read the source and to write the copy.
func (o *Objects) Copy(ctx context.Context, in objectstore.CopyInput) (copied, source objectstore.Object, err error) {
	if err := o.mayRead(ctx, in.SourceBucket, in.SourceKey, in.SourceVersion); err != nil {
		return copied, source, err
	}
	if err := o.mayWrite(ctx, in.Bucket, in.Key, objectstore.Attributes{}); err != nil {
		return copied, source, err
	}
	return o.Store.Copy(ctx, in)
}

// Repositories is hosted repositories as roles let them be used.
type Repositories struct {
	gitrepo.Source
	roles Roles
	arn   func(service, resource string) string
}

// NewRepositories limits source.
func NewRepositories(source gitrepo.Source, roles Roles, arn func(service, resource string) string) *Repositories {
	return &Repositories{source, roles, arn}
}

func (r *Repositories) may(ctx context.Context, verb, repository string) error {
	return r.roles.Permit(ctx, "codecommit:"+verb, r.arn("codecommit", repository))
}

// Head needs codecommit:GetBranch and GetCommit.
func (r *Repositories) Head(ctx context.Context, repository, branch string) (gitrepo.Commit, error) {
	if err := r.may(ctx, "GetBranch", repository); err != nil {
		return gitrepo.Commit{}, err
	}
	if err := r.may(ctx, "GetCommit", repository); err != nil {
		return gitrepo.Commit{}, err
	}
	return r.Source.Head(ctx, repository, branch)
}

// Commit needs codecommit:GetCommit.
func (r *Repositories) Commit(ctx context.Context, repository, id string) (gitrepo.Commit, error) {
	if err := r.may(ctx, "GetCommit", repository); err != nil {
		return gitrepo.Commit{}, err
	}
	return r.Source.Commit(ctx, repository, id)
}

// Zip needs codecommit:UploadArchive.
func (r *Repositories) Zip(ctx context.Context, repository, commit string, w io.Writer) error {
	if err := r.may(ctx, "UploadArchive", repository); err != nil {
		return err
	}
	return r.Source.Zip(ctx, repository, commit, w)
}

// Path needs codecommit:GitPull.
func (r *Repositories) Path(ctx context.Context, repository string) (string, error) {
	if err := r.may(ctx, "GitPull", repository); err != nil {
		return "", err
	}
	return r.Source.Path(ctx, repository)
}
