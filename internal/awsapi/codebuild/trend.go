package codebuild

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// trendNumber is one number of a report; ok is false where a report of its type has none such.
func trendNumber(field types.ReportGroupTrendFieldType, r types.Report) (n float64, ok bool) {
	if t := r.TestSummary; t != nil {
		switch field {
		case types.ReportGroupTrendFieldTypePassRate:
			return 100 * float64(t.StatusCounts["SUCCEEDED"]) / max(1, float64(*t.Total)), true
		case types.ReportGroupTrendFieldTypeDuration:
			return float64(*t.DurationInNanoSeconds), true
		case types.ReportGroupTrendFieldTypeTotal:
			return float64(*t.Total), true
		}
	}
	if c := r.CodeCoverageSummary; c != nil {
		switch field {
		case types.ReportGroupTrendFieldTypeLineCoverage:
			return *c.LineCoveragePercentage, true
		case types.ReportGroupTrendFieldTypeLinesCovered:
			return float64(*c.LinesCovered), true
		case types.ReportGroupTrendFieldTypeLinesMissed:
			return float64(*c.LinesMissed), true
		case types.ReportGroupTrendFieldTypeBranchCoverage:
			return *c.BranchCoveragePercentage, true
		case types.ReportGroupTrendFieldTypeBranchesCovered:
			return float64(*c.BranchesCovered), true
		case types.ReportGroupTrendFieldTypeBranchesMissed:
			return float64(*c.BranchesMissed), true
		}
	}
	return 0, false
}

// GetReportGroupTrend tells how one number of a group's newest reports has developed, newest first.
func (s *Service) GetReportGroupTrend(ctx context.Context, in *sdk.GetReportGroupTrendInput) (*sdk.GetReportGroupTrendOutput, error) {
	name := build.ReportGroupName(*in.ReportGroupArn)
	if _, err := s.builds.ReportGroup(ctx, name); err != nil {
		return nil, exception(err)
	}
	arns, _, err := s.builds.ListReports(ctx, build.ReportQuery{Group: name, Limit: pageSize(in.NumOfReports)})
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.GetReportGroupTrendOutput{RawData: []types.ReportWithRawData{}}
	var sum, least, most float64
	for _, arn := range arns {
		r, err := s.builds.Report(ctx, arn)
		if errors.Is(err, build.ErrNoReport) {
			continue // it has just been deleted
		}
		if err != nil {
			return nil, exception(err)
		}
		n, ok := trendNumber(in.TrendField, r)
		if !ok {
			return nil, invalid("trendField %s does not go with a report group of the type %s", in.TrendField, r.Type)
		}
		if len(out.RawData) == 0 {
			least, most = n, n
		}
		sum, least, most = sum+n, min(least, n), max(most, n)
		out.RawData = append(out.RawData, types.ReportWithRawData{ReportArn: r.Arn, Data: number(n)})
	}
	if n := len(out.RawData); n > 0 {
		out.Stats = &types.ReportGroupTrendStats{Average: number(sum / float64(n)), Min: number(least), Max: number(most)}
	}
	return out, nil
}

func number(n float64) *string { return aws.String(strconv.FormatFloat(n, 'f', -1, 64)) }
