package codebuild

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Batches is what the provider needs of batch builds.
type Batches interface {
	StartBatch(ctx context.Context, tx store.Tx, r build.BatchRequest) (types.BuildBatch, error)
	StopBatch(ctx context.Context, idOrARN string) (types.BuildBatch, error)
	FindBatch(ctx context.Context, key string) (types.BuildBatch, error)
}

// order is what an action asks for: a build, or a batch of them.
type order struct {
	build.BatchRequest
	batch bool
}

func (p *Provider) startBatch(ctx context.Context, tx store.Tx, r build.BatchRequest) (action.Wait, error) {
	b, err := p.builds.StartBatch(ctx, tx, r)
	if err != nil {
		return action.Wait{}, err
	}
	return action.Wait{ExternalID: *b.Id, ExternalURL: p.url(*b.Id)}, nil
}

func (p *Provider) cancelBatch(ctx context.Context, job action.Job) error {
	id := job.ExternalID
	if id == "" {
		b, err := p.builds.FindBatch(ctx, job.ActionExecutionID)
		if errors.Is(err, build.ErrNoBatch) {
			return nil
		}
		if err != nil {
			return err
		}
		id = *b.Id
	}
	_, err := p.builds.StopBatch(ctx, id)
	if errors.Is(err, build.ErrNoBatch) {
		return nil
	}
	return err
}

// resultOfBatch is how a batch has ended. Of variables that several of its builds export the last build's counts.
func (f finished) resultOfBatch(ctx context.Context, builds Builds) (action.Result, error) {
	b, err := builds.FindBatch(ctx, f.ActionExecutionID)
	if errors.Is(err, build.ErrNoBatch) {
		return action.Failed{Code: pipeline.JobFailed, Message: "The batch was deleted before it could report"}, nil
	}
	if err != nil {
		return nil, err
	}
	if b.BuildBatchStatus != types.StatusTypeSucceeded {
		summary := "Build terminated with state: " + string(b.BuildBatchStatus)
		message := summary
		reason, err := whyBatch(ctx, builds, &b)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			message += ". Reason: " + reason
		}
		return action.Failed{Code: pipeline.JobFailed, Message: message, Summary: summary, ExternalID: *b.Id}, nil
	}
	done := action.Done{ExternalID: *b.Id, Variables: map[string]string{}}
	for _, g := range b.BuildGroups {
		if g.CurrentBuildSummary == nil {
			continue
		}
		child, err := builds.Get(ctx, aws.ToString(g.CurrentBuildSummary.Arn))
		if err != nil && !errors.Is(err, build.ErrNoBuild) {
			return nil, err
		}
		for _, v := range child.ExportedEnvironmentVariables {
			done.Variables[*v.Name] = aws.ToString(v.Value)
		}
	}
	return done, nil
}

// whyBatch is why a batch did not succeed, with what the first of its builds says that has failed itself.
func whyBatch(ctx context.Context, builds Builds, b *types.BuildBatch) (string, error) {
	reason := build.BatchFailureReason(b)
	g := build.BatchFailedBuild(b)
	if g == nil {
		return reason, nil
	}
	child, err := builds.Get(ctx, aws.ToString(g.CurrentBuildSummary.Arn))
	if errors.Is(err, build.ErrNoBuild) {
		return reason, nil
	}
	if why := build.FailureReason(&child); err == nil && why != "" {
		reason += ": " + why
	}
	return reason, err
}
