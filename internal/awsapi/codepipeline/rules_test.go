package codepipeline_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// commitIs is a condition that holds when the commit is what is wanted; the suite's is c0ffee.
func commitIs(result types.Result, want string) []types.Condition {
	return []types.Condition{{Result: result, Rules: []types.RuleDeclaration{{
		Name: aws.String("Commit"), RuleTypeId: &types.RuleTypeId{Category: types.RuleCategoryRule, Provider: aws.String("VariableCheck")},
		Configuration: map[string]string{"Variable": "#{CodeVars.CommitId}", "Operator": "EQ", "Value": want},
	}}}}
}

// guarded is declaration with a condition in front of the build.
func guarded(name string, result types.Result, want string) *types.PipelineDeclaration {
	d := declaration(name)
	d.Stages[1].BeforeEntry = &types.BeforeEntryConditions{Conditions: commitIs(result, want)}
	return d
}

func (s *server) override(name, stage string, run *string, slot types.ConditionType) error {
	s.t.Helper()
	_, err := do[sdk.OverrideStageConditionOutput](s, &sdk.OverrideStageConditionInput{
		PipelineName: &name, StageName: &stage, PipelineExecutionId: run, ConditionType: slot,
	})
	return err
}

func (s *server) rules(name string) []types.RuleExecutionDetail {
	s.t.Helper()
	return must[sdk.ListRuleExecutionsOutput](s, &sdk.ListRuleExecutionsInput{PipelineName: &name}).RuleExecutionDetails
}

func TestAConditionThatFailsAndIsOverridden(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		created := must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: guarded("site", types.ResultFail, "beef")})
		if r := created.Pipeline.Stages[1].BeforeEntry.Conditions[0].Rules[0]; *r.RuleTypeId.Provider != "VariableCheck" || r.Configuration["Value"] != "beef" {
			t.Errorf("the rule is echoed as %+v", r)
		}
		if created.Pipeline.PipelineType != types.PipelineTypeV2 {
			t.Errorf("the type is %s", created.Pipeline.PipelineType)
		}
		run := s.executions("site")[0].PipelineExecutionId
		e := s.await("site", run, types.PipelineExecutionStatusFailed)
		if why := *e.StatusSummary; !strings.Contains(why, "Commit") || !strings.Contains(why, "Build") {
			t.Errorf("the summary is %q", why)
		}

		st := s.state("site").StageStates[1]
		c := st.BeforeEntryConditionState
		if st.LatestExecution.Status != types.StageExecutionStatusFailed || c == nil || c.LatestExecution.Status != types.ConditionExecutionStatusFailed ||
			len(c.ConditionStates) != 1 || c.ConditionStates[0].LatestExecution.LastStatusChange == nil || st.OnSuccessConditionState != nil {
			t.Fatalf("the stage shows %+v, %+v", st.LatestExecution, c)
		}
		shown := c.ConditionStates[0].RuleStates[0]
		if l := shown.LatestExecution; *shown.RuleName != "Commit" || l.Status != types.RuleExecutionStatusFailed || *l.ErrorDetails.Message != `The variable is "c0ffee", which is not "beef".` {
			t.Errorf("the rule shows %+v", l)
		}
		if a := st.ActionStates[0]; a.LatestExecution != nil {
			t.Errorf("an action ran: %+v", a.LatestExecution)
		}

		r := s.rules("site")[0]
		if *r.RuleExecutionId != *shown.LatestExecution.RuleExecutionId || *r.PipelineExecutionId != *run || *r.StageName != "Build" || *r.RuleName != "Commit" ||
			r.StartTime == nil || r.LastUpdateTime == nil || *r.PipelineVersion != 1 || r.Status != types.RuleExecutionStatusFailed {
			t.Errorf("history has %+v", r)
		}
		if i := r.Input; i.Configuration["Variable"] != "#{CodeVars.CommitId}" || i.ResolvedConfiguration["Variable"] != "c0ffee" || i.RuleTypeId.Owner != types.RuleOwnerAws ||
			*i.RuleTypeId.Version != "1" || *i.Region != region || i.InputArtifacts == nil {
			t.Errorf("its input is %+v", r.Input)
		}
		if o := r.Output.ExecutionResult; *o.ErrorDetails.Code != "JobFailed" {
			t.Errorf("its output is %+v", o)
		}

		if err := s.override("site", "Build", run, types.ConditionTypeBeforeEntry); err != nil {
			t.Fatal(err)
		}
		s.token("site") // the belt goes on to the approval
		if c := s.state("site").StageStates[1].BeforeEntryConditionState; c.LatestExecution.Status != types.ConditionExecutionStatusOverridden {
			t.Errorf("overridden, it shows %+v", c.LatestExecution)
		}
		if r := s.rules("site"); len(r) != 1 || r[0].Status != types.RuleExecutionStatusAbandoned || *r[0].UpdatedBy != root {
			t.Errorf("overridden, history has %+v", r)
		}
	})
}

func TestOverridesThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: guarded("site", types.ResultFail, "beef")})
		run := s.executions("site")[0].PipelineExecutionId
		s.await("site", run, types.PipelineExecutionStatusFailed)
		wantCode(t, "unknown pipeline", s.override("none", "Build", run, types.ConditionTypeBeforeEntry), "PipelineNotFoundException")
		wantCode(t, "unknown stage", s.override("site", "None", run, types.ConditionTypeBeforeEntry), "StageNotFoundException")
		wantCode(t, "not evaluated", s.override("site", "Build", run, types.ConditionTypeOnSuccess), "ConditionNotOverridableException")
		wantCode(t, "another stage", s.override("site", "Gate", run, types.ConditionTypeBeforeEntry), "ConditionNotOverridableException")

		second := must[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site")}).PipelineExecutionId
		s.await("site", second, types.PipelineExecutionStatusFailed)
		wantCode(t, "not the latest", s.override("site", "Build", run, types.ConditionTypeBeforeEntry), "NotLatestPipelineExecutionException")
		if err := s.override("site", "Build", second, types.ConditionTypeBeforeEntry); err != nil {
			t.Error(err)
		}
		wantCode(t, "twice", s.override("site", "Build", second, types.ConditionTypeBeforeEntry), "ConditionNotOverridableException")

		must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: guarded("skipping", types.ResultSkip, "beef")})
		s.token("skipping")
		skipped := s.executions("skipping")[0].PipelineExecutionId
		wantCode(t, "SKIP", s.override("skipping", "Build", skipped, types.ConditionTypeBeforeEntry), "ConditionNotOverridableException")
		if st := s.state("skipping").StageStates[1]; st.LatestExecution.Status != types.StageExecutionStatusSkipped {
			t.Errorf("the skipped stage shows %+v", st.LatestExecution)
		}
	})
}

func TestListRuleExecutions(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: guarded("site", types.ResultFail, "beef")})
		ids := []*string{s.executions("site")[0].PipelineExecutionId}
		for range 2 {
			s.await("site", ids[len(ids)-1], types.PipelineExecutionStatusFailed) // else it could be superseded
			ids = append(ids, must[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: aws.String("site")}).PipelineExecutionId)
		}
		s.await("site", ids[2], types.PipelineExecutionStatusFailed)
		list := func(in sdk.ListRuleExecutionsInput) (*sdk.ListRuleExecutionsOutput, error) {
			in.PipelineName = aws.String("site")
			return do[sdk.ListRuleExecutionsOutput](s, &in)
		}
		var seen []string
		for in := (sdk.ListRuleExecutionsInput{MaxResults: aws.Int32(2)}); ; {
			out, err := list(in)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.RuleExecutionDetails {
				seen = append(seen, *r.PipelineExecutionId)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
			if len(seen) != 2 {
				t.Errorf("a page of %d", len(seen))
			}
		}
		if len(seen) != 3 || seen[0] != *ids[2] || seen[2] != *ids[0] {
			t.Errorf("page by page there are %v, want the newest first of %v", seen, ids)
		}
		only, err := list(sdk.ListRuleExecutionsInput{Filter: &types.RuleExecutionFilter{
			LatestInPipelineExecution: &types.LatestInPipelineExecutionFilter{PipelineExecutionId: ids[1], StartTimeRange: types.StartTimeRangeLatest},
		}})
		if err != nil || len(only.RuleExecutionDetails) != 1 || *only.RuleExecutionDetails[0].PipelineExecutionId != *ids[1] {
			t.Errorf("filtered: %+v, %v", only, err)
		}
		_, err = list(sdk.ListRuleExecutionsInput{NextToken: aws.String("bm9uc2Vuc2U")})
		wantCode(t, "bad token", err, "InvalidNextTokenException")
		_, err = list(sdk.ListRuleExecutionsInput{Filter: &types.RuleExecutionFilter{PipelineExecutionId: aws.String("11111111-2222-4333-8444-555555555555")}})
		wantCode(t, "unknown execution", err, "PipelineExecutionNotFoundException")
		_, err = do[sdk.ListRuleExecutionsOutput](s, &sdk.ListRuleExecutionsInput{PipelineName: aws.String("none")})
		wantCode(t, "unknown pipeline", err, "PipelineNotFoundException")
	})
}

func TestListRuleTypes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		list := must[sdk.ListRuleTypesOutput](s, &sdk.ListRuleTypesInput{}).RuleTypes
		if len(list) != 2 || *list[1].Id.Provider != "VariableCheck" || list[1].Id.Category != types.RuleCategoryRule || len(list[1].RuleConfigurationProperties) != 3 {
			t.Errorf("rules: %+v", list)
		}
		for _, a := range must[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{}).ActionTypes {
			if a.Id.Category == "Rule" {
				t.Errorf("a rule among the actions: %+v", a.Id)
			}
		}
		if other := must[sdk.ListRuleTypesOutput](s, &sdk.ListRuleTypesInput{RegionFilter: aws.String("eu-west-1")}).RuleTypes; len(other) != 0 {
			t.Errorf("in another region: %+v", other)
		}
	})
}

func TestRulesThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for says, change := range map[string]func(*types.RuleDeclaration){
			"RuleType (Category: 'Rule', Provider: 'Tarot'": func(r *types.RuleDeclaration) { r.RuleTypeId.Provider = aws.String("Tarot") },
			"missing required configuration 'Operator'":     func(r *types.RuleDeclaration) { delete(r.Configuration, "Operator") },
			"a namespace that does not exist":               func(r *types.RuleDeclaration) { r.Configuration["Variable"] = "#{Nobody.Knows}" },
		} {
			d := guarded("site", types.ResultFail, "x")
			change(&d.Stages[1].BeforeEntry.Conditions[0].Rules[0])
			_, err := do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: d})
			wantCode(t, says, err, "InvalidStageDeclarationException")
			if err != nil && !strings.Contains(err.Error(), says) {
				t.Errorf("refused with %v, want %s", err, says)
			}
		}
	})
}
