package codepipeline

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// GetPipelineState shows where a pipeline stands, stage by stage; different stages may show different executions
// (execution.md section 9).
func (s *Service) GetPipelineState(ctx context.Context, in *sdk.GetPipelineStateInput) (*sdk.GetPipelineStateOutput, error) {
	p, err := s.flow.GetPipelineState(ctx, aws.ToString(in.Name))
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.GetPipelineStateOutput{
		PipelineName: &p.Name, PipelineVersion: number(p.Version), Created: stamp(p.Created), Updated: stamp(p.Updated),
	}
	actions, err := s.flow.ActionTypes(ctx)
	if err != nil {
		return nil, err
	}
	known := typesByID(slices.Concat(actions, s.flow.RuleTypes()))
	for i, v := range engine.View(p.Definition, p.State) {
		out.StageStates = append(out.StageStates, stageState(&p.Definition.Stages[i], v, known))
	}
	return out, nil
}

type actionTypes map[pipeline.ActionTypeID]action.Type

func typesByID(list []action.Type) actionTypes {
	m := make(actionTypes, len(list))
	for _, t := range list {
		m[t.ID] = t
	}
	return m
}

func stageState(declared *pipeline.Stage, v engine.StageView, known actionTypes) types.StageState {
	out := types.StageState{
		StageName: &declared.Name, InboundTransitionState: transition(v.Transition),
		InboundExecutions: []types.StageExecution{}, RetryStageMetadata: retries(v.Retry),
	}
	for _, e := range v.Inbound {
		out.InboundExecutions = append(out.InboundExecutions, stageExecution(e))
	}
	if n := len(out.InboundExecutions); n > 0 {
		newest := out.InboundExecutions[n-1]
		out.InboundExecution = &newest
	}
	if v.Latest != nil {
		latest := stageExecution(*v.Latest)
		out.LatestExecution = &latest
	}
	for i := range declared.Actions {
		out.ActionStates = append(out.ActionStates, actionState(&declared.Actions[i], &v.Actions[i], known))
	}
	conditionStates(&out, declared, v, known)
	return out
}

func stageExecution(e engine.LatestExecution) types.StageExecution {
	return types.StageExecution{
		PipelineExecutionId: aws.String(e.ID), Status: types.StageExecutionStatus(e.Status), Type: types.ExecutionType(e.Type),
	}
}

func retries(r *engine.RetryMetadata) *types.RetryStageMetadata {
	if r == nil {
		return nil
	}
	out := &types.RetryStageMetadata{LatestRetryTrigger: types.RetryTrigger(r.Last)}
	if r.Automatic > 0 {
		out.AutoStageRetryAttempt = number(r.Automatic)
	}
	if r.Manual > 0 {
		out.ManualStageRetryAttempt = number(r.Manual)
	}
	return out
}

func transition(t engine.Transition) *types.TransitionState {
	out := &types.TransitionState{Enabled: !t.Disabled}
	if !t.At.IsZero() {
		out.LastChangedAt, out.LastChangedBy = &t.At, optional(t.By)
	}
	if t.Disabled {
		out.DisabledReason = optional(t.Reason)
	}
	return out
}

func actionState(declared *pipeline.Action, shown *engine.ActionState, known actionTypes) types.ActionState {
	t := known[declared.ActionTypeID]
	out := types.ActionState{ActionName: &declared.Name, EntityUrl: link(t.EntityURL, declared.Configuration, nil)}
	if r := shown.Revision; r != nil {
		out.CurrentRevision = &types.ActionRevision{RevisionId: optional(r.ID), RevisionChangeId: optional(r.Change), Created: stamp(r.Created)}
		out.RevisionUrl = link(t.RevisionURL, declared.Configuration, r)
		if absolute(r.URL) {
			out.RevisionUrl = &r.URL
		}
	}
	if a := shown.Latest; a != nil && a.Status != "" {
		out.LatestExecution = &types.ActionExecution{
			ActionExecutionId: &a.ID, Status: types.ActionExecutionStatus(a.Status), Summary: optional(a.Summary),
			LastStatusChange: stamp(lastStatusChange(a)), LastUpdatedBy: optional(a.By), Token: openToken(a),
			ExternalExecutionId: optional(a.ExternalID), ExternalExecutionUrl: optional(a.ExternalURL),
			ErrorDetails: errorDetails(a.Error), LogStreamARN: optional(a.LogStream),
		}
		if a.Percent > 0 {
			out.LatestExecution.PercentComplete = number(a.Percent)
		}
	}
	return out
}

// lastStatusChange is not moved by the progress of an action that goes on.
func lastStatusChange(a *engine.ActionExecution) time.Time {
	if a.Status == pipeline.StatusInProgress {
		return a.Started
	}
	return a.Updated
}

// openToken is shown only while there is something to decide.
func openToken(a *engine.ActionExecution) *string {
	if a.Status != pipeline.StatusInProgress {
		return nil
	}
	return optional(a.Token)
}

var placeholder = regexp.MustCompile(`\{(Config:[^{}]+|RevisionId)\}`)

// link fills a template such as https://.../{Config:ProjectName}; it is left out while a value is unknown or is itself
// a variable, and when it is no address a client could open.
func link(template string, configuration map[string]string, r *pipeline.Revision) *string {
	if !absolute(template) {
		return nil
	}
	complete := true
	filled := placeholder.ReplaceAllStringFunc(template, func(p string) string {
		name := strings.Trim(p, "{}")
		value := ""
		if key, ok := strings.CutPrefix(name, "Config:"); ok {
			value = configuration[key]
		} else if r != nil {
			value = r.ID
		}
		complete = complete && value != "" && !strings.Contains(value, "#{")
		return value
	})
	if !complete {
		return nil
	}
	return &filled
}

// absolute tells addresses that lead somewhere from paths of a console that is not there.
func absolute(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}
