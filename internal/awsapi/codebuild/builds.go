package codebuild

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// StartBuild starts a build of a project, with overrides.
func (s *Service) StartBuild(ctx context.Context, in *sdk.StartBuildInput) (*sdk.StartBuildOutput, error) {
	if err := checkOverrides(in); err != nil {
		return nil, exception(err)
	}
	var b types.Build
	err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = s.builds.Start(ctx, tx, build.Request{Input: *in, Initiator: initiator(ctx)})
		return err
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StartBuildOutput{Build: &b}, nil
}

// StopBuild ends a build. One that has ended is returned as it is.
func (s *Service) StopBuild(ctx context.Context, in *sdk.StopBuildInput) (*sdk.StopBuildOutput, error) {
	if err := mine(*in.Id); err != nil {
		return nil, exception(err)
	}
	b, err := s.builds.Stop(ctx, *in.Id)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StopBuildOutput{Build: &b}, nil
}

// RetryBuild starts a new build with everything an earlier one had.
func (s *Service) RetryBuild(ctx context.Context, in *sdk.RetryBuildInput) (*sdk.RetryBuildOutput, error) {
	if aws.ToString(in.Id) == "" {
		return nil, invalid("id is missing: name the build to retry")
	}
	if err := mine(*in.Id); err != nil {
		return nil, exception(err)
	}
	var b types.Build
	err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = s.builds.Retry(ctx, tx, *in.Id, initiator(ctx), aws.ToString(in.IdempotencyToken))
		return err
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.RetryBuildOutput{Build: &b}, nil
}

// BatchGetBuilds reads builds by id or ARN.
func (s *Service) BatchGetBuilds(ctx context.Context, in *sdk.BatchGetBuildsInput) (*sdk.BatchGetBuildsOutput, error) {
	list, missing, err := found(in.Ids, build.ErrNoBuild, func(id string) (types.Build, error) {
		if err := mine(id); err != nil {
			return types.Build{}, err
		}
		return s.builds.Get(ctx, id)
	})
	return &sdk.BatchGetBuildsOutput{Builds: list, BuildsNotFound: missing}, err
}

// BatchDeleteBuilds forgets builds that have ended.
func (s *Service) BatchDeleteBuilds(ctx context.Context, in *sdk.BatchDeleteBuildsInput) (*sdk.BatchDeleteBuildsOutput, error) {
	out := &sdk.BatchDeleteBuildsOutput{BuildsDeleted: []string{}, BuildsNotDeleted: []types.BuildNotDeleted{}}
	for _, id := range in.Ids {
		var deleted bool
		err := mine(id)
		if err == nil {
			deleted, err = s.builds.Delete(ctx, id)
		}
		switch {
		case errors.Is(err, build.ErrNoBuild):
			out.BuildsNotDeleted = append(out.BuildsNotDeleted, notDeleted(id, "BUILD_NOT_FOUND"))
		case err != nil:
			return nil, exception(err)
		case !deleted:
			out.BuildsNotDeleted = append(out.BuildsNotDeleted, notDeleted(id, "BUILD_IN_PROGRESS"))
		default:
			out.BuildsDeleted = append(out.BuildsDeleted, id)
		}
	}
	return out, nil
}

func notDeleted(id, code string) types.BuildNotDeleted {
	return types.BuildNotDeleted{Id: aws.String(id), StatusCode: aws.String(code)}
}

// ListBuilds lists the ids of all builds, newest first, 100 a page.
func (s *Service) ListBuilds(ctx context.Context, in *sdk.ListBuildsInput) (*sdk.ListBuildsOutput, error) {
	ids, next, err := s.builds.List(ctx, orderOf(in.SortOrder, false), aws.ToString(in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListBuildsOutput{Ids: ids, NextToken: pageToken(next)}, nil
}

// ListBuildsForProject lists the ids of a project's builds by number, newest first, 100 a page.
func (s *Service) ListBuildsForProject(ctx context.Context, in *sdk.ListBuildsForProjectInput) (*sdk.ListBuildsForProjectOutput, error) {
	name := build.ProjectName(*in.ProjectName)
	if _, err := s.builds.Project(ctx, name); err != nil {
		return nil, exception(err)
	}
	ids, next, err := s.builds.ListForProject(ctx, name, orderOf(in.SortOrder, false), aws.ToString(in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListBuildsForProjectOutput{Ids: ids, NextToken: pageToken(next)}, nil
}
