package localrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// LogOptions say whose log is shown.
type LogOptions struct {
	What      string // the id or ARN of a build or of a batch of builds, a pipeline, or a build project
	Execution string // of the pipeline; "": the newest
	Follow    bool   // until it ends
	Out       io.Writer
}

// Logs shows the log of a build, or those of all actions of a pipeline's execution, and why it failed. *Failed when it did.
func Logs(ctx context.Context, s Server, o LogOptions) error {
	r := &run{server: s, api: newClients(s), began: time.Now()}
	if _, batch, found := strings.Cut(o.What, ":build-batch/"); found {
		return r.batchLog(ctx, batch, o)
	}
	if id, ok := strings.CutPrefix(o.What, "arn:"); ok || strings.Contains(o.What, ":") {
		if _, build, found := strings.Cut(id, ":build/"); found {
			o.What = build
		}
		err := r.buildLog(ctx, o.What, o)
		if errors.Is(err, errNoBuild) { // an id does not tell which of the two it is of
			return r.batchLog(ctx, o.What, o)
		}
		return err
	}
	err := r.pipelineLogs(ctx, o)
	if _, none := errors.AsType[*pipelinetypes.PipelineNotFoundException](err); !none {
		return plain(err)
	}
	list, err := r.api.builds.ListBuildsForProject(ctx, &codebuild.ListBuildsForProjectInput{ProjectName: &o.What})
	if err != nil || len(list.Ids) == 0 {
		return fmt.Errorf("there is no pipeline %s, and no build of a project of that name", o.What)
	}
	return r.buildLog(ctx, list.Ids[0], o)
}

func (r *run) buildLog(ctx context.Context, id string, o LogOptions) error {
	r.View = &plainView{out: o.Out}
	b, err := r.followBuild(ctx, id, id, o.Follow)
	if err != nil {
		return err
	}
	if !b.BuildComplete {
		return nil
	}
	return r.conclude(string(b.BuildStatus), build.FailureReason(b))
}

// batchLog shows the logs of a batch's builds.
func (r *run) batchLog(ctx context.Context, id string, o LogOptions) error {
	r.View = &plainView{out: o.Out, named: true}
	f := &followedBatch{run: r, id: id}
	b, err := f.follow(ctx, o.Follow)
	if err != nil || !b.Complete {
		return err
	}
	return r.conclude(string(b.BuildBatchStatus), f.reason(b))
}

func (r *run) pipelineLogs(ctx context.Context, o LogOptions) error {
	r.View = &plainView{out: o.Out, named: true}
	if o.Execution == "" {
		var err error
		if o.Execution, err = r.api.newestExecution(ctx, o.What); err != nil {
			return err
		}
	}
	f := &following{run: r, name: o.What, execution: o.Execution, seen: map[string]*watched{}}
	if o.Follow {
		end, err := f.follow(ctx)
		if err != nil {
			return err
		}
		return r.conclude(string(end.Status), f.reason(end))
	}
	now, err := r.api.pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &o.What, PipelineExecutionId: &o.Execution})
	if err != nil {
		return err
	}
	if err := f.update(ctx); err != nil || now.PipelineExecution.Status == pipelinetypes.PipelineExecutionStatusInProgress {
		return err
	}
	return r.conclude(string(now.PipelineExecution.Status), f.reason(now.PipelineExecution))
}

// newestExecution is the id of a pipeline's newest execution.
func (c clients) newestExecution(ctx context.Context, pipeline string) (string, error) {
	out, err := c.pipelines.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &pipeline, MaxResults: aws.Int32(1)})
	if err != nil {
		return "", err
	}
	if len(out.PipelineExecutionSummaries) == 0 {
		return "", fmt.Errorf("the pipeline %s has no execution", pipeline)
	}
	return aws.ToString(out.PipelineExecutionSummaries[0].PipelineExecutionId), nil
}

// plainView writes log lines as they are, and what failed.
type plainView struct {
	out   io.Writer
	named bool // say which action a line is of
}

// Begin implements View.
func (*plainView) Begin(string, []string) {}

// Action implements View.
func (*plainView) Action(string, string, string, string) {}

// Log implements View.
func (v *plainView) Log(stage, action string, lines []string) {
	prefix := ""
	if v.named {
		prefix = path.Join(stage, action) + " | "
	}
	for _, line := range lines {
		fmt.Fprintln(v.out, prefix+line)
	}
}

// Artifact implements View.
func (*plainView) Artifact(string, string, string) {}

// End implements View.
func (v *plainView) End(status, reason string, _ time.Duration) {
	if !strings.EqualFold(status, succeeded) {
		fmt.Fprintf(v.out, "\n%s: %s\n", status, reason)
	}
}
