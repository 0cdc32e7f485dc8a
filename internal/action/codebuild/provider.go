// Package codebuild is the provider of build and test actions that run a CodeBuild project.
package codebuild

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
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
}

// Provider runs the actions of one category, Build or Test; they differ in name and time alone.
type Provider struct {
	category string
	timeout  int
	store    store.Store
	builds   Builds
	url      func(id string) string
}

var _ action.Provider = (*Provider)(nil)

// Time limits of the two categories, in minutes (actions.md section 0).
const (
	buildTimeout = 36 * 60
	testTimeout  = 8 * 60
)

// New makes the providers of both categories. url, when set, is the console's page of a build.
func New(st store.Store, builds Builds, url func(id string) string) []*Provider {
	if url == nil {
		url = func(string) string { return "" }
	}
	return []*Provider{
		{category: "Build", timeout: buildTimeout, store: st, builds: builds, url: url},
		{category: "Test", timeout: testTimeout, store: st, builds: builds, url: url},
	}
}

// Type implements action.Provider.
func (p *Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: p.category, Owner: "AWS", Provider: "CodeBuild", Version: "1"},
		Properties: []action.Property{
			{Name: keyProject, Required: true, Key: true, Queryable: false, Type: "String", Description: "The build project to run"},
			{Name: keyPrimary, Type: "String", Description: "The input artifact that holds the buildspec; needed with several inputs"},
			{Name: keyBatch, Type: "Boolean", Values: []string{"true", "false"}, Description: "Run a batch build"},
			{Name: keyCombine, Type: "Boolean", Values: []string{"true", "false"}, Description: "Put a batch build's artifacts in one place"},
			{Name: keyVariables, Type: "String", Description: "Environment variables, as a JSON array of name, value and type"},
		},
		Inputs:         action.Count{Min: 1, Max: 5},
		Outputs:        action.Count{Min: 0, Max: 5},
		TimeoutMinutes: p.timeout,
		EntityURL:      "/codebuild/projects/{Config:" + keyProject + "}",
	}
}

// What a finished build is told by: who waited for it.
type finished struct {
	Pipeline          string `json:"pipeline"`
	ActionExecutionID string `json:"actionExecutionId"`
}

// Start implements action.Provider.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	cfg, err := parse(job)
	if err != nil {
		return action.Failed{Code: pipeline.ConfigurationError, Message: err.Error()}, nil //nolint:nilerr // the user's mistake
	}
	payload, err := json.Marshal(finished{Pipeline: job.Pipeline, ActionExecutionID: job.ActionExecutionID})
	if err != nil {
		return nil, err
	}
	request := build.Request{
		Input:     sdk.StartBuildInput{ProjectName: aws.String(cfg.project), EnvironmentVariablesOverride: cfg.variables},
		Initiator: "codepipeline/" + job.Pipeline,
		Key:       job.ActionExecutionID,
		OnFinish:  &queue.Job{Kind: FinishedKind, Payload: payload, Group: job.Pipeline},
		Pipeline: &build.Pipeline{
			Name: job.Pipeline, Inputs: job.Inputs, Primary: cfg.primary, Outputs: job.Outputs, EncryptionKey: job.EncryptionKey,
		},
	}
	var b types.Build
	err = p.store.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = p.builds.Start(ctx, tx, request)
		return err
	})
	if err != nil {
		return refused(cfg.project, err)
	}
	w := action.Wait{ExternalID: *b.Id, ExternalURL: p.url(*b.Id)}
	if b.Logs != nil {
		w.LogStream = aws.ToString(b.Logs.CloudWatchLogsArn)
	}
	return w, nil
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
		b, err := builds.Find(ctx, f.ActionExecutionID)
		if err != nil && !errors.Is(err, build.ErrNoBuild) {
			return nil, err
		}
		result := action.Result(action.Failed{Code: pipeline.JobFailed, Message: "The build was deleted before it could report"})
		if err == nil {
			result = resultOf(&b)
		}
		return func(ctx context.Context, tx store.Tx) error {
			return reporter.Report(ctx, tx, action.Report{Pipeline: f.Pipeline, ActionExecutionID: f.ActionExecutionID, Result: result})
		}, nil
	}, queue.Options{MaxAttempts: forever})
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
