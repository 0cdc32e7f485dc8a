package pipeline

import "time"

// Trigger types (execution.md section 2).
const (
	TriggerCreatePipeline = "CreatePipeline"
	TriggerStart          = "StartPipelineExecution"
	TriggerSourceChange   = "CloudWatchEvent" // a push or an upload, delivered as an event
	TriggerWebhook        = "Webhook"
	TriggerGit            = "WebhookV2" // an event that passed a filter of the pipeline's triggers
	TriggerManualRollback = "ManualRollback"
	TriggerAutoRollback   = "AutomatedRollback"
	TriggerPoll           = "PollForSourceChanges"
	TriggerActionRevision = "PutActionRevision"
)

// ExecutionTrigger says what started an execution.
type ExecutionTrigger struct {
	TriggerType   string `json:"triggerType"`
	TriggerDetail string `json:"triggerDetail,omitempty"`
}

// SourceRevisionOverride pins the revision one source action fetches.
type SourceRevisionOverride struct {
	ActionName    string `json:"actionName"`
	RevisionType  string `json:"revisionType"` // COMMIT_ID, IMAGE_DIGEST, S3_OBJECT_VERSION_ID, S3_OBJECT_KEY
	RevisionValue string `json:"revisionValue"`
}

// ResolvedVariable is a pipeline-level variable as frozen at the start of an execution.
type ResolvedVariable struct {
	Name          string `json:"name"`
	ResolvedValue string `json:"resolvedValue"`
}

// Artifact is one produced artifact: where its zip lies and, from a source, which revision it is.
type Artifact struct {
	Name     string    `json:"name"`
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"`
	Revision *Revision `json:"revision,omitempty"`
}

// Revision is what a source action found (AWS: ActionRevision and ArtifactRevision).
type Revision struct {
	ID      string    `json:"revisionId"`
	Change  string    `json:"revisionChangeId,omitempty"`
	Summary string    `json:"revisionSummary,omitempty"`
	URL     string    `json:"revisionUrl,omitempty"`
	Created time.Time `json:"created,omitzero"`
}

// ErrorDetails says why an action failed. Codes are AWS's FailureType values or provider-specific words.
type ErrorDetails struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Failure codes every provider may use (execution.md section 3, "Action failure").
const (
	JobFailed           = "JobFailed"
	ConfigurationError  = "ConfigurationError"
	PermissionError     = "PermissionError"
	RevisionOutOfSync   = "RevisionOutOfSync"
	RevisionUnavailable = "RevisionUnavailable"
	SystemUnavailable   = "SystemUnavailable"
	ActionTimeOut       = "ActionTimeOut"
)
