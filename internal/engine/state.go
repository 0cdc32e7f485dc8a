package engine

import (
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// State is one pipeline and all its in-flight executions. The zero State is a pipeline nothing has happened to yet. It
// marshals to and from JSON without loss. Treat it as immutable: Step copies what it changes and shares the rest.
type State struct {
	// Version and Mode are those of the definition the state last saw.
	Version int                    `json:"version,omitempty"`
	Mode    pipeline.ExecutionMode `json:"mode,omitempty"`
	// Structure is a fingerprint of that definition's shape (stages, actions, order, artifacts; no configuration).
	Structure string `json:"structure,omitempty"`
	// Deleted ends everything: later events change nothing.
	Deleted bool `json:"deleted,omitempty"`
	// Requests counts the executions ever asked for and numbers them: a larger number is a newer execution.
	Requests int64 `json:"requests,omitempty"`
	// Arrivals counts arrivals in front of stages: it orders the queue in front of a stage.
	Arrivals int64 `json:"arrivals,omitempty"`
	// LastRequest is the id of the newest execution asked for; it makes a repeated request harmless.
	LastRequest string `json:"lastRequest,omitempty"`
	// Stages are those of the definition, in its order. An execution may still be inside a stage that was removed.
	Stages []StageState `json:"stages,omitempty"`
	// Executions holds every execution in flight and every Failed or Stopped one that a retry may revive, by Number.
	Executions []Execution `json:"executions,omitempty"`
	// Definitions pins the definitions PARALLEL executions started with, by version, while such executions run (E3).
	Definitions map[int]*pipeline.Definition `json:"definitions,omitempty"`
}

// StageState is what a stage shows across executions (E9).
type StageState struct {
	Name       string     `json:"name"`
	Transition Transition `json:"transition,omitzero"`
	// Latest is the execution that last entered the stage; nil when none has.
	Latest *LatestExecution `json:"latest,omitempty"`
	// Actions is in declaration order.
	Actions []ActionState `json:"actions,omitempty"`
	// Retry is set once the latest execution was retried in this stage.
	Retry *RetryMetadata `json:"retry,omitempty"`
	// The conditions as last evaluated.
	BeforeEntry *ConditionExecution `json:"beforeEntry,omitempty"`
	OnSuccess   *ConditionExecution `json:"onSuccess,omitempty"`
	OnFailure   *ConditionExecution `json:"onFailure,omitempty"`
	// Good is what an automatic rollback would go back to: kept only when the stage declares one (E5).
	Good *Snapshot `json:"good,omitempty"`
}

// Transition is the gate in front of a stage. The zero Transition is enabled and never changed.
type Transition struct {
	Disabled bool      `json:"disabled,omitempty"`
	Reason   string    `json:"reason,omitempty"` // why disabled
	By       string    `json:"by,omitempty"`
	At       time.Time `json:"at,omitzero"`
}

// LatestExecution is the execution that last entered a stage, with the status it has or had there.
type LatestExecution struct {
	ID     string                 `json:"id"`
	Status pipeline.Status        `json:"status"`
	Type   pipeline.ExecutionType `json:"type"`
}

// ActionState is what an action shows across executions. Latest is nil when it never ran.
type ActionState struct {
	Name     string             `json:"name"`
	Revision *pipeline.Revision `json:"revision,omitempty"` // sources: the revision fetched last
	// Latest carries no Inputs and Outputs.
	Latest *ActionExecution `json:"latest,omitempty"`
}

// RetryMetadata counts a stage's retries of its latest execution (AWS: RetryStageMetadata).
type RetryMetadata struct {
	Automatic int    `json:"automatic,omitempty"`
	Manual    int    `json:"manual,omitempty"`
	Last      string `json:"last"` // AutomatedStageRetry or ManualStageRetry
}

// The words of RetryMetadata.Last.
const (
	AutomatedStageRetry = "AutomatedStageRetry"
	ManualStageRetry    = "ManualStageRetry"
)

// ExecutionRecord is what history shows of an execution; Announce carries it whole. Its slices are never changed in
// place.
type ExecutionRecord struct {
	ID      string                    `json:"id"`
	Number  int64                     `json:"number"`
	Version int                       `json:"version"` // of the definition it runs; a retry adopts the current one
	Mode    pipeline.ExecutionMode    `json:"mode"`
	Type    pipeline.ExecutionType    `json:"type"`
	Status  pipeline.Status           `json:"status"`
	Reason  string                    `json:"reason"` // why it has this status, and what would release it when it waits
	Trigger pipeline.ExecutionTrigger `json:"trigger"`
	Started time.Time                 `json:"started"`
	Updated time.Time                 `json:"updated"`
	Attempt int                       `json:"attempt"`          // pipeline-execution-attempt: 1, and one more for every retry
	Region  string                    `json:"region,omitempty"` // the pipeline's, to choose among its artifact stores
	// Variables are the pipeline-level variables, frozen at the start (P7).
	Variables []pipeline.ResolvedVariable `json:"variables,omitempty"`
	// Overrides pin source revisions (E2).
	Overrides []pipeline.SourceRevisionOverride `json:"overrides,omitempty"`
	// Revisions are what the source actions found so far.
	Revisions []SourceRevision `json:"revisions,omitempty"`
	Stop      *Stop            `json:"stop,omitempty"`
	// RollbackTarget is the execution a ROLLBACK goes back to; RollbackStage is the only stage it runs.
	RollbackTarget string `json:"rollbackTarget,omitempty"`
	RollbackStage  string `json:"rollbackStage,omitempty"`
}

// SourceRevision is what a source action fetched, one per output artifact.
type SourceRevision struct {
	Action   string            `json:"action"`
	Artifact string            `json:"artifact,omitempty"`
	Revision pipeline.Revision `json:"revision"`
}

// Stop is an accepted stop request.
type Stop struct {
	Abandon bool      `json:"abandon,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at"`
}

// Execution is one run of the pipeline. It is in exactly one place: waiting in front of a stage (Waiting), inside one
// (Stage, with a status that is not terminal), or ended.
type Execution struct {
	ExecutionRecord
	// Nonce is the secret approval tokens derive from (see ids.go); never announced.
	Nonce string `json:"nonce,omitempty"`
	// Cancelling marks an execution whose pipeline was edited: its running actions finish, then it is Cancelled (P5).
	Cancelling bool `json:"cancelling,omitempty"`
	// Outdated marks an execution whose pipeline's structure was edited since it started: once it has ended it cannot be
	// retried (E4).
	Outdated bool            `json:"outdated,omitempty"`
	Waiting  *Waiting        `json:"waiting,omitempty"`
	Stage    *StageExecution `json:"stage,omitempty"`
	// Authors are those who started the execution or pushed its revisions: see Person.
	Authors []string `json:"authors,omitempty"`
	// Artifacts are those produced so far; a re-run action replaces its own (E4).
	Artifacts []pipeline.Artifact `json:"artifacts,omitempty"`
	// Outputs are the output variables of actions that have a namespace (P7).
	Outputs []ActionOutput `json:"outputs,omitempty"`
}

// Waiting says in front of which stage an execution waits.
type Waiting struct {
	Stage  string    `json:"stage"`
	Since  time.Time `json:"since"`
	Ticket int64     `json:"ticket"` // order of arrival
	// Expires is when a disabled transition has held it too long to go on (30 days, E3); zero while none holds it.
	Expires time.Time `json:"expires,omitzero"`
}

// ActionOutput is what one action offers to `#{namespace.key}`.
type ActionOutput struct {
	Namespace string            `json:"namespace"`
	Variables map[string]string `json:"variables,omitempty"`
}

// StageRecord is what history shows of a stage execution.
type StageRecord struct {
	Name    string          `json:"name"`
	Status  pipeline.Status `json:"status"`
	Reason  string          `json:"reason"`
	Started time.Time       `json:"started"`
	Updated time.Time       `json:"updated"`
	Retried time.Time       `json:"retried,omitzero"` // stage-last-retry-attempt-time (E11)
}

// StageExecution is an execution inside a stage, or where it ended.
type StageExecution struct {
	StageRecord
	// Phase says what the stage is doing; see the constants.
	Phase Phase `json:"phase,omitempty"`
	// Actions has one entry per declared action, in declaration order; an empty Status is "did not run".
	Actions []ActionExecution `json:"actions,omitempty"`
	// The conditions of this stage execution.
	BeforeEntry *ConditionExecution `json:"beforeEntry,omitempty"`
	OnSuccess   *ConditionExecution `json:"onSuccess,omitempty"`
	OnFailure   *ConditionExecution `json:"onFailure,omitempty"`
	// AutoRetried is set once the one automatic retry was used (E4).
	AutoRetried bool `json:"autoRetried,omitempty"`
}

// Phase is the part of a stage execution that is going on.
type Phase string

// The phases, in order. Acting is the usual one and has the empty name.
const (
	PhaseEntry   Phase = "beforeEntry"
	PhaseActing  Phase = ""
	PhaseSuccess Phase = "onSuccess"
	PhaseFailure Phase = "onFailure"
)

// ActionExecution is one run of an action (AWS: ActionExecution and ActionExecutionDetail).
type ActionExecution struct {
	Name        string                 `json:"name"`
	ID          string                 `json:"id,omitempty"`
	Attempt     int                    `json:"attempt,omitempty"` // how often the action ran in this execution
	RunOrder    int                    `json:"runOrder,omitempty"`
	Status      pipeline.Status        `json:"status,omitempty"`
	Reason      string                 `json:"reason,omitempty"`
	Summary     string                 `json:"summary,omitempty"`
	Started     time.Time              `json:"started,omitzero"`
	Updated     time.Time              `json:"updated,omitzero"`   // lastStatusChange
	By          string                 `json:"by,omitempty"`       // lastUpdatedBy: who decided, stopped or retried
	Token       string                 `json:"token,omitempty"`    // approvals: the token to decide with
	Approval    *Approval              `json:"approval,omitempty"` // approvals that ask something of whoever decides
	ExternalID  string                 `json:"externalId,omitempty"`
	ExternalURL string                 `json:"externalUrl,omitempty"`
	Percent     int                    `json:"percent,omitempty"`
	LogStream   string                 `json:"logStream,omitempty"`
	Error       *pipeline.ErrorDetails `json:"error,omitempty"`
	// Deadline is when the action times out; a timer is set for exactly this time.
	Deadline time.Time           `json:"deadline,omitzero"`
	Inputs   []pipeline.Artifact `json:"inputs,omitempty"`  // in declaration order
	Outputs  []pipeline.Artifact `json:"outputs,omitempty"` // pre-allocated locations, in declaration order
}

// ConditionExecution is one evaluation of a condition (E8).
type ConditionExecution struct {
	Status  pipeline.Status `json:"status"`
	Result  string          `json:"result,omitempty"` // FAIL, SKIP, ROLLBACK: applied when it fails
	Reason  string          `json:"reason,omitempty"`
	Updated time.Time       `json:"updated,omitzero"`
	Rules   []RuleExecution `json:"rules,omitempty"`
}

// RuleExecution is one run of a rule (E8).
type RuleExecution struct {
	Name        string                 `json:"name"`
	ID          string                 `json:"id"`
	Status      pipeline.Status        `json:"status"`
	Summary     string                 `json:"summary,omitempty"`
	Started     time.Time              `json:"started,omitzero"`
	Updated     time.Time              `json:"updated,omitzero"`
	By          string                 `json:"by,omitempty"`
	ExternalID  string                 `json:"externalId,omitempty"`
	ExternalURL string                 `json:"externalUrl,omitempty"`
	Error       *pipeline.ErrorDetails `json:"error,omitempty"`
	// Errored marks a Failed rule that could not be evaluated; its condition is then Errored.
	Errored  bool                `json:"errored,omitempty"`
	Deadline time.Time           `json:"deadline,omitzero"`
	Inputs   []pipeline.Artifact `json:"inputs,omitempty"` // in declaration order
}

// Snapshot is what a rollback to an execution needs: the state it had when it succeeded in a stage (E5).
type Snapshot struct {
	ExecutionID string                      `json:"executionId"`
	Version     int                         `json:"version"`
	Revisions   []SourceRevision            `json:"revisions,omitempty"`
	Variables   []pipeline.ResolvedVariable `json:"variables,omitempty"`
	Artifacts   []pipeline.Artifact         `json:"artifacts,omitempty"`
	Outputs     []ActionOutput              `json:"outputs,omitempty"`
}
