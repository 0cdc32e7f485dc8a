package pipeline

// Status is the state of a pipeline, stage or action execution, in the API's spelling.
type Status string

// Every status; not every object has every one (execution.md section 1).
const (
	StatusInProgress Status = "InProgress"
	StatusStopping   Status = "Stopping"
	StatusStopped    Status = "Stopped"
	StatusSucceeded  Status = "Succeeded"
	StatusSuperseded Status = "Superseded"
	StatusFailed     Status = "Failed"
	StatusCancelled  Status = "Cancelled"
	StatusSkipped    Status = "Skipped"
	StatusAbandoned  Status = "Abandoned"
	StatusErrored    Status = "Errored"
	StatusOverridden Status = "Overridden"
)

// Terminal reports whether nothing follows s. Stopped and Failed end an execution too, although a retry revives it.
func (s Status) Terminal() bool {
	return s != "" && s != StatusInProgress && s != StatusStopping
}

// RetryMode chooses which actions of a failed stage run again.
type RetryMode string

// The two retry modes.
const (
	RetryFailedActions RetryMode = "FAILED_ACTIONS"
	RetryAllActions    RetryMode = "ALL_ACTIONS"
)

// ExecutionType tells a normal execution from a rollback.
type ExecutionType string

// The two execution types.
const (
	Standard ExecutionType = "STANDARD"
	Rollback ExecutionType = "ROLLBACK"
)
