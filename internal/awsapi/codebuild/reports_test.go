package codebuild_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func noExport() *types.ReportExportConfig {
	return &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeNoExport}
}

func TestReportGroups(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx := context.Background()
		c := serve(t, st)
		make := func(name string) string {
			g, err := c.CreateReportGroup(ctx, &sdk.CreateReportGroupInput{Name: aws.String(name), Type: types.ReportTypeTest, ExportConfig: noExport()})
			if err != nil {
				t.Fatal(err)
			}
			return *g.ReportGroup.Arn
		}
		b, a := make("group-b"), make("group-a")
		_, err := c.CreateReportGroup(ctx, &sdk.CreateReportGroupInput{Name: aws.String("group-a"), Type: types.ReportTypeTest, ExportConfig: noExport()})
		is(t, "create twice", err, "ResourceAlreadyExistsException", "group-a")
		_, err = c.CreateReportGroup(ctx, &sdk.CreateReportGroupInput{Name: aws.String("group-c"), Type: types.ReportTypeTest, ExportConfig: &types.ReportExportConfig{ExportConfigType: "S3"}})
		is(t, "export to nowhere", err, "InvalidInputException", "names no bucket")

		list, err := c.ListReportGroups(ctx, &sdk.ListReportGroupsInput{SortBy: types.ReportGroupSortByTypeName, SortOrder: types.SortOrderTypeAscending, MaxResults: aws.Int32(1)})
		if err != nil || !slices.Equal(list.ReportGroups, []string{a}) || list.NextToken == nil {
			t.Fatalf("the first page %+v, %v", list, err)
		}
		list, err = c.ListReportGroups(ctx, &sdk.ListReportGroupsInput{SortBy: types.ReportGroupSortByTypeName, SortOrder: types.SortOrderTypeAscending, NextToken: list.NextToken})
		if err != nil || !slices.Equal(list.ReportGroups, []string{b}) || list.NextToken != nil {
			t.Errorf("the second page %+v, %v", list, err)
		}

		up, err := c.UpdateReportGroup(ctx, &sdk.UpdateReportGroupInput{Arn: aws.String(a), Tags: []types.Tag{{Key: aws.String("k"), Value: aws.String("v")}}, ExportConfig: &types.ReportExportConfig{
			ExportConfigType: types.ReportExportConfigTypeS3, S3Destination: &types.S3ReportExportConfig{Bucket: aws.String("raw")},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if to := up.ReportGroup.ExportConfig.S3Destination; to.Packaging != types.ReportPackagingTypeNone || to.EncryptionKey == nil || len(up.ReportGroup.Tags) != 1 {
			t.Errorf("after the update %+v", up.ReportGroup)
		}
		_, err = c.UpdateReportGroup(ctx, &sdk.UpdateReportGroupInput{Arn: aws.String(a + "x")})
		is(t, "update nothing", err, "ResourceNotFoundException", "group-ax")

		got, err := c.BatchGetReportGroups(ctx, &sdk.BatchGetReportGroupsInput{ReportGroupArns: []string{a, a + "x"}})
		if err != nil || len(got.ReportGroups) != 1 || !slices.Equal(got.ReportGroupsNotFound, []string{a + "x"}) {
			t.Errorf("%+v, %v", got, err)
		}
		shared, err := c.ListSharedReportGroups(ctx, &sdk.ListSharedReportGroupsInput{})
		if err != nil || len(shared.ReportGroups) != 0 {
			t.Errorf("shared: %+v, %v", shared, err)
		}
		policies(t, c, a)
		for range 2 { // the second time there is nothing to delete
			if _, err := c.DeleteReportGroup(ctx, &sdk.DeleteReportGroupInput{Arn: aws.String(a)}); err != nil {
				t.Error(err)
			}
		}
	})
}

func policies(t *testing.T, c *sdk.Client, arn string) {
	t.Helper()
	ctx := context.Background()
	policy := aws.String(`{"Version":"2012-10-17","Statement":[]}`)
	_, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: aws.String(arn)})
	is(t, "no policy", err, "ResourceNotFoundException", arn)
	_, err = c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String(arn + "x"), Policy: policy})
	is(t, "a policy for nothing", err, "ResourceNotFoundException", "group-ax")
	_, err = c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String("arn:aws:codebuild:us-east-1:000000000000:fleet/f"), Policy: policy})
	is(t, "a policy for a fleet", err, "InvalidInputException", "is not the ARN of")
	_, err = c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String(arn), Policy: aws.String("allow all")})
	is(t, "no JSON", err, "InvalidInputException", "not a JSON object")
	if _, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: aws.String(arn), Policy: policy}); err != nil {
		t.Fatal(err)
	}
	got, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: aws.String(arn)})
	if err != nil || *got.Policy != *policy {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.DeleteResourcePolicy(ctx, &sdk.DeleteResourcePolicyInput{ResourceArn: aws.String(arn)}); err != nil {
		t.Error(err)
	}
}

// A project made anew does not have the policy of the one before.
func TestPoliciesGoWithTheirProject(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	arn := aws.String("arn:aws:codebuild:us-east-1:000000000000:project/site")
	for range 2 {
		if _, err := c.CreateProject(ctx, project("site")); err != nil {
			t.Fatal(err)
		}
		_, err := c.GetResourcePolicy(ctx, &sdk.GetResourcePolicyInput{ResourceArn: arn})
		is(t, "a new project's policy", err, "ResourceNotFoundException", *arn)
		if _, err := c.PutResourcePolicy(ctx, &sdk.PutResourcePolicyInput{ResourceArn: arn, Policy: aws.String("{}")}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.DeleteProject(ctx, &sdk.DeleteProjectInput{Name: aws.String("site")}); err != nil {
			t.Fatal(err)
		}
	}
}

// reporting is a buildspec with a report of tests and one of coverage.
const reporting = `version: 0.2
phases:
  build:
    commands:
      - printf '<testsuite>' >a.xml; for i in 1 2 3; do printf '<testcase classname="c" name="ok %s"/>' $i; done >>a.xml
      - printf '<testcase classname="c" name="bad"><failure message="no"/></testcase></testsuite>' >>a.xml
      - printf '<coverage><project>' >c.xml; for i in 2 1 4; do printf '<file path="%s.c"><metrics statements="4" coveredstatements="%s"/></file>' $i $i; done >>c.xml; printf '</project></coverage>' >>c.xml
reports: {tests: {files: [a.xml]}, coverage: {files: [c.xml], file-format: CLOVERXML}}`

func TestReports(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx := context.Background()
		c := serve(t, st)
		in := project("site")
		in.Source.Buildspec = aws.String(reporting)
		if _, err := c.CreateProject(ctx, in); err != nil {
			t.Fatal(err)
		}
		b := built(t, c, "site")
		if len(b.ReportArns) != 2 {
			t.Fatalf("reports %v", b.ReportArns)
		}
		tests, coverage := aws.String(b.ReportArns[0]), aws.String(b.ReportArns[1])
		got, err := c.BatchGetReports(ctx, &sdk.BatchGetReportsInput{ReportArns: []string{*tests, *tests + "x"}})
		if err != nil || len(got.Reports) != 1 || len(got.ReportsNotFound) != 1 || got.Reports[0].Status != types.ReportStatusTypeFailed || *got.Reports[0].TestSummary.Total != 4 {
			t.Fatalf("%+v, %v", got, err)
		}
		testCases(t, c, tests)
		coverages(t, c, coverage)
		trends(t, c, got.Reports[0].ReportGroupArn)

		list, err := c.ListReports(ctx, &sdk.ListReportsInput{Filter: &types.ReportFilter{Status: types.ReportStatusTypeFailed}})
		if err != nil || !slices.Equal(list.Reports, []string{*tests}) {
			t.Errorf("failed: %+v, %v", list, err)
		}
		group := got.Reports[0].ReportGroupArn
		of, err := c.ListReportsForReportGroup(ctx, &sdk.ListReportsForReportGroupInput{ReportGroupArn: group})
		if err != nil || !slices.Equal(of.Reports, []string{*tests}) {
			t.Errorf("of the group: %+v, %v", of, err)
		}
		_, err = c.ListReportsForReportGroup(ctx, &sdk.ListReportsForReportGroupInput{ReportGroupArn: aws.String(*group + "x")})
		is(t, "of no group", err, "ResourceNotFoundException", "site-testsx")

		_, err = c.DeleteReportGroup(ctx, &sdk.DeleteReportGroupInput{Arn: group})
		is(t, "a group with reports", err, "InvalidInputException", "deleteReports")
		if _, err := c.DeleteReport(ctx, &sdk.DeleteReportInput{Arn: coverage}); err != nil {
			t.Error(err)
		}
		if _, err := c.DeleteReportGroup(ctx, &sdk.DeleteReportGroupInput{Arn: group, DeleteReports: true}); err != nil {
			t.Error(err)
		}
		if list, err := c.ListReports(ctx, &sdk.ListReportsInput{}); err != nil || len(list.Reports) != 0 {
			t.Errorf("at the end there are %+v, %v", list, err)
		}
		_, err = c.DescribeTestCases(ctx, &sdk.DescribeTestCasesInput{ReportArn: tests})
		is(t, "of a report that is gone", err, "ResourceNotFoundException", *tests)
	})
}

// built runs a project and returns its build.
func built(t *testing.T, c *sdk.Client, project string) types.Build {
	t.Helper()
	started, err := c.StartBuild(context.Background(), &sdk.StartBuildInput{ProjectName: aws.String(project)})
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; {
		out, err := c.BatchGetBuilds(context.Background(), &sdk.BatchGetBuildsInput{Ids: []string{*started.Build.Id}})
		if err != nil {
			t.Fatal(err)
		}
		if b := out.Builds[0]; b.BuildComplete || time.Now().After(end) {
			return b
		}
	}
}

func testCases(t *testing.T, c *sdk.Client, arn *string) {
	t.Helper()
	for _, tc := range []struct {
		filter *types.TestCaseFilter
		want   []string
	}{
		{nil, []string{"ok 1", "ok 2", "ok 3", "bad"}},
		{&types.TestCaseFilter{Status: aws.String("FAILED")}, []string{"bad"}},
		{&types.TestCaseFilter{Keyword: aws.String("ok")}, []string{"ok 1", "ok 2", "ok 3"}},
	} {
		var names []string
		pages := sdk.NewDescribeTestCasesPaginator(c, &sdk.DescribeTestCasesInput{ReportArn: arn, Filter: tc.filter, MaxResults: aws.Int32(2)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(context.Background())
			if err != nil || len(page.TestCases) > 2 {
				t.Fatalf("%d cases, %v", len(page.TestCases), err)
			}
			for _, c := range page.TestCases {
				names = append(names, *c.Name)
			}
		}
		if !slices.Equal(names, tc.want) {
			t.Errorf("%+v: %q, want %q", tc.filter, names, tc.want)
		}
	}
	_, err := c.DescribeTestCases(context.Background(), &sdk.DescribeTestCasesInput{ReportArn: arn, NextToken: aws.String("?")})
	is(t, "a token of one's own", err, "InvalidInputException", "nextToken")
}

func coverages(t *testing.T, c *sdk.Client, arn *string) {
	t.Helper()
	for _, tc := range []struct {
		in   sdk.DescribeCodeCoveragesInput
		want []string
	}{
		{sdk.DescribeCodeCoveragesInput{}, []string{"1.c", "2.c", "4.c"}},
		{sdk.DescribeCodeCoveragesInput{SortOrder: types.SortOrderTypeDescending}, []string{"4.c", "2.c", "1.c"}},
		{sdk.DescribeCodeCoveragesInput{SortBy: types.ReportCodeCoverageSortByTypeFilePath, MaxLineCoveragePercentage: aws.Float64(50)}, []string{"1.c", "2.c"}},
		{sdk.DescribeCodeCoveragesInput{MinLineCoveragePercentage: aws.Float64(60)}, []string{"4.c"}},
	} {
		tc.in.ReportArn = arn
		out, err := c.DescribeCodeCoverages(context.Background(), &tc.in)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range out.CodeCoverages {
			names = append(names, *f.FilePath)
		}
		if !slices.Equal(names, tc.want) {
			t.Errorf("%+v: %q, want %q", tc.in, names, tc.want)
		}
	}
}

func trends(t *testing.T, c *sdk.Client, group *string) {
	t.Helper()
	out, err := c.GetReportGroupTrend(context.Background(), &sdk.GetReportGroupTrendInput{ReportGroupArn: group, TrendField: types.ReportGroupTrendFieldTypePassRate})
	if err != nil || len(out.RawData) != 1 || *out.RawData[0].Data != "75" || *out.Stats.Average != "75" || *out.Stats.Max != "75" {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = c.GetReportGroupTrend(context.Background(), &sdk.GetReportGroupTrendInput{ReportGroupArn: group, TrendField: types.ReportGroupTrendFieldTypeLineCoverage})
	is(t, "coverage of tests", err, "InvalidInputException", "does not go with")
}
