package codepipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// TestErrorMatrix holds, for each operation, the mistakes it has an exception for.
func TestErrorMatrix(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		s.create("site")
		s.token("site")
		site, none, noRun := aws.String("site"), aws.String("none"), aws.String("0e1c0f2a-7a3e-4d7b-9f0e-3d5b1d0c9a11")
		run := s.executions("site")[0].PipelineExecutionId
		arn, noARN := aws.String("arn:aws:codepipeline:us-east-1:000000000000:site"), aws.String("arn:aws:codepipeline:us-east-1:000000000000:none")
		badToken := aws.String("AAAA")
		declare := func(change func(*types.PipelineDeclaration)) *types.PipelineDeclaration {
			d := declaration("other")
			change(d)
			return d
		}
		manyTags := []types.Tag{}
		for i := range 51 {
			manyTags = append(manyTags, types.Tag{Key: aws.String(fmt.Sprint("k", i)), Value: aws.String("v")})
		}
		create := func(d *types.PipelineDeclaration, tags ...types.Tag) error {
			_, err := do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: d, Tags: tags})
			return err
		}
		update := func(d *types.PipelineDeclaration) error {
			d.Name = site
			_, err := do[sdk.UpdatePipelineOutput](s, &sdk.UpdatePipelineInput{Pipeline: d})
			return err
		}
		oneStage := func(d *types.PipelineDeclaration) { d.Stages = d.Stages[:1] }
		twins := func(d *types.PipelineDeclaration) {
			d.Stages[2].Actions = append(d.Stages[2].Actions, d.Stages[2].Actions[0])
		}
		unknown := func(d *types.PipelineDeclaration) { d.Stages[1].Actions[0].ActionTypeId.Provider = aws.String("Bazel") }
		blocked := func(d *types.PipelineDeclaration) {
			d.Stages[2].Blockers = []types.BlockerDeclaration{{Name: aws.String("b"), Type: types.BlockerTypeSchedule}}
		}
		inbound := types.StageTransitionTypeInbound

		for _, c := range []struct {
			name string
			code string
			call func() error
		}{
			{"create: name taken", "PipelineNameInUseException", func() error { return create(declaration("site")) }},
			{"create: one stage", "InvalidStructureException", func() error { return create(declare(oneStage)) }},
			{"create: an action twice", "InvalidStageDeclarationException", func() error { return create(declare(twins)) }},
			{"create: unknown provider", "InvalidActionDeclarationException", func() error { return create(declare(unknown)) }},
			{"create: blockers", "InvalidBlockerDeclarationException", func() error { return create(declare(blocked)) }},
			{"create: reserved tag", "InvalidTagsException", func() error {
				return create(declaration("other"), types.Tag{Key: aws.String("aws:x"), Value: aws.String("y")})
			}},
			{"create: a tag twice", "InvalidTagsException", func() error {
				tag := types.Tag{Key: aws.String("x"), Value: aws.String("y")}
				return create(declaration("other"), tag, tag)
			}},
			{"create: too many tags", "TooManyTagsException", func() error { return create(declaration("other"), manyTags...) }},
			{"update: one stage", "InvalidStructureException", func() error { return update(declare(oneStage)) }},
			{"update: an action twice", "InvalidStageDeclarationException", func() error { return update(declare(twins)) }},
			{"update: unknown provider", "InvalidActionDeclarationException", func() error { return update(declare(unknown)) }},
			{"update: blockers", "InvalidBlockerDeclarationException", func() error { return update(declare(blocked)) }},
			{"update: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.UpdatePipelineOutput](s, &sdk.UpdatePipelineInput{Pipeline: declaration("none")})
				return err
			}},
			{"get: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: none})
				return err
			}},
			{"get: no version", "PipelineVersionNotFoundException", func() error {
				_, err := do[sdk.GetPipelineOutput](s, &sdk.GetPipelineInput{Name: site, Version: aws.Int32(9)})
				return err
			}},
			{"list pipelines: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListPipelinesOutput](s, &sdk.ListPipelinesInput{NextToken: badToken})
				return err
			}},
			{"state: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.GetPipelineStateOutput](s, &sdk.GetPipelineStateInput{Name: none})
				return err
			}},
			{"start: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: none})
				return err
			}},
			{"start: no such source", "ValidationException", func() error {
				_, err := do[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: site, SourceRevisions: []types.SourceRevisionOverride{
					{ActionName: aws.String("Build"), RevisionType: types.SourceRevisionTypeCommitId, RevisionValue: aws.String("x")},
				}})
				return err
			}},
			{"start: no such variable", "ValidationException", func() error {
				_, err := do[sdk.StartPipelineExecutionOutput](s, &sdk.StartPipelineExecutionInput{Name: site, Variables: []types.PipelineVariable{
					{Name: aws.String("x"), Value: aws.String("y")},
				}})
				return err
			}},
			{"stop: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.StopPipelineExecutionOutput](s, &sdk.StopPipelineExecutionInput{PipelineName: none, PipelineExecutionId: run})
				return err
			}},
			{"stop: no execution", "PipelineExecutionNotStoppableException", func() error {
				_, err := do[sdk.StopPipelineExecutionOutput](s, &sdk.StopPipelineExecutionInput{PipelineName: site, PipelineExecutionId: noRun})
				return err
			}},
			{"execution: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.GetPipelineExecutionOutput](s, &sdk.GetPipelineExecutionInput{PipelineName: none, PipelineExecutionId: run})
				return err
			}},
			{"execution: no execution", "PipelineExecutionNotFoundException", func() error {
				_, err := do[sdk.GetPipelineExecutionOutput](s, &sdk.GetPipelineExecutionInput{PipelineName: site, PipelineExecutionId: noRun})
				return err
			}},
			{"executions: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: none})
				return err
			}},
			{"executions: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: site, NextToken: badToken})
				return err
			}},
			{"actions: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: none})
				return err
			}},
			{"actions: no execution", "PipelineExecutionNotFoundException", func() error {
				_, err := do[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{
					PipelineName: site, Filter: &types.ActionExecutionFilter{PipelineExecutionId: noRun},
				})
				return err
			}},
			{"actions: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListActionExecutionsOutput](s, &sdk.ListActionExecutionsInput{PipelineName: site, NextToken: badToken})
				return err
			}},
			{"create: source stage rolls back", "InvalidStructureException", func() error {
				return create(declare(func(d *types.PipelineDeclaration) {
					d.Stages[0].OnFailure = &types.FailureConditions{Result: types.ResultRollback}
				}))
			}},
			{"rollback: no pipeline", "PipelineNotFoundException", func() error { return rollback(s, none, "Build", run) }},
			{"rollback: no stage", "StageNotFoundException", func() error { return rollback(s, site, "None", run) }},
			{"rollback: no execution", "PipelineExecutionNotFoundException", func() error { return rollback(s, site, "Build", noRun) }},
			{"rollback: the source stage", "UnableToRollbackStageException", func() error { return rollback(s, site, "Source", run) }},
			{"retry: no pipeline", "PipelineNotFoundException", func() error { return retry(s, none, "Build", run) }},
			{"retry: no stage", "StageNotFoundException", func() error { return retry(s, site, "None", run) }},
			{"retry: nothing failed", "StageNotRetryableException", func() error { return retry(s, site, "Build", run) }},
			{"retry: not the latest", "NotLatestPipelineExecutionException", func() error { return retry(s, site, "Build", noRun) }},
			{"enable: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.EnableStageTransitionOutput](s, &sdk.EnableStageTransitionInput{PipelineName: none, StageName: aws.String("Build"), TransitionType: inbound})
				return err
			}},
			{"enable: no stage", "StageNotFoundException", func() error {
				_, err := do[sdk.EnableStageTransitionOutput](s, &sdk.EnableStageTransitionInput{PipelineName: site, StageName: none, TransitionType: inbound})
				return err
			}},
			{"disable: no pipeline", "PipelineNotFoundException", func() error {
				_, err := do[sdk.DisableStageTransitionOutput](s, &sdk.DisableStageTransitionInput{PipelineName: none, StageName: aws.String("Build"), TransitionType: inbound, Reason: aws.String("r")})
				return err
			}},
			{"disable: no stage", "StageNotFoundException", func() error {
				_, err := do[sdk.DisableStageTransitionOutput](s, &sdk.DisableStageTransitionInput{PipelineName: site, StageName: none, TransitionType: inbound, Reason: aws.String("r")})
				return err
			}},
			{"approve: no pipeline", "PipelineNotFoundException", func() error { return approve(s, none, "Gate", "Approve") }},
			{"approve: no stage", "StageNotFoundException", func() error { return approve(s, site, "None", "Approve") }},
			{"approve: no action", "ActionNotFoundException", func() error { return approve(s, site, "Gate", "None") }},
			{"approve: wrong token", "InvalidApprovalTokenException", func() error { return approve(s, site, "Gate", "Approve") }},
			{"action types: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListActionTypesOutput](s, &sdk.ListActionTypesInput{NextToken: badToken})
				return err
			}},
			{"tag: no resource", "ResourceNotFoundException", func() error {
				_, err := do[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: noARN, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
				return err
			}},
			{"tag: not an ARN of ours", map[bool]string{false: "InvalidArnException", true: "ValidationException"}[s.remote], func() error {
				_, err := do[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: aws.String("arn:aws:s3:::bucket"), Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
				return err
			}},
			{"tag: too many", "TooManyTagsException", func() error {
				_, err := do[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: arn, Tags: manyTags})
				return err
			}},
			{"tag: bad", "InvalidTagsException", func() error {
				_, err := do[sdk.TagResourceOutput](s, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{{Key: aws.String("AWS:a"), Value: aws.String("b")}}})
				return err
			}},
			{"untag: no resource", "ResourceNotFoundException", func() error {
				_, err := do[sdk.UntagResourceOutput](s, &sdk.UntagResourceInput{ResourceArn: noARN, TagKeys: []string{"a"}})
				return err
			}},
			{"tags: no resource", "ResourceNotFoundException", func() error {
				_, err := do[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: noARN})
				return err
			}},
			{"tags: token", "InvalidNextTokenException", func() error {
				_, err := do[sdk.ListTagsForResourceOutput](s, &sdk.ListTagsForResourceInput{ResourceArn: arn, NextToken: badToken})
				return err
			}},
		} {
			wantCode(t, c.name, c.call(), c.code)
		}
		if n := len(must[sdk.ListPipelinesOutput](s, &sdk.ListPipelinesInput{}).Pipelines); n != 1 {
			t.Errorf("%d pipelines: a refused request made one", n)
		}
		for i := range 11 {
			s.create(fmt.Sprint("more", i))
		}
		wantCode(t, "create: quota", create(declaration("other")), "LimitExceededException")
	})
}

func retry(s *server, name *string, stage string, run *string) error {
	_, err := do[sdk.RetryStageExecutionOutput](s, &sdk.RetryStageExecutionInput{
		PipelineName: name, StageName: &stage, PipelineExecutionId: run, RetryMode: types.StageRetryModeFailedActions,
	})
	return err
}

func rollback(s *server, name *string, stage string, target *string) error {
	_, err := do[sdk.RollbackStageOutput](s, &sdk.RollbackStageInput{PipelineName: name, StageName: &stage, TargetPipelineExecutionId: target})
	return err
}

func approve(s *server, name *string, stage, action string) error {
	_, err := do[sdk.PutApprovalResultOutput](s, &sdk.PutApprovalResultInput{
		PipelineName: name, StageName: &stage, ActionName: &action, Token: aws.String("1bd7a9ba-ab4b-4ff5-9d3b-0a1b2c3d4e5f"),
		Result: &types.ApprovalResult{Status: types.ApprovalStatusApproved, Summary: aws.String("")},
	})
	return err
}

// TestShapes makes sure that the dispatcher stands in front of the operations.
func TestShapes(t *testing.T) {
	each(t, func(t *testing.T, s *server) {
		if !s.remote {
			t.Skip("the dispatcher checks shapes")
		}
		d := declaration("site")
		d.Stages[0].Actions[0].Name = aws.String(strings.Repeat("x", 101))
		_, err := do[sdk.CreatePipelineOutput](s, &sdk.CreatePipelineInput{Pipeline: d})
		wantCode(t, "a long name", err, "ValidationException")
		if !strings.Contains(fmt.Sprint(err), "pipeline.stages.1.member.actions.1.member.name") {
			t.Errorf("the message does not name the member: %v", err)
		}
		_, err = do[sdk.ListPipelineExecutionsOutput](s, &sdk.ListPipelineExecutionsInput{PipelineName: aws.String("site"), MaxResults: aws.Int32(101)})
		wantCode(t, "a long page", err, "ValidationException")
	})
}
