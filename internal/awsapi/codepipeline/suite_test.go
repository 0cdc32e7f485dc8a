package codepipeline_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/variablecheck"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codepipeline"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// server is the API as a test speaks to it: the service itself, or the SDK's client or boto3 over HTTP.
type server struct {
	t      *testing.T
	api    any
	remote bool // requests pass the dispatcher, which checks shapes
	ctx    context.Context
	broken *atomic.Bool // the build fails
}

const (
	root   = "arn:aws:iam::000000000000:root"
	region = "us-east-1"
)

// each runs a case against the service in process and through the real clients.
func each(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		service, broken := newService(t)
		ctx := awsapi.WithCaller(t.Context(), awsapi.Identity{Arn: root, Account: awsapi.DefaultAccount, Root: true})
		test(t, &server{t: t, api: service, ctx: ctx, broken: broken})
	})
	t.Run("over HTTP", func(t *testing.T) {
		t.Parallel()
		url, broken := serve(t)
		client := sdk.New(sdk.Options{
			Region: region, BaseEndpoint: &url, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIAROOT", "secret", ""),
		})
		test(t, &server{t: t, api: client, remote: true, ctx: t.Context(), broken: broken})
	})
	t.Run("boto3", func(t *testing.T) {
		t.Parallel()
		url, broken := serve(t)
		test(t, &server{t: t, api: newBotoClient(t, url), remote: true, ctx: t.Context(), broken: broken})
	})
}

// serve puts a service behind HTTP.
func serve(t *testing.T) (url string, broken *atomic.Bool) {
	t.Helper()
	service, broken := newService(t)
	mux := awsapi.NewMux(awsapi.MuxOptions{Verifier: awsapi.NewVerifier(oneKey{}, awsapi.Place{})})
	mux.Add(service.API())
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	return front.URL, broken
}

// oneKey knows the root's access key.
type oneKey struct{}

func (oneKey) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != "AKIAROOT" {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return iam.AccessKey{ID: id, Secret: "secret", Principal: iam.Principal{Arn: root, Name: "root", Root: true}}, nil
}

func newService(t *testing.T) (*codepipeline.Service, *atomic.Bool) {
	t.Helper()
	st := sqltest.SQLite(t)
	q := queue.New(st, queue.Config{})
	broken := new(atomic.Bool)
	log := slog.New(slog.NewTextHandler(discreet{t}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := flow.New(flow.Options{Store: st, Jobs: q, Providers: catalog{broken}, Logger: log, Sessions: iam.New(st), MaxPipelines: 12, MaxWebhooks: webhookQuota})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return codepipeline.New(f), broken
}

// catalog holds the providers of the suite: they succeed at once, except that the build can be broken and approvals wait.
type catalog struct{ broken *atomic.Bool }

var known = []action.Type{
	{
		ID: id("Source", "CodeCommit"), Outputs: action.Count{Min: 1, Max: 1}, RevisionURL: "http://git/{Config:RepositoryName}/{RevisionId}",
		Properties: []action.Property{{Name: "RepositoryName", Required: true, Type: "String"}, {Name: "BranchName", Required: true}, {Name: "PollForSourceChanges"}},
	},
	{
		ID: id("Build", "CodeBuild"), Inputs: action.Count{Min: 1, Max: 5}, Outputs: action.Count{Max: 5}, EntityURL: "http://builds/{Config:ProjectName}",
		Properties: []action.Property{{Name: "ProjectName", Required: true}, {Name: "Token", Secret: true}},
	},
	{ID: id("Compute", "Commands"), Inputs: action.Count{Min: 1, Max: 10}, Outputs: action.Count{Max: 1}},
	variablecheck.New().Type(),
	{ID: id("Rule", "Commands"), Inputs: action.Count{Max: 10}, TimeoutSetable: true},
	{ID: id("Approval", "Manual"), TimeoutSetable: true, EntityURL: "/console/approvals", Properties: []action.Property{{Name: "CustomData"}}},
}

func id(category, provider string) pipeline.ActionTypeID {
	return pipeline.ActionTypeID{Category: category, Owner: "AWS", Provider: provider, Version: "1"}
}

func (c catalog) Types() []action.Type { return known }

func (c catalog) Lookup(want pipeline.ActionTypeID) (action.Provider, bool) {
	if rule := variablecheck.New(); rule.Type().ID == want {
		return action.Checked(rule), true
	}
	for _, k := range known {
		if k.ID == want {
			return provider{c, k}, true
		}
	}
	return nil, false
}

type provider struct {
	catalog
	typ action.Type
}

func (p provider) Type() action.Type                        { return p.typ }
func (p provider) Cancel(context.Context, action.Job) error { return nil }

func (p provider) Start(_ context.Context, job action.Job) (action.Result, error) {
	switch p.typ.ID.Provider {
	case "CodeCommit":
		return action.Done{
			ExternalID: "c0ffee", ExternalURL: "http://git/c0ffee", Summary: "a change",
			Revision:  &pipeline.Revision{ID: "c0ffee", Summary: "a change", Created: time.Unix(1700000000, 0)},
			Variables: map[string]string{"CommitId": "c0ffee"},
		}, nil
	case "Manual":
		return action.Wait{ExternalID: job.Token, Summary: "waiting"}, nil
	}
	if p.broken.Load() {
		return action.Failed{Code: "JobFailed", Message: "Build terminated with state: FAILED", ExternalID: "site:1"}, nil
	}
	return action.Done{ExternalID: "site:1", Summary: "built"}, nil
}

// do calls the operation that an input belongs to.
func do[Out, In any](s *server, in *In) (*Out, error) {
	s.t.Helper()
	operation, _ := strings.CutSuffix(reflect.TypeFor[In]().Name(), "Input")
	answer, err := s.call(operation, in)
	out, _ := answer.(*Out)
	return out, err
}

// call performs an operation. Whatever a case is about, no answer may tell a secret or be an exception that AWS does not
// declare for the operation.
func (s *server) call(operation string, in any) (any, error) {
	s.t.Helper()
	out, err := s.send(operation, in)
	noteError(s.t, operation, err)
	if text := secretIn(out, err); text != "" && !tellsSecrets[operation] {
		s.t.Errorf("%s tells a secret: %s", operation, text)
	}
	return out, err
}

func (s *server) send(operation string, in any) (any, error) {
	s.t.Helper()
	if boto, ok := s.api.(botoClient); ok {
		out := outputOf(operation)
		return out, boto.call(operation, in, out)
	}
	results := reflect.ValueOf(s.api).MethodByName(operation).Call([]reflect.Value{reflect.ValueOf(s.ctx), reflect.ValueOf(in)})
	err, _ := results[1].Interface().(error)
	return results[0].Interface(), err
}

// inputOf and outputOf make empty values of an operation's types.
func inputOf(operation string) any  { return newOf(sdkMethod(operation).In(2)) }
func outputOf(operation string) any { return newOf(sdkMethod(operation).Out(0)) }

func newOf(pointer reflect.Type) any { return reflect.New(pointer.Elem()).Interface() }

func sdkMethod(operation string) reflect.Type {
	m, _ := reflect.TypeFor[*sdk.Client]().MethodByName(operation)
	return m.Type
}

// tellsSecrets are the operations that hand a job to the worker who needs its secrets.
var tellsSecrets = map[string]bool{"PollForJobs": true, "GetJobDetails": true, "GetThirdPartyJobDetails": true}

// secrets are what the cases keep in secret configuration and in webhooks.
var secrets = regexp.MustCompile("hunter2|s3cret")

func secretIn(out any, err error) string {
	if err != nil {
		return secrets.FindString(err.Error())
	}
	text, err := awsapi.Marshal(out)
	if err != nil {
		return err.Error()
	}
	return secrets.FindString(string(text))
}

// discreet is the log: nothing in it may be a secret.
type discreet struct{ t *testing.T }

func (d discreet) Write(line []byte) (int, error) {
	if secrets.Match(line) {
		d.t.Errorf("the log tells a secret: %s", line)
	}
	return len(line), nil
}

// must is do for calls that succeed.
func must[Out, In any](s *server, in *In) *Out {
	s.t.Helper()
	out, err := do[Out](s, in)
	if err != nil {
		s.t.Fatalf("%T: %v", in, err)
	}
	return out
}

func wantCode(t *testing.T, name string, err error, code string) {
	t.Helper()
	e, ok := errors.AsType[smithy.APIError](err)
	if !ok || e.ErrorCode() != code || e.ErrorMessage() == "" {
		t.Errorf("%s: %v, want %s with a message", name, err, code)
	}
}

// declaration is a source, a build and an approval.
func declaration(name string) *types.PipelineDeclaration {
	return &types.PipelineDeclaration{
		Name: &name, RoleArn: aws.String("arn:aws:iam::000000000000:role/pipeline"),
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
		Stages: []types.StageDeclaration{
			{Name: aws.String("Source"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Code"), ActionTypeId: typeID("Source", "CodeCommit"), Namespace: aws.String("CodeVars"),
				Configuration:   map[string]string{"RepositoryName": "site", "BranchName": "main"},
				OutputArtifacts: []types.OutputArtifact{{Name: aws.String("Code")}},
			}}},
			{Name: aws.String("Build"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Build"), ActionTypeId: typeID("Build", "CodeBuild"),
				Configuration:  map[string]string{"ProjectName": "site-#{CodeVars.CommitId}", "Token": "hunter2"},
				InputArtifacts: []types.InputArtifact{{Name: aws.String("Code")}},
			}}},
			{Name: aws.String("Gate"), Actions: []types.ActionDeclaration{{
				Name: aws.String("Approve"), ActionTypeId: typeID("Approval", "Manual"),
			}}},
		},
	}
}

func typeID(category types.ActionCategory, provider string) *types.ActionTypeId {
	return &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1")}
}

func (s *server) create(name string) *sdk.CreatePipelineOutput {
	s.t.Helper()
	return must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: declaration(name)})
}

func (s *server) executions(name string) []types.PipelineExecutionSummary {
	s.t.Helper()
	return must[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: &name}).PipelineExecutionSummaries
}

func (s *server) execution(name string, id *string) *types.PipelineExecution {
	s.t.Helper()
	return must[sdk.GetPipelineExecutionOutput](s, &sdk.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: id}).PipelineExecution
}

func (s *server) state(name string) *sdk.GetPipelineStateOutput {
	s.t.Helper()
	return must[sdk.GetPipelineStateOutput](s, &sdk.GetPipelineStateInput{Name: &name})
}

// action is what an action of a pipeline shows.
func (s *server) action(name, stage, action string) types.ActionState {
	s.t.Helper()
	for _, st := range s.state(name).StageStates {
		for _, a := range st.ActionStates {
			if *st.StageName == stage && *a.ActionName == action {
				return a
			}
		}
	}
	s.t.Fatalf("%s shows no action %s in stage %s", name, action, stage)
	return types.ActionState{}
}

// token waits for the approval.
func (s *server) token(name string) *string {
	s.t.Helper()
	var token *string
	s.until(func() bool {
		if a := s.action(name, "Gate", "Approve"); a.LatestExecution != nil {
			token = a.LatestExecution.Token
		}
		return token != nil
	}, "no approval waits")
	return token
}

func (s *server) until(done func() bool, otherwise string) {
	s.t.Helper()
	for limit := time.Now().Add(10 * time.Second); !done(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(limit) {
			s.t.Fatal(otherwise)
		}
	}
}

func (s *server) await(name string, id *string, status types.PipelineExecutionStatus) *types.PipelineExecution {
	s.t.Helper()
	var e *types.PipelineExecution
	s.until(func() bool { e = s.execution(name, id); return e.Status == status }, "the execution does not become "+string(status))
	return e
}

func (s *server) decide(name string, token *string, status types.ApprovalStatus) error {
	s.t.Helper()
	_, err := do[sdk.PutApprovalResultOutput](s, &sdk.PutApprovalResultInput{
		PipelineName: &name, StageName: aws.String("Gate"), ActionName: aws.String("Approve"), Token: token,
		Result: &types.ApprovalResult{Status: status, Summary: aws.String("fine")},
	})
	return err
}
