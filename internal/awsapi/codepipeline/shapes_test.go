package codepipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

var epoch = time.Unix(1700000000, 0)

// broken calls an operation with an input that breaks a constraint of its shapes and wants the text that says so.
func broken[Out, In any](s *server, in *In, says string) {
	s.t.Helper()
	_, err := do[Out](s, in)
	wantCode(s.t, fmt.Sprintf("%T", in), err, "ValidationException")
	if err != nil && !strings.Contains(err.Error(), says) {
		s.t.Errorf("%T: %v, want %q", in, err, says)
	}
}

// Every operation checks the shapes of what it is given before it does anything: patterns, lengths, ranges, enumerations,
// members of lists and maps. (What is missing altogether the SDK does not even send.)
func TestShapesOfEveryOperation(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if !s.remote {
			t.Skip("the dispatcher checks shapes")
		}
		const pattern, long, id, length, enum, least = "failed to satisfy constraint: Member must satisfy regular expression pattern: ",
			"Member must have length less than or equal to 100", "Value 'no-uuid' at 'pipelineExecutionId' failed to satisfy constraint",
			"Member must have length less than or equal to", "Member must satisfy enum value set: ", "Member must have value greater than or equal to 1"
		bad, name, uuid := aws.String("a b"), aws.String("site"), aws.String("11111111-2222-4333-8444-555555555555")
		longer, notUUID := aws.String(strings.Repeat("x", 101)), aws.String("no-uuid")
		failure := &types.FailureDetails{Type: "Boredom", Message: aws.String("m")}

		broken[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: bad}, "1 validation error detected: Value 'a b' at 'name' "+pattern)
		broken[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: name, Version: aws.Int32(0)}, least)
		broken[sdk.DeletePipelineOutput](s, &sdk.DeletePipelineInput{Name: longer}, long)
		broken[sdk.GetPipelineStateOutput](s, &sdk.GetPipelineStateInput{Name: bad}, pattern)
		broken[sdk.GetPipelineExecutionOutput](s, &sdk.GetPipelineExecutionInput{PipelineName: name, PipelineExecutionId: notUUID}, id)
		broken[sdk.ListPipelinesOutput](s, &sdk.ListPipelinesInput{MaxResults: aws.Int32(1001)}, "Member must have value less than or equal to 1000")
		broken[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: name, MaxResults: aws.Int32(101)}, "Member must have value less than or equal to 100")
		broken[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: name, MaxResults: aws.Int32(0)}, least)
		broken[sdk.ListRuleExecutionsOutput](s, &sdk.ListRuleExecutionsInput{PipelineName: name, MaxResults: aws.Int32(0)}, least)
		broken[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{ActionOwnerFilter: "Nobody"}, enum)
		broken[sdk.ListRuleTypesOutput](s, &sdk.ListRuleTypesInput{RuleOwnerFilter: "Nobody"}, enum)
		broken[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: name}, pattern)
		broken[sdk.UntagResourceOutput](s, &sdk.UntagResourceInput{ResourceArn: name, TagKeys: []string{""}}, "2 validation errors detected: ")
		broken[sdk.StopPipelineExecutionOutput](s, &sdk.StopPipelineExecutionInput{PipelineName: name, PipelineExecutionId: uuid, Reason: aws.String(strings.Repeat("x", 201))}, length+" 200")
		broken[sdk.RetryStageExecutionOutput](s, &sdk.RetryStageExecutionInput{PipelineName: name, StageName: name, PipelineExecutionId: uuid, RetryMode: "SOME"}, enum)
		broken[sdk.RollbackStageOutput](s, &sdk.RollbackStageInput{PipelineName: name, StageName: name, TargetPipelineExecutionId: notUUID}, "'targetPipelineExecutionId'")
		broken[sdk.EnableStageTransitionOutput](s, &sdk.EnableStageTransitionInput{PipelineName: name, StageName: bad, TransitionType: types.StageTransitionTypeInbound}, pattern)
		broken[sdk.DisableStageTransitionOutput](s, &sdk.DisableStageTransitionInput{PipelineName: name, StageName: name, TransitionType: "Sideways", Reason: aws.String("r")}, enum)
		broken[sdk.OverrideStageConditionOutput](s, &sdk.OverrideStageConditionInput{PipelineName: name, StageName: name, PipelineExecutionId: uuid, ConditionType: "NEVER"}, enum)
		broken[sdk.PutApprovalResultOutput](s, &sdk.PutApprovalResultInput{
			PipelineName: name, StageName: name, ActionName: name, Token: uuid, Result: &types.ApprovalResult{Status: "Perhaps", Summary: aws.String("s")},
		}, "'result.status'")
		broken[sdk.UpdatePipelineOutput](s, &sdk.UpdatePipelineInput{Pipeline: func() *types.PipelineDeclaration {
			d := declaration("site")
			d.Stages[1].Actions[0].Name = longer
			return d
		}()}, "'pipeline.stages.2.member.actions.1.member.name'")
		broken[sdk.DeleteWebhookOutput](s, &sdk.DeleteWebhookInput{Name: bad}, pattern)
		broken[sdk.DeleteCustomActionTypeOutput](s, &sdk.DeleteCustomActionTypeInput{Category: "Play", Provider: name, Version: aws.String("1")}, enum)
		broken[sdk.GetActionTypeOutput](s, &sdk.GetActionTypeInput{Category: "Build", Owner: name, Provider: bad, Version: aws.String("1")}, pattern)
		broken[sdk.UpdateActionTypeOutput](s, &sdk.UpdateActionTypeInput{ActionType: &types.ActionTypeDeclaration{
			Id:                   &types.ActionTypeIdentifier{Category: "Play", Owner: aws.String("ThirdParty"), Provider: name, Version: aws.String("1")},
			Executor:             &types.ActionTypeExecutor{Type: types.ExecutorTypeLambda, Configuration: &types.ExecutorConfiguration{}},
			InputArtifactDetails: &types.ActionTypeArtifactDetails{}, OutputArtifactDetails: &types.ActionTypeArtifactDetails{},
		}}, enum)
		broken[sdk.ListDeployActionExecutionTargetsOutput](s, &sdk.ListDeployActionExecutionTargetsInput{ActionExecutionId: longer, PipelineName: bad}, pattern)
		broken[sdk.PutActionRevisionOutput](s, &sdk.PutActionRevisionInput{PipelineName: bad, StageName: name, ActionName: name, ActionRevision: &types.ActionRevision{
			RevisionId: name, RevisionChangeId: name, Created: aws.Time(epoch),
		}}, pattern)

		job := aws.String("not a job")
		broken[sdk.AcknowledgeJobOutput](s, &sdk.AcknowledgeJobInput{JobId: job, Nonce: name}, "'jobId'")
		broken[sdk.GetJobDetailsOutput](s, &sdk.GetJobDetailsInput{JobId: job}, "'jobId'")
		broken[sdk.PutJobFailureResultOutput](s, &sdk.PutJobFailureResultInput{JobId: uuid, FailureDetails: failure}, enum)
		broken[sdk.AcknowledgeThirdPartyJobOutput](s, &sdk.AcknowledgeThirdPartyJobInput{JobId: uuid, Nonce: aws.String(strings.Repeat("n", 51)), ClientToken: name}, length+" 50")
		broken[sdk.GetThirdPartyJobDetailsOutput](s, &sdk.GetThirdPartyJobDetailsInput{JobId: uuid, ClientToken: aws.String(strings.Repeat("c", 257))}, length+" 256")
		broken[sdk.PutThirdPartyJobFailureResultOutput](s, &sdk.PutThirdPartyJobFailureResultInput{JobId: uuid, ClientToken: name, FailureDetails: failure}, enum)
		broken[sdk.PutThirdPartyJobSuccessResultOutput](s, &sdk.PutThirdPartyJobSuccessResultInput{JobId: uuid, ClientToken: name, ContinuationToken: aws.String(strings.Repeat("c", 2049))}, length+" 2048")
		third := customID()
		third.Owner = types.ActionOwnerThirdParty
		broken[sdk.PollForThirdPartyJobsOutput](s, &sdk.PollForThirdPartyJobsInput{ActionTypeId: third, MaxBatchSize: aws.Int32(0)}, least)
	})
}

// What shapes allow and the service does not.
func TestMoreErrors(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		_, err := do[sdk.ListDeployActionExecutionTargetsOutput](s, &sdk.ListDeployActionExecutionTargetsInput{ActionExecutionId: aws.String("x"), NextToken: aws.String("nonsense")})
		wantCode(t, "targets with a bad token", err, "InvalidNextTokenException")
		foreign := map[bool]string{false: "InvalidArnException", true: "ValidationException"}[s.remote] // the shape's pattern comes first
		elsewhere := aws.String("arn:aws:s3:us-east-1:000000000000:thing")
		_, err = do[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: elsewhere})
		wantCode(t, "tags of another service's resource", err, foreign)
		_, err = do[sdk.UntagResourceOutput](s, &sdk.UntagResourceInput{ResourceArn: elsewhere, TagKeys: []string{"k"}})
		wantCode(t, "untag another service's resource", err, foreign)

		many := jenkins()
		for i := range 51 {
			many.Tags = append(many.Tags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
		}
		_, err = do[sdk.CreateCustomActionTypeOutput](s, many)
		wantCode(t, "a custom type with 52 tags", err, "TooManyTagsException")
		for i := range 50 {
			in := jenkins()
			in.Version = aws.String(fmt.Sprint(i + 1))
			must[sdk.CreateCustomActionTypeOutput](s, in)
		}
		in := jenkins()
		in.Version = aws.String("51")
		_, err = do[sdk.CreateCustomActionTypeOutput](s, in)
		wantCode(t, "the 51st custom type", err, "LimitExceededException")

		s.create("site")
		s.token("site")
		first := s.executions("site")[0].PipelineExecutionId
		must[sdk.UpdatePipelineOutput](s, &sdk.UpdatePipelineInput{Pipeline: declaration("site")})
		_, err = do[sdk.RollbackStageOutput](s, &sdk.RollbackStageInput{PipelineName: aws.String("site"), StageName: aws.String("Build"), TargetPipelineExecutionId: first})
		wantCode(t, "roll back to an older version", err, "PipelineExecutionOutdatedException")
	})
}
