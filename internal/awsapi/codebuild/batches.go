package codebuild

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// StartBuildBatch starts the builds of a buildspec's batch section, with overrides.
func (s *Service) StartBuildBatch(ctx context.Context, in *sdk.StartBuildBatchInput) (*sdk.StartBuildBatchOutput, error) {
	one := overridesOfBatch(in)
	if err := checkOverrides(&one); err != nil {
		return nil, exception(err)
	}
	if err := checkBatchConfig("buildBatchConfigOverride", in.BuildBatchConfigOverride); err != nil {
		return nil, exception(err)
	}
	var b types.BuildBatch
	err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = s.builds.StartBatch(ctx, tx, build.BatchRequest{
			Request: build.Request{Input: one, Initiator: initiator(ctx)}, Config: in.BuildBatchConfigOverride,
		})
		return err
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StartBuildBatchOutput{BuildBatch: &b}, nil
}

// overridesOfBatch is what holds for every build of a batch.
func overridesOfBatch(in *sdk.StartBuildBatchInput) sdk.StartBuildInput {
	return sdk.StartBuildInput{
		ProjectName: in.ProjectName, IdempotencyToken: in.IdempotencyToken, DebugSessionEnabled: in.DebugSessionEnabled,
		SourceTypeOverride: in.SourceTypeOverride, SourceLocationOverride: in.SourceLocationOverride, SourceAuthOverride: in.SourceAuthOverride,
		SourceVersion: in.SourceVersion, SecondarySourcesOverride: in.SecondarySourcesOverride, SecondarySourcesVersionOverride: in.SecondarySourcesVersionOverride,
		GitCloneDepthOverride: in.GitCloneDepthOverride, GitSubmodulesConfigOverride: in.GitSubmodulesConfigOverride, InsecureSslOverride: in.InsecureSslOverride,
		ReportBuildStatusOverride: in.ReportBuildBatchStatusOverride, BuildspecOverride: in.BuildspecOverride,
		ArtifactsOverride: in.ArtifactsOverride, SecondaryArtifactsOverride: in.SecondaryArtifactsOverride,
		EnvironmentVariablesOverride: in.EnvironmentVariablesOverride, EnvironmentTypeOverride: in.EnvironmentTypeOverride, ImageOverride: in.ImageOverride,
		ComputeTypeOverride: in.ComputeTypeOverride, CertificateOverride: in.CertificateOverride, PrivilegedModeOverride: in.PrivilegedModeOverride,
		RegistryCredentialOverride: in.RegistryCredentialOverride, ImagePullCredentialsTypeOverride: in.ImagePullCredentialsTypeOverride,
		CacheOverride: in.CacheOverride, ServiceRoleOverride: in.ServiceRoleOverride, EncryptionKeyOverride: in.EncryptionKeyOverride,
		LogsConfigOverride: in.LogsConfigOverride, TimeoutInMinutesOverride: in.BuildTimeoutInMinutesOverride, QueuedTimeoutInMinutesOverride: in.QueuedTimeoutInMinutesOverride,
	}
}

// checkBatchConfig refuses how a batch is to be run if this server cannot run it so.
func checkBatchConfig(field string, c *types.ProjectBuildBatchConfig) error {
	if c == nil {
		return nil
	}
	if n := c.TimeoutInMins; n != nil && (*n < 5 || *n > 2160) {
		return build.Invalidf("%s: timeoutInMins must be from 5 to 2160, not %d", field, *n)
	}
	if c.BatchReportMode == types.BatchReportModeTypeReportAggregatedBatch {
		return build.Invalidf("%s: batchReportMode REPORT_AGGREGATED_BATCH is not supported by this server, where every build of a batch reports; use REPORT_INDIVIDUAL_BUILDS", field)
	}
	r := c.Restrictions
	switch {
	case r == nil:
		return nil
	case r.MaximumBuildsAllowed != nil && (*r.MaximumBuildsAllowed < 1 || *r.MaximumBuildsAllowed > 100):
		return build.Invalidf("%s: restrictions.maximumBuildsAllowed must be from 1 to 100, not %d", field, *r.MaximumBuildsAllowed)
	}
	return nil
}

// StopBuildBatch stops what runs of a batch and starts nothing more of it. One that has ended is returned as it is.
func (s *Service) StopBuildBatch(ctx context.Context, in *sdk.StopBuildBatchInput) (*sdk.StopBuildBatchOutput, error) {
	b, err := s.builds.StopBatch(ctx, *in.Id)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.StopBuildBatchOutput{BuildBatch: &b}, nil
}

// RetryBuildBatch runs a batch again that has failed: all of it, or what has failed.
func (s *Service) RetryBuildBatch(ctx context.Context, in *sdk.RetryBuildBatchInput) (*sdk.RetryBuildBatchOutput, error) {
	if aws.ToString(in.Id) == "" {
		return nil, invalid("id is missing: name the batch to retry")
	}
	all := in.RetryType != types.RetryBuildBatchTypeRetryFailedBuilds
	var b types.BuildBatch
	err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = s.builds.RetryBatch(ctx, tx, *in.Id, all, aws.ToString(in.IdempotencyToken))
		return err
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.RetryBuildBatchOutput{BuildBatch: &b}, nil
}

// DeleteBuildBatch forgets a batch that has ended, with its builds.
func (s *Service) DeleteBuildBatch(ctx context.Context, in *sdk.DeleteBuildBatchInput) (*sdk.DeleteBuildBatchOutput, error) {
	builds, err := s.builds.DeleteBatch(ctx, *in.Id)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteBuildBatchOutput{StatusCode: aws.String("BATCH_DELETED"), BuildsDeleted: builds, BuildsNotDeleted: []types.BuildNotDeleted{}}, nil
}

// BatchGetBuildBatches reads batches by id or ARN.
func (s *Service) BatchGetBuildBatches(ctx context.Context, in *sdk.BatchGetBuildBatchesInput) (*sdk.BatchGetBuildBatchesOutput, error) {
	list, missing, err := found(in.Ids, build.ErrNoBatch, func(id string) (types.BuildBatch, error) { return s.builds.GetBatch(ctx, id) })
	return &sdk.BatchGetBuildBatchesOutput{BuildBatches: list, BuildBatchesNotFound: missing}, err
}

func batchStatus(f *types.BuildBatchFilter) types.StatusType {
	if f == nil {
		return ""
	}
	return f.Status
}

// ListBuildBatches lists the ids of all batches, newest first.
func (s *Service) ListBuildBatches(ctx context.Context, in *sdk.ListBuildBatchesInput) (*sdk.ListBuildBatchesOutput, error) {
	ids, next, err := s.builds.ListBatches(ctx, build.BatchQuery{
		Status: batchStatus(in.Filter), Ascending: orderOf(in.SortOrder, false), After: aws.ToString(in.NextToken), Limit: int(aws.ToInt32(in.MaxResults)),
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListBuildBatchesOutput{Ids: ids, NextToken: pageToken(next)}, nil
}

// ListBuildBatchesForProject lists the ids of a project's batches, newest first.
func (s *Service) ListBuildBatchesForProject(ctx context.Context, in *sdk.ListBuildBatchesForProjectInput) (*sdk.ListBuildBatchesForProjectOutput, error) {
	if aws.ToString(in.ProjectName) == "" {
		return nil, invalid("projectName is missing")
	}
	name := build.ProjectName(*in.ProjectName)
	if _, err := s.builds.Project(ctx, name); err != nil {
		return nil, exception(err)
	}
	ids, next, err := s.builds.ListBatches(ctx, build.BatchQuery{
		Project: name, Status: batchStatus(in.Filter), Ascending: orderOf(in.SortOrder, false), After: aws.ToString(in.NextToken), Limit: int(aws.ToInt32(in.MaxResults)),
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListBuildBatchesForProjectOutput{Ids: ids, NextToken: pageToken(next)}, nil
}
