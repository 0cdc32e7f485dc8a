package codepipeline

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Partners of AWS's work through these operations. This server has no action types of partners, so it has no jobs of
// theirs: what is asked for is never found.

// PollForThirdPartyJobs finds no action type.
func (s *Service) PollForThirdPartyJobs(_ context.Context, in *sdk.PollForThirdPartyJobsInput) (*sdk.PollForThirdPartyJobsOutput, error) {
	id := domainTypeID(in.ActionTypeId)
	if id.Owner != string(types.ActionOwnerThirdParty) {
		return nil, exception(pipeline.Errorf(pipeline.Validation, "Third-party jobs are those of action types with the owner ThirdParty, not '%s'. Use PollForJobs", id.Owner))
	}
	return nil, exception(pipeline.Errorf(pipeline.ActionTypeNotFound, "ActionType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') is not available in region %s",
		id.Category, id.Provider, id.Owner, id.Version, s.flow.Region()))
}

// GetThirdPartyJobDetails finds no job.
func (s *Service) GetThirdPartyJobDetails(_ context.Context, in *sdk.GetThirdPartyJobDetailsInput) (*sdk.GetThirdPartyJobDetailsOutput, error) {
	return nil, exception(noThirdPartyJob(in.JobId))
}

// AcknowledgeThirdPartyJob finds no job.
func (s *Service) AcknowledgeThirdPartyJob(_ context.Context, in *sdk.AcknowledgeThirdPartyJobInput) (*sdk.AcknowledgeThirdPartyJobOutput, error) {
	return nil, exception(noThirdPartyJob(in.JobId))
}

// PutThirdPartyJobSuccessResult finds no job.
func (s *Service) PutThirdPartyJobSuccessResult(_ context.Context, in *sdk.PutThirdPartyJobSuccessResultInput) (*sdk.PutThirdPartyJobSuccessResultOutput, error) {
	return nil, exception(noThirdPartyJob(in.JobId))
}

// PutThirdPartyJobFailureResult finds no job.
func (s *Service) PutThirdPartyJobFailureResult(_ context.Context, in *sdk.PutThirdPartyJobFailureResultInput) (*sdk.PutThirdPartyJobFailureResultOutput, error) {
	return nil, exception(noThirdPartyJob(in.JobId))
}

func noThirdPartyJob(id *string) error {
	return pipeline.Errorf(pipeline.JobNotFound, "There is no third-party job with the id '%s': this server has no action types of partners", aws.ToString(id))
}
