package codepipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// ListActionExecutions lists action executions, newest first.
func (s *Service) ListActionExecutions(ctx context.Context, in *sdk.ListActionExecutionsInput) (*sdk.ListActionExecutionsOutput, error) {
	filter, err := actionFilter(in.Filter)
	if err != nil {
		return nil, exception(err)
	}
	list, next, err := s.flow.ListActionExecutions(ctx, aws.ToString(in.PipelineName), filter, page(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListActionExecutionsOutput{
		NextToken: optional(next), ActionExecutionDetails: make([]types.ActionExecutionDetail, len(list)),
	}
	for i := range list {
		out.ActionExecutionDetails[i] = s.detailOf(&list[i])
	}
	return out, nil
}

func actionFilter(f *types.ActionExecutionFilter) (flow.ActionFilter, error) {
	if f == nil {
		return flow.ActionFilter{}, nil
	}
	return executionFilter(f.PipelineExecutionId, f.LatestInPipelineExecution)
}

// executionFilter is what the filters of actions and of rules have in common.
func executionFilter(execution *string, latest *types.LatestInPipelineExecutionFilter) (flow.ActionFilter, error) {
	if latest == nil {
		return flow.ActionFilter{ExecutionID: aws.ToString(execution)}, nil
	}
	id := aws.ToString(latest.PipelineExecutionId)
	if other := aws.ToString(execution); other != "" && other != id {
		return flow.ActionFilter{}, pipeline.Errorf(pipeline.Validation,
			"The filter names two executions, '%s' in pipelineExecutionId and '%s' in latestInPipelineExecution", other, id)
	}
	return flow.ActionFilter{ExecutionID: id, LatestOnly: latest.StartTimeRange == types.StartTimeRangeLatest}, nil
}

func (s *Service) detailOf(d *flow.ActionDetail) types.ActionExecutionDetail {
	a, declared := &d.Action, &d.Declaration
	region := declared.Region
	if region == "" {
		region = s.flow.Region()
	}
	return types.ActionExecutionDetail{
		PipelineExecutionId: &d.ExecutionID, ActionExecutionId: &a.ID, PipelineVersion: number(d.Version),
		StageName: &d.Stage, ActionName: &a.Name, StartTime: stamp(a.Started), LastUpdateTime: stamp(a.Updated),
		UpdatedBy: optional(a.By), Status: types.ActionExecutionStatus(a.Status),
		Input: &types.ActionExecutionInput{
			ActionTypeId:  typeID(declared.ActionTypeID),
			Configuration: orEmpty(declared.Configuration), ResolvedConfiguration: orEmpty(d.Configuration),
			RoleArn: optional(declared.RoleArn), Region: &region, Namespace: optional(declared.Namespace),
			InputArtifacts: artifactDetails(a.Inputs),
		},
		Output: &types.ActionExecutionOutput{
			OutputArtifacts: artifactDetails(a.Outputs),
			OutputVariables: orEmpty(d.Variables),
			ExecutionResult: &types.ActionExecutionResult{
				ExternalExecutionId: optional(a.ExternalID), ExternalExecutionSummary: optional(a.Summary),
				ExternalExecutionUrl: optional(a.ExternalURL), LogStreamARN: optional(a.LogStream), ErrorDetails: errorDetails(a.Error),
			},
		},
	}
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

func artifactDetails(list []pipeline.Artifact) []types.ArtifactDetail {
	details := make([]types.ArtifactDetail, len(list))
	for i, a := range list {
		details[i] = types.ArtifactDetail{
			Name: aws.String(a.Name), S3location: &types.S3Location{Bucket: aws.String(a.Bucket), Key: aws.String(a.Key)},
		}
	}
	return details
}

func errorDetails(e *pipeline.ErrorDetails) *types.ErrorDetails {
	if e == nil {
		return nil
	}
	return &types.ErrorDetails{Code: optional(e.Code), Message: optional(e.Message)}
}

func typeID(id pipeline.ActionTypeID) *types.ActionTypeId {
	return &types.ActionTypeId{
		Category: types.ActionCategory(id.Category), Owner: types.ActionOwner(id.Owner), Provider: &id.Provider, Version: &id.Version,
	}
}

// ListActionTypes lists the action types this server has, all on one page.
func (s *Service) ListActionTypes(ctx context.Context, in *sdk.ListActionTypesInput) (*sdk.ListActionTypesOutput, error) {
	if err := noToken(in.NextToken); err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListActionTypesOutput{ActionTypes: []types.ActionType{}}
	if region := aws.ToString(in.RegionFilter); region != "" && region != s.flow.Region() {
		return out, nil
	}
	all, err := s.flow.ActionTypes(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range sorted(all) {
		if in.ActionOwnerFilter == "" || string(in.ActionOwnerFilter) == t.ID.Owner {
			out.ActionTypes = append(out.ActionTypes, actionType(t))
		}
	}
	return out, nil
}

func sorted(list []action.Type) []action.Type {
	return slices.SortedFunc(slices.Values(list), func(a, b action.Type) int {
		return strings.Compare(sortKey(a.ID), sortKey(b.ID))
	})
}

func sortKey(id pipeline.ActionTypeID) string {
	return strings.Join([]string{id.Owner, id.Category, id.Provider, id.Version}, "/")
}

func actionType(t action.Type) types.ActionType {
	out := types.ActionType{
		Id: typeID(t.ID),
		Settings: &types.ActionTypeSettings{
			EntityUrlTemplate: template(t.EntityURL), RevisionUrlTemplate: template(t.RevisionURL),
			ExecutionUrlTemplate: template(t.ExecutionURL), ThirdPartyConfigurationUrl: template(t.SettingsURL),
		},
		InputArtifactDetails:          &types.ArtifactDetails{MinimumCount: int32(t.Inputs.Min), MaximumCount: int32(t.Inputs.Max)},
		OutputArtifactDetails:         &types.ArtifactDetails{MinimumCount: int32(t.Outputs.Min), MaximumCount: int32(t.Outputs.Max)},
		ActionConfigurationProperties: []types.ActionConfigurationProperty{},
	}
	for _, p := range t.Properties {
		out.ActionConfigurationProperties = append(out.ActionConfigurationProperties, types.ActionConfigurationProperty{
			Name: &p.Name, Required: p.Required, Key: p.Key, Secret: p.Secret, Queryable: p.Queryable,
			Description: optional(p.Description), Type: types.ActionConfigurationPropertyType(p.Type),
		})
	}
	return out
}

func template(url string) *string {
	if !absolute(url) {
		return nil
	}
	return &url
}
