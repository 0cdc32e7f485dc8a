package codepipeline

import (
	"context"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// PollForJobs hands jobs of a custom action type out.
func (s *Service) PollForJobs(ctx context.Context, in *sdk.PollForJobsInput) (*sdk.PollForJobsOutput, error) {
	jobs, err := s.flow.PollForJobs(ctx, domainTypeID(in.ActionTypeId), int(aws.ToInt32(in.MaxBatchSize)), in.QueryParam)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.PollForJobsOutput{Jobs: []types.Job{}}
	for i := range jobs {
		data, err := s.jobData(ctx, &jobs[i])
		if err != nil {
			return nil, err
		}
		out.Jobs = append(out.Jobs, types.Job{Id: &jobs[i].ID, Nonce: &jobs[i].Nonce, AccountId: aws.String(s.flow.Account()), Data: data})
	}
	return out, nil
}

func domainTypeID(id *types.ActionTypeId) pipeline.ActionTypeID {
	return pipeline.ActionTypeID{
		Category: string(id.Category), Owner: string(id.Owner), Provider: aws.ToString(id.Provider), Version: aws.ToString(id.Version),
	}
}

// jobData is what a worker needs; its secrets are in clear, and its credentials are fresh.
func (s *Service) jobData(ctx context.Context, j *flow.WorkerJob) (*types.JobData, error) {
	job := &j.Job
	data := &types.JobData{
		ActionTypeId:        typeID(job.TypeID),
		ActionConfiguration: &types.ActionConfiguration{Configuration: maps.Clone(orEmpty(job.Configuration))},
		PipelineContext: &types.PipelineContext{
			PipelineName: &job.Pipeline, PipelineArn: aws.String(s.flow.ARN(job.Pipeline)), PipelineExecutionId: &job.ExecutionID,
			Stage:  &types.StageContext{Name: &job.Stage},
			Action: &types.ActionContext{Name: &job.Action, ActionExecutionId: &job.ActionExecutionID},
		},
		InputArtifacts: jobArtifacts(job.Inputs), OutputArtifacts: jobArtifacts(job.Outputs), ContinuationToken: optional(j.Continuation),
	}
	if k := job.EncryptionKey; k != nil {
		data.EncryptionKey = &types.EncryptionKey{Id: &k.ID, Type: types.EncryptionKeyType(k.Type)}
	}
	if len(job.Inputs)+len(job.Outputs) == 0 {
		return data, nil
	}
	c, err := s.flow.ArtifactCredentials(ctx, j)
	if err != nil {
		return nil, err
	}
	data.ArtifactCredentials = &types.AWSSessionCredentials{AccessKeyId: &c.ID, SecretAccessKey: &c.Secret, SessionToken: &c.SessionToken}
	return data, nil
}

func jobArtifacts(list []pipeline.Artifact) []types.Artifact {
	out := make([]types.Artifact, len(list))
	for i, a := range list {
		out[i] = types.Artifact{
			Name: aws.String(a.Name),
			Location: &types.ArtifactLocation{
				Type:       types.ArtifactLocationTypeS3,
				S3Location: &types.S3ArtifactLocation{BucketName: aws.String(a.Bucket), ObjectKey: aws.String(a.Key)},
			},
		}
		if a.Revision != nil {
			out[i].Revision = optional(a.Revision.ID)
		}
	}
	return out
}

// AcknowledgeJob takes a job that was handed out.
func (s *Service) AcknowledgeJob(ctx context.Context, in *sdk.AcknowledgeJobInput) (*sdk.AcknowledgeJobOutput, error) {
	state, err := s.flow.AcknowledgeJob(ctx, aws.ToString(in.JobId), aws.ToString(in.Nonce), flow.Claim{})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.AcknowledgeJobOutput{Status: types.JobStatus(state)}, nil
}

// GetJobDetails reads a job.
func (s *Service) GetJobDetails(ctx context.Context, in *sdk.GetJobDetailsInput) (*sdk.GetJobDetailsOutput, error) {
	j, err := s.flow.JobDetails(ctx, aws.ToString(in.JobId), flow.Claim{})
	if err != nil {
		return nil, exception(err)
	}
	data, err := s.jobData(ctx, j)
	if err != nil {
		return nil, err
	}
	return &sdk.GetJobDetailsOutput{JobDetails: &types.JobDetails{Id: &j.ID, AccountId: aws.String(s.flow.Account()), Data: data}}, nil
}

// PutJobSuccessResult ends a job well.
func (s *Service) PutJobSuccessResult(ctx context.Context, in *sdk.PutJobSuccessResultInput) (*sdk.PutJobSuccessResultOutput, error) {
	r := success(in.ContinuationToken, in.ExecutionDetails, in.CurrentRevision)
	r.Variables = in.OutputVariables
	return &sdk.PutJobSuccessResultOutput{}, exception(s.flow.PutJobResult(ctx, aws.ToString(in.JobId), flow.Claim{}, r))
}

func success(continuation *string, d *types.ExecutionDetails, c *types.CurrentRevision) flow.JobResult {
	r := flow.JobResult{Continuation: aws.ToString(continuation)}
	if d != nil {
		r.Summary, r.ExternalID, r.Percent = aws.ToString(d.Summary), aws.ToString(d.ExternalExecutionId), int(aws.ToInt32(d.PercentComplete))
	}
	if c != nil {
		r.Revision = &pipeline.Revision{
			ID: aws.ToString(c.Revision), Change: aws.ToString(c.ChangeIdentifier), Summary: aws.ToString(c.RevisionSummary), Created: aws.ToTime(c.Created),
		}
	}
	return r
}

func failure(f *types.FailureDetails) flow.JobResult {
	return flow.JobResult{
		ExternalID: aws.ToString(f.ExternalExecutionId),
		Failure:    &pipeline.ErrorDetails{Code: string(f.Type), Message: aws.ToString(f.Message)},
	}
}

// PutJobFailureResult ends a job that failed.
func (s *Service) PutJobFailureResult(ctx context.Context, in *sdk.PutJobFailureResultInput) (*sdk.PutJobFailureResultOutput, error) {
	return &sdk.PutJobFailureResultOutput{}, exception(s.flow.PutJobResult(ctx, aws.ToString(in.JobId), flow.Claim{}, failure(in.FailureDetails)))
}

// PutActionRevision tells of a revision of a source, and starts the pipeline when it is new.
func (s *Service) PutActionRevision(ctx context.Context, in *sdk.PutActionRevisionInput) (*sdk.PutActionRevisionOutput, error) {
	id, isNew, err := s.flow.PutActionRevision(ctx, aws.ToString(in.PipelineName), aws.ToString(in.StageName), aws.ToString(in.ActionName),
		aws.ToString(in.ActionRevision.RevisionId), awsapi.Caller(ctx).Arn)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.PutActionRevisionOutput{NewRevision: isNew, PipelineExecutionId: optional(id)}, nil
}
