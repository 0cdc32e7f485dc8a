package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// StartPipelineExecution starts an execution.
func (s *Service) StartPipelineExecution(ctx context.Context, in *sdk.StartPipelineExecutionInput) (*sdk.StartPipelineExecutionOutput, error) {
	req := flow.StartRequest{
		Pipeline: aws.ToString(in.Name), ClientToken: aws.ToString(in.ClientRequestToken), By: awsapi.Caller(ctx).Arn,
	}
	for _, v := range in.Variables {
		req.Variables = append(req.Variables, pipeline.ResolvedVariable{Name: aws.ToString(v.Name), ResolvedValue: aws.ToString(v.Value)})
	}
	for _, r := range in.SourceRevisions {
		req.Revisions = append(req.Revisions, pipeline.SourceRevisionOverride{
			ActionName: aws.ToString(r.ActionName), RevisionType: string(r.RevisionType), RevisionValue: aws.ToString(r.RevisionValue),
		})
	}
	id, err := s.flow.Start(ctx, req)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StartPipelineExecutionOutput{PipelineExecutionId: &id}, nil
}

// StopPipelineExecution stops an execution.
func (s *Service) StopPipelineExecution(ctx context.Context, in *sdk.StopPipelineExecutionInput) (*sdk.StopPipelineExecutionOutput, error) {
	err := s.flow.Stop(ctx, aws.ToString(in.PipelineName), aws.ToString(in.PipelineExecutionId), in.Abandon,
		aws.ToString(in.Reason), awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StopPipelineExecutionOutput{PipelineExecutionId: in.PipelineExecutionId}, nil
}

// RetryStageExecution runs a failed or stopped stage again.
func (s *Service) RetryStageExecution(ctx context.Context, in *sdk.RetryStageExecutionInput) (*sdk.RetryStageExecutionOutput, error) {
	err := s.flow.Retry(ctx, aws.ToString(in.PipelineName), aws.ToString(in.StageName), aws.ToString(in.PipelineExecutionId),
		pipeline.RetryMode(in.RetryMode), awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.RetryStageExecutionOutput{PipelineExecutionId: in.PipelineExecutionId}, nil
}

// RollbackStage runs a stage again with what an earlier execution had in it.
func (s *Service) RollbackStage(ctx context.Context, in *sdk.RollbackStageInput) (*sdk.RollbackStageOutput, error) {
	id, err := s.flow.Rollback(ctx, aws.ToString(in.PipelineName), aws.ToString(in.StageName),
		aws.ToString(in.TargetPipelineExecutionId), awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.RollbackStageOutput{PipelineExecutionId: &id}, nil
}

// PutApprovalResult decides a manual approval.
func (s *Service) PutApprovalResult(ctx context.Context, in *sdk.PutApprovalResultInput) (*sdk.PutApprovalResultOutput, error) {
	at, err := s.flow.Approve(ctx, flow.Approval{
		Pipeline: aws.ToString(in.PipelineName), Stage: aws.ToString(in.StageName), Action: aws.ToString(in.ActionName),
		Token: aws.ToString(in.Token), Approved: in.Result.Status == types.ApprovalStatusApproved,
		Summary: aws.ToString(in.Result.Summary), By: awsapi.Caller(ctx).Principal(),
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.PutApprovalResultOutput{ApprovedAt: &at}, nil
}

// EnableStageTransition lets executions through again.
func (s *Service) EnableStageTransition(ctx context.Context, in *sdk.EnableStageTransitionInput) (*sdk.EnableStageTransitionOutput, error) {
	err := s.flow.SetTransition(ctx, flow.Transition{
		Pipeline: aws.ToString(in.PipelineName), Stage: aws.ToString(in.StageName), Enabled: true,
		Type: engine.TransitionType(in.TransitionType), By: awsapi.Caller(ctx).Arn,
	})
	return &sdk.EnableStageTransitionOutput{}, exception(err)
}

// DisableStageTransition holds executions at a stage.
func (s *Service) DisableStageTransition(ctx context.Context, in *sdk.DisableStageTransitionInput) (*sdk.DisableStageTransitionOutput, error) {
	err := s.flow.SetTransition(ctx, flow.Transition{
		Pipeline: aws.ToString(in.PipelineName), Stage: aws.ToString(in.StageName), Reason: aws.ToString(in.Reason),
		Type: engine.TransitionType(in.TransitionType), By: awsapi.Caller(ctx).Arn,
	})
	return &sdk.DisableStageTransitionOutput{}, exception(err)
}

// GetPipelineExecution reads one execution.
func (s *Service) GetPipelineExecution(ctx context.Context, in *sdk.GetPipelineExecutionInput) (*sdk.GetPipelineExecutionOutput, error) {
	r, err := s.flow.GetExecution(ctx, aws.ToString(in.PipelineName), aws.ToString(in.PipelineExecutionId))
	if err != nil {
		return nil, exception(err)
	}
	e := &types.PipelineExecution{
		PipelineName: in.PipelineName, PipelineExecutionId: &r.ID, PipelineVersion: number(r.Version),
		Status: types.PipelineExecutionStatus(r.Status), StatusSummary: optional(r.Reason),
		ExecutionMode: types.ExecutionMode(r.Mode), ExecutionType: types.ExecutionType(r.Type),
		Trigger: triggerOf(r), RollbackMetadata: rollbackOf(r),
		ArtifactRevisions: []types.ArtifactRevision{}, Variables: []types.ResolvedPipelineVariable{},
	}
	for _, v := range r.Variables {
		e.Variables = append(e.Variables, types.ResolvedPipelineVariable{Name: &v.Name, ResolvedValue: &v.ResolvedValue})
	}
	for _, v := range r.Revisions {
		if v.Artifact == "" {
			continue
		}
		e.ArtifactRevisions = append(e.ArtifactRevisions, types.ArtifactRevision{
			Name: &v.Artifact, RevisionId: optional(v.Revision.ID), RevisionChangeIdentifier: optional(v.Revision.Change),
			RevisionSummary: optional(v.Revision.Summary), RevisionUrl: optional(v.Revision.URL), Created: stamp(v.Revision.Created),
		})
	}
	return &sdk.GetPipelineExecutionOutput{PipelineExecution: e}, nil
}

// ListPipelineExecutions lists executions, newest first.
func (s *Service) ListPipelineExecutions(ctx context.Context, in *sdk.ListPipelineExecutionsInput) (*sdk.ListPipelineExecutionsOutput, error) {
	stage := ""
	if in.Filter != nil && in.Filter.SucceededInStage != nil {
		stage = aws.ToString(in.Filter.SucceededInStage.StageName)
	}
	list, next, err := s.flow.ListExecutions(ctx, aws.ToString(in.PipelineName), stage, page(in.MaxResults, in.NextToken))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListPipelineExecutionsOutput{
		NextToken: optional(next), PipelineExecutionSummaries: make([]types.PipelineExecutionSummary, len(list)),
	}
	for i := range list {
		out.PipelineExecutionSummaries[i] = summaryOf(&list[i])
	}
	return out, nil
}

func summaryOf(r *engine.ExecutionRecord) types.PipelineExecutionSummary {
	summary := types.PipelineExecutionSummary{
		PipelineExecutionId: &r.ID, Status: types.PipelineExecutionStatus(r.Status), StatusSummary: optional(r.Reason),
		StartTime: stamp(r.Started), LastUpdateTime: stamp(r.Updated),
		ExecutionMode: types.ExecutionMode(r.Mode), ExecutionType: types.ExecutionType(r.Type),
		Trigger: triggerOf(*r), RollbackMetadata: rollbackOf(*r), SourceRevisions: []types.SourceRevision{},
	}
	if r.Stop != nil {
		summary.StopTrigger = &types.StopExecutionTrigger{Reason: optional(r.Stop.Reason)}
	}
	last := ""
	for _, v := range r.Revisions {
		if v.Action == last { // one per action, also when it has several artifacts
			continue
		}
		last = v.Action
		summary.SourceRevisions = append(summary.SourceRevisions, types.SourceRevision{
			ActionName: &v.Action, RevisionId: optional(v.Revision.ID),
			RevisionSummary: optional(v.Revision.Summary), RevisionUrl: optional(v.Revision.URL),
		})
	}
	return summary
}

func triggerOf(r engine.ExecutionRecord) *types.ExecutionTrigger {
	return &types.ExecutionTrigger{
		TriggerType: types.TriggerType(r.Trigger.TriggerType), TriggerDetail: optional(r.Trigger.TriggerDetail),
	}
}

func rollbackOf(r engine.ExecutionRecord) *types.PipelineRollbackMetadata {
	if r.RollbackTarget == "" {
		return nil
	}
	return &types.PipelineRollbackMetadata{RollbackTargetPipelineExecutionId: &r.RollbackTarget}
}
