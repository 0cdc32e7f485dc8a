package build_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// tested is a buildspec whose tests fail, and which reports on them all the same.
const tested = `
version: 0.2
env: {variables: {SUITE: unit}}
phases:
  build:
    commands:
      - mkdir -p out && ln -s out link
      - |
        printf '<testsuite name="s"><testcase classname="c" name="a" time="1"/><testcase classname="c" name="b"><failure message="no"/></testcase></testsuite>' >out/a.xml
      - printf '<coverage><packages><package><classes><class filename="x.py"><lines><line hits="1"/><line hits="0"/></lines></class></classes></package></packages></coverage>' >out/cov.xml
      - printf '<testsuite>' >out/broken.xml
      - mkfifo out/pipe.xml
      - "false"
reports:
  $SUITE: {files: ["*.xml"], base-directory: out, discard-paths: yes}
  cov: {files: [out/cov.xml], file-format: CoberturaXml}
  missing: {files: [nowhere/*.xml]}
  outside: {files: ["*"], base-directory: /etc}
  "arn:aws:codebuild:us-east-1:000000000000:report-group/nobodys": {files: [out/a.xml]}
`

func TestReports(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(tested), types.StatusTypeFailed)
	log := s.log(b)
	if len(b.ReportArns) != 2 {
		t.Fatalf("reports %v\n%s", b.ReportArns, log)
	}
	for _, want := range []string{
		"cov.xml cannot be read as JUNITXML", "broken.xml cannot be read as JUNITXML", "Skipping out/pipe.xml",
		"there is no report missing: no matching artifact paths found", "there is no report outside: base-directory /etc lies outside",
		"report-group/nobodys: report group does not exist",
	} {
		if !strings.Contains(log, want) {
			t.Errorf("the log says nothing of %q:\n%s", want, log)
		}
	}
	project := *b.ProjectName
	unit, err := s.builds.Report(s.ctx, b.ReportArns[0])
	if err != nil {
		t.Fatal(err)
	}
	if *unit.ReportGroupArn != "arn:aws:codebuild:us-east-1:000000000000:report-group/"+project+"-unit" || unit.Status != types.ReportStatusTypeFailed ||
		*unit.TestSummary.Total != 2 || unit.TestSummary.StatusCounts["FAILED"] != 1 || *unit.TestSummary.DurationInNanoSeconds != int64(time.Second) ||
		*unit.ExecutionId != *b.Arn || !unit.Expired.Equal(unit.Created.Add(30*24*time.Hour)) {
		t.Errorf("the report of the tests: %+v %+v", unit, unit.TestSummary)
	}
	details, err := s.builds.ReportDetails(s.ctx, b.ReportArns[0])
	if err != nil || len(details.Cases) != 2 || *details.Cases[1].Message != "no" || *details.Cases[1].TestRawDataPath != "a.xml" {
		t.Errorf("its cases: %+v, %v", details.Cases, err)
	}
	coverage, err := s.builds.Report(s.ctx, b.ReportArns[1])
	if err != nil || coverage.Status != types.ReportStatusTypeSucceeded || *coverage.CodeCoverageSummary.LineCoveragePercentage != 50 {
		t.Errorf("the report of the coverage: %+v, %v", coverage, err)
	}
}

func TestReportsAreExported(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	for _, packaging := range []types.ReportPackagingType{types.ReportPackagingTypeNone, types.ReportPackagingTypeZip} {
		group, err := s.builds.CreateReportGroup(s.ctx, types.ReportGroup{
			Name: aws.String("group-" + string(packaging)), Type: types.ReportTypeTest,
			ExportConfig: &types.ReportExportConfig{ExportConfigType: types.ReportExportConfigTypeS3, S3Destination: &types.S3ReportExportConfig{
				Bucket: aws.String(bucket), Path: aws.String("raw/"), Packaging: packaging,
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		b := s.expect(s.run(`
version: 0.2
phases: {build: {commands: ["echo '<testsuite/>' >a.xml"]}}
reports: {"`+*group.Arn+`": {files: [a.xml]}}
`), types.StatusTypeSucceeded)
		if len(b.ReportArns) != 1 {
			t.Fatalf("reports %v\n%s", b.ReportArns, s.log(b))
		}
		_, id, _ := build.ParseReportARN(b.ReportArns[0])
		if key := "raw/" + *group.Name + "/" + id; packaging == types.ReportPackagingTypeZip {
			if got := s.unzip(key + ".zip"); got["a.xml"] != "<testsuite/>\n" {
				t.Errorf("the zip holds %v", got)
			}
		} else if got := s.object(key + "/a.xml"); string(got) != "<testsuite/>\n" {
			t.Errorf("the object is %q", got)
		}
	}
}

// A build that is cut off and runs again replaces its report, and a report in a group of another type is refused.
func TestReportsOfAGroup(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("p", "version: 0.2\nphases: {build: {commands: [\"echo '<testsuite/>' >a.xml\"]}}\nreports: {r: {files: [a.xml]}}")
	var arns []string
	for range 3 {
		b := s.expect(s.wait(*s.start(request("p")).Id), types.StatusTypeSucceeded)
		arns = append([]string{b.ReportArns[0]}, arns...)
	}
	page, next, err := s.builds.ListReports(s.ctx, build.ReportQuery{Group: "p-r", Limit: 2})
	if err != nil || !slices.Equal(page, arns[:2]) || next == "" {
		t.Fatalf("the first page is %v, %q, %v, want %v", page, next, err, arns[:2])
	}
	page, next, err = s.builds.ListReports(s.ctx, build.ReportQuery{Group: "p-r", Limit: 2, After: next})
	if err != nil || !slices.Equal(page, arns[2:]) || next != "" {
		t.Errorf("the second page is %v, %q, %v, want %v", page, next, err, arns[2:])
	}
	s.project("q", "version: 0.2\nphases: {build: {commands: [\"echo '<coverage/>' >a.xml\"]}}\nreports: {\"arn:aws:codebuild:us-east-1:000000000000:report-group/p-r\": {files: [a.xml], file-format: CLOVERXML}}")
	b := s.expect(s.wait(*s.start(request("q")).Id), types.StatusTypeSucceeded)
	if log := s.log(b); len(b.ReportArns) != 0 || !strings.Contains(log, "the report group p-r is of the type TEST") {
		t.Errorf("coverage in a group of tests: %v\n%s", b.ReportArns, log)
	}
	if err := s.builds.PruneReports(s.ctx, time.Now().Add(31*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if page, _, err := s.builds.ListReports(s.ctx, build.ReportQuery{Limit: 10}); err != nil || len(page) != 0 {
		t.Errorf("after their time there are %v, %v", page, err)
	}
	if _, err := s.builds.ReportGroup(s.ctx, "p-r"); err != nil {
		t.Errorf("their group: %v", err)
	}
}
