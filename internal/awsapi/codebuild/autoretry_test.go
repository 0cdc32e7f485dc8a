package codebuild_test

import (
	"context"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func TestAutoRetry(t *testing.T) {
	ctx := context.Background()
	c := serve(t, sqltest.SQLite(t))
	in := project("flaky")
	in.Source.Buildspec = aws.String("version: 0.2\nphases: {build: {commands: ['false']}}")
	in.AutoRetryLimit = aws.Int32(2)
	made, err := c.CreateProject(ctx, in)
	if err != nil || aws.ToInt32(made.Project.AutoRetryLimit) != 2 {
		t.Fatalf("%+v, %v", made, err)
	}
	ended := func(id string) (b types.Build) {
		t.Helper()
		eventually(t, "the end of "+id, func() bool {
			out, err := c.BatchGetBuilds(ctx, &sdk.BatchGetBuildsInput{Ids: []string{id}})
			if err != nil || len(out.Builds) != 1 {
				t.Fatalf("%+v, %v", out, err)
			}
			b = out.Builds[0]
			return b.BuildComplete
		})
		return b
	}
	out, err := c.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: aws.String("flaky"), AutoRetryLimitOverride: aws.Int32(1)})
	if err != nil {
		t.Fatal(err)
	}
	first := ended(*out.Build.Id)
	second := ended(aws.ToString(first.AutoRetryConfig.NextAutoRetry))
	if got := second.AutoRetryConfig; *got.AutoRetryLimit != 1 || *got.AutoRetryNumber != 1 || *got.PreviousAutoRetry != *first.Arn || got.NextAutoRetry != nil {
		t.Errorf("the retry shows %+v", got)
	}
	up, err := c.UpdateProject(ctx, &sdk.UpdateProjectInput{Name: aws.String("flaky"), AutoRetryLimit: aws.Int32(0)})
	if err != nil || aws.ToInt32(up.Project.AutoRetryLimit) != 0 {
		t.Fatalf("%+v, %v", up, err)
	}
	out, err = c.StartBuild(ctx, &sdk.StartBuildInput{ProjectName: aws.String("flaky")})
	if err != nil || out.Build.AutoRetryConfig != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	ended(*out.Build.Id)
}
