package codepipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

func TestAPipelinesLife(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		created := must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{
			Pipeline: declaration("site"), Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		})
		p := created.Pipeline
		if *p.Version != 1 || p.ExecutionMode != types.ExecutionModeSuperseded || p.PipelineType != types.PipelineTypeV1 {
			t.Errorf("created version %d, mode %s, type %s", *p.Version, p.ExecutionMode, p.PipelineType)
		}
		approve := p.Stages[2].Actions[0]
		if approve.Configuration == nil || approve.InputArtifacts == nil || approve.OutputArtifacts == nil || *approve.RunOrder != 1 {
			t.Errorf("an action does not show everything: %+v", approve)
		}
		if got := p.Stages[1].Actions[0].Configuration["Token"]; got != "****" {
			t.Errorf("the secret is shown as %q", got)
		}
		if len(created.Tags) != 1 || *created.Tags[0].Value != "web" {
			t.Errorf("tags: %+v", created.Tags)
		}

		got := must[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: aws.String("site")})
		arn := "arn:aws:codepipeline:us-east-1:000000000000:site"
		if *got.Metadata.PipelineArn != arn || got.Metadata.Created == nil || got.Metadata.Updated == nil {
			t.Errorf("metadata: %+v", got.Metadata)
		}
		// What was read can be sent back; the secret stays.
		updated := must[sdk.UpdatePipelineOutput](s, &sdk.UpdatePipelineInput{Pipeline: got.Pipeline})
		if *updated.Pipeline.Version != 2 {
			t.Errorf("updated to version %d", *updated.Pipeline.Version)
		}
		first := must[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: aws.String("site"), Version: aws.Int32(1)})
		if *first.Pipeline.Version != 1 {
			t.Errorf("asked for version 1, got %d", *first.Pipeline.Version)
		}
		list := must[sdk.ListPipelinesOutput](s, &sdk.ListPipelinesInput{})
		if len(list.Pipelines) != 1 || *list.Pipelines[0].Name != "site" || *list.Pipelines[0].Version != 2 {
			t.Errorf("list: %+v", list.Pipelines)
		}

		must[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: &arn, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("dev")}}})
		must[sdk.UntagResourceOutput](s, &sdk.UntagResourceInput{ResourceArn: &arn, TagKeys: []string{"team"}})
		tags := must[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: &arn}).Tags
		if len(tags) != 1 || *tags[0].Key != "env" {
			t.Errorf("tags: %+v", tags)
		}

		for range 2 {
			must[sdk.DeletePipelineOutput](s, &sdk.DeletePipelineInput{Name: aws.String("site")})
		}
		_, err := do[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: aws.String("site")})
		wantCode(t, "after the deletion", err, "PipelineNotFoundException")
	})
}

func TestAnExecutionFromStartToEnd(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		run := s.executions("site")[0].PipelineExecutionId
		token := s.token("site")

		state := s.state("site")
		if len(state.StageStates) != 3 || *state.PipelineVersion != 1 {
			t.Fatalf("state: %+v", state)
		}
		for i, want := range []types.StageExecutionStatus{"Succeeded", "Succeeded", "InProgress"} {
			st := state.StageStates[i]
			if st.LatestExecution == nil || st.LatestExecution.Status != want || *st.LatestExecution.PipelineExecutionId != *run {
				t.Errorf("stage %s: %+v", *st.StageName, st.LatestExecution)
			}
			if st.InboundTransitionState == nil || !st.InboundTransitionState.Enabled || st.InboundExecution != nil {
				t.Errorf("in front of stage %s: %+v, %+v", *st.StageName, st.InboundTransitionState, st.InboundExecution)
			}
		}
		source, build := s.action("site", "Source", "Code"), s.action("site", "Build", "Build")
		if *source.CurrentRevision.RevisionId != "c0ffee" || *source.RevisionUrl != "http://git/site/c0ffee" {
			t.Errorf("source: %+v", source)
		}
		if l := build.LatestExecution; l.Status != "Succeeded" || *l.ExternalExecutionId != "site:1" || *l.Summary != "built" || l.LastStatusChange == nil {
			t.Errorf("build: %+v", l)
		}
		if build.EntityUrl != nil {
			t.Errorf("a link with a variable in it: %s", *build.EntityUrl)
		}
		if url := s.action("site", "Gate", "Approve").EntityUrl; url != nil {
			t.Errorf("a link to nowhere: %s", *url)
		}
		s.until(func() bool { return s.action("site", "Gate", "Approve").LatestExecution.Summary != nil }, "the approval makes no progress")
		pending := must[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: aws.String("site")}).ActionExecutionDetails[0]
		if at := s.action("site", "Gate", "Approve").LatestExecution.LastStatusChange; !at.Equal(*pending.StartTime) {
			t.Errorf("progress moved lastStatusChange to %s, started at %s", at, pending.StartTime)
		}

		wantCode(t, "a wrong token", s.decide("site", aws.String("1bd7a9ba-ab4b-4ff5-9d3b-0a1b2c3d4e5f"), types.ApprovalStatusApproved), "InvalidApprovalTokenException")
		if err := s.decide("site", token, types.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "a second decision", s.decide("site", token, types.ApprovalStatusRejected), "ApprovalAlreadyCompletedException")
		e := s.await("site", run, types.PipelineExecutionStatusSucceeded)
		if e.Trigger.TriggerType != types.TriggerTypeCreatePipeline || *e.Trigger.TriggerDetail != root {
			t.Errorf("trigger: %+v", e.Trigger)
		}
		if r := e.ArtifactRevisions; len(r) != 1 || *r[0].Name != "Code" || *r[0].RevisionId != "c0ffee" || r[0].Created.Unix() != 1700000000 {
			t.Errorf("revisions: %+v", r)
		}
		if l := s.action("site", "Gate", "Approve").LatestExecution; *l.LastUpdatedBy != root || *l.Summary != "fine" || l.Token != nil {
			t.Errorf("the decision: %+v", l)
		}
		if r := s.executions("site")[0].SourceRevisions; len(r) != 1 || *r[0].ActionName != "Code" || *r[0].RevisionSummary != "a change" {
			t.Errorf("source revisions: %+v", r)
		}

		details := must[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: aws.String("site")}).ActionExecutionDetails
		if len(details) != 3 || *details[2].ActionName != "Code" {
			t.Fatalf("actions: %+v", details)
		}
		if in := details[0].Input; !s.remote && (in.Configuration == nil || in.ResolvedConfiguration == nil) {
			t.Errorf("an action without configuration shows none: %+v", in)
		}
		b := details[1]
		if b.Input.Configuration["ProjectName"] != "site-#{CodeVars.CommitId}" || b.Input.ResolvedConfiguration["ProjectName"] != "site-c0ffee" {
			t.Errorf("configuration %v, resolved %v", b.Input.Configuration, b.Input.ResolvedConfiguration)
		}
		if b.Input.Configuration["Token"] != "****" || b.Input.ResolvedConfiguration["Token"] != "****" {
			t.Error("the secret is shown")
		}
		if in := b.Input.InputArtifacts; len(in) != 1 || *in[0].S3location.Bucket != "artifacts" || !strings.HasPrefix(*in[0].S3location.Key, "site/Code/") {
			t.Errorf("inputs: %+v", in)
		}
		if out := details[2].Output; out.OutputVariables["CommitId"] != "c0ffee" || *out.ExecutionResult.ExternalExecutionUrl != "http://git/c0ffee" {
			t.Errorf("output of the source: %+v", out)
		}
		if len(must[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{
			PipelineName: aws.String("site"),
			Filter:       &types.PipelineExecutionFilter{SucceededInStage: &types.SucceededInStageFilter{StageName: aws.String("Gate")}},
		}).PipelineExecutionSummaries) != 1 {
			t.Error("the execution is not among those that succeeded in the stage")
		}
	})
}

func TestFailRetryAndStop(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.broken.Store(true)
		s.create("site")
		run := s.executions("site")[0].PipelineExecutionId
		s.await("site", run, types.PipelineExecutionStatusFailed)
		if e := s.action("site", "Build", "Build").LatestExecution.ErrorDetails; *e.Code != "JobFailed" || *e.Message != "Build terminated with state: FAILED" {
			t.Errorf("error: %+v", e)
		}
		retry := &sdk.RetryStageExecutionInput{
			PipelineName: aws.String("site"), StageName: aws.String("Build"), PipelineExecutionId: run, RetryMode: types.StageRetryModeFailedActions,
		}
		s.broken.Store(false)
		if out := must[sdk.RetryStageExecutionOutput](s, retry); *out.PipelineExecutionId != *run {
			t.Errorf("retried as %s", *out.PipelineExecutionId)
		}
		s.token("site")
		for _, st := range s.state("site").StageStates {
			if *st.StageName == "Build" && (st.RetryStageMetadata == nil || *st.RetryStageMetadata.ManualStageRetryAttempt != 1) {
				t.Errorf("retry metadata: %+v", st.RetryStageMetadata)
			}
		}
		latest := must[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{
			PipelineName: aws.String("site"),
			Filter: &types.ActionExecutionFilter{LatestInPipelineExecution: &types.LatestInPipelineExecutionFilter{
				PipelineExecutionId: run, StartTimeRange: types.StartTimeRangeLatest,
			}},
		}).ActionExecutionDetails
		if len(latest) != 3 {
			t.Errorf("%d latest actions, want 3", len(latest))
		}
		_, err := do[sdk.RetryStageExecutionOutput](s, retry)
		wantCode(t, "retry of what succeeded", err, "StageNotRetryableException")

		stop := &sdk.StopPipelineExecutionInput{PipelineName: aws.String("site"), PipelineExecutionId: run, Reason: aws.String("enough")}
		must[sdk.StopPipelineExecutionOutput](s, stop)
		_, err = do[sdk.StopPipelineExecutionOutput](s, stop)
		wantCode(t, "stop again", err, "DuplicatedStopRequestException")
		stop.Abandon = true
		must[sdk.StopPipelineExecutionOutput](s, stop)
		s.await("site", run, types.PipelineExecutionStatusStopped)
		_, err = do[sdk.StopPipelineExecutionOutput](s, stop)
		wantCode(t, "stop of what stopped", err, "PipelineExecutionNotStoppableException")
		if e := s.executions("site")[0]; e.StopTrigger == nil || *e.StopTrigger.Reason != "enough" {
			t.Errorf("stop trigger: %+v", e.StopTrigger)
		}
		if got := s.action("site", "Gate", "Approve").LatestExecution.Status; got != types.ActionExecutionStatusAbandoned {
			t.Errorf("the abandoned approval is %s", got)
		}
	})
}

func TestRollback(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		first := s.executions("site")[0].PipelineExecutionId
		if err := s.decide("site", s.token("site"), types.ApprovalStatusApproved); err != nil {
			t.Fatal(err)
		}
		s.await("site", first, types.PipelineExecutionStatusSucceeded)
		id := must[sdk.RollbackStageOutput](s, &sdk.RollbackStageInput{
			PipelineName: aws.String("site"), StageName: aws.String("Build"), TargetPipelineExecutionId: first,
		}).PipelineExecutionId
		e := s.await("site", id, types.PipelineExecutionStatusSucceeded)
		if e.ExecutionType != types.ExecutionTypeRollback || *e.RollbackMetadata.RollbackTargetPipelineExecutionId != *first ||
			e.Trigger.TriggerType != types.TriggerTypeManualRollback || *e.Trigger.TriggerDetail != root {
			t.Errorf("the rollback: %+v", e)
		}
		summary := s.executions("site")[0]
		if summary.ExecutionType != types.ExecutionTypeRollback || *summary.RollbackMetadata.RollbackTargetPipelineExecutionId != *first ||
			len(summary.SourceRevisions) != 1 || *summary.SourceRevisions[0].RevisionId != "c0ffee" {
			t.Errorf("in the list: %+v", summary)
		}
		if l := s.state("site").StageStates[1].LatestExecution; l.Type != types.ExecutionTypeRollback || *l.PipelineExecutionId != *id {
			t.Errorf("the stage shows %+v", l)
		}
	})
}

func TestModes(t *testing.T) {
	for _, mode := range []types.ExecutionMode{types.ExecutionModeQueued, types.ExecutionModeParallel} {
		t.Run(string(mode), func(t *testing.T) {
			each(t, func(t *testing.T, s *server) {
				d := declaration("site")
				d.ExecutionMode = mode
				created := must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: d}).Pipeline
				if created.ExecutionMode != mode || created.PipelineType != types.PipelineTypeV2 {
					t.Errorf("created with mode %s, type %s", created.ExecutionMode, created.PipelineType)
				}
				for range 49 {
					must[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site")})
				}
				_, err := do[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site")})
				wantCode(t, "the 51st", err, "ConcurrentPipelineExecutionsLimitExceededException")
				if list := s.executions("site"); len(list) != 50 || list[0].ExecutionMode != mode {
					t.Errorf("%d executions, the newest in mode %s", len(list), list[0].ExecutionMode)
				}
				if mode == types.ExecutionModeParallel {
					return
				}
				var gate types.StageState
				s.until(func() bool {
					gate = s.state("site").StageStates[2]
					return len(gate.InboundExecutions) == 49
				}, "they do not all wait for the approval")
				if newest := s.executions("site")[0].PipelineExecutionId; *gate.InboundExecution.PipelineExecutionId != *newest {
					t.Errorf("inboundExecution is %s, want the newest, %s", *gate.InboundExecution.PipelineExecutionId, *newest)
				}
			})
		})
	}
}

func TestTransitions(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		s.token("site")
		disable := &sdk.DisableStageTransitionInput{
			PipelineName: aws.String("site"), StageName: aws.String("Build"), TransitionType: types.StageTransitionTypeInbound, Reason: aws.String("freeze"),
		}
		for range 2 {
			must[sdk.DisableStageTransitionOutput](s, disable)
		}
		must[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site")})
		var waiting types.StageState
		s.until(func() bool { waiting = s.state("site").StageStates[1]; return waiting.InboundExecution != nil }, "nobody waits")
		if tr := waiting.InboundTransitionState; tr.Enabled || *tr.DisabledReason != "freeze" || *tr.LastChangedBy != root || tr.LastChangedAt == nil {
			t.Errorf("transition: %+v", tr)
		}
		if len(waiting.InboundExecutions) != 1 || *waiting.InboundExecutions[0].PipelineExecutionId != *waiting.InboundExecution.PipelineExecutionId {
			t.Errorf("inbound: %+v", waiting.InboundExecutions)
		}
		must[sdk.EnableStageTransitionOutput](s, &sdk.EnableStageTransitionInput{
			PipelineName: aws.String("site"), StageName: aws.String("Build"), TransitionType: types.StageTransitionTypeInbound,
		})
		s.until(func() bool { return s.state("site").StageStates[1].InboundExecution == nil }, "it still waits")
	})
}

func TestStartingIsIdempotentByToken(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		start := &sdk.StartPipelineExecutionInput{Name: aws.String("site"), ClientRequestToken: aws.String("once")}
		first, second := must[sdk.StartPipelineExecutionOutput](s, start), must[sdk.StartPipelineExecutionOutput](s, start)
		if *first.PipelineExecutionId != *second.PipelineExecutionId {
			t.Error("the same token started two executions")
		}
		if n := len(s.executions("site")); n != 2 {
			t.Errorf("%d executions", n)
		}
	})
}

func TestPages(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for i := range 5 {
			s.create(fmt.Sprint("site", i))
		}
		var names []string
		var next *string
		for {
			out := must[sdk.ListPipelinesOutput](s, &sdk.ListPipelinesInput{MaxResults: aws.Int32(2), NextToken: next})
			for _, p := range out.Pipelines {
				names = append(names, *p.Name)
			}
			if next = out.NextToken; next == nil {
				break
			}
		}
		if got := strings.Join(names, " "); got != "site0 site1 site2 site3 site4" {
			t.Errorf("names: %s", got)
		}
		for range 4 {
			must[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site0")})
		}
		seen := map[string]bool{}
		for next = nil; ; {
			out := must[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: aws.String("site0"), MaxResults: aws.Int32(2), NextToken: next})
			for _, e := range out.PipelineExecutionSummaries {
				seen[*e.PipelineExecutionId] = true
			}
			if next = out.NextToken; next == nil {
				break
			}
			_, err := do[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: aws.String("site1"), NextToken: next})
			wantCode(t, "a token of another pipeline's list", err, "InvalidNextTokenException")
		}
		if len(seen) != 5 {
			t.Errorf("%d executions on all pages", len(seen))
		}
	})
}

func TestActionTypes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		out := must[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{ActionOwnerFilter: types.ActionOwnerAws})
		if len(out.ActionTypes) != 4 || out.ActionTypes[0].Id.Category != types.ActionCategoryApproval {
			t.Fatalf("types: %+v", out.ActionTypes)
		}
		if url := out.ActionTypes[0].Settings.EntityUrlTemplate; url != nil {
			t.Errorf("a link to nowhere: %s", *url)
		}
		build := out.ActionTypes[1]
		if build.InputArtifactDetails.MinimumCount != 1 || build.InputArtifactDetails.MaximumCount != 5 || len(build.ActionConfigurationProperties) != 2 {
			t.Errorf("build: %+v", build)
		}
		if n := len(must[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{ActionOwnerFilter: types.ActionOwnerCustom}).ActionTypes); n != 0 {
			t.Errorf("%d custom types", n)
		}
	})
}

// TestEmptyMembersAreWritten looks at the JSON itself: clients compare what they read with what they declared.
func TestEmptyMembersAreWritten(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if s.remote {
			t.Skip("the client hides the JSON")
		}
		text, err := awsapi.Marshal(s.create("site"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"configuration":{}`, `"inputArtifacts":[]`, `"outputArtifacts":[]`, `"runOrder":1`, `"executionMode":"SUPERSEDED"`} {
			if !strings.Contains(string(text), want) {
				t.Errorf("no %s in %s", want, text)
			}
		}
	})
}
