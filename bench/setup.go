package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const role = "arn:aws:iam::000000000000:role/bench"

// buildScript is the trivial build: it notes when its first command ran and puts that into the page.
const buildScript = `version: 0.2
phases:
  build:
    commands:
      - echo "$(date +%s%N) $(cat text)" > index.html
artifacts:
  files: [index.html]
`

// makeSite makes a repository, the buckets, a project and a work tree that was pushed to main.
func makeSite(ctx context.Context, s *server) (string, error) {
	c := s.config()
	objects := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	for _, name := range []string{"artifacts", "www"} {
		if _, err := objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
			return "", err
		}
	}
	if _, err := objects.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{
		Bucket:               aws.String("www"),
		WebsiteConfiguration: &s3types.WebsiteConfiguration{IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")}},
	}); err != nil {
		return "", err
	}
	if _, err := objects.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String("www"), Policy: aws.String(
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::www/*"}]}`)}); err != nil {
		return "", err
	}
	if _, err := codecommit.NewFromConfig(c).CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: aws.String("site")}); err != nil {
		return "", err
	}
	if _, err := codebuild.NewFromConfig(c).CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: aws.String("site"), ServiceRole: aws.String(role),
		Source:    &buildtypes.ProjectSource{Type: buildtypes.SourceTypeCodepipeline},
		Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeCodepipeline},
		Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small,
			Image: aws.String("aws/codebuild/standard:7.0"),
		},
	}); err != nil {
		return "", err
	}
	work := filepath.Join(s.dir, "work")
	if err := writeFiles(work, map[string]string{"buildspec.yml": buildScript, "text": "first"}); err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"remote", "add", "origin", s.url + "/v1/repos/site"},
		{"add", "-A"},
		{"commit", "-q", "-m", "first"},
		{"push", "-q", "origin", "main"},
	} {
		if err := s.git(ctx, work, args...); err != nil {
			return "", err
		}
	}
	return work, nil
}

func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// makePipeline makes Source -> Build, and -> Deploy when bucket is not empty.
func makePipeline(ctx context.Context, s *server, name, branch, bucket string) error {
	action := func(name, category, provider string, configuration map[string]string, in, out string) types.ActionDeclaration {
		a := types.ActionDeclaration{
			Name: &name, Configuration: configuration,
			ActionTypeId: &types.ActionTypeId{
				Category: types.ActionCategory(category), Owner: types.ActionOwnerAws, Provider: &provider, Version: aws.String("1"),
			},
		}
		if in != "" {
			a.InputArtifacts = []types.InputArtifact{{Name: &in}}
		}
		if out != "" {
			a.OutputArtifacts = []types.OutputArtifact{{Name: &out}}
		}
		return a
	}
	stage := func(name string, a types.ActionDeclaration) types.StageDeclaration {
		return types.StageDeclaration{Name: &name, Actions: []types.ActionDeclaration{a}}
	}
	stages := []types.StageDeclaration{
		stage("Source", action("Source", "Source", "CodeCommit", map[string]string{"RepositoryName": "site", "BranchName": branch}, "", "Source")),
		stage("Build", action("Build", "Build", "CodeBuild", map[string]string{"ProjectName": "site"}, "Source", "Site")),
	}
	if bucket != "" {
		stages = append(stages, stage("Deploy", action("Deploy", "Deploy", "S3", map[string]string{"BucketName": bucket, "Extract": "true"}, "Site", "")))
	}
	_, err := codepipeline.NewFromConfig(s.config()).CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: &types.PipelineDeclaration{
		Name: &name, RoleArn: aws.String(role), Stages: stages,
		ArtifactStore: &types.ArtifactStore{Type: types.ArtifactStoreTypeS3, Location: aws.String("artifacts")},
	}})
	return err
}

// awaitExecutions waits until every pipeline has n executions that ended, and fails if one did not succeed.
func awaitExecutions(ctx context.Context, s *server, pipelines []string, n int) error {
	client := codepipeline.NewFromConfig(s.config())
	for _, name := range pipelines {
		for {
			out, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name})
			if err != nil {
				return err
			}
			ended := 0
			for _, e := range out.PipelineExecutionSummaries {
				switch e.Status {
				case types.PipelineExecutionStatusSucceeded, types.PipelineExecutionStatusSuperseded:
					ended++
				case types.PipelineExecutionStatusFailed:
					return fmt.Errorf("an execution of %s failed: %s", name, aws.ToString(e.StatusSummary))
				}
			}
			if ended >= n {
				break
			}
			if err := pause(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}
