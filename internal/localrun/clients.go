package localrun

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// clients are the unmodified SDK clients, pointed at the run's server.
type clients struct {
	pipelines *codepipeline.Client
	builds    *codebuild.Client
	logs      *cloudwatchlogs.Client
	objects   *s3.Client
}

func newClients(s Server) clients {
	c := aws.Config{
		Region: s.Region, BaseEndpoint: aws.String(s.URL),
		Credentials: credentials.NewStaticCredentialsProvider(s.AccessKey, s.SecretKey, s.SessionToken),
	}
	return clients{
		pipelines: codepipeline.NewFromConfig(c),
		builds:    codebuild.NewFromConfig(c),
		logs:      cloudwatchlogs.NewFromConfig(c),
		objects:   s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }),
	}
}

func (c clients) makeBucket(ctx context.Context, name string) error {
	_, err := c.objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(name)})
	return err
}

// defaultImage is told to builds whose project names no image.
const defaultImage = "aws/codebuild/standard:7.0"

// makeProject stores a project with the sources and artifacts of a pipeline, or with given ones.
func (c clients) makeProject(ctx context.Context, p *Project, env []Variable, sources *buildtypes.ProjectSource, artifacts *buildtypes.ProjectArtifacts, more []buildtypes.ProjectArtifacts) error {
	e := buildtypes.ProjectEnvironment{
		Type: p.Environment.Type, ComputeType: p.Environment.ComputeType, Image: aws.String(p.Environment.Image),
		PrivilegedMode: p.Environment.PrivilegedMode, EnvironmentVariables: p.Environment.EnvironmentVariables,
	}
	if e.Type == "" {
		e.Type = buildtypes.EnvironmentTypeLinuxContainer
	}
	if e.ComputeType == "" {
		e.ComputeType = buildtypes.ComputeTypeBuildGeneral1Small
	}
	if *e.Image == "" {
		e.Image = aws.String(defaultImage)
	}
	for _, v := range env {
		e.EnvironmentVariables = slices.DeleteFunc(e.EnvironmentVariables, func(old buildtypes.EnvironmentVariable) bool { return aws.ToString(old.Name) == v.Name })
		e.EnvironmentVariables = append(e.EnvironmentVariables, buildtypes.EnvironmentVariable{
			Name: aws.String(v.Name), Value: aws.String(v.Value), Type: buildtypes.EnvironmentVariableTypePlaintext,
		})
	}
	if p.Source.Buildspec != "" {
		sources.Buildspec = aws.String(p.Source.Buildspec)
	}
	_, err := c.builds.CreateProject(ctx, &codebuild.CreateProjectInput{
		Name: aws.String(p.Name), ServiceRole: aws.String(role), Source: sources, Artifacts: artifacts, SecondaryArtifacts: more, Environment: &e,
		TimeoutInMinutes: p.TimeoutInMinutes, QueuedTimeoutInMinutes: p.QueuedTimeoutInMinutes, BuildBatchConfig: p.batchConfig(),
	})
	return err
}

// batchConfig is how the project's batches run here: under this run's role, with no statuses reported anywhere.
func (p *Project) batchConfig() *buildtypes.ProjectBuildBatchConfig {
	if p.BuildBatchConfig == nil {
		return nil
	}
	c := *p.BuildBatchConfig
	c.ServiceRole, c.BatchReportMode = aws.String(role), ""
	return &c
}

// actions are all action executions of an execution, oldest first.
func (c clients) actions(ctx context.Context, pipeline, execution string) ([]types.ActionExecutionDetail, error) {
	var all []types.ActionExecutionDetail
	pages := codepipeline.NewListActionExecutionsPaginator(c.pipelines, &codepipeline.ListActionExecutionsInput{
		PipelineName: aws.String(pipeline), Filter: &types.ActionExecutionFilter{PipelineExecutionId: aws.String(execution)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.ActionExecutionDetails...)
	}
	slices.SortStableFunc(all, func(a, b types.ActionExecutionDetail) int {
		return aws.ToTime(a.StartTime).Compare(aws.ToTime(b.StartTime))
	})
	return all, nil
}

// tail reads a log stream from where it was read last.
type tail struct {
	group, stream string
	token         *string
}

// tailOf is the stream that a log stream's ARN means.
func tailOf(arn string) (*tail, bool) {
	_, rest, ok := strings.Cut(arn, ":log-group:")
	group, stream, found := strings.Cut(rest, ":log-stream:")
	return &tail{group: group, stream: stream}, ok && found
}

// lines are all that are new. A stream appears with its first line.
func (c clients) lines(ctx context.Context, t *tail) ([]string, error) {
	var lines []string
	for {
		out, err := c.logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{
			LogGroupName: &t.group, LogStreamName: &t.stream, StartFromHead: aws.Bool(true), NextToken: t.token,
		})
		if _, notYet := errors.AsType[*logtypes.ResourceNotFoundException](err); notYet {
			return lines, nil
		}
		if err != nil {
			return lines, err
		}
		for _, e := range out.Events {
			lines = append(lines, strings.TrimRight(aws.ToString(e.Message), "\r\n"))
		}
		t.token = out.NextForwardToken
		if len(out.Events) == 0 {
			return lines, nil
		}
	}
}
