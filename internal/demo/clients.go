package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/conveyor-cd/conveyor/examples"
)

// clients are the unmodified SDK clients, pointed at the server.
type clients struct {
	pipelines *codepipeline.Client
	builds    *codebuild.Client
	commits   *codecommit.Client
	logs      *cloudwatchlogs.Client
	objects   *s3.Client
}

func newClients(o Options) clients {
	c := aws.Config{
		Region:       o.Region,
		BaseEndpoint: aws.String(o.Endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, ""),
	}
	return clients{
		pipelines: codepipeline.NewFromConfig(c),
		builds:    codebuild.NewFromConfig(c),
		commits:   codecommit.NewFromConfig(c),
		logs:      cloudwatchlogs.NewFromConfig(c),
		objects:   s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

func (c clients) createRepository(ctx context.Context) error {
	_, err := c.commits.CreateRepository(ctx, &codecommit.CreateRepositoryInput{
		RepositoryName:        aws.String(repository),
		RepositoryDescription: aws.String("The site of the demo"),
	})
	return err
}

func (c clients) createArtifactBucket(ctx context.Context) error {
	_, err := c.objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(artifacts)})
	return err
}

func (c clients) createSite(ctx context.Context) error {
	if _, err := c.objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(siteBucket)}); err != nil {
		return err
	}
	if _, err := c.objects.PutBucketWebsite(ctx, &s3.PutBucketWebsiteInput{
		Bucket: aws.String(siteBucket),
		WebsiteConfiguration: &s3types.WebsiteConfiguration{
			IndexDocument: &s3types.IndexDocument{Suffix: aws.String("index.html")},
			ErrorDocument: &s3types.ErrorDocument{Key: aws.String("error.html")},
		},
	}); err != nil {
		return err
	}
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::` + siteBucket + `/*"}]}`
	_, err := c.objects.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: aws.String(siteBucket), Policy: aws.String(policy)})
	return err
}

func (c clients) createProject(ctx context.Context) error {
	_, err := c.builds.CreateProject(ctx, &codebuild.CreateProjectInput{
		Name:        aws.String(project),
		ServiceRole: aws.String(role),
		Source:      &buildtypes.ProjectSource{Type: buildtypes.SourceTypeCodepipeline},
		Artifacts:   &buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeCodepipeline},
		Environment: &buildtypes.ProjectEnvironment{
			Type:        buildtypes.EnvironmentTypeLinuxContainer,
			ComputeType: buildtypes.ComputeTypeBuildGeneral1Small,
			Image:       aws.String("aws/codebuild/standard:7.0"),
		},
	})
	return err
}

// createPipeline sends the example's pipeline.json, as `aws codepipeline create-pipeline --cli-input-json` would.
func (c clients) createPipeline(ctx context.Context) error {
	text, err := fs.ReadFile(examples.StaticSite(), "pipeline.json")
	if err != nil {
		return err
	}
	var input codepipeline.CreatePipelineInput
	if err := json.Unmarshal(text, &input); err != nil {
		return err
	}
	_, err = c.pipelines.CreatePipeline(ctx, &input)
	return err
}

// newestExecution is the id of the latest execution; empty when there is none.
func (c clients) newestExecution(ctx context.Context) (string, error) {
	out, err := c.pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{
		PipelineName: aws.String(pipelineID), MaxResults: aws.Int32(1),
	})
	if err != nil || len(out.PipelineExecutionSummaries) == 0 {
		return "", err
	}
	return aws.ToString(out.PipelineExecutionSummaries[0].PipelineExecutionId), nil
}

func (c clients) execution(ctx context.Context, id string) (*pipelinetypes.PipelineExecution, error) {
	out, err := c.pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
		PipelineName: aws.String(pipelineID), PipelineExecutionId: aws.String(id),
	})
	if err != nil {
		return nil, err
	}
	return out.PipelineExecution, nil
}

func (c clients) stages(ctx context.Context) ([]pipelinetypes.StageState, error) {
	out, err := c.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: aws.String(pipelineID)})
	if err != nil {
		return nil, err
	}
	return out.StageStates, nil
}

// buildLog returns the log lines of the execution's newest build after a token, and the token to go on with.
func (c clients) buildLog(ctx context.Context, build string, token *string) ([]string, *string, error) {
	builds, err := c.builds.BatchGetBuilds(ctx, &codebuild.BatchGetBuildsInput{Ids: []string{build}})
	if err != nil || len(builds.Builds) == 0 || builds.Builds[0].Logs == nil || builds.Builds[0].Logs.StreamName == nil {
		return nil, token, err
	}
	logs := builds.Builds[0].Logs
	out, err := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
		LogGroupName: logs.GroupName, LogStreamName: logs.StreamName, StartFromHead: aws.Bool(true), NextToken: token,
	})
	var notYet *logtypes.ResourceNotFoundException
	if errors.As(err, &notYet) {
		return nil, token, nil // the stream appears with the build's first line
	}
	if err != nil {
		return nil, token, err
	}
	var lines []string
	for _, e := range out.Events {
		lines = append(lines, aws.ToString(e.Message))
	}
	return lines, out.NextForwardToken, nil
}

type actionTime struct {
	stage, action string
	started       time.Time
	took          time.Duration
}

// actionTimes are the durations of an execution's actions, in the order they started.
func (c clients) actionTimes(ctx context.Context, executionID string) ([]actionTime, error) {
	out, err := c.pipelines.ListActionExecutions(ctx, &codepipeline.ListActionExecutionsInput{
		PipelineName: aws.String(pipelineID),
		Filter:       &pipelinetypes.ActionExecutionFilter{PipelineExecutionId: aws.String(executionID)},
	})
	if err != nil {
		return nil, err
	}
	var times []actionTime
	for _, a := range out.ActionExecutionDetails {
		start, end := aws.ToTime(a.StartTime), aws.ToTime(a.LastUpdateTime)
		times = append(times, actionTime{aws.ToString(a.StageName), aws.ToString(a.ActionName), start, end.Sub(start)})
	}
	slices.SortStableFunc(times, func(a, b actionTime) int { return a.started.Compare(b.started) })
	return times, nil
}

// fetch gets a page without credentials, as a visitor.
func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s: %s", url, resp.Status, body)
	}
	return string(body), nil
}
