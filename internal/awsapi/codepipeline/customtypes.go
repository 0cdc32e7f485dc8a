package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// customTimeout is what an action of a custom type has, in minutes (pipeline.md section 3); the engine keeps it.
const customTimeout = 24 * 60

// CreateCustomActionType makes an action type whose work job workers do.
func (s *Service) CreateCustomActionType(ctx context.Context, in *sdk.CreateCustomActionTypeInput) (*sdk.CreateCustomActionTypeOutput, error) {
	tags, err := uniqueTags(in.Tags)
	if err != nil {
		return nil, exception(err)
	}
	t := action.Type{
		ID: pipeline.ActionTypeID{
			Category: string(in.Category), Owner: string(types.ActionOwnerCustom), Provider: aws.ToString(in.Provider), Version: aws.ToString(in.Version),
		},
		Inputs: countOf(in.InputArtifactDetails), Outputs: countOf(in.OutputArtifactDetails), TimeoutMinutes: customTimeout,
	}
	if u := in.Settings; u != nil {
		t.EntityURL, t.RevisionURL = aws.ToString(u.EntityUrlTemplate), aws.ToString(u.RevisionUrlTemplate)
		t.ExecutionURL, t.SettingsURL = aws.ToString(u.ExecutionUrlTemplate), aws.ToString(u.ThirdPartyConfigurationUrl)
	}
	for _, p := range in.ConfigurationProperties {
		if p.Type == "" {
			p.Type = types.ActionConfigurationPropertyTypeString
		}
		t.Properties = append(t.Properties, action.Property{
			Name: aws.ToString(p.Name), Required: p.Required, Key: p.Key, Secret: p.Secret, Queryable: p.Queryable,
			Description: aws.ToString(p.Description), Type: string(p.Type),
		})
	}
	if err := s.flow.CreateCustomType(ctx, t, tags); err != nil {
		return nil, exception(err)
	}
	made := actionType(t)
	return &sdk.CreateCustomActionTypeOutput{ActionType: &made, Tags: tagList(tags)}, nil
}

func countOf(d *types.ArtifactDetails) action.Count {
	return action.Count{Min: int(d.MinimumCount), Max: int(d.MaximumCount)}
}

// DeleteCustomActionType ends the use of a custom action type, if there is one.
func (s *Service) DeleteCustomActionType(ctx context.Context, in *sdk.DeleteCustomActionTypeInput) (*sdk.DeleteCustomActionTypeOutput, error) {
	err := s.flow.DeleteCustomType(ctx, pipeline.ActionTypeID{
		Category: string(in.Category), Owner: string(types.ActionOwnerCustom), Provider: aws.ToString(in.Provider), Version: aws.ToString(in.Version),
	})
	return &sdk.DeleteCustomActionTypeOutput{}, exception(err)
}

// ListDeployActionExecutionTargets lists what an action of the EC2 provider deployed to. There is none here, so an action
// execution that exists has no targets.
func (s *Service) ListDeployActionExecutionTargets(ctx context.Context, in *sdk.ListDeployActionExecutionTargetsInput) (*sdk.ListDeployActionExecutionTargetsOutput, error) {
	if err := noToken(in.NextToken); err != nil {
		return nil, exception(err)
	}
	if err := s.flow.CheckActionExecution(ctx, aws.ToString(in.PipelineName), aws.ToString(in.ActionExecutionId)); err != nil {
		return nil, exception(err)
	}
	return &sdk.ListDeployActionExecutionTargetsOutput{Targets: []types.DeployActionExecutionTarget{}}, nil
}
