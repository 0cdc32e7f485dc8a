// Package codepipeline is the CodePipeline API: one method per operation, in the shape of the SDK's client. It turns
// SDK values into those of internal/pipeline and internal/flow and back, and their mistakes into AWS's exceptions; what
// happens is decided there.
package codepipeline

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Service answers the operations of CodePipeline.
type Service struct {
	flow *flow.Service
}

// New makes a Service over the pipelines of f.
func New(f *flow.Service) *Service { return &Service{flow: f} }

// API lists the operations that are served; the others are unknown operations to the dispatcher.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON(
		"codepipeline", "CodePipeline_20150709",
		awsapi.Handle(s.CreatePipeline),
		awsapi.Handle(s.GetPipeline),
		awsapi.Handle(s.UpdatePipeline),
		awsapi.Handle(s.DeletePipeline),
		awsapi.Handle(s.ListPipelines),
		awsapi.Handle(s.GetPipelineState),
		awsapi.Handle(s.StartPipelineExecution),
		awsapi.Handle(s.StopPipelineExecution),
		awsapi.Handle(s.GetPipelineExecution),
		awsapi.Handle(s.ListPipelineExecutions),
		awsapi.Handle(s.ListActionExecutions),
		awsapi.Handle(s.RetryStageExecution),
		awsapi.Handle(s.RollbackStage),
		awsapi.Handle(s.EnableStageTransition),
		awsapi.Handle(s.DisableStageTransition),
		awsapi.Handle(s.PutApprovalResult),
		awsapi.Handle(s.ListActionTypes),
		awsapi.Handle(s.CreateCustomActionType),
		awsapi.Handle(s.DeleteCustomActionType),
		awsapi.Handle(s.GetActionType),
		awsapi.Handle(s.UpdateActionType),
		awsapi.Handle(s.PollForJobs),
		awsapi.Handle(s.AcknowledgeJob),
		awsapi.Handle(s.GetJobDetails),
		awsapi.Handle(s.PutJobSuccessResult),
		awsapi.Handle(s.PutJobFailureResult),
		awsapi.Handle(s.PollForThirdPartyJobs),
		awsapi.Handle(s.GetThirdPartyJobDetails),
		awsapi.Handle(s.AcknowledgeThirdPartyJob),
		awsapi.Handle(s.PutThirdPartyJobSuccessResult),
		awsapi.Handle(s.PutThirdPartyJobFailureResult),
		awsapi.Handle(s.PutActionRevision),
		awsapi.Handle(s.ListDeployActionExecutionTargets),
		awsapi.Handle(s.OverrideStageCondition),
		awsapi.Handle(s.ListRuleExecutions),
		awsapi.Handle(s.ListRuleTypes),
		awsapi.Handle(s.PutWebhook),
		awsapi.Handle(s.ListWebhooks),
		awsapi.Handle(s.DeleteWebhook),
		awsapi.Handle(s.RegisterWebhookWithThirdParty),
		awsapi.Handle(s.DeregisterWebhookWithThirdParty),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
	)
}

// exceptions makes AWS's exception for each kind of mistake: the one place where the two meet.
var exceptions = map[pipeline.ErrorKind]func(message *string) error{
	pipeline.AccessDenied:                func(m *string) error { return awsapi.Errorf("AccessDeniedException", "%s", *m) },
	pipeline.ActionNotFound:              func(m *string) error { return &types.ActionNotFoundException{Message: m} },
	pipeline.ActionExecutionNotFound:     func(m *string) error { return &types.ActionExecutionNotFoundException{Message: m} },
	pipeline.InvalidClientToken:          func(m *string) error { return &types.InvalidClientTokenException{Message: m} },
	pipeline.InvalidJob:                  func(m *string) error { return &types.InvalidJobException{Message: m} },
	pipeline.InvalidJobState:             func(m *string) error { return &types.InvalidJobStateException{Message: m} },
	pipeline.InvalidNonce:                func(m *string) error { return &types.InvalidNonceException{Message: m} },
	pipeline.JobNotFound:                 func(m *string) error { return &types.JobNotFoundException{Message: m} },
	pipeline.OutputVariablesSizeExceeded: func(m *string) error { return &types.OutputVariablesSizeExceededException{Message: m} },
	pipeline.ActionTypeNotFound:          func(m *string) error { return &types.ActionTypeNotFoundException{Message: m} },
	pipeline.ApprovalAlreadyCompleted:    func(m *string) error { return &types.ApprovalAlreadyCompletedException{Message: m} },
	pipeline.ConcurrentExecutionsExceeded: func(m *string) error {
		return &types.ConcurrentPipelineExecutionsLimitExceededException{Message: m}
	},
	pipeline.ConcurrentModification:    func(m *string) error { return &types.ConcurrentModificationException{Message: m} },
	pipeline.ConditionNotOverridable:   func(m *string) error { return &types.ConditionNotOverridableException{Message: m} },
	pipeline.Conflict:                  func(m *string) error { return &types.ConflictException{Message: m} },
	pipeline.DuplicatedStopRequest:     func(m *string) error { return &types.DuplicatedStopRequestException{Message: m} },
	pipeline.ExecutionNotFound:         func(m *string) error { return &types.PipelineExecutionNotFoundException{Message: m} },
	pipeline.ExecutionNotStoppable:     func(m *string) error { return &types.PipelineExecutionNotStoppableException{Message: m} },
	pipeline.ExecutionOutdated:         func(m *string) error { return &types.PipelineExecutionOutdatedException{Message: m} },
	pipeline.InvalidActionDeclaration:  func(m *string) error { return &types.InvalidActionDeclarationException{Message: m} },
	pipeline.InvalidApprovalToken:      func(m *string) error { return &types.InvalidApprovalTokenException{Message: m} },
	pipeline.InvalidArn:                func(m *string) error { return &types.InvalidArnException{Message: m} },
	pipeline.InvalidBlockerDeclaration: func(m *string) error { return &types.InvalidBlockerDeclarationException{Message: m} },
	pipeline.InvalidNextToken:          func(m *string) error { return &types.InvalidNextTokenException{Message: m} },
	pipeline.InvalidStageDeclaration:   func(m *string) error { return &types.InvalidStageDeclarationException{Message: m} },
	pipeline.InvalidStructure:          func(m *string) error { return &types.InvalidStructureException{Message: m} },
	pipeline.InvalidTags:               func(m *string) error { return &types.InvalidTagsException{Message: m} },
	pipeline.InvalidWebhookAuthentication: func(m *string) error {
		return &types.InvalidWebhookAuthenticationParametersException{Message: m}
	},
	pipeline.InvalidWebhookFilterPattern: func(m *string) error { return &types.InvalidWebhookFilterPatternException{Message: m} },
	pipeline.LimitExceeded:               func(m *string) error { return &types.LimitExceededException{Message: m} },
	pipeline.NotLatestExecution:          func(m *string) error { return &types.NotLatestPipelineExecutionException{Message: m} },
	pipeline.PipelineNameInUse:           func(m *string) error { return &types.PipelineNameInUseException{Message: m} },
	pipeline.PipelineNotFound:            func(m *string) error { return &types.PipelineNotFoundException{Message: m} },
	pipeline.PipelineVersionNotFound:     func(m *string) error { return &types.PipelineVersionNotFoundException{Message: m} },
	pipeline.ResourceNotFound:            func(m *string) error { return &types.ResourceNotFoundException{Message: m} },
	pipeline.StageNotFound:               func(m *string) error { return &types.StageNotFoundException{Message: m} },
	pipeline.StageNotRetryable:           func(m *string) error { return &types.StageNotRetryableException{Message: m} },
	pipeline.TooManyTags:                 func(m *string) error { return &types.TooManyTagsException{Message: m} },
	pipeline.UnableToRollbackStage:       func(m *string) error { return &types.UnableToRollbackStageException{Message: m} },
	pipeline.Validation:                  func(m *string) error { return &types.ValidationException{Message: m} },
	pipeline.WebhookNotFound:             func(m *string) error { return &types.WebhookNotFoundException{Message: m} },
}

// exception is err as the API answers it. Faults of the server stay what they are.
func exception(err error) error {
	if e, ok := errors.AsType[*pipeline.Error](err); ok {
		if exception, known := exceptions[e.Kind]; known {
			return exception(&e.Message)
		}
	}
	return err
}

// fromSDK makes a domain value of an SDK value by way of its JSON: encoding/json matches the SDK's member names, whatever
// their case.
func fromSDK[T any](v any) (T, error) {
	var domain T
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &domain)
	}
	return domain, err
}

// toSDK makes an SDK value of a domain value, whose JSON has the names of the wire.
func toSDK[T any](v any) (T, error) {
	var sdk T
	text, err := json.Marshal(v)
	if err == nil {
		err = awsapi.Unmarshal(text, &sdk)
	}
	return sdk, err
}

// optional is a pointer to v, or nil when v is empty: the member is left out.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// stamp is a time as a member, left out when zero.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func number(n int) *int32 { return aws.Int32(int32(n)) }

func page(maxResults *int32, nextToken *string) flow.Page {
	return flow.Page{Max: int(aws.ToInt32(maxResults)), Token: aws.ToString(nextToken)}
}
