package codebuild

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// What this server does not have is listed as empty, and refused by name when it is to be made.

// UpdateProjectVisibility keeps projects private.
func (s *Service) UpdateProjectVisibility(ctx context.Context, in *sdk.UpdateProjectVisibilityInput) (*sdk.UpdateProjectVisibilityOutput, error) {
	p, err := s.builds.Project(ctx, build.ProjectName(*in.ProjectArn))
	if err != nil {
		return nil, exception(err)
	}
	if in.ProjectVisibility != types.ProjectVisibilityTypePrivate {
		return nil, invalid("projectVisibility PUBLIC_READ is not supported by this server: give people a policy that lets them read the project's builds and logs")
	}
	return &sdk.UpdateProjectVisibilityOutput{ProjectArn: p.Arn, ProjectVisibility: types.ProjectVisibilityTypePrivate}, nil
}

// ListSharedProjects is empty: there is one account.
func (s *Service) ListSharedProjects(context.Context, *sdk.ListSharedProjectsInput) (*sdk.ListSharedProjectsOutput, error) {
	return &sdk.ListSharedProjectsOutput{Projects: []string{}}, nil
}

// CreateFleet refuses: a fleet is there as soon as workers have its name for a label.
func (s *Service) CreateFleet(context.Context, *sdk.CreateFleetInput) (*sdk.CreateFleetOutput, error) {
	return nil, invalid("fleets are not made on this server: name arn:aws:codebuild:REGION:ACCOUNT:fleet/NAME in a project, and start workers with conveyor worker --label NAME")
}

// ListFleets is empty.
func (s *Service) ListFleets(context.Context, *sdk.ListFleetsInput) (*sdk.ListFleetsOutput, error) {
	return &sdk.ListFleetsOutput{Fleets: []string{}}, nil
}

// BatchGetFleets finds none.
func (s *Service) BatchGetFleets(_ context.Context, in *sdk.BatchGetFleetsInput) (*sdk.BatchGetFleetsOutput, error) {
	return &sdk.BatchGetFleetsOutput{Fleets: []types.Fleet{}, FleetsNotFound: in.Names}, nil
}

// UpdateFleet finds none.
func (s *Service) UpdateFleet(_ context.Context, in *sdk.UpdateFleetInput) (*sdk.UpdateFleetOutput, error) {
	return nil, &types.ResourceNotFoundException{Message: aws.String("Fleet cannot be found: " + aws.ToString(in.Arn))}
}

// DeleteFleet deletes nothing: what does not exist is gone.
func (s *Service) DeleteFleet(context.Context, *sdk.DeleteFleetInput) (*sdk.DeleteFleetOutput, error) {
	return &sdk.DeleteFleetOutput{}, nil
}
