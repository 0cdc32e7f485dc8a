package pipeline

import (
	"errors"
	"fmt"
)

// ErrorKind says which mistake a refused request made. Kinds carry the names of AWS's exceptions, so that the edge (the
// API) maps them one to one and everything below it can stay free of SDK types.
type ErrorKind string

// Every kind a pipeline operation refuses a request with.
const (
	AccessDenied                 ErrorKind = "AccessDeniedException"
	ActionNotFound               ErrorKind = "ActionNotFoundException"
	ActionTypeNotFound           ErrorKind = "ActionTypeNotFoundException"
	ApprovalAlreadyCompleted     ErrorKind = "ApprovalAlreadyCompletedException"
	ConcurrentExecutionsExceeded ErrorKind = "ConcurrentPipelineExecutionsLimitExceededException"
	ConcurrentModification       ErrorKind = "ConcurrentModificationException"
	Conflict                     ErrorKind = "ConflictException"
	DuplicatedStopRequest        ErrorKind = "DuplicatedStopRequestException"
	ExecutionNotFound            ErrorKind = "PipelineExecutionNotFoundException"
	ExecutionNotStoppable        ErrorKind = "PipelineExecutionNotStoppableException"
	ExecutionOutdated            ErrorKind = "PipelineExecutionOutdatedException"
	InvalidActionDeclaration     ErrorKind = "InvalidActionDeclarationException"
	InvalidApprovalToken         ErrorKind = "InvalidApprovalTokenException"
	InvalidArn                   ErrorKind = "InvalidArnException"
	InvalidBlockerDeclaration    ErrorKind = "InvalidBlockerDeclarationException"
	ActionExecutionNotFound      ErrorKind = "ActionExecutionNotFoundException"
	InvalidClientToken           ErrorKind = "InvalidClientTokenException"
	InvalidJob                   ErrorKind = "InvalidJobException"
	InvalidJobState              ErrorKind = "InvalidJobStateException"
	InvalidNonce                 ErrorKind = "InvalidNonceException"
	JobNotFound                  ErrorKind = "JobNotFoundException"
	OutputVariablesSizeExceeded  ErrorKind = "OutputVariablesSizeExceededException"
	InvalidNextToken             ErrorKind = "InvalidNextTokenException"
	InvalidStageDeclaration      ErrorKind = "InvalidStageDeclarationException"
	InvalidStructure             ErrorKind = "InvalidStructureException"
	InvalidTags                  ErrorKind = "InvalidTagsException"
	InvalidWebhookAuthentication ErrorKind = "InvalidWebhookAuthenticationParametersException"
	InvalidWebhookFilterPattern  ErrorKind = "InvalidWebhookFilterPatternException"
	LimitExceeded                ErrorKind = "LimitExceededException"
	NotLatestExecution           ErrorKind = "NotLatestPipelineExecutionException"
	PipelineNameInUse            ErrorKind = "PipelineNameInUseException"
	PipelineNotFound             ErrorKind = "PipelineNotFoundException"
	PipelineVersionNotFound      ErrorKind = "PipelineVersionNotFoundException"
	ResourceNotFound             ErrorKind = "ResourceNotFoundException"
	StageNotFound                ErrorKind = "StageNotFoundException"
	StageNotRetryable            ErrorKind = "StageNotRetryableException"
	TooManyTags                  ErrorKind = "TooManyTagsException"
	UnableToRollbackStage        ErrorKind = "UnableToRollbackStageException"
	ConditionNotOverridable      ErrorKind = "ConditionNotOverridableException"
	Validation                   ErrorKind = "ValidationException"
	WebhookNotFound              ErrorKind = "WebhookNotFoundException"
)

// Error refuses a request because of the user's mistake; nothing has changed. Always handled as *Error.
type Error struct {
	Kind    ErrorKind
	Message string
}

func (e *Error) Error() string { return string(e.Kind) + ": " + e.Message }

// Errorf makes an *Error.
func Errorf(kind ErrorKind, format string, args ...any) error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// KindOf is the kind of the *Error in err's chain, or "" when there is none.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ""
}
