package build

import (
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/report"
)

// testDetails are the cases as the API shows them; rep gets what they add up to.
func testDetails(t *report.Tests, rep *types.Report) Details {
	counts := map[string]int32{}
	for _, status := range []report.Status{report.Succeeded, report.Failed, report.Errored, report.Skipped, report.Unknown} {
		counts[string(status)] = int32(t.Counts[status])
	}
	rep.TestSummary = &types.TestReportSummary{
		Total: aws.Int32(int32(t.Total)), DurationInNanoSeconds: aws.Int64(int64(t.Duration)), StatusCounts: counts,
	}
	if t.Counts[report.Failed]+t.Counts[report.Errored] > 0 {
		rep.Status = types.ReportStatusTypeFailed
	}
	rep.Truncated = aws.Bool(t.Truncated())
	var d Details
	for _, c := range t.Cases() {
		d.Cases = append(d.Cases, types.TestCase{
			ReportArn: rep.Arn, Name: aws.String(c.Name), Prefix: aws.String(c.Prefix), TestSuiteName: aws.String(c.Suite),
			Status: aws.String(string(c.Status)), DurationInNanoSeconds: aws.Int64(int64(c.Duration)), Message: aws.String(c.Message),
			TestRawDataPath: aws.String(c.File),
		})
	}
	return d
}

// coverageDetails are the source files as the API shows them; rep gets what they add up to.
func coverageDetails(c *report.Coverage, rep *types.Report) Details {
	rep.CodeCoverageSummary = &types.CodeCoverageReportSummary{
		LinesCovered: aws.Int32(int32(c.Lines.Covered)), LinesMissed: aws.Int32(int32(c.Lines.Missed)),
		LineCoveragePercentage: aws.Float64(c.Lines.Percentage()),
		BranchesCovered:        aws.Int32(int32(c.Branches.Covered)), BranchesMissed: aws.Int32(int32(c.Branches.Missed)),
		BranchCoveragePercentage: aws.Float64(c.Branches.Percentage()),
	}
	rep.Truncated = aws.Bool(c.Truncated)
	var d Details
	for _, f := range c.Files() {
		lines := report.Parts{Covered: f.LinesCovered, Missed: f.LinesMissed}
		branches := report.Parts{Covered: f.BranchesCovered, Missed: f.BranchesMissed}
		d.Files = append(d.Files, types.CodeCoverage{
			Id: aws.String(uuid.NewSHA1(uuid.Nil, []byte(*rep.Arn+f.Path)).String()), ReportARN: rep.Arn, FilePath: aws.String(f.Path),
			LinesCovered: aws.Int32(int32(lines.Covered)), LinesMissed: aws.Int32(int32(lines.Missed)),
			LineCoveragePercentage: aws.Float64(lines.Percentage()),
			BranchesCovered:        aws.Int32(int32(branches.Covered)), BranchesMissed: aws.Int32(int32(branches.Missed)),
			BranchCoveragePercentage: aws.Float64(branches.Percentage()),
		})
	}
	return d
}
