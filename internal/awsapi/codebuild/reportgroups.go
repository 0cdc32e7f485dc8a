package codebuild

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// CreateReportGroup makes a report group.
func (s *Service) CreateReportGroup(ctx context.Context, in *sdk.CreateReportGroupInput) (*sdk.CreateReportGroupOutput, error) {
	if err := errors.Join(checkExport(in.ExportConfig), checkTags(in.Tags)); err != nil {
		return nil, exception(err)
	}
	g, err := s.builds.CreateReportGroup(ctx, types.ReportGroup{
		Name: in.Name, Type: in.Type, ExportConfig: s.completeExport(in.ExportConfig), Tags: in.Tags,
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.CreateReportGroupOutput{ReportGroup: &g}, nil
}

// UpdateReportGroup changes the members that were sent.
func (s *Service) UpdateReportGroup(ctx context.Context, in *sdk.UpdateReportGroupInput) (*sdk.UpdateReportGroupOutput, error) {
	if in.ExportConfig != nil {
		if err := checkExport(in.ExportConfig); err != nil {
			return nil, exception(err)
		}
	}
	if err := checkTags(in.Tags); err != nil {
		return nil, exception(err)
	}
	g, err := s.builds.UpdateReportGroup(ctx, build.ReportGroupName(*in.Arn), func(g *types.ReportGroup) error {
		if in.ExportConfig != nil {
			g.ExportConfig = s.completeExport(in.ExportConfig)
		}
		setList(&g.Tags, in.Tags)
		return nil
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.UpdateReportGroupOutput{ReportGroup: &g}, nil
}

func checkExport(c *types.ReportExportConfig) error {
	if c == nil {
		return build.Invalidf("exportConfig is missing")
	}
	to := c.S3Destination
	switch {
	case c.ExportConfigType == types.ReportExportConfigTypeNoExport:
		return nil
	case c.ExportConfigType != types.ReportExportConfigTypeS3:
		return build.Invalidf("exportConfig: exportConfigType must be S3 or NO_EXPORT")
	case to == nil || aws.ToString(to.Bucket) == "":
		return build.Invalidf("exportConfig: s3Destination names no bucket")
	}
	return checkArtifact("exportConfig: s3Destination", &types.ProjectArtifacts{Path: to.Path})
}

// completeExport fills in what AWS fills in.
func (s *Service) completeExport(c *types.ReportExportConfig) *types.ReportExportConfig {
	if c.ExportConfigType != types.ReportExportConfigTypeS3 {
		return &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeNoExport}
	}
	to := *c.S3Destination
	if to.Packaging == "" {
		to.Packaging = types.ReportPackagingTypeNone
	}
	set(&to.EncryptionDisabled, aws.Bool(aws.ToBool(to.EncryptionDisabled)))
	if to.EncryptionKey == nil && !*to.EncryptionDisabled {
		to.EncryptionKey = aws.String(s.Place.ARN("kms", "alias/aws/s3"))
	}
	return &types.ReportExportConfig{ExportConfigType: c.ExportConfigType, S3Destination: &to}
}

// DeleteReportGroup forgets a report group, and its reports when deleteReports says so.
func (s *Service) DeleteReportGroup(ctx context.Context, in *sdk.DeleteReportGroupInput) (*sdk.DeleteReportGroupOutput, error) {
	if err := s.builds.DeleteReportGroup(ctx, build.ReportGroupName(*in.Arn), in.DeleteReports); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteReportGroupOutput{}, nil
}

// BatchGetReportGroups reads report groups.
func (s *Service) BatchGetReportGroups(ctx context.Context, in *sdk.BatchGetReportGroupsInput) (*sdk.BatchGetReportGroupsOutput, error) {
	list, missing, err := found(in.ReportGroupArns, build.ErrNoReportGroup, func(arn string) (types.ReportGroup, error) {
		return s.builds.ReportGroup(ctx, build.ReportGroupName(arn))
	})
	return &sdk.BatchGetReportGroupsOutput{ReportGroups: list, ReportGroupsNotFound: missing}, err
}

// ListReportGroups lists the ARNs of report groups, by the time they were made unless it is told otherwise.
func (s *Service) ListReportGroups(ctx context.Context, in *sdk.ListReportGroupsInput) (*sdk.ListReportGroupsOutput, error) {
	by := map[types.ReportGroupSortByType]build.ProjectOrder{
		"":                                     build.ByCreated,
		types.ReportGroupSortByTypeName:        build.ByName,
		types.ReportGroupSortByTypeCreatedTime: build.ByCreated,
		types.ReportGroupSortByTypeLastModifiedTime: build.ByModified,
	}[in.SortBy]
	names, next, err := s.builds.ListReportGroups(ctx, by, !orderOf(in.SortOrder, false), aws.ToString(in.NextToken), pageSize(in.MaxResults))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListReportGroupsOutput{ReportGroups: make([]string, len(names)), NextToken: pageToken(next)}
	for i, name := range names {
		out.ReportGroups[i] = s.Place.ARN("codebuild", "report-group/"+name)
	}
	return out, nil
}

// ListSharedReportGroups lists none: there is one account, and nobody to share with.
func (s *Service) ListSharedReportGroups(context.Context, *sdk.ListSharedReportGroupsInput) (*sdk.ListSharedReportGroupsOutput, error) {
	return &sdk.ListSharedReportGroupsOutput{ReportGroups: []string{}}, nil
}

// pageSize is how much a page holds: what was asked for, 100 at most and by default.
func pageSize(asked *int32) int {
	if asked == nil || *asked < 1 {
		return build.PageSize
	}
	return min(int(*asked), build.PageSize)
}
