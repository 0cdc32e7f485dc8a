// Package codebuild holds the providers whose work is a build: build and test actions and rules that run a CodeBuild
// project, and Commands actions and rules, which need none.
package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// FinishedKind is the queued job that tells a pipeline how its build ended.
const FinishedKind = "codebuild.finished"

// Builds is what the provider needs of the build service. Implemented by *build.Service.
type Builds interface {
	Start(ctx context.Context, tx store.Tx, r build.Request) (types.Build, error)
	Stop(ctx context.Context, idOrARN string) (types.Build, error)
	Find(ctx context.Context, key string) (types.Build, error)
	Get(ctx context.Context, idOrARN string) (types.Build, error)
	Batches
}

// Provider runs the actions, or rules, of one type.
type Provider struct {
	kind
	store  store.Store
	builds Builds
	url    func(id string) string
}

var _ action.Provider = (*Provider)(nil)

// kind is what one type declares, and how its jobs become builds. The error of request is the user's mistake.
type kind struct {
	declared func() action.Type
	request  func(job action.Job) (order, error)
}

// Time limits, in minutes (actions.md section 0).
const (
	buildTimeout    = 36 * 60
	testTimeout     = 8 * 60
	commandsTimeout = 55
)

// New makes the providers of all types. url, when set, is the console's page of a project's build.
func New(st store.Store, builds Builds, url func(id string) string) []*Provider {
	if url == nil {
		url = func(string) string { return "" }
	}
	var list []*Provider
	for _, k := range []kind{
		{func() action.Type { return projectType("Build", buildTimeout) }, projectRequest},
		{func() action.Type { return projectType("Test", testTimeout) }, projectRequest},
		{projectRule, projectRequest},
		{commandsType, commandsRequest},
		{commandsRule, commandsRequest},
	} {
		list = append(list, &Provider{kind: k, store: st, builds: builds, url: url})
	}
	return list
}

// Type implements action.Provider.
func (p *Provider) Type() action.Type { return p.declared() }

// What a finished build is told by: who waited for it.
type finished struct {
	Pipeline          string `json:"pipeline"`
	ActionExecutionID string `json:"actionExecutionId"`
	Batch             bool   `json:"batch,omitempty"`
}

// Start implements action.Provider.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	request, err := p.request(job)
	if err != nil {
		return action.Failed{Code: pipeline.ConfigurationError, Message: err.Error()}, nil //nolint:nilerr // the user's mistake
	}
	payload, err := json.Marshal(finished{Pipeline: job.Pipeline, ActionExecutionID: job.ActionExecutionID, Batch: request.batch})
	if err != nil {
		return nil, err
	}
	request.Initiator = "codepipeline/" + job.Pipeline
	request.Key = job.ActionExecutionID
	request.OnFinish = &queue.Job{Kind: FinishedKind, Payload: payload, Group: job.Pipeline}
	var w action.Wait
	err = p.store.InTx(ctx, func(tx store.Tx) (err error) {
		if request.batch {
			w, err = p.startBatch(ctx, tx, request.BatchRequest)
		} else {
			w, err = p.startBuild(ctx, tx, request.Request)
		}
		return err
	})
	if err != nil {
		return refused(aws.ToString(request.Input.ProjectName), err)
	}
	return w, nil
}

func (p *Provider) startBuild(ctx context.Context, tx store.Tx, r build.Request) (w action.Wait, err error) {
	b, err := p.builds.Start(ctx, tx, r)
	if err != nil {
		return w, err
	}
	w.ExternalID = *b.Id
	if !build.OfPipeline(*b.Id) {
		w.ExternalURL = p.url(*b.Id)
	}
	if b.Logs != nil {
		w.LogStream = aws.ToString(b.Logs.CloudWatchLogsArn)
	}
	return w, nil
}

// artifacts is what a pipeline adds to the build of a job.
func artifacts(job action.Job, primary string) *build.Pipeline {
	return &build.Pipeline{
		Name: job.Pipeline, Inputs: job.Inputs, Primary: primary, Outputs: job.Outputs, EncryptionKey: job.EncryptionKey,
	}
}

// refused tells a user's mistake from a failure of the server, which is tried again.
func refused(project string, err error) (action.Result, error) {
	if errors.Is(err, build.ErrNoProject) {
		return action.Failed{
			Code:    pipeline.ConfigurationError,
			Message: fmt.Sprintf("Error calling startBuild: the build project %s does not exist; create it or correct ProjectName", project),
		}, nil
	}
	if e, ok := errors.AsType[*build.InvalidError](err); ok {
		return action.Failed{Code: pipeline.ConfigurationError, Message: "Error calling startBuild: " + e.Message}, nil
	}
	if e, ok := errors.AsType[*build.LimitError](err); ok {
		return action.Failed{Code: pipeline.JobFailed, Message: "Error calling startBuild: " + e.Message}, nil
	}
	return nil, err
}

// Cancel implements action.Provider.
func (p *Provider) Cancel(ctx context.Context, job action.Job) error {
	if isTrue(job.Configuration[keyBatch]) {
		return p.cancelBatch(ctx, job)
	}
	id := job.ExternalID
	if id == "" {
		b, err := p.builds.Find(ctx, job.ActionExecutionID)
		if errors.Is(err, build.ErrNoBuild) {
			return nil
		}
		if err != nil {
			return err
		}
		id = *b.Id
	}
	_, err := p.builds.Stop(ctx, id)
	if errors.Is(err, build.ErrNoBuild) {
		return nil
	}
	return err
}

// Handlers is where Register adds its job. *queue.Queue is one.
type Handlers interface {
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Register adds the job by which finished builds report to their pipelines. Call it before the queue starts.
func Register(q Handlers, builds Builds, reporter action.Reporter) {
	q.Handle(FinishedKind, func(ctx context.Context, job queue.Job) (queue.Completion, error) {
		var f finished
		if err := json.Unmarshal(job.Payload, &f); err != nil {
			return nil, queue.Permanent(fmt.Errorf("job %s: %w", FinishedKind, err))
		}
		result, err := f.result(ctx, builds)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx store.Tx) error {
			return reporter.Report(ctx, tx, action.Report{Pipeline: f.Pipeline, ActionExecutionID: f.ActionExecutionID, Result: result})
		}, nil
	}, queue.Options{MaxAttempts: forever})
}

// result is how the build or batch has ended.
func (f finished) result(ctx context.Context, builds Builds) (action.Result, error) {
	if f.Batch {
		return f.resultOfBatch(ctx, builds)
	}
	b, err := builds.Find(ctx, f.ActionExecutionID)
	if errors.Is(err, build.ErrNoBuild) {
		return action.Failed{Code: pipeline.JobFailed, Message: "The build was deleted before it could report"}, nil
	}
	if err != nil {
		return nil, err
	}
	return resultOf(&b), nil
}

// forever is for a report: without it the action would wait until its timeout for a build that has ended long ago.
const forever = 1 << 30

// resultOf is how a finished build ends its action.
func resultOf(b *types.Build) action.Result {
	if b.BuildStatus == types.StatusTypeSucceeded {
		done := action.Done{ExternalID: *b.Id, Variables: map[string]string{}}
		for _, v := range b.ExportedEnvironmentVariables {
			done.Variables[*v.Name] = aws.ToString(v.Value)
		}
		return done
	}
	summary := "Build terminated with state: " + string(b.BuildStatus)
	message := summary
	if reason := build.FailureReason(b); reason != "" {
		message += ". Reason: " + reason
	}
	return action.Failed{Code: pipeline.JobFailed, Message: message, Summary: summary, ExternalID: *b.Id}
}
