package localrun

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	buildtypes "github.com/aws/aws-sdk-go-v2/service/codebuild/types"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// pipeline makes the pipeline, follows its one execution and fetches what it made.
func (r *run) pipeline(ctx context.Context) error {
	name := aws.ToString(r.plan.Pipeline.Name)
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if _, err := r.api.pipelines.CreatePipeline(ctx, &codepipeline.CreatePipelineInput{Pipeline: r.plan.Pipeline}); err != nil {
		return fmt.Errorf("the pipeline is refused: %w", plain(err))
	}
	id, err := r.api.newestExecution(ctx, name)
	if err != nil {
		return err
	}
	r.View.Begin(name, stageNames(r.plan.Pipeline))
	f := &following{run: r, name: name, execution: id, seen: map[string]*watched{}}
	end, err := f.follow(ctx)
	if err != nil {
		return err
	}
	if err := r.fetchArtifacts(ctx, f); err != nil {
		return err
	}
	return r.conclude(string(end.Status), f.reason(end))
}

func stageNames(p *types.PipelineDeclaration) []string {
	var names []string
	for _, s := range p.Stages {
		names = append(names, aws.ToString(s.Name))
	}
	return names
}

func (r *run) prepare(ctx context.Context) error {
	if err := r.api.makeBucket(ctx, artifactBucket); err != nil {
		return err
	}
	for bucket := range r.plan.buckets {
		if err := r.api.makeBucket(ctx, bucket); err != nil {
			return fmt.Errorf("making the bucket %s: %w", bucket, plain(err))
		}
	}
	for _, p := range r.plan.Projects {
		err := r.api.makeProject(ctx, p, r.Env, &buildtypes.ProjectSource{Type: buildtypes.SourceTypeCodepipeline},
			&buildtypes.ProjectArtifacts{Type: buildtypes.ArtifactsTypeCodepipeline}, nil)
		if err != nil {
			return fmt.Errorf("making the build project %s: %w", p.Name, plain(err))
		}
	}
	return nil
}

// conclude shows how everything ended.
func (r *run) conclude(status, reason string) error {
	ok := status == string(types.PipelineExecutionStatusSucceeded) || status == string(buildtypes.StatusTypeSucceeded)
	r.View.End(status, reason, time.Since(r.began))
	if ok {
		return nil
	}
	return &Failed{Reason: status + ": " + headline(reason)}
}

// following is an execution that is watched.
type following struct {
	*run
	name, execution string
	actions         []types.ActionExecutionDetail
	seen            map[string]*watched // by action execution
	asked           map[string]bool     // approvals, by token
}

// watched is what was shown of an action.
type watched struct {
	status types.ActionExecutionStatus
	log    *tail
	batch  *followedBatch
}

// follow shows what happens until the execution ends.
func (f *following) follow(ctx context.Context) (*types.PipelineExecution, error) {
	began := time.Now()
	for {
		// The end is looked for first: what happened before it is then complete.
		out, err := f.api.pipelines.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{
			PipelineName: &f.name, PipelineExecutionId: &f.execution,
		})
		if err != nil {
			return nil, interrupted(ctx, err)
		}
		if err := f.update(ctx); err != nil {
			return nil, interrupted(ctx, err)
		}
		switch out.PipelineExecution.Status {
		case types.PipelineExecutionStatusInProgress, types.PipelineExecutionStatusStopping:
		default:
			return out.PipelineExecution, nil
		}
		if err := f.pause(ctx, refresh(began)); err != nil {
			return nil, err
		}
	}
}

// interrupted is the reason for which ctx ended, when that is why something failed.
func interrupted(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// update shows what is new of every action.
func (f *following) update(ctx context.Context) (err error) {
	if f.actions, err = f.api.actions(ctx, f.name, f.execution); err != nil {
		return err
	}
	for i := range f.actions {
		a := &f.actions[i]
		w := f.seen[aws.ToString(a.ActionExecutionId)]
		if w == nil {
			w = &watched{}
			f.seen[aws.ToString(a.ActionExecutionId)] = w
		}
		if err := f.showAction(ctx, a, w); err != nil {
			return err
		}
	}
	return nil
}

func (f *following) showAction(ctx context.Context, a *types.ActionExecutionDetail, w *watched) error {
	stage, action := aws.ToString(a.StageName), aws.ToString(a.ActionName)
	running := a.Status == types.ActionExecutionStatusInProgress
	if w.status == "" {
		w.status = types.ActionExecutionStatusInProgress
		f.View.Action(stage, action, string(w.status), "")
	}
	if w.status == types.ActionExecutionStatusInProgress {
		if err := f.showWork(ctx, a, w); err != nil {
			return err
		}
	}
	if w.status != a.Status {
		w.status = a.Status
		f.View.Action(stage, action, string(a.Status), failureOf(a))
	}
	if running && isApproval(a) && f.plan != nil { // an execution of this run: others are for others to approve
		return f.approve(ctx, stage, action)
	}
	return nil
}

// showWork shows what is new of what an action says while it runs: of its log, or of its batch of builds.
func (f *following) showWork(ctx context.Context, a *types.ActionExecutionDetail, w *watched) error {
	stage, action := aws.ToString(a.StageName), aws.ToString(a.ActionName)
	if id := batchOf(a); id != "" && w.batch == nil {
		w.batch = &followedBatch{run: f.run, id: id, stage: stage, prefix: action + "/"}
	}
	if w.batch != nil {
		_, err := w.batch.update(ctx)
		return err
	}
	if w.log == nil {
		if arn := logOf(a); arn != "" {
			w.log, _ = tailOf(arn)
		}
	}
	return f.showLines(ctx, stage, action, w.log)
}

// batchOf is the batch of builds that an action runs, or "".
func batchOf(a *types.ActionExecutionDetail) string {
	if a.Input == nil || a.Output == nil || a.Output.ExecutionResult == nil || !strings.EqualFold(a.Input.Configuration["BatchEnabled"], "true") {
		return ""
	}
	return aws.ToString(a.Output.ExecutionResult.ExternalExecutionId)
}

func logOf(a *types.ActionExecutionDetail) string {
	if a.Output == nil || a.Output.ExecutionResult == nil {
		return ""
	}
	return aws.ToString(a.Output.ExecutionResult.LogStreamARN)
}

func failureOf(a *types.ActionExecutionDetail) string {
	if a.Output == nil || a.Output.ExecutionResult == nil || a.Output.ExecutionResult.ErrorDetails == nil {
		return ""
	}
	return aws.ToString(a.Output.ExecutionResult.ErrorDetails.Message)
}

func isApproval(a *types.ActionExecutionDetail) bool {
	return a.Input != nil && a.Input.ActionTypeId != nil && a.Input.ActionTypeId.Category == types.ActionCategoryApproval
}

// reason is why the execution did not succeed: the first action that failed, or what the execution itself says.
func (f *following) reason(end *types.PipelineExecution) string {
	for i := range f.actions {
		if a := &f.actions[i]; a.Status == types.ActionExecutionStatusFailed {
			return aws.ToString(a.StageName) + "/" + aws.ToString(a.ActionName) + ": " + failureOf(a)
		}
	}
	return aws.ToString(end.StatusSummary)
}

// approve answers an approval that waits, once.
func (f *following) approve(ctx context.Context, stage, action string) error {
	state, err := f.api.pipelines.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &f.name})
	if err != nil {
		return err
	}
	token := waitingToken(state.StageStates, stage, action)
	if token == "" || f.asked[token] {
		return nil
	}
	if f.asked == nil {
		f.asked = map[string]bool{}
	}
	f.asked[token] = true
	status, summary, err := f.answer(ctx, stage, action)
	if err != nil {
		return err
	}
	_, err = f.api.pipelines.PutApprovalResult(ctx, &codepipeline.PutApprovalResultInput{
		PipelineName: &f.name, StageName: &stage, ActionName: &action, Token: &token,
		Result: &types.ApprovalResult{Status: status, Summary: &summary},
	})
	return err
}

func (f *following) answer(ctx context.Context, stage, action string) (types.ApprovalStatus, string, error) {
	switch {
	case f.Yes:
		return types.ApprovalStatusApproved, "approved by --yes", nil
	case f.Ask == nil:
		return types.ApprovalStatusRejected, "nobody could be asked: run in a terminal, or approve with --yes", nil
	}
	yes, err := f.Ask(ctx, fmt.Sprintf("%s waits for approval in stage %s. Approve? [y/N] ", action, stage))
	if err != nil {
		return "", "", errors.Join(context.Cause(ctx), err)
	}
	if yes {
		return types.ApprovalStatusApproved, "approved in the terminal", nil
	}
	return types.ApprovalStatusRejected, "rejected in the terminal", nil
}

func waitingToken(stages []types.StageState, stage, action string) string {
	for _, s := range stages {
		for _, a := range s.ActionStates {
			if aws.ToString(s.StageName) == stage && aws.ToString(a.ActionName) == action && a.LatestExecution != nil {
				return aws.ToString(a.LatestExecution.Token)
			}
		}
	}
	return ""
}
