package limits_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/limits"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"codepipeline.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	role  = "arn:aws:iam::000000000000:role/pipe"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func arn(service, resource string) string {
	return "arn:aws:" + service + ":us-east-1:000000000000:" + resource
}

// provider is an action that does work.
type provider struct {
	work func(ctx context.Context) error
}

func (provider) Type() action.Type { return action.Type{} }

func (p provider) Start(ctx context.Context, _ action.Job) (action.Result, error) {
	return action.Done{}, p.work(ctx)
}

func (provider) Cancel(context.Context, action.Job) error { return nil }

type world struct {
	dir     *iam.Directory
	objects *limits.Objects
	log     bytes.Buffer
	limiter *limits.Limiter
}

func start(t *testing.T) *world {
	t.Helper()
	st := sqltest.SQLite(t)
	w := &world{dir: iam.New(st)}
	store, err := objectstore.Open(t.Context(), st, t.TempDir(), objectstore.Options{})
	must(t, err)
	must(t, store.EnsureBucket(t.Context(), "bkt"))
	w.objects = limits.NewObjects(store, w.dir)
	w.limiter = limits.New(w.dir, limits.Options{ARN: arn, Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	return w
}

func (w *world) role(t *testing.T, statements string) {
	t.Helper()
	if _, err := w.dir.Get(t.Context(), iam.Role, "pipe"); err != nil {
		_, err := w.dir.Create(t.Context(), iam.Entity{Kind: iam.Role, Name: "pipe", Trust: trust})
		must(t, err)
	}
	must(t, w.dir.PutPolicy(t.Context(), iam.Role, "pipe", "p", `{"Version":"2012-10-17","Statement":[`+statements+`]}`))
}

func (w *world) do(t *testing.T, job action.Job, work func(ctx context.Context) error) action.Result {
	t.Helper()
	job.RoleArn = role
	result, err := w.limiter.Provider(provider{work}).Start(t.Context(), job)
	must(t, err)
	return result
}

func refusedFor(t *testing.T, r action.Result, what string) {
	t.Helper()
	f, ok := r.(action.Failed)
	if !ok || f.Code != pipeline.PermissionError || !strings.Contains(f.Message, what) || !strings.Contains(f.Message, role) {
		t.Errorf("%#v, want a PermissionError about %s", r, what)
	}
}

func done(t *testing.T, r action.Result) {
	t.Helper()
	if _, ok := r.(action.Done); !ok {
		t.Errorf("%#v", r)
	}
}

// TestObjects: each access needs its action on its object; without a role everything is allowed, with one warning.
func TestObjects(t *testing.T) {
	w := start(t)
	put := func(key, acl string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := w.objects.Put(ctx, "bkt", key, strings.NewReader("x"), objectstore.Attributes{CannedACL: acl})
			return err
		}
	}
	get := func(version string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := w.objects.Head(ctx, "bkt", "in", version)
			return err
		}
	}
	done(t, w.do(t, action.Job{}, put("in", "")))
	done(t, w.do(t, action.Job{}, put("in", "public-read")))
	if n := strings.Count(w.log.String(), "does not exist or has no policies"); n != 1 {
		t.Errorf("%d warnings: %s", n, w.log.String())
	}
	w.role(t, `{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::bkt/out/*"}`)
	done(t, w.do(t, action.Job{}, put("out/x", "")))
	refusedFor(t, w.do(t, action.Job{}, put("in", "")), "s3:PutObject on resource: arn:aws:s3:::bkt/in ")
	refusedFor(t, w.do(t, action.Job{}, put("out/x", "public-read")), "s3:PutObjectAcl")
	refusedFor(t, w.do(t, action.Job{}, get("")), "s3:GetObject on")
	refusedFor(t, w.do(t, action.Job{}, get("v")), "s3:GetObjectVersion")
	refusedFor(t, w.do(t, action.Job{}, func(ctx context.Context) error {
		return w.objects.Publish(ctx, "bkt", []objectstore.File{{Key: "out/y"}, {Key: "elsewhere"}})
	}), "arn:aws:s3:::bkt/elsewhere")
	refusedFor(t, w.do(t, action.Job{}, func(ctx context.Context) error {
		_, _, err := w.objects.Copy(ctx, objectstore.CopyInput{SourceBucket: "bkt", SourceKey: "in", Bucket: "bkt", Key: "out/z"})
		return err
	}), "s3:GetObject on resource: arn:aws:s3:::bkt/in")
}

// TestWhatActionsStart: an action must be allowed to start what it starts, before it does.
func TestWhatActionsStart(t *testing.T) {
	w := start(t)
	w.role(t, `{"Effect":"Allow","Action":"codebuild:StartBuild","Resource":"arn:aws:codebuild:us-east-1:000000000000:project/mine"}`)
	job := func(provider string, c map[string]string) action.Job {
		return action.Job{TypeID: pipeline.ActionTypeID{Provider: provider}, Configuration: c}
	}
	nothing := func(context.Context) error { return nil }
	never := func(context.Context) error { t.Error("it was begun"); return nil }
	done(t, w.do(t, job("CodeBuild", map[string]string{"ProjectName": "mine"}), nothing))
	done(t, w.do(t, job("Manual", nil), nothing))
	refusedFor(t, w.do(t, job("CodeBuild", map[string]string{"ProjectName": "other"}), never), "codebuild:StartBuild")
	refusedFor(t, w.do(t, job("CodePipeline", map[string]string{"PipelineName": "p"}), never), "codepipeline:StartPipelineExecution")
	refusedFor(t, w.do(t, job("Lambda", map[string]string{"FunctionName": "f"}), never), "lambda:InvokeFunction")
	refusedFor(t, w.do(t, job("Manual", map[string]string{"NotificationArn": "arn:aws:sns:us-east-1:000000000000:t"}), never), "sns:Publish")
}

// TestARoleOfItsOwn: the pipeline's role must be allowed to assume an action's.
func TestARoleOfItsOwn(t *testing.T) {
	w := start(t)
	w.role(t, `{"Effect":"Allow","Action":"s3:PutObject","Resource":"*"}`)
	_, err := w.dir.Create(t.Context(), iam.Entity{Kind: iam.Role, Name: "outer", Trust: trust})
	must(t, err)
	put := func(ctx context.Context) error {
		_, err := w.objects.Put(ctx, "bkt", "k", strings.NewReader("x"), objectstore.Attributes{})
		return err
	}
	job := action.Job{PipelineRoleArn: "arn:aws:iam::000000000000:role/outer"}
	done(t, w.do(t, job, put))
	must(t, w.dir.PutPolicy(t.Context(), iam.Role, "outer", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}`))
	if f, ok := w.do(t, job, put).(action.Failed); !ok || !strings.Contains(f.Message, "role/outer is not authorized to perform: sts:AssumeRole on resource: "+role) {
		t.Errorf("%#v", f)
	}
	must(t, w.dir.PutPolicy(t.Context(), iam.Role, "outer", "p", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"`+role+`"}}`))
	done(t, w.do(t, job, put))
}
