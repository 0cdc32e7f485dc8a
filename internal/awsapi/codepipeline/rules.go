package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// OverrideStageCondition lets an execution pass a condition.
func (s *Service) OverrideStageCondition(ctx context.Context, in *sdk.OverrideStageConditionInput) (*sdk.OverrideStageConditionOutput, error) {
	err := s.flow.Override(ctx, aws.ToString(in.PipelineName), aws.ToString(in.StageName), aws.ToString(in.PipelineExecutionId),
		engine.ConditionType(in.ConditionType), awsapi.Caller(ctx).Arn)
	return &sdk.OverrideStageConditionOutput{}, exception(err)
}

// ListRuleExecutions lists rule executions, newest first.
func (s *Service) ListRuleExecutions(ctx context.Context, in *sdk.ListRuleExecutionsInput) (*sdk.ListRuleExecutionsOutput, error) {
	filter := flow.ActionFilter{}
	if f := in.Filter; f != nil {
		var err error
		if filter, err = executionFilter(f.PipelineExecutionId, f.LatestInPipelineExecution); err != nil {
			return nil, exception(err)
		}
	}
	list, next, err := s.flow.ListRuleExecutions(ctx, aws.ToString(in.PipelineName), filter, page(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListRuleExecutionsOutput{
		NextToken: optional(next), RuleExecutionDetails: make([]types.RuleExecutionDetail, len(list)),
	}
	for i := range list {
		out.RuleExecutionDetails[i] = s.ruleDetailOf(&list[i])
	}
	return out, nil
}

func (s *Service) ruleDetailOf(d *flow.RuleDetail) types.RuleExecutionDetail {
	r, declared := &d.Rule, &d.Declaration
	region := declared.Region
	if region == "" {
		region = s.flow.Region()
	}
	return types.RuleExecutionDetail{
		PipelineExecutionId: &d.ExecutionID, RuleExecutionId: &r.ID, PipelineVersion: number(d.Version),
		StageName: &d.Stage, RuleName: &r.Name, StartTime: stamp(r.Started), LastUpdateTime: stamp(r.Updated),
		UpdatedBy: optional(r.By), Status: types.RuleExecutionStatus(r.Status),
		Input: &types.RuleExecutionInput{
			RuleTypeId:    ruleTypeID(declared.AsAction().ActionTypeID),
			Configuration: orEmpty(declared.Configuration), ResolvedConfiguration: orEmpty(d.Configuration),
			RoleArn: optional(declared.RoleArn), Region: &region, InputArtifacts: artifactDetails(r.Inputs),
		},
		Output: &types.RuleExecutionOutput{
			ExecutionResult: &types.RuleExecutionResult{
				ExternalExecutionId: optional(r.ExternalID), ExternalExecutionSummary: optional(r.Summary),
				ExternalExecutionUrl: optional(r.ExternalURL), ErrorDetails: errorDetails(r.Error),
			},
		},
	}
}

func ruleTypeID(id pipeline.ActionTypeID) *types.RuleTypeId {
	return &types.RuleTypeId{
		Category: types.RuleCategory(id.Category), Owner: types.RuleOwner(id.Owner), Provider: &id.Provider, Version: &id.Version,
	}
}

// ListRuleTypes lists the rules that conditions can use.
func (s *Service) ListRuleTypes(_ context.Context, in *sdk.ListRuleTypesInput) (*sdk.ListRuleTypesOutput, error) {
	out := &sdk.ListRuleTypesOutput{RuleTypes: []types.RuleType{}}
	if region := aws.ToString(in.RegionFilter); region != "" && region != s.flow.Region() {
		return out, nil
	}
	for _, t := range sorted(s.flow.RuleTypes()) {
		if in.RuleOwnerFilter == "" || string(in.RuleOwnerFilter) == t.ID.Owner {
			out.RuleTypes = append(out.RuleTypes, ruleType(t))
		}
	}
	return out, nil
}

func ruleType(t action.Type) types.RuleType {
	out := types.RuleType{
		Id:                          ruleTypeID(t.ID),
		Settings:                    &types.RuleTypeSettings{EntityUrlTemplate: template(t.EntityURL), RevisionUrlTemplate: template(t.RevisionURL)},
		InputArtifactDetails:        &types.ArtifactDetails{MinimumCount: int32(t.Inputs.Min), MaximumCount: int32(t.Inputs.Max)},
		RuleConfigurationProperties: []types.RuleConfigurationProperty{},
	}
	for _, p := range t.Properties {
		out.RuleConfigurationProperties = append(out.RuleConfigurationProperties, types.RuleConfigurationProperty{
			Name: &p.Name, Required: p.Required, Key: p.Key, Secret: p.Secret, Queryable: p.Queryable,
			Description: optional(p.Description), Type: types.RuleConfigurationPropertyType(p.Type),
		})
	}
	return out
}

// conditionStates shows the conditions of a stage as last evaluated, and the rules of those that were not yet.
func conditionStates(out *types.StageState, declared *pipeline.Stage, v engine.StageView, known actionTypes) {
	for _, slot := range []struct {
		to       **types.StageConditionState
		declared []pipeline.Condition
		shown    *engine.ConditionExecution
	}{
		{&out.BeforeEntryConditionState, engine.Conditions(declared, engine.BeforeEntry), v.BeforeEntry},
		{&out.OnSuccessConditionState, engine.Conditions(declared, engine.OnSuccess), v.OnSuccess},
		{&out.OnFailureConditionState, engine.Conditions(declared, engine.OnFailure), v.OnFailure},
	} {
		if len(slot.declared) > 0 {
			*slot.to = conditionState(&slot.declared[0], slot.shown, known)
		}
	}
}

func conditionState(declared *pipeline.Condition, shown *engine.ConditionExecution, known actionTypes) *types.StageConditionState {
	condition := types.ConditionState{RuleStates: make([]types.RuleState, len(declared.Rules))}
	out := &types.StageConditionState{}
	if shown != nil {
		status := types.ConditionExecutionStatus(shown.Status)
		out.LatestExecution = &types.StageConditionsExecution{Status: status, Summary: optional(shown.Reason)}
		condition.LatestExecution = &types.ConditionExecution{
			Status: status, Summary: optional(shown.Reason), LastStatusChange: stamp(shown.Updated),
		}
	}
	for i := range declared.Rules {
		condition.RuleStates[i] = ruleState(&declared.Rules[i], shown, known)
	}
	out.ConditionStates = []types.ConditionState{condition}
	return out
}

func ruleState(declared *pipeline.Rule, shown *engine.ConditionExecution, known actionTypes) types.RuleState {
	t := known[declared.AsAction().ActionTypeID]
	out := types.RuleState{RuleName: &declared.Name, EntityUrl: link(t.EntityURL, declared.Configuration, nil)}
	if shown == nil {
		return out
	}
	for i := range shown.Rules {
		if r := &shown.Rules[i]; r.Name == declared.Name {
			out.LatestExecution = &types.RuleExecution{
				RuleExecutionId: &r.ID, Status: types.RuleExecutionStatus(r.Status), Summary: optional(r.Summary),
				LastStatusChange: stamp(r.Updated), LastUpdatedBy: optional(r.By),
				ExternalExecutionId: optional(r.ExternalID), ExternalExecutionUrl: optional(r.ExternalURL),
				ErrorDetails: errorDetails(r.Error),
			}
		}
	}
	return out
}
