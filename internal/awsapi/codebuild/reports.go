package codebuild

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// BatchGetReports reads reports.
func (s *Service) BatchGetReports(ctx context.Context, in *sdk.BatchGetReportsInput) (*sdk.BatchGetReportsOutput, error) {
	list, missing, err := found(in.ReportArns, build.ErrNoReport, func(arn string) (types.Report, error) { return s.builds.Report(ctx, arn) })
	return &sdk.BatchGetReportsOutput{Reports: list, ReportsNotFound: missing}, err
}

// ListReports lists the ARNs of all reports, newest first.
func (s *Service) ListReports(ctx context.Context, in *sdk.ListReportsInput) (*sdk.ListReportsOutput, error) {
	arns, next, err := s.builds.ListReports(ctx, build.ReportQuery{
		Status: statusOf(in.Filter), Ascending: orderOf(in.SortOrder, false), After: aws.ToString(in.NextToken), Limit: pageSize(in.MaxResults),
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListReportsOutput{Reports: arns, NextToken: pageToken(next)}, nil
}

// ListReportsForReportGroup lists the ARNs of a group's reports, newest first.
func (s *Service) ListReportsForReportGroup(ctx context.Context, in *sdk.ListReportsForReportGroupInput) (*sdk.ListReportsForReportGroupOutput, error) {
	name := build.ReportGroupName(*in.ReportGroupArn)
	if _, err := s.builds.ReportGroup(ctx, name); err != nil {
		return nil, exception(err)
	}
	arns, next, err := s.builds.ListReports(ctx, build.ReportQuery{
		Group: name, Status: statusOf(in.Filter), Ascending: orderOf(in.SortOrder, false),
		After: aws.ToString(in.NextToken), Limit: pageSize(in.MaxResults),
	})
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ListReportsForReportGroupOutput{Reports: arns, NextToken: pageToken(next)}, nil
}

func statusOf(f *types.ReportFilter) types.ReportStatusType {
	if f == nil {
		return ""
	}
	return f.Status
}

// DeleteReport forgets a report.
func (s *Service) DeleteReport(ctx context.Context, in *sdk.DeleteReportInput) (*sdk.DeleteReportOutput, error) {
	if _, _, ok := build.ParseReportARN(*in.Arn); !ok {
		return nil, invalid("%s is not the ARN of a report", *in.Arn)
	}
	if err := s.builds.DeleteReport(ctx, *in.Arn); err != nil {
		return nil, exception(err)
	}
	return &sdk.DeleteReportOutput{}, nil
}
