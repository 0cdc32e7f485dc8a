package codebuild_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/codebuild"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/build/remote"
	"github.com/conveyor-cd/conveyor/internal/connection"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

var images = []codebuild.Image{
	{Name: "host", Description: "This server's own host"},
	{Name: "aws/codebuild/amazonlinux-x86_64-standard:5.0", Description: "Runs in a container of example/builder:1"},
}

// serve is the SDK's client of the API, over HTTP, of a service that runs builds.
func serve(t *testing.T, st store.Store) *sdk.Client {
	t.Helper()
	config, begin := lay(t, st)
	begin()
	return sdk.NewFromConfig(config)
}

// lay makes a service of builds and serves its API. The builds wait in their queue until begin is called.
func lay(t *testing.T, st store.Store) (config aws.Config, begin func()) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	runner, err := host.New(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(st, queue.Config{})
	builds := build.New(build.Config{
		Store: st, Queue: q, Runner: runner, Place: build.Place{Region: "us-east-1", Account: "000000000000"}, Log: log,
	})
	builds.Register(q)
	box, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	remotes := remote.New(remote.Options{Store: st, Box: box, Connections: connection.New(st, box, connection.Options{})})
	remotes.Serve(builds, q)
	begin = func() {
		if err := q.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := q.Stop(context.Background()); err != nil {
				t.Error(err)
			}
			runner.Wait()
		})
	}
	api := codebuild.New(st, builds, codebuild.Options{Remotes: remotes, Images: images}).API()
	return awsapitest.Serve(t, func(m *awsapi.Mux) { m.Add(api) }), begin
}

// eventually waits for what is to come true.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(60 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for %s", what)
		}
	}
}

func project(name string) *sdk.CreateProjectInput {
	return &sdk.CreateProjectInput{
		Name:        aws.String(name),
		Source:      &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: aws.String("version: 0.2\nphases: {build: {commands: ['true']}}")},
		Artifacts:   &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: aws.String("i"), ComputeType: types.ComputeTypeBuildGeneral1Small},
		ServiceRole: aws.String("arn:aws:iam::000000000000:role/r"),
	}
}

// is checks that an error is the exception of that name with that text.
func is(t *testing.T, what string, err error, exception, text string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != exception || !strings.Contains(api.ErrorMessage(), text) {
		t.Errorf("%s: %v; want %s with %q", what, err, exception, text)
	}
}

func TestProjects(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx := context.Background()
		c := serve(t, st)
		in := project("site")
		in.Tags = []types.Tag{{Key: aws.String("a"), Value: aws.String("1")}}
		in.Description = aws.String("first")
		made, err := c.CreateProject(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		p := made.Project
		if *p.Arn != "arn:aws:codebuild:us-east-1:000000000000:project/site" || *p.TimeoutInMinutes != 60 || *p.QueuedTimeoutInMinutes != 480 ||
			p.Cache.Type != types.CacheTypeNoCache || p.ProjectVisibility != types.ProjectVisibilityTypePrivate || p.Badge == nil || p.Badge.BadgeEnabled ||
			*p.EncryptionKey != "arn:aws:kms:us-east-1:000000000000:alias/aws/s3" || *p.Environment.PrivilegedMode ||
			p.Environment.ImagePullCredentialsType != types.ImagePullCredentialsTypeCodebuild || p.LogsConfig.CloudWatchLogs.Status != "ENABLED" {
			t.Errorf("defaults are missing in %+v", p)
		}
		_, err = c.CreateProject(ctx, project("site"))
		is(t, "create twice", err, "ResourceAlreadyExistsException", "site")

		up, err := c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("site"), TimeoutInMinutes: aws.Int32(10), Description: aws.String("")})
		if err != nil {
			t.Fatal(err)
		}
		if u := up.Project; *u.TimeoutInMinutes != 10 || u.Description != nil || len(u.Tags) != 1 || *u.ServiceRole != *p.ServiceRole || !u.Created.Equal(*p.Created) {
			t.Errorf("after the update %+v", u)
		}
		_, err = c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("site"), Artifacts: &types.ProjectArtifacts{Type: types.ArtifactsTypeCodepipeline}})
		is(t, "half a change to CODEPIPELINE", err, "InvalidInputException", "do not go together")
		_, err = c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("nobody")})
		is(t, "update nothing", err, "ResourceNotFoundException", "nobody")

		got, err := c.BatchGetProjects(ctx, &sdk.BatchGetProjectsInput{Names: []string{*p.Arn, "nobody", "site"}})
		if err != nil || len(got.Projects) != 2 || !reflect.DeepEqual(got.ProjectsNotFound, []string{"nobody"}) {
			t.Fatalf("%+v, %v", got, err)
		}
		if !reflect.DeepEqual(got.Projects[0], *up.Project) {
			t.Errorf("read back\n%+v\nwant\n%+v", got.Projects[0], *up.Project)
		}
		if _, err := c.CreateProject(ctx, project("another")); err != nil {
			t.Fatal(err)
		}
		list, err := c.ListProjects(ctx, &sdk.ListProjectsInput{SortBy: types.ProjectSortByTypeCreatedTime, SortOrder: types.SortOrderTypeDescending})
		if err != nil || !reflect.DeepEqual(list.Projects, []string{"another", "site"}) {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = c.ListProjects(ctx, &sdk.ListProjectsInput{NextToken: aws.String("made up")})
		is(t, "made-up token", err, "InvalidInputException", "nextToken")
		for range 2 { // deleting what is gone is no mistake
			if _, err := c.DeleteProject(ctx, &sdk.DeleteProjectInput{Name: p.Arn}); err != nil {
				t.Error(err)
			}
		}
		if got, err := c.BatchGetProjects(ctx, &sdk.BatchGetProjectsInput{Names: []string{"site"}}); err != nil || len(got.ProjectsNotFound) != 1 {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

func TestProjectMistakes(t *testing.T) {
	c := serve(t, sqltest.SQLite(t))
	variable := func(name string) types.EnvironmentVariable {
		return types.EnvironmentVariable{Name: aws.String(name), Value: aws.String("")}
	}
	for want, change := range map[string]func(*sdk.CreateProjectInput){
		"location, the URL to clone the repository from, is missing": func(in *sdk.CreateProjectInput) { in.Source.Type = types.SourceTypeGithub },
		"give it to ImportSourceCredentials": func(in *sdk.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String("https://u:p@github.com/a/b.git")}
		},
		"auth.resource, the ARN": func(in *sdk.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String("https://github.com/a/b.git"), Auth: &types.SourceAuth{Type: types.SourceAuthTypeCodeconnections}}
		},
		"insecureSsl does not go together": func(in *sdk.CreateProjectInput) { in.Source.InsecureSsl = aws.Bool(true) },
		"reportBuildStatus does not go":    func(in *sdk.CreateProjectInput) { in.Source.ReportBuildStatus = aws.Bool(true) },
		"source type NO_SOURCE and artifacts type CODEPIPELINE do not go together": func(in *sdk.CreateProjectInput) {
			in.Artifacts.Type = types.ArtifactsTypeCodepipeline
		},
		"location must not be set for source type CODEPIPELINE": func(in *sdk.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeCodepipeline, Location: aws.String("x")}
			in.Artifacts.Type = types.ArtifactsTypeCodepipeline
		},
		"NO_SOURCE needs a buildspec": func(in *sdk.CreateProjectInput) { in.Source.Buildspec = nil },
		"is not the clone URL": func(in *sdk.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeCodecommit, Location: aws.String("nowhere")}
		},
		"is not of the form bucket/path": func(in *sdk.CreateProjectInput) {
			in.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String("b")}
		},
		"fetchSubmodules does not go together": func(in *sdk.CreateProjectInput) {
			in.Source.GitSubmodulesConfig = &types.GitSubmodulesConfig{FetchSubmodules: aws.Bool(true)}
		},
		"location, the name of a bucket": func(in *sdk.CreateProjectInput) { in.Artifacts.Type = types.ArtifactsTypeS3 },
		"folders belong into path": func(in *sdk.CreateProjectInput) {
			in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String("b/c")}
		},
		`path "../x" contains ".."`: func(in *sdk.CreateProjectInput) {
			in.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String("b"), Path: aws.String("../x")}
		},
		"vpcConfig is not supported":       func(in *sdk.CreateProjectInput) { in.VpcConfig = &types.VpcConfig{VpcId: aws.String("vpc-1")} },
		"fileSystemLocations is not":       func(in *sdk.CreateProjectInput) { in.FileSystemLocations = []types.ProjectFileSystemLocation{{}} },
		"badgeEnabled is not supported":    func(in *sdk.CreateProjectInput) { in.BadgeEnabled = aws.Bool(true) },
		"autoRetryLimit is 11; it must be": func(in *sdk.CreateProjectInput) { in.AutoRetryLimit = aws.Int32(11) },
		"autoRetryLimit is -1; it must be": func(in *sdk.CreateProjectInput) { in.AutoRetryLimit = aws.Int32(-1) },
		"type WINDOWS_CONTAINER is not":    func(in *sdk.CreateProjectInput) { in.Environment.Type = types.EnvironmentTypeWindowsContainer },
		"is not the ARN of a fleet": func(in *sdk.CreateProjectInput) {
			in.Environment.Fleet = &types.ProjectFleet{FleetArn: aws.String("arn:aws:codebuild:us-east-1:0:fleet/*")}
		},
		"the variable A is there twice": func(in *sdk.CreateProjectInput) {
			in.Environment.EnvironmentVariables = []types.EnvironmentVariable{variable("A"), variable("A")}
		},
		"cannot be the name of a variable": func(in *sdk.CreateProjectInput) {
			in.Environment.EnvironmentVariables = []types.EnvironmentVariable{variable("A=B")}
		},
		"s3Logs needs a location": func(in *sdk.CreateProjectInput) {
			in.LogsConfig = &types.LogsConfig{S3Logs: &types.S3LogsConfig{Status: types.LogsConfigStatusTypeEnabled}}
		},
		"cache: location is missing": func(in *sdk.CreateProjectInput) { in.Cache = &types.ProjectCache{Type: types.CacheTypeS3} },
		"sourceIdentifier is missing": func(in *sdk.CreateProjectInput) {
			in.SecondarySources = []types.ProjectSource{{Type: types.SourceTypeNoSource}}
		},
		"letters, digits and underscores": func(in *sdk.CreateProjectInput) {
			in.SecondarySources = []types.ProjectSource{{Type: types.SourceTypeNoSource, SourceIdentifier: aws.String("../x")}}
		},
		"artifactIdentifier is missing": func(in *sdk.CreateProjectInput) {
			in.SecondaryArtifacts = []types.ProjectArtifacts{{Type: types.ArtifactsTypeNoArtifacts}}
		},
		"the key k is there twice": func(in *sdk.CreateProjectInput) {
			in.Tags = []types.Tag{{Key: aws.String("k")}, {Key: aws.String("k")}}
		},
	} {
		in := project("bad")
		change(in)
		_, err := c.CreateProject(context.Background(), in)
		is(t, want, err, "InvalidInputException", want)
	}
}

func TestInvalidateProjectCache(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	made, err := c.CreateProject(ctx, project("site"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"site", *made.Project.Arn} {
		if _, err := c.InvalidateProjectCache(ctx, &sdk.InvalidateProjectCacheInput{ProjectName: aws.String(name)}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = c.InvalidateProjectCache(ctx, &sdk.InvalidateProjectCacheInput{ProjectName: aws.String("nobody")})
	is(t, "no project", err, "ResourceNotFoundException", "nobody")
}

func TestBuilds(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	if _, err := c.CreateProject(ctx, project("site")); err != nil {
		t.Fatal(err)
	}
	_, err := c.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: aws.String("nobody")})
	is(t, "no project", err, "ResourceNotFoundException", "nobody")
	for want, in := range map[string]*sdk.StartBuildInput{
		"debugSessionEnabled":     {DebugSessionEnabled: aws.Bool(true)},
		"type WINDOWS_CONTAINER":  {EnvironmentTypeOverride: types.EnvironmentTypeWindowsContainer},
		"location, the URL to":    {SourceTypeOverride: types.SourceTypeGitlab},
		"autoRetryLimitOverride":  {AutoRetryLimitOverride: aws.Int32(11)},
		"secondarySources: type":  {SecondarySourcesOverride: []types.ProjectSource{{Type: types.SourceTypeCodepipeline, SourceIdentifier: aws.String("a")}}},
		"artifactsOverride: loca": {ArtifactsOverride: &types.ProjectArtifacts{Type: types.ArtifactsTypeS3}},
	} {
		in.ProjectName = aws.String("site")
		_, err := c.StartBuild(ctx, in)
		is(t, want, err, "InvalidInputException", want)
	}
	var last *types.Build
	for range 2 {
		out, err := c.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: aws.String("site")})
		if err != nil {
			t.Fatal(err)
		}
		last = out.Build
	}
	if *last.BuildNumber != 2 || *last.Initiator != "root" || last.BuildStatus != types.StatusTypeInProgress || *last.Logs.GroupName != "/aws/codebuild/site" {
		t.Errorf("%+v", last)
	}
	end := time.Now().Add(20 * time.Second)
	for !last.BuildComplete && time.Now().Before(end) {
		out, err := c.BatchGetBuilds(ctx, &sdk.BatchGetBuildsInput{Ids: []string{*last.Id, "site:gone"}})
		if err != nil || len(out.Builds) != 1 || !reflect.DeepEqual(out.BuildsNotFound, []string{"site:gone"}) {
			t.Fatalf("%+v, %v", out, err)
		}
		last = &out.Builds[0]
	}
	if last.BuildStatus != types.StatusTypeSucceeded || len(last.Phases) != 11 {
		t.Fatalf("%+v", last)
	}
	list, err := c.ListBuildsForProject(ctx, &sdk.ListBuildsForProjectInput{ProjectName: aws.String("site")})
	if err != nil || len(list.Ids) != 2 || list.Ids[0] != *last.Id {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = c.ListBuildsForProject(ctx, &sdk.ListBuildsForProjectInput{ProjectName: aws.String("nobody")})
	is(t, "list of nothing", err, "ResourceNotFoundException", "nobody")
	if all, err := c.ListBuilds(ctx, &sdk.ListBuildsInput{}); err != nil || len(all.Ids) != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	stopped, err := c.StopBuild(ctx, &sdk.StopBuildInput{Id: last.Id})
	if err != nil || stopped.Build.BuildStatus != types.StatusTypeSucceeded {
		t.Errorf("%+v, %v", stopped, err)
	}
	_, err = c.StopBuild(ctx, &sdk.StopBuildInput{Id: aws.String("nobody:x")})
	is(t, "stop nothing", err, "ResourceNotFoundException", "nobody:x")
	retry, err := c.RetryBuild(ctx, &sdk.RetryBuildInput{Id: last.Id})
	if err != nil || *retry.Build.BuildNumber != 3 {
		t.Errorf("%+v, %v", retry, err)
	}
	_, err = c.RetryBuild(ctx, &sdk.RetryBuildInput{})
	is(t, "retry without id", err, "InvalidInputException", "id is missing")
	gone, err := c.BatchDeleteBuilds(ctx, &sdk.BatchDeleteBuildsInput{Ids: []string{*last.Id, "site:gone"}})
	if err != nil || !reflect.DeepEqual(gone.BuildsDeleted, []string{*last.Id}) || len(gone.BuildsNotDeleted) != 1 {
		t.Errorf("%+v, %v", gone, err)
	}
}

const stack = `
provider "aws" {
  region = "us-east-1"
  skip_credentials_validation = true
  skip_requesting_account_id = true
  skip_metadata_api_check = true
}
resource "aws_codebuild_project" "piped" {
  name = "piped"
  service_role = "arn:aws:iam::000000000000:role/r"
  artifacts { type = "CODEPIPELINE" }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image = "aws/codebuild/standard:7.0"
    type = "LINUX_CONTAINER"
    environment_variable {
      name = "A"
      value = "${var.value}"
    }
  }
  source {
    type = "CODEPIPELINE"
    buildspec = "buildspec.yml"
  }
  tags = { team = "web" }
}
resource "aws_codebuild_project" "alone" {
  name = "alone"
  description = "one ${var.value}"
  build_timeout = 10
  service_role = "arn:aws:iam::000000000000:role/r"
  artifacts {
    type = "S3"
    location = "bucket"
  }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image = "aws/codebuild/standard:7.0"
    type = "LINUX_CONTAINER"
    privileged_mode = true
  }
  logs_config {
    cloudwatch_logs { group_name = "mine" }
  }
  source {
    type = "CODECOMMIT"
    location = "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site"
    git_clone_depth = 1
  }
}
resource "aws_codebuild_report_group" "tests" {
  name = "tests"
  type = "TEST"
  delete_reports = true
  export_config {
    type = "S3"
    s3_destination {
      bucket = "bucket"
      path = "raw-${var.value}"
      encryption_key = "arn:aws:kms:us-east-1:000000000000:alias/aws/s3"
    }
  }
  tags = { team = "web" }
}
resource "aws_codebuild_resource_policy" "tests" {
  resource_arn = aws_codebuild_report_group.tests.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [] })
}
resource "aws_codebuild_project" "none" {
  name = "none"
  service_role = "arn:aws:iam::000000000000:role/r"
  concurrent_build_limit = 2
  artifacts { type = "NO_ARTIFACTS" }
  environment {
    compute_type = "BUILD_GENERAL1_SMALL"
    image = "i"
    type = "LINUX_CONTAINER"
  }
  source {
    type = "NO_SOURCE"
    buildspec = "version: 0.2\nphases: {build: {commands: [echo]}}"
  }
}
variable "value" { default = "1" }
`

// TestTerraform applies, plans again, changes and destroys projects with the real Terraform.
// What a pipeline's Commands action runs is none of CodeBuild's builds.
func TestBuildsOfPipelinesAreNotShown(t *testing.T) {
	ctx := context.Background()
	st := sqltest.SQLite(t)
	c := serve(t, st)
	inside := build.New(build.Config{Store: st, Queue: queue.New(st, queue.Config{}), Log: slog.New(slog.DiscardHandler)})
	var b types.Build
	err := st.InTx(ctx, func(tx store.Tx) (err error) {
		b, err = inside.Start(ctx, tx, build.Request{
			Key: "action", Pipeline: &build.Pipeline{Name: "pipe"}, Commands: &build.Commands{Lines: []string{"sleep 60"}},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []*string{b.Id, b.Arn} {
		got, err := c.BatchGetBuilds(ctx, &sdk.BatchGetBuildsInput{Ids: []string{*id}})
		if err != nil || len(got.Builds) != 0 || !reflect.DeepEqual(got.BuildsNotFound, []string{*id}) {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = c.StopBuild(ctx, &sdk.StopBuildInput{Id: id})
		is(t, "stop", err, "ResourceNotFoundException", *id)
		_, err = c.RetryBuild(ctx, &sdk.RetryBuildInput{Id: id})
		is(t, "retry", err, "ResourceNotFoundException", *id)
		gone, err := c.BatchDeleteBuilds(ctx, &sdk.BatchDeleteBuildsInput{Ids: []string{*id}})
		if err != nil || len(gone.BuildsDeleted) != 0 || *gone.BuildsNotDeleted[0].StatusCode != "BUILD_NOT_FOUND" {
			t.Errorf("%+v, %v", gone, err)
		}
	}
	if all, err := c.ListBuilds(ctx, &sdk.ListBuildsInput{}); err != nil || len(all.Ids) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	if b, err := inside.Stop(ctx, *b.Id); err != nil || b.BuildStatus == types.StatusTypeSucceeded {
		t.Errorf("%s, %v", b.BuildStatus, err)
	}
}

func TestTerraform(t *testing.T) {
	if testing.Short() {
		t.Skip("Terraform takes several seconds")
	}
	tf, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not installed")
	}
	mirror := providerMirror()
	if mirror == "" {
		t.Skip("the AWS provider of Terraform is not installed; set TF_PROVIDER_MIRROR to its mirror")
	}
	config, begin := lay(t, sqltest.SQLite(t))
	begin()
	dir := t.TempDir()
	rc := filepath.Join(dir, "rc")
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("rc", `provider_installation { filesystem_mirror { path = "`+mirror+`" } }`)
	write("main.tf", stack)
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(tf, args...)
		cmd.Dir = dir
		cmd.Env = append(awsapitest.Environment(t, config), "TF_CLI_CONFIG_FILE="+rc, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("init", "-input=false")
	run("apply", "-auto-approve", "-no-color", "-input=false")
	run("plan", "-detailed-exitcode", "-no-color", "-input=false") // fails when it would change anything
	run("apply", "-auto-approve", "-no-color", "-input=false", "-var", "value=2")
	run("plan", "-detailed-exitcode", "-no-color", "-input=false", "-var", "value=2")
	run("destroy", "-auto-approve", "-no-color", "-input=false")
}

// providerMirror finds the folder that holds registry.terraform.io/hashicorp/aws.
func providerMirror() string {
	places := []string{os.Getenv("TF_PROVIDER_MIRROR"), "/usr/share/terraform/providers", "/usr/local/share/terraform/plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".terraform.d", "plugins"))
	}
	for _, p := range places {
		if _, err := os.Stat(filepath.Join(p, "registry.terraform.io", "hashicorp", "aws")); p != "" && err == nil {
			return p
		}
	}
	return ""
}

func TestSourceCredentials(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	in := &sdk.ImportSourceCredentialsInput{ServerType: types.ServerTypeGithub, AuthType: types.AuthTypePersonalAccessToken, Token: aws.String("t0ken"), ShouldOverwrite: aws.Bool(false)}
	made, err := c.ImportSourceCredentials(ctx, in)
	if err != nil || *made.Arn != "arn:aws:codebuild:us-east-1:000000000000:token/github" {
		t.Fatalf("%+v, %v", made, err)
	}
	_, err = c.ImportSourceCredentials(ctx, in)
	is(t, "import twice", err, "ResourceAlreadyExistsException", "shouldOverwrite")
	list, err := c.ListSourceCredentials(ctx, &sdk.ListSourceCredentialsInput{})
	want := []types.SourceCredentialsInfo{{Arn: made.Arn, ServerType: types.ServerTypeGithub, AuthType: types.AuthTypePersonalAccessToken}}
	if err != nil || !reflect.DeepEqual(list.SourceCredentialsInfos, want) {
		t.Errorf("%+v, %v", list, err)
	}
	in.ServerType, in.AuthType = types.ServerTypeGitlab, types.AuthTypeOauth
	_, err = c.ImportSourceCredentials(ctx, in)
	is(t, "import OAUTH", err, "InvalidInputException", "PERSONAL_ACCESS_TOKEN")
	if _, err := c.DeleteSourceCredentials(ctx, &sdk.DeleteSourceCredentialsInput{Arn: made.Arn}); err != nil {
		t.Error(err)
	}
	_, err = c.DeleteSourceCredentials(ctx, &sdk.DeleteSourceCredentialsInput{Arn: made.Arn})
	is(t, "delete twice", err, "ResourceNotFoundException", "GITHUB")
}

func TestBatches(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		ctx := context.Background()
		c := serve(t, st)
		in := project("many")
		in.Source.Buildspec = aws.String("version: 0.2\nbatch: {build-list: [{identifier: good}, {identifier: bad}]}\nphases: {build: {commands: ['[ $CODEBUILD_BATCH_BUILD_IDENTIFIER = good ]']}}")
		if _, err := c.CreateProject(ctx, in); err != nil {
			t.Fatal(err)
		}
		start := &sdk.StartBuildBatchInput{ProjectName: aws.String("many"), IdempotencyToken: aws.String("t")}
		_, err := c.StartBuildBatch(ctx, start)
		is(t, "not set up", err, "InvalidInputException", "buildBatchConfig with a serviceRole")
		config := &types.ProjectBuildBatchConfig{ServiceRole: aws.String("arn:aws:iam::000000000000:role/r"), Restrictions: &types.BatchRestrictions{MaximumBuildsAllowed: aws.Int32(101)}}
		_, err = c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("many"), BuildBatchConfig: config})
		is(t, "too many", err, "InvalidInputException", "maximumBuildsAllowed")
		config.Restrictions = nil
		if _, err := c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("many"), BuildBatchConfig: config}); err != nil {
			t.Fatal(err)
		}
		made, err := c.StartBuildBatch(ctx, start)
		if err != nil {
			t.Fatal(err)
		}
		id := *made.BuildBatch.Id
		if again, err := c.StartBuildBatch(ctx, start); err != nil || *again.BuildBatch.Id != id {
			t.Errorf("the same token started %+v, %v", again, err)
		}
		start.ImageOverride = aws.String("other")
		_, err = c.StartBuildBatch(ctx, start)
		is(t, "the token of another request", err, "InvalidInputException", "idempotency token")
		ended := func() (b types.BuildBatch) {
			eventually(t, "the batch to end", func() bool {
				got, err := c.BatchGetBuildBatches(ctx, &sdk.BatchGetBuildBatchesInput{Ids: []string{id, "many:none"}})
				if err != nil || len(got.BuildBatches) != 1 || len(got.BuildBatchesNotFound) != 1 {
					t.Fatalf("%+v, %v", got, err)
				}
				b = got.BuildBatches[0]
				return b.Complete
			})
			return b
		}
		b := ended()
		if b.BuildBatchStatus != types.StatusTypeFailed || len(b.BuildGroups) != 2 || *b.Arn != "arn:aws:codebuild:us-east-1:000000000000:build-batch/"+id {
			t.Errorf("%+v", b)
		}
		if _, err := c.RetryBuildBatch(ctx, &sdk.RetryBuildBatchInput{Id: b.Arn, RetryType: types.RetryBuildBatchTypeRetryFailedBuilds}); err != nil {
			t.Fatal(err)
		}
		if b = ended(); len(b.BuildGroups[0].PriorBuildSummaryList) != 0 || len(b.BuildGroups[1].PriorBuildSummaryList) != 1 {
			t.Errorf("after the retry of what failed: %+v", b.BuildGroups)
		}
		if got, err := c.StopBuildBatch(ctx, &sdk.StopBuildBatchInput{Id: &id}); err != nil || got.BuildBatch.BuildBatchStatus != types.StatusTypeFailed {
			t.Errorf("stopping what has ended: %+v, %v", got, err)
		}
		for status, want := range map[types.StatusType]int{types.StatusTypeFailed: 1, types.StatusTypeStopped: 0} {
			list, err := c.ListBuildBatchesForProject(ctx, &sdk.ListBuildBatchesForProjectInput{ProjectName: aws.String("many"), Filter: &types.BuildBatchFilter{Status: status}})
			if err != nil || len(list.Ids) != want {
				t.Errorf("%s: %+v, %v", status, list, err)
			}
		}
		gone, err := c.DeleteBuildBatch(ctx, &sdk.DeleteBuildBatchInput{Id: &id})
		if err != nil || len(gone.BuildsDeleted) != 3 {
			t.Errorf("%+v, %v", gone, err)
		}
		if list, err := c.ListBuildBatches(ctx, &sdk.ListBuildBatchesInput{}); err != nil || len(list.Ids) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		_, err = c.StopBuildBatch(ctx, &sdk.StopBuildBatchInput{Id: &id})
		is(t, "stop what is gone", err, "ResourceNotFoundException", id)
	})
}

func TestWhatIsNotThere(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	made, err := c.CreateProject(ctx, project("site"))
	if err != nil {
		t.Fatal(err)
	}
	seen := &sdk.UpdateProjectVisibilityInput{ProjectArn: made.Project.Arn, ProjectVisibility: types.ProjectVisibilityTypePrivate}
	if out, err := c.UpdateProjectVisibility(ctx, seen); err != nil || out.ProjectVisibility != types.ProjectVisibilityTypePrivate {
		t.Errorf("%+v, %v", out, err)
	}
	seen.ProjectVisibility = types.ProjectVisibilityTypePublicRead
	_, err = c.UpdateProjectVisibility(ctx, seen)
	is(t, "a public project", err, "InvalidInputException", "PUBLIC_READ is not supported")
	_, err = c.CreateFleet(ctx, &sdk.CreateFleetInput{Name: aws.String("f1"), BaseCapacity: aws.Int32(1), ComputeType: types.ComputeTypeBuildGeneral1Small, EnvironmentType: types.EnvironmentTypeLinuxContainer})
	is(t, "a fleet", err, "InvalidInputException", "conveyor worker --label NAME")
	if list, err := c.ListFleets(ctx, &sdk.ListFleetsInput{}); err != nil || len(list.Fleets) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if got, err := c.BatchGetFleets(ctx, &sdk.BatchGetFleetsInput{Names: []string{"f1"}}); err != nil || len(got.FleetsNotFound) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if list, err := c.ListSharedProjects(ctx, &sdk.ListSharedProjectsInput{}); err != nil || len(list.Projects) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = c.CreateWebhook(ctx, &sdk.CreateWebhookInput{ProjectName: aws.String("site")})
	is(t, "a webhook of nothing", err, "InvalidInputException", "needs a source at a forge")
	_, err = c.UpdateWebhook(ctx, &sdk.UpdateWebhookInput{ProjectName: aws.String("site")})
	is(t, "no webhook", err, "ResourceNotFoundException", "Webhook cannot be found")
}
