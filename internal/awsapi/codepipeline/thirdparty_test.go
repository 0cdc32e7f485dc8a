package codepipeline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// grinder is an action type of a partner whose job workers poll.
func grinder() *types.ActionTypeDeclaration {
	return &types.ActionTypeDeclaration{
		Id:          &types.ActionTypeIdentifier{Category: types.ActionCategoryBuild, Owner: aws.String("ThirdParty"), Provider: aws.String("Grinder"), Version: aws.String("1")},
		Description: aws.String("Grinds."),
		Executor: &types.ActionTypeExecutor{
			Type: types.ExecutorTypeJobWorker, JobTimeout: aws.Int32(600),
			Configuration: &types.ExecutorConfiguration{JobWorkerExecutorConfiguration: &types.JobWorkerExecutorConfiguration{PollingAccounts: []string{"000000000000"}}},
		},
		InputArtifactDetails:  &types.ActionTypeArtifactDetails{MinimumCount: 1, MaximumCount: 1},
		OutputArtifactDetails: &types.ActionTypeArtifactDetails{MaximumCount: 1},
		Permissions:           &types.ActionTypePermissions{AllowedAccounts: []string{"*"}},
		Properties: []types.ActionTypeProperty{
			{Name: aws.String("Coarseness"), Key: true, Description: aws.String("From 1 to 5.")},
			{Name: aws.String("Password"), Optional: true, NoEcho: true},
		},
		Urls: &types.ActionTypeUrls{
			ConfigurationUrl: aws.String("https://grinder.example.com/"), ExecutionUrlTemplate: aws.String("https://grinder.example.com/{Config:Coarseness}/{ExternalExecutionId}"),
		},
	}
}

func grinderID() *types.ActionTypeId {
	return &types.ActionTypeId{Category: types.ActionCategoryBuild, Owner: types.ActionOwnerThirdParty, Provider: aws.String("Grinder"), Version: aws.String("1")}
}

const client, clientToken = "0e1c0f2a-7a3e-4d7b-9f0e-3d5b1d0c9a11", "the client's token"

// withPartner is declaration with a build by a partner.
func withPartner(name string) *types.PipelineDeclaration {
	d := declaration(name)
	build := &d.Stages[1].Actions[0]
	build.ActionTypeId = grinderID()
	build.Configuration = map[string]string{"Coarseness": "3", "Password": "hunter2", "ConveyorClientId": client, "ConveyorClientToken": clientToken}
	build.OutputArtifacts = []types.OutputArtifact{{Name: aws.String("Site")}}
	return d
}

func (s *server) update(t *types.ActionTypeDeclaration) error {
	_, err := do[sdk.UpdateActionTypeOutput](s, &sdk.UpdateActionTypeInput{ActionType: t})
	return err
}

// partnersJob waits until a job is handed out.
func (s *server) partnersJob() types.ThirdPartyJob {
	s.t.Helper()
	var job types.ThirdPartyJob
	s.until(func() bool {
		out := must[sdk.PollForThirdPartyJobsOutput](s, &sdk.PollForThirdPartyJobsInput{ActionTypeId: grinderID()})
		if len(out.Jobs) == 1 {
			job = out.Jobs[0]
		}
		return len(out.Jobs) == 1
	}, "no job is handed out")
	return job
}

func TestAPartnerDoesAnAction(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if err := s.update(grinder()); err != nil {
			t.Fatal(err)
		}
		got := must[sdk.GetActionTypeOutput](s, &sdk.GetActionTypeInput{Category: "Build", Owner: aws.String("ThirdParty"), Provider: aws.String("Grinder"), Version: aws.String("1")})
		if want, have := text(t, grinder()), text(t, got.ActionType); have != want {
			t.Errorf("the declaration is %s, want %s", have, want)
		}
		listed := must[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{ActionOwnerFilter: types.ActionOwnerThirdParty})
		if n := len(listed.ActionTypes); n != 1 || *listed.ActionTypes[0].Id.Provider != "Grinder" || len(listed.ActionTypes[0].ActionConfigurationProperties) != 4 {
			t.Errorf("%d types are listed: %+v", n, listed.ActionTypes)
		}
		must[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: withPartner("site")})
		shown := must[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: aws.String("site")}).Pipeline.Stages[1].Actions[0].Configuration
		if shown["ConveyorClientToken"] != "****" || shown["Password"] != "****" {
			t.Errorf("secrets are shown: %v", shown)
		}

		job := s.partnersJob()
		if *job.ClientId != client {
			t.Errorf("the client is %s", *job.ClientId)
		}
		_, err := do[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: job.JobId, ClientToken: aws.String("guessed")})
		wantCode(t, "a wrong token", err, "InvalidClientTokenException")
		_, err = do[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: aws.String("17"), ClientToken: aws.String(clientToken)})
		wantCode(t, "no id", err, "InvalidJobException")
		_, err = do[sdk.GetJobDetailsOutput](s, &sdk.GetJobDetailsInput{JobId: job.JobId})
		wantCode(t, "as a custom job", err, "JobNotFoundException")
		details := must[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: job.JobId, ClientToken: aws.String(clientToken)}).JobDetails
		d := details.Data
		if c := d.ActionConfiguration.Configuration; c["Password"] != "hunter2" || c["Coarseness"] != "3" || c["ConveyorClientToken"] != "" {
			t.Errorf("the configuration is %v", c)
		}
		if d.PipelineContext.PipelineArn != nil || *d.PipelineContext.PipelineName != "site" || len(d.InputArtifacts) != 1 || len(d.OutputArtifacts) != 1 || d.ArtifactCredentials == nil {
			t.Errorf("the job holds %+v", d)
		}

		ack := func(token, nonce string) (types.JobStatus, error) {
			out, err := do[sdk.AcknowledgeThirdPartyJobOutput](s, &sdk.AcknowledgeThirdPartyJobInput{JobId: job.JobId, ClientToken: &token, Nonce: &nonce})
			if err != nil {
				return "", err
			}
			return out.Status, nil
		}
		_, err = ack("guessed", *details.Nonce)
		wantCode(t, "a wrong token", err, "InvalidClientTokenException")
		_, err = ack(clientToken, "stale")
		wantCode(t, "a stale nonce", err, "InvalidNonceException")
		if status, err := ack(clientToken, *details.Nonce); err != nil || status != types.JobStatusInProgress {
			t.Fatal(status, err)
		}
		s.finishesInParts(job)
	})
}

// finishesInParts ends a job in part, and the next one for good.
func (s *server) finishesInParts(job types.ThirdPartyJob) {
	s.t.Helper()
	token, failure := aws.String(clientToken), &types.FailureDetails{Type: types.FailureTypeJobFailed, Message: aws.String("jammed")}
	success := func(token *string) error {
		_, err := do[sdk.PutThirdPartyJobSuccessResultOutput](s, &sdk.PutThirdPartyJobSuccessResultInput{
			JobId: job.JobId, ClientToken: token, ContinuationToken: aws.String("more"), ExecutionDetails: &types.ExecutionDetails{ExternalExecutionId: aws.String("g-1"), PercentComplete: aws.Int32(50)},
		})
		return err
	}
	wantCode(s.t, "a wrong token", success(aws.String("guessed")), "InvalidClientTokenException")
	if err := success(token); err != nil {
		s.t.Fatal(err)
	}
	wantCode(s.t, "twice", success(token), "InvalidJobStateException")
	next := s.partnersJob()
	details := must[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: next.JobId, ClientToken: token}).JobDetails
	if *next.JobId == *job.JobId || aws.ToString(details.Data.ContinuationToken) != "more" {
		s.t.Errorf("the next job is %+v", details)
	}
	if a := s.action("site", "Build", "Build").LatestExecution; aws.ToString(a.ExternalExecutionUrl) != "https://grinder.example.com/3/g-1" || aws.ToInt32(a.PercentComplete) != 50 {
		s.t.Errorf("the action shows %+v", a)
	}
	fail := &sdk.PutThirdPartyJobFailureResultInput{JobId: next.JobId, ClientToken: token, FailureDetails: failure}
	_, err := do[sdk.PutThirdPartyJobFailureResultOutput](s, fail)
	wantCode(s.t, "not acknowledged", err, "InvalidJobStateException")
	must[sdk.AcknowledgeThirdPartyJobOutput](s, &sdk.AcknowledgeThirdPartyJobInput{JobId: next.JobId, ClientToken: token, Nonce: details.Nonce})
	fail.ClientToken = aws.String("guessed")
	_, err = do[sdk.PutThirdPartyJobFailureResultOutput](s, fail)
	wantCode(s.t, "a wrong token", err, "InvalidClientTokenException")
	fail.ClientToken = token
	must[sdk.PutThirdPartyJobFailureResultOutput](s, fail)
	s.until(func() bool {
		a := s.action("site", "Build", "Build").LatestExecution
		return a.Status == types.ActionExecutionStatusFailed && *a.ErrorDetails.Message == "jammed"
	}, "the action has not failed")
}

func TestDeclarationsOfPartners(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		for name, test := range map[string]struct {
			change func(*types.ActionTypeDeclaration)
			says   string
		}{
			"a function and no ARN": {func(d *types.ActionTypeDeclaration) { d.Executor.Type = types.ExecutorTypeLambda }, "lambdaExecutorConfiguration"},
			"workers and a function": {func(d *types.ActionTypeDeclaration) {
				d.Executor.Configuration.LambdaExecutorConfiguration = &types.LambdaExecutorConfiguration{LambdaFunctionArn: aws.String("arn:aws:lambda:us-east-1:000000000000:function:grind")}
			}, "JobWorker"},
			"an approval":      {func(d *types.ActionTypeDeclaration) { d.Id.Category = types.ActionCategoryApproval }, "category Approval"},
			"a reserved key":   {func(d *types.ActionTypeDeclaration) { d.Properties[0].Name = aws.String("ConveyorClientToken") }, "ConveyorClientToken"},
			"a URL of no page": {func(d *types.ActionTypeDeclaration) { d.Urls.ConfigurationUrl = aws.String("ftp://x") }, "https://"},
		} {
			d := grinder()
			test.change(d)
			err := s.update(d)
			wantCode(t, name, err, "ValidationException")
			if err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v", name, err)
			}
		}
		ours := grinder()
		ours.Id.Owner = aws.String("AWS")
		wantCode(t, "an owner that is AWS", s.update(ours), "ActionTypeNotFoundException")
		must[sdk.CreateCustomActionTypeOutput](s, jenkins())
		custom := grinder()
		custom.Id.Provider = aws.String("Jenkins")
		wantCode(t, "a custom type's name", s.update(custom), "ValidationException")

		for range 2 { // a change is made like the type itself
			if err := s.update(grinder()); err != nil {
				t.Fatal(err)
			}
		}
		d := withPartner("site")
		d.Stages[1].Actions[0].Configuration["ConveyorClientId"] = "me"
		_, err := do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: d})
		wantCode(t, "no client", err, "InvalidActionDeclarationException")
		elsewhere := grinder()
		elsewhere.Permissions.AllowedAccounts = []string{"111111111111"}
		elsewhere.Executor.Configuration.JobWorkerExecutorConfiguration.PollingAccounts = []string{"111111111111"}
		if err := s.update(elsewhere); err != nil {
			t.Fatal(err)
		}
		_, err = do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: withPartner("site")})
		wantCode(t, "an account that may not use it", err, "InvalidActionDeclarationException")
		_, err = do[sdk.PollForThirdPartyJobsOutput](s, &sdk.PollForThirdPartyJobsInput{ActionTypeId: grinderID()})
		wantCode(t, "an account that may not poll", err, "ActionTypeNotFoundException")
		_, err = do[sdk.PollForThirdPartyJobsOutput](s, &sdk.PollForThirdPartyJobsInput{ActionTypeId: customID()})
		wantCode(t, "a custom type", err, "ValidationException")
	})
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
