package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// UpdateActionType makes an action type of a partner, or changes it. On AWS partners have theirs made for them.
func (s *Service) UpdateActionType(ctx context.Context, in *sdk.UpdateActionTypeInput) (*sdk.UpdateActionTypeOutput, error) {
	declared, err := fromSDK[flow.PartnerType](in.ActionType)
	if err != nil {
		return nil, err
	}
	return &sdk.UpdateActionTypeOutput{}, exception(s.flow.PutPartnerType(ctx, declared))
}

// GetActionType reads the declaration of an action type of a partner.
func (s *Service) GetActionType(ctx context.Context, in *sdk.GetActionTypeInput) (*sdk.GetActionTypeOutput, error) {
	declared, err := s.flow.GetPartnerType(ctx, pipeline.ActionTypeID{
		Category: string(in.Category), Owner: aws.ToString(in.Owner), Provider: aws.ToString(in.Provider), Version: aws.ToString(in.Version),
	})
	if err != nil {
		return nil, exception(err)
	}
	t, err := toSDK[types.ActionTypeDeclaration](declared)
	return &sdk.GetActionTypeOutput{ActionType: &t}, err
}

// PollForThirdPartyJobs hands jobs of a partner's action type out. What they are about is told to whoever knows the token
// of the client.
func (s *Service) PollForThirdPartyJobs(ctx context.Context, in *sdk.PollForThirdPartyJobsInput) (*sdk.PollForThirdPartyJobsOutput, error) {
	jobs, err := s.flow.PollForPartnerJobs(ctx, domainTypeID(in.ActionTypeId), int(aws.ToInt32(in.MaxBatchSize)))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.PollForThirdPartyJobsOutput{Jobs: []types.ThirdPartyJob{}}
	for i := range jobs {
		out.Jobs = append(out.Jobs, types.ThirdPartyJob{JobId: &jobs[i].ID, ClientId: aws.String(jobs[i].ClientID())})
	}
	return out, nil
}

func partner(clientToken *string) flow.Claim {
	return flow.Claim{Partner: true, Token: aws.ToString(clientToken)}
}

// GetThirdPartyJobDetails reads a job, with fresh credentials for its artifacts.
func (s *Service) GetThirdPartyJobDetails(ctx context.Context, in *sdk.GetThirdPartyJobDetailsInput) (*sdk.GetThirdPartyJobDetailsOutput, error) {
	if uuid.Validate(aws.ToString(in.JobId)) != nil {
		return nil, exception(pipeline.Errorf(pipeline.InvalidJob, "'%s' is not the id of a job. Take the jobId that PollForThirdPartyJobs has given", aws.ToString(in.JobId)))
	}
	j, err := s.flow.JobDetails(ctx, aws.ToString(in.JobId), partner(in.ClientToken))
	if err != nil {
		return nil, exception(err)
	}
	data, err := s.jobData(ctx, j)
	if err != nil {
		return nil, err
	}
	delete(data.ActionConfiguration.Configuration, flow.KeyClientToken)                   // whoever asks has it
	data.PipelineContext.PipelineArn, data.PipelineContext.PipelineExecutionId = nil, nil // as on AWS
	return &sdk.GetThirdPartyJobDetailsOutput{JobDetails: &types.ThirdPartyJobDetails{
		Id: &j.ID, Nonce: optional(j.Nonce),
		Data: &types.ThirdPartyJobData{
			ActionTypeId: data.ActionTypeId, ActionConfiguration: data.ActionConfiguration, PipelineContext: data.PipelineContext,
			InputArtifacts: data.InputArtifacts, OutputArtifacts: data.OutputArtifacts, ArtifactCredentials: data.ArtifactCredentials,
			ContinuationToken: data.ContinuationToken, EncryptionKey: data.EncryptionKey,
		},
	}}, nil
}

// AcknowledgeThirdPartyJob takes a job that was handed out.
func (s *Service) AcknowledgeThirdPartyJob(ctx context.Context, in *sdk.AcknowledgeThirdPartyJobInput) (*sdk.AcknowledgeThirdPartyJobOutput, error) {
	state, err := s.flow.AcknowledgeJob(ctx, aws.ToString(in.JobId), aws.ToString(in.Nonce), partner(in.ClientToken))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.AcknowledgeThirdPartyJobOutput{Status: types.JobStatus(state)}, nil
}

// PutThirdPartyJobSuccessResult ends a job well.
func (s *Service) PutThirdPartyJobSuccessResult(ctx context.Context, in *sdk.PutThirdPartyJobSuccessResultInput) (*sdk.PutThirdPartyJobSuccessResultOutput, error) {
	r := success(in.ContinuationToken, in.ExecutionDetails, in.CurrentRevision)
	return &sdk.PutThirdPartyJobSuccessResultOutput{}, exception(s.flow.PutJobResult(ctx, aws.ToString(in.JobId), partner(in.ClientToken), r))
}

// PutThirdPartyJobFailureResult ends a job that failed.
func (s *Service) PutThirdPartyJobFailureResult(ctx context.Context, in *sdk.PutThirdPartyJobFailureResultInput) (*sdk.PutThirdPartyJobFailureResultOutput, error) {
	r := failure(in.FailureDetails)
	return &sdk.PutThirdPartyJobFailureResultOutput{}, exception(s.flow.PutJobResult(ctx, aws.ToString(in.JobId), partner(in.ClientToken), r))
}
