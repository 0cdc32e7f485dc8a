package app

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/conveyor-cd/conveyor/internal/vcs/vcstest"
)

// hub is a Git server elsewhere that wants a password: acme/site, whose submodule is acme/library, which anybody with the
// password may read, and acme/private, which no build is about.
type hub struct {
	url, tip, library string
}

func newHub(t *testing.T) hub {
	t.Helper()
	dir := t.TempDir()
	shell := func(script string) string {
		cmd := exec.Command("sh", "-ec", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return strings.TrimSpace(string(out))
	}
	shell(`git init -q -b main l; cd l; echo library >file; git add -A; git commit -qm One; git clone -q --bare . ../acme/library.git; git clone -q --bare . ../acme/private.git; cd ..
		git init -q -b main s; cd s; git -c protocol.file.allow=always submodule --quiet add ../acme/library.git lib; git config -f .gitmodules submodule.lib.url ../library.git
		echo site >file; git add -A; git commit -qm One; git tag v1; git clone -q --bare . ../acme/site.git`)
	handler, err := vcstest.GitHTTP(dir, "t0ken")
	if err != nil {
		t.Skip(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return hub{
		url: server.URL + "/acme/site.git", tip: shell("git -C s rev-parse main"), library: shell("git -C l rev-parse main"),
	}
}

// A build on a worker has what one on the server has: sources at a forge with their submodules, folders of buckets, caches that
// are found by a fallback key, reports and what is exported of them, a log in a bucket.
func TestABuildFarAwayHasAllThatABuildHas(t *testing.T) {
	f, elsewhere := newFar(t), newHub(t)
	f.project("unused")
	builds, ctx := codebuild.NewFromConfig(f.aws), t.Context()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(builds.ImportSourceCredentials(ctx, &codebuild.ImportSourceCredentialsInput{
		AuthType: buildtypes.AuthTypePersonalAccessToken, ServerType: buildtypes.ServerTypeGithubEnterprise, Token: aws.String("t0ken"),
	}))
	for _, key := range []string{"folder/a", "folder/deep/b"} {
		must(f.objects().PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String("made"), Key: aws.String(key), Body: strings.NewReader(key + "\n")}))
	}
	must(builds.CreateReportGroup(ctx, &codebuild.CreateReportGroupInput{
		Name: aws.String("far-exported"), Type: buildtypes.ReportTypeCodeCoverage,
		ExportConfig: &buildtypes.ReportExportConfig{ExportConfigType: buildtypes.ReportExportConfigTypeS3, S3Destination: &buildtypes.S3ReportExportConfig{
			Bucket: aws.String("made"), Path: aws.String("raw"), Packaging: buildtypes.ReportPackagingTypeNone,
		}},
	}))
	must(builds.UpdateProject(ctx, &codebuild.UpdateProjectInput{
		Name: aws.String("far"), SourceVersion: aws.String("main"), Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeNoArtifacts},
		Source: &buildtypes.ProjectSource{
			Type: buildtypes.SourceTypeGithubEnterprise, Location: aws.String(elsewhere.url), GitSubmodulesConfig: &buildtypes.GitSubmodulesConfig{FetchSubmodules: aws.Bool(true)},
			Buildspec: aws.String(`
version: 0.2
phases:
  build:
    commands:
      - cat file lib/file; git rev-parse HEAD; git -C lib rev-parse HEAD; git describe --tags; git remote get-url origin
      - cat "$CODEBUILD_SRC_DIR_folder/a" "$CODEBUILD_SRC_DIR_folder/deep/b"
      - cat cached 2>/dev/null || echo nothing is cached; echo of $VERSION >cached
      - echo '<testsuite><testcase name="x"/><testcase name="y"><failure/></testcase></testsuite>' >tests.xml
      - echo '<coverage generated="1"><project><file name="a.go"><line num="1" type="stmt" count="1"/></file></project></coverage>' >clover.xml
cache: {key: cache-$VERSION, fallback-keys: [cache-], paths: [cached]}
reports:
  unit: {files: [tests.xml]}
  exported: {files: [clover.xml], file-format: CLOVERXML}
`),
		},
		SecondarySources: []buildtypes.ProjectSource{{Type: buildtypes.SourceTypeS3, SourceIdentifier: aws.String("folder"), Location: aws.String("made/folder/")}},
		Cache:            &buildtypes.ProjectCache{Type: buildtypes.CacheTypeS3, Location: aws.String("made/caches")},
		LogsConfig:       &buildtypes.LogsConfig{S3Logs: &buildtypes.S3LogsConfig{Status: buildtypes.LogsConfigStatusTypeEnabled, Location: aws.String("made/logs")}},
	}))
	f.worker("arm64")
	var b buildtypes.Build
	for version, cached := range []string{"nothing is cached", "of 0"} {
		id := f.start(buildtypes.EnvironmentVariable{Name: aws.String("VERSION"), Value: aws.String(string(rune('0' + version)))})
		f.eventually("the end of the build", func() bool { b = f.build(id); return b.BuildComplete })
		want := "\nsite\nlibrary\n" + elsewhere.tip + "\n" + elsewhere.library + "\nv1\n" + elsewhere.url + "\n"
		log := strings.ReplaceAll(f.log(b), "\n\n", "\n")
		if b.BuildStatus != buildtypes.StatusTypeSucceeded || !strings.Contains(log, want) || !strings.Contains(log, "\nfolder/a\nfolder/deep/b\n") || !strings.Contains(log, "\n"+cached+"\n") || strings.Contains(log, "Warning") {
			t.Fatalf("the build is %s; its log should have%s and %s:\n%s", b.BuildStatus, want, cached, log)
		}
	}
	if len(b.ReportArns) != 2 || !strings.Contains(b.ReportArns[1], "/far-exported:") || aws.ToString(b.ResolvedSourceVersion) != elsewhere.tip {
		t.Fatalf("of %s, its reports are %q", aws.ToString(b.ResolvedSourceVersion), b.ReportArns)
	}
	found, err := builds.BatchGetReports(ctx, &codebuild.BatchGetReportsInput{ReportArns: b.ReportArns})
	if err != nil || len(found.Reports) != 2 {
		t.Fatalf("the reports: %v, %v", found, err)
	}
	slices.SortFunc(found.Reports, func(a, b buildtypes.Report) int { return strings.Compare(string(a.Type), string(b.Type)) })
	coverage, tests := found.Reports[0], found.Reports[1]
	if tests.Status != buildtypes.ReportStatusTypeFailed || *tests.TestSummary.Total != 2 || *tests.ExecutionId != *b.Arn || *coverage.CodeCoverageSummary.LineCoveragePercentage != 100 {
		t.Errorf("the reports are %+v and %+v", tests, coverage)
	}
	cases, err := builds.DescribeTestCases(ctx, &codebuild.DescribeTestCasesInput{ReportArn: tests.Arn})
	if err != nil || len(cases.TestCases) != 2 || *cases.TestCases[0].ReportArn != *tests.Arn {
		t.Errorf("the test cases: %+v, %v", cases, err)
	}
	_, report, _ := strings.Cut(*coverage.Arn, "far-exported:")
	_, uuid, _ := strings.Cut(*b.Id, ":")
	for _, key := range []string{"raw/far-exported/" + report + "/clover.xml", "caches/far/k-cache-0.zip", "caches/far/k-cache-1.zip", "logs/" + uuid + ".gz"} {
		must(f.objects().HeadObject(ctx, &s3.HeadObjectInput{Bucket: aws.String("made"), Key: aws.String(key)}))
	}
}
