package e2e

import (
	"context"
	"encoding/json"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMake makes things through the SDK, for scripts whose story begins after them.
func cmdMake(ts *testscript.TestScript, neg bool, args []string) {
	usage(ts, !neg && len(args) == 2, "make repository|bucket|versioned|site|project|pipeline NAME")
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	c := aws.Config{
		Region:       ts.Getenv("AWS_DEFAULT_REGION"),
		BaseEndpoint: aws.String(ts.Getenv("AWS_ENDPOINT_URL")),
		Credentials: credentials.NewStaticCredentialsProvider(
			ts.Getenv("AWS_ACCESS_KEY_ID"), ts.Getenv("AWS_SECRET_ACCESS_KEY"), ""),
	}
	name := args[1]
	switch args[0] {
	case "repository":
		_, err := codecommit.NewFromConfig(c).CreateRepository(ctx, &codecommit.CreateRepositoryInput{RepositoryName: &name})
		check(ts, err)
	case "bucket":
		check(ts, makeBucket(ctx, c, name))
	case "versioned":
		check(ts, makeBucket(ctx, c, name))
		_, err := objects(c).PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
			Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
		})
		check(ts, err)
	case "site":
		check(ts, makeSite(ctx, c, name))
	case "project":
		check(ts, makeProject(ctx, c, name))
	case "pipeline":
		check(ts, makePipeline(ctx, c, ts.MkAbs(name+".json")))
	default:
		usage(ts, false, "make repository|bucket|versioned|site|project|pipeline NAME")
	}
}

func objects(c aws.Config) *s3.Client {
	return s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
}

func makeBucket(ctx context.Context, c aws.Config, name string) error {
	_, err := objects(c).CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	return err
}

func makeSite(ctx context.Context, c aws.Config, name string) error {
	if err := makeBucket(ctx, c, name); err != nil {
		return err
	}
	_, err := objects(c).PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{Bucket: &name, WebsiteConfiguration: &s3types.WebsiteConfiguration{
		IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")},
	}})
	if err != nil {
		return err
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + name + `/*"}]}`
	_, err = objects(c).PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy})
	return err
}

func makeProject(ctx context.Context, c aws.Config, name string) error {
	_, err := codebuild.NewFromConfig(c).CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: &name, ServiceRole: aws.String("arn:aws:iam::000000000000:role/conveyor"),
		Source:    &buildtypes.ProjectSource{Type: buildtypes.SourceTypeCodepipeline},
		Artifacts: &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeCodepipeline},
		Environment: &buildtypes.ProjectEnvironment{
			Type: buildtypes.EnvironmentTypeLinuxContainer, ComputeType: buildtypes.ComputeTypeBuildGeneral1Small,
			Image: aws.String("aws/codebuild/standard:7.0"),
		},
	})
	return err
}

func makePipeline(ctx context.Context, c aws.Config, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var input codepipeline.CreatePipelineInput
	if err := json.Unmarshal(text, &input); err != nil {
		return err
	}
	_, err = codepipeline.NewFromConfig(c).CreatePipeline(ctx, &input)
	return err
}
