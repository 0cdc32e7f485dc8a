package codepipeline_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

func customID() *types.ActionTypeId {
	return &types.ActionTypeId{Category: types.ActionCategoryBuild, Owner: types.ActionOwnerCustom, Provider: aws.String("Jenkins"), Version: aws.String("1")}
}

// jenkins is the custom type that the Jenkins plugin's users register.
func jenkins() *sdk.CreateCustomActionTypeInput {
	return &sdk.CreateCustomActionTypeInput{
		Category: types.ActionCategoryBuild, Provider: aws.String("Jenkins"), Version: aws.String("1"),
		InputArtifactDetails: &types.ArtifactDetails{MaximumCount: 5}, OutputArtifactDetails: &types.ArtifactDetails{MaximumCount: 5},
		Settings: &types.ActionTypeSettings{
			EntityUrlTemplate:    aws.String("https://jenkins/job/{Config:ProjectName}/"),
			ExecutionUrlTemplate: aws.String("https://jenkins/job/{Config:ProjectName}/{ExternalExecutionId}/"),
		},
		ConfigurationProperties: []types.ActionConfigurationProperty{
			{Name: aws.String("ProjectName"), Required: true, Key: true, Queryable: true, Type: types.ActionConfigurationPropertyTypeString},
			{Name: aws.String("Password"), Secret: true, Type: types.ActionConfigurationPropertyTypeString},
		},
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
	}
}

// withWorker is declaration with a build by a job worker.
func withWorker(name string) *types.PipelineDeclaration {
	d := declaration(name)
	build := &d.Stages[1].Actions[0]
	build.ActionTypeId, build.Configuration = customID(), map[string]string{"ProjectName": "site", "Password": "hunter2"}
	build.Namespace = aws.String("Built")
	build.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Site")}}
	return d
}

func (s *server) customPipeline(name string) {
	s.t.Helper()
	must[sdk.CreateCustomActionTypeOutput](s, jenkins())
	must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: withWorker(name)})
}

func (s *server) poll() (*sdk.PollForJobsOutput, error) {
	s.t.Helper()
	return do[sdk.PollForJobsOutput](s, &sdk.PollForJobsInput{ActionTypeId: customID(), QueryParam: map[string]string{"ProjectName": "site"}})
}

// job waits until one is handed out.
func (s *server) job() types.Job {
	s.t.Helper()
	var job types.Job
	s.until(func() bool {
		out, err := s.poll()
		if err != nil {
			s.t.Fatal(err)
		}
		if len(out.Jobs) == 1 {
			job = out.Jobs[0]
		}
		return len(out.Jobs) == 1
	}, "no job is handed out")
	return job
}

func (s *server) acknowledge(id, nonce *string) (types.JobStatus, error) {
	s.t.Helper()
	out, err := do[sdk.AcknowledgeJobOutput](s, &sdk.AcknowledgeJobInput{JobId: id, Nonce: nonce})
	if err != nil {
		return "", err
	}
	return out.Status, nil
}

func TestAWorkerDoesAnAction(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.customPipeline("site")
		if got := must[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: aws.String("site")}).Pipeline.Stages[1].Actions[0].Configuration["Password"]; got != "****" {
			t.Errorf("the secret is shown as %q", got)
		}
		job := s.job()
		d := job.Data
		if d.ActionConfiguration.Configuration["Password"] != "hunter2" || *d.PipelineContext.PipelineName != "site" || *d.PipelineContext.Stage.Name != "Build" ||
			*d.PipelineContext.Action.Name != "Build" || *d.PipelineContext.PipelineArn != "arn:aws:codepipeline:us-east-1:000000000000:site" || *job.AccountId != "000000000000" {
			t.Errorf("the job holds %+v, %+v", d.ActionConfiguration, d.PipelineContext)
		}
		in, out := d.InputArtifacts, d.OutputArtifacts
		if len(in) != 1 || *in[0].Name != "Code" || *in[0].Revision != "c0ffee" || *in[0].Location.S3Location.BucketName != "artifacts" || len(out) != 1 || out[0].Revision != nil {
			t.Errorf("the artifacts are %+v and %+v", in, out)
		}
		if c := d.ArtifactCredentials; c == nil || !strings.HasPrefix(*c.AccessKeyId, "ASIA") || *c.SecretAccessKey == "" || *c.SessionToken == "" {
			t.Errorf("the credentials are %+v", c)
		}
		if again, err := s.poll(); err != nil || len(again.Jobs) != 0 {
			t.Errorf("it is handed out again at once: %+v, %v", again, err)
		}

		result := &sdk.PutJobSuccessResultInput{
			JobId: job.Id, OutputVariables: map[string]string{"Version": "1.2"},
			ExecutionDetails: &types.ExecutionDetails{Summary: aws.String("built"), ExternalExecutionId: aws.String("7"), PercentComplete: aws.Int32(100)},
		}
		_, err := do[sdk.PutJobSuccessResultOutput](s, result)
		wantCode(t, "a result before it is acknowledged", err, "InvalidJobStateException")
		_, err = s.acknowledge(job.Id, aws.String("another nonce"))
		wantCode(t, "a wrong nonce", err, "InvalidNonceException")
		for range 2 {
			if status, err := s.acknowledge(job.Id, job.Nonce); err != nil || status != types.JobStatusInProgress {
				t.Errorf("acknowledged: %s, %v", status, err)
			}
		}
		details := must[sdk.GetJobDetailsOutput](s, &sdk.GetJobDetailsInput{JobId: job.Id}).JobDetails
		if *details.Id != *job.Id || *details.Data.ArtifactCredentials.AccessKeyId == *d.ArtifactCredentials.AccessKeyId {
			t.Errorf("the details are %+v", details)
		}
		must[sdk.PutJobSuccessResultOutput](s, result)
		_, err = do[sdk.PutJobSuccessResultOutput](s, result)
		wantCode(t, "a second result", err, "InvalidJobStateException")

		s.token("site")
		l := s.action("site", "Build", "Build")
		if a := l.LatestExecution; a.Status != "Succeeded" || *a.Summary != "built" || *a.ExternalExecutionUrl != "https://jenkins/job/site/7/" || *l.EntityUrl != "https://jenkins/job/site/" {
			t.Errorf("the action shows %+v, %v", a, aws.ToString(l.EntityUrl))
		}
		for _, a := range must[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: aws.String("site")}).ActionExecutionDetails {
			if *a.ActionName == "Build" && (a.Output.OutputVariables["Version"] != "1.2" || a.Input.Configuration["Password"] != "****" || a.Input.ResolvedConfiguration["Password"] != "****") {
				t.Errorf("history has %+v, %+v", a.Input, a.Output)
			}
		}
	})
}

func TestAWorkerGoesOnInAnotherJob(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.customPipeline("site")
		first := s.job()
		if _, err := s.acknowledge(first.Id, first.Nonce); err != nil {
			t.Fatal(err)
		}
		_, err := do[sdk.PutJobSuccessResultOutput](s, &sdk.PutJobSuccessResultInput{
			JobId: first.Id, ContinuationToken: aws.String("half"), OutputVariables: map[string]string{"A": "b"},
		})
		wantCode(t, "variables of an action that goes on", err, "ValidationException")
		must[sdk.PutJobSuccessResultOutput](s, &sdk.PutJobSuccessResultInput{
			JobId: first.Id, ContinuationToken: aws.String("half"),
			ExecutionDetails: &types.ExecutionDetails{Summary: aws.String("half way"), PercentComplete: aws.Int32(50), ExternalExecutionId: aws.String("7")},
		})
		if a := s.action("site", "Build", "Build").LatestExecution; a.Status != "InProgress" || *a.Summary != "half way" || *a.PercentComplete != 50 {
			t.Errorf("the action shows %+v", a)
		}
		second := s.job()
		if *second.Id == *first.Id || *second.Data.ContinuationToken != "half" || first.Data.ContinuationToken != nil {
			t.Errorf("the second job is %+v", second.Data)
		}
		if _, err := s.acknowledge(second.Id, second.Nonce); err != nil {
			t.Fatal(err)
		}
		must[sdk.PutJobFailureResultOutput](s, &sdk.PutJobFailureResultInput{
			JobId: second.Id, FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String("no disk"), ExternalExecutionId: aws.String("8")},
		})
		s.until(func() bool { return s.action("site", "Build", "Build").LatestExecution.Status == "Failed" }, "the action does not fail")
		if e := s.action("site", "Build", "Build").LatestExecution.ErrorDetails; *e.Code != "JobFailed" || *e.Message != "no disk" {
			t.Errorf("the action failed with %+v", e)
		}
		_, err = do[sdk.GetJobDetailsOutput](s, &sdk.GetJobDetailsInput{JobId: second.Id})
		wantCode(t, "details of a job that has ended", err, "JobNotFoundException")
	})
}

func TestAResultNobodyWaitsFor(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.customPipeline("site")
		job := s.job()
		if _, err := s.acknowledge(job.Id, job.Nonce); err != nil {
			t.Fatal(err)
		}
		must[sdk.StopPipelineExecutionOutput](s, &sdk.StopPipelineExecutionInput{
			PipelineName: aws.String("site"), PipelineExecutionId: job.Data.PipelineContext.PipelineExecutionId, Abandon: true,
		})
		_, err := do[sdk.PutJobFailureResultOutput](s, &sdk.PutJobFailureResultInput{
			JobId: job.Id, FailureDetails: &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String("late")},
		})
		wantCode(t, "after it was abandoned", err, "InvalidJobStateException")
	})
}

func TestPollsThatAreRefused(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		must[sdk.CreateCustomActionTypeOutput](s, jenkins())
		poll := func(change func(*sdk.PollForJobsInput)) error {
			in := &sdk.PollForJobsInput{ActionTypeId: customID(), QueryParam: map[string]string{"ProjectName": "site"}}
			change(in)
			_, err := do[sdk.PollForJobsOutput](s, in)
			return err
		}
		if err := poll(func(*sdk.PollForJobsInput) {}); err != nil {
			t.Error(err)
		}
		wantCode(t, "no query", poll(func(in *sdk.PollForJobsInput) { in.QueryParam = nil }), "ValidationException")
		wantCode(t, "another query", poll(func(in *sdk.PollForJobsInput) { in.QueryParam = map[string]string{"Colour": "red"} }), "ValidationException")
		wantCode(t, "owner AWS", poll(func(in *sdk.PollForJobsInput) { in.ActionTypeId.Owner = types.ActionOwnerAws }), "ValidationException")
		wantCode(t, "unknown type", poll(func(in *sdk.PollForJobsInput) { in.ActionTypeId.Version = aws.String("2") }), "ActionTypeNotFoundException")
		for range 2 {
			must[sdk.DeleteCustomActionTypeOutput](s, &sdk.DeleteCustomActionTypeInput{Category: types.ActionCategoryBuild, Provider: aws.String("Jenkins"), Version: aws.String("1")})
		}
		wantCode(t, "deleted type", poll(func(*sdk.PollForJobsInput) {}), "ActionTypeNotFoundException")
	})
}

func TestCustomActionTypes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		made := must[sdk.CreateCustomActionTypeOutput](s, jenkins())
		if made.ActionType.Id.Owner != types.ActionOwnerCustom || *made.ActionType.Settings.ExecutionUrlTemplate != "https://jenkins/job/{Config:ProjectName}/{ExternalExecutionId}/" || len(made.Tags) != 1 {
			t.Errorf("made %+v", made.ActionType)
		}
		list := must[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{ActionOwnerFilter: types.ActionOwnerCustom}).ActionTypes
		if len(list) != 1 || *list[0].Id.Provider != "Jenkins" || len(list[0].ActionConfigurationProperties) != 2 || list[0].InputArtifactDetails.MaximumCount != 5 {
			t.Errorf("listed: %+v", list)
		}
		arn := aws.String("arn:aws:codepipeline:us-east-1:000000000000:actiontype:Custom/Build/Jenkins/1")
		must[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("env"), Value: aws.String("dev")}}})
		if tags := must[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: arn}).Tags; len(tags) != 2 {
			t.Errorf("tags: %+v", tags)
		}
		_, err := do[sdk.CreateCustomActionTypeOutput](s, jenkins())
		wantCode(t, "twice", err, "ValidationException")

		remove := &sdk.DeleteCustomActionTypeInput{Category: types.ActionCategoryBuild, Provider: aws.String("Jenkins"), Version: aws.String("1")}
		must[sdk.DeleteCustomActionTypeOutput](s, remove)
		_, err = do[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: arn})
		wantCode(t, "tags of a deleted type", err, "ResourceNotFoundException")
		_, err = do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: withWorker("site")})
		wantCode(t, "a pipeline with a deleted type", err, "InvalidActionDeclarationException")
		other := jenkins()
		other.OutputArtifactDetails.MaximumCount = 1
		_, err = do[sdk.CreateCustomActionTypeOutput](s, other)
		wantCode(t, "another definition of a used version", err, "ValidationException")
		must[sdk.CreateCustomActionTypeOutput](s, jenkins()) // the same one comes back

		for name, change := range map[string]func(*sdk.CreateCustomActionTypeInput){
			"two queryable":    func(in *sdk.CreateCustomActionTypeInput) { in.ConfigurationProperties[1].Queryable = true },
			"secret queryable": func(in *sdk.CreateCustomActionTypeInput) { in.ConfigurationProperties[0].Secret = true },
			"same key twice": func(in *sdk.CreateCustomActionTypeInput) {
				in.ConfigurationProperties[1].Name = aws.String("ProjectName")
			},
			"secret in a link": func(in *sdk.CreateCustomActionTypeInput) {
				in.Settings.EntityUrlTemplate = aws.String("https://x/{Config:Password}")
			},
			"a link nowhere": func(in *sdk.CreateCustomActionTypeInput) {
				in.Settings.ExecutionUrlTemplate = aws.String("javascript:alert(1)")
			},
			"a link of nothing": func(in *sdk.CreateCustomActionTypeInput) {
				in.Settings.EntityUrlTemplate = aws.String("https://x/{ExternalExecutionId}")
			},
			"approval category": func(in *sdk.CreateCustomActionTypeInput) { in.Category = types.ActionCategoryApproval },
			"min above max": func(in *sdk.CreateCustomActionTypeInput) {
				in.InputArtifactDetails.MinimumCount, in.InputArtifactDetails.MaximumCount = 2, 1
			},
		} {
			in := jenkins()
			in.Version = aws.String("2")
			change(in)
			_, err := do[sdk.CreateCustomActionTypeOutput](s, in)
			wantCode(t, name, err, "ValidationException")
		}
		_, err = do[sdk.CreateCustomActionTypeOutput](s, func() *sdk.CreateCustomActionTypeInput {
			in := jenkins()
			in.Version, in.Tags = aws.String("3"), []types.Tag{{Key: aws.String("aws:x"), Value: aws.String("y")}}
			return in
		}())
		wantCode(t, "reserved tag", err, "InvalidTagsException")
	})
}

func TestPutActionRevision(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		s.token("site")
		put := func(pipeline, stage, action, revision string) (*sdk.PutActionRevisionOutput, error) {
			return do[sdk.PutActionRevisionOutput](s, &sdk.PutActionRevisionInput{
				PipelineName: &pipeline, StageName: &stage, ActionName: &action,
				ActionRevision: &types.ActionRevision{RevisionId: &revision, RevisionChangeId: aws.String("1"), Created: aws.Time(epoch)},
			})
		}
		first, err := put("site", "Source", "Code", "beef")
		if err != nil || !first.NewRevision {
			t.Fatalf("%+v, %v", first, err)
		}
		if e := s.execution("site", first.PipelineExecutionId); e.Trigger.TriggerType != types.TriggerTypePutActionRevision || *e.Trigger.TriggerDetail != root {
			t.Errorf("the trigger is %+v", e.Trigger)
		}
		again, err := put("site", "Source", "Code", "beef")
		if err != nil || again.NewRevision || *again.PipelineExecutionId != *first.PipelineExecutionId || len(s.executions("site")) != 2 {
			t.Errorf("told again: %+v, %v", again, err)
		}
		_, err = put("none", "Source", "Code", "beef")
		wantCode(t, "unknown pipeline", err, "PipelineNotFoundException")
		_, err = put("site", "None", "Code", "beef")
		wantCode(t, "unknown stage", err, "StageNotFoundException")
		_, err = put("site", "Build", "Build", "beef")
		wantCode(t, "no source", err, "ActionNotFoundException")
	})
}

func TestWhatThisServerHasNone(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		id, token := aws.String("11111111-2222-4333-8444-555555555555"), aws.String("token")
		third := customID()
		third.Owner = types.ActionOwnerThirdParty
		failure := &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String("m")}
		_, err := do[sdk.PollForThirdPartyJobsOutput](s, &sdk.PollForThirdPartyJobsInput{ActionTypeId: third})
		wantCode(t, "PollForThirdPartyJobs", err, "ActionTypeNotFoundException")
		_, err = do[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: id, ClientToken: token})
		wantCode(t, "GetThirdPartyJobDetails", err, "JobNotFoundException")
		_, err = do[sdk.AcknowledgeThirdPartyJobOutput](s, &sdk.AcknowledgeThirdPartyJobInput{JobId: id, ClientToken: token, Nonce: aws.String("n")})
		wantCode(t, "AcknowledgeThirdPartyJob", err, "JobNotFoundException")
		_, err = do[sdk.PutThirdPartyJobSuccessResultOutput](s, &sdk.PutThirdPartyJobSuccessResultInput{JobId: id, ClientToken: token})
		wantCode(t, "PutThirdPartyJobSuccessResult", err, "JobNotFoundException")
		_, err = do[sdk.PutThirdPartyJobFailureResultOutput](s, &sdk.PutThirdPartyJobFailureResultInput{JobId: id, ClientToken: token, FailureDetails: failure})
		wantCode(t, "PutThirdPartyJobFailureResult", err, "JobNotFoundException")
		_, err = do[sdk.GetJobDetailsOutput](s, &sdk.GetJobDetailsInput{JobId: id})
		wantCode(t, "GetJobDetails", err, "JobNotFoundException")
		_, err = do[sdk.AcknowledgeJobOutput](s, &sdk.AcknowledgeJobInput{JobId: id, Nonce: aws.String("n")})
		wantCode(t, "AcknowledgeJob", err, "JobNotFoundException")
		_, err = do[sdk.PutJobSuccessResultOutput](s, &sdk.PutJobSuccessResultInput{JobId: id})
		wantCode(t, "PutJobSuccessResult", err, "JobNotFoundException")
		_, err = do[sdk.PutJobSuccessResultOutput](s, &sdk.PutJobSuccessResultInput{JobId: id, OutputVariables: map[string]string{"A": strings.Repeat("x", 122881)}})
		wantCode(t, "too many variables", err, "OutputVariablesSizeExceededException")
		_, err = do[sdk.PutJobFailureResultOutput](s, &sdk.PutJobFailureResultInput{JobId: id, FailureDetails: failure})
		wantCode(t, "PutJobFailureResult", err, "JobNotFoundException")
		_, err = do[sdk.GetActionTypeOutput](s, &sdk.GetActionTypeInput{Category: "Build", Owner: aws.String("AWS"), Provider: aws.String("CodeBuild"), Version: aws.String("1")})
		wantCode(t, "GetActionType", err, "ActionTypeNotFoundException")
		_, err = do[sdk.UpdateActionTypeOutput](s, &sdk.UpdateActionTypeInput{ActionType: &types.ActionTypeDeclaration{
			Id:                   &types.ActionTypeIdentifier{Category: "Test", Owner: aws.String("AWS"), Provider: aws.String("P"), Version: aws.String("1")},
			Executor:             &types.ActionTypeExecutor{Type: types.ExecutorTypeLambda, Configuration: &types.ExecutorConfiguration{}},
			InputArtifactDetails: &types.ActionTypeArtifactDetails{}, OutputArtifactDetails: &types.ActionTypeArtifactDetails{},
		}})
		wantCode(t, "UpdateActionType", err, "ActionTypeNotFoundException")

		s.create("site")
		s.token("site")
		_, err = do[sdk.ListDeployActionExecutionTargetsOutput](s, &sdk.ListDeployActionExecutionTargetsInput{ActionExecutionId: id})
		wantCode(t, "targets of an unknown execution", err, "ActionExecutionNotFoundException")
		_, err = do[sdk.ListDeployActionExecutionTargetsOutput](s, &sdk.ListDeployActionExecutionTargetsInput{ActionExecutionId: id, PipelineName: aws.String("none")})
		wantCode(t, "targets of an unknown pipeline", err, "PipelineNotFoundException")
		known := s.action("site", "Build", "Build").LatestExecution.ActionExecutionId
		if out := must[sdk.ListDeployActionExecutionTargetsOutput](s, &sdk.ListDeployActionExecutionTargetsInput{ActionExecutionId: known}); len(out.Targets) != 0 {
			t.Errorf("targets: %+v", out.Targets)
		}
	})
}
