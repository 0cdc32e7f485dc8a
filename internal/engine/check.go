package engine

import "fmt"

// Refusal is a user's mistake: an operation that does not fit the state. Kind is the name of AWS's exception.
type Refusal struct {
	Kind    string
	Message string
}

func (r *Refusal) Error() string { return r.Kind + ": " + r.Message }

// The kinds of refusals.
const (
	StageNotFound                      = "StageNotFoundException"
	ActionNotFound                     = "ActionNotFoundException"
	PipelineExecutionNotFound          = "PipelineExecutionNotFoundException"
	PipelineExecutionNotStoppable      = "PipelineExecutionNotStoppableException"
	DuplicatedStopRequest              = "DuplicatedStopRequestException"
	StageNotRetryable                  = "StageNotRetryableException"
	NotLatestPipelineExecution         = "NotLatestPipelineExecutionException"
	ConcurrentExecutionsLimitExceeded  = "ConcurrentPipelineExecutionsLimitExceededException"
	InvalidApprovalToken               = "InvalidApprovalTokenException"
	ApprovalAlreadyCompleted           = "ApprovalAlreadyCompletedException"
	UnableToRollbackStage              = "UnableToRollbackStageException"
	PipelineExecutionOutdated          = "PipelineExecutionOutdatedException"
	ConditionNotOverridable            = "ConditionNotOverridableException"
	InvalidStructure                   = "InvalidStructureException"
)

func refuse(kind, format string, args ...any) error {
	return &Refusal{Kind: kind, Message: fmt.Sprintf(format, args...)}
}
