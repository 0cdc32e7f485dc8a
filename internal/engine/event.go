package engine

import (
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Event is something that happened to a pipeline. Each implements its own transition, so a new event that nobody
// handles does not compile. An event that no longer fits the state (late, or delivered twice) changes nothing.
type Event interface {
	// When is the time of the event: the only clock the engine has.
	When() time.Time
	// Name is the event's type name, used by EncodeEvent.
	Name() string
	apply(*machine)
}

// ExecutionRequested starts an execution. The shell refuses user mistakes first (CheckStart).
type ExecutionRequested struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitempty"`
	// ID is the new execution's id, a fresh lowercase UUIDv4.
	ID string `json:"id"`
	// Nonce is at least 16 random bytes in any text form; approval tokens derive from it. Without a nonce approvals
	// have no token and cannot be decided.
	Nonce   string                    `json:"nonce,omitempty"`
	Region  string                    `json:"region,omitempty"` // the pipeline's
	Trigger pipeline.ExecutionTrigger `json:"trigger"`
	// Variables are all the pipeline-level variables, resolved.
	Variables []pipeline.ResolvedVariable       `json:"variables,omitempty"`
	Overrides []pipeline.SourceRevisionOverride `json:"overrides,omitempty"`
	// Failure, when not empty, records the execution as Failed for this reason, and nothing runs: a trigger that could
	// not be honoured, for example because a variable has no value.
	Failure string `json:"failure,omitempty"`
}

// ActionStarted tells that a provider accepted the work, or made progress. Empty fields leave what is known alone.
type ActionStarted struct {
	At          time.Time `json:"at"`
	Action      string    `json:"action"` // action execution id
	ExternalID  string    `json:"externalId,omitempty"`
	ExternalURL string    `json:"externalUrl,omitempty"`
	Summary     string    `json:"summary,omitempty"`
	Percent     int       `json:"percent,omitempty"`
	LogStream   string    `json:"logStream,omitempty"`
	// Timeout, when positive, moves the deadline to At+Timeout.
	Timeout time.Duration `json:"timeout,omitempty"`
}

// ActionSucceeded tells that the work is done and its output artifacts lie where ActionExecution.Outputs says.
type ActionSucceeded struct {
	At          time.Time `json:"at"`
	By          string    `json:"by,omitempty"`
	Action      string    `json:"action"` // action execution id
	Summary     string    `json:"summary,omitempty"`
	ExternalID  string    `json:"externalId,omitempty"`
	ExternalURL string    `json:"externalUrl,omitempty"`
	LogStream   string    `json:"logStream,omitempty"`
	// Revision is what a source action fetched.
	Revision *pipeline.Revision `json:"revision,omitempty"`
	// Artifacts replaces output locations by name, for providers that chose another key; usually empty.
	Artifacts []pipeline.Artifact `json:"artifacts,omitempty"`
	Variables map[string]string   `json:"variables,omitempty"`
	// Authors are the ARNs of those who brought the revision that a source action fetched.
	Authors []string `json:"authors,omitempty"`
}

// ActionFailed tells that the work failed.
type ActionFailed struct {
	At          time.Time             `json:"at"`
	By          string                `json:"by,omitempty"`
	Action      string                `json:"action"` // action execution id
	Error       pipeline.ErrorDetails `json:"error"`
	Summary     string                `json:"summary,omitempty"`
	ExternalID  string                `json:"externalId,omitempty"`
	ExternalURL string                `json:"externalUrl,omitempty"`
	LogStream   string                `json:"logStream,omitempty"`
}

// ApprovalGiven decides a waiting approval (E7). CheckApproval finds its action execution by token.
type ApprovalGiven struct {
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Token    string    `json:"token"`
	Approved bool      `json:"approved"`
	Summary  string    `json:"summary,omitempty"`
	// As lists the names and ARNs that a list of approvers may call By by: its own, its role's, those of its groups.
	As []string `json:"as,omitempty"`
	// Who is who stands behind By, as Person gives it, where By alone does not tell.
	Who string `json:"who,omitempty"`
}

// StopRequested stops an execution (E6).
type StopRequested struct {
	At        time.Time `json:"at"`
	By        string    `json:"by,omitempty"`
	Execution string    `json:"execution"`
	Abandon   bool      `json:"abandon,omitempty"`
	Reason    string    `json:"reason,omitempty"`
}

// RetryRequested runs a failed or stopped stage again, by hand (E4). The automatic retry needs no event.
type RetryRequested struct {
	At        time.Time          `json:"at"`
	By        string             `json:"by,omitempty"`
	Execution string             `json:"execution"`
	Stage     string             `json:"stage"`
	Mode      pipeline.RetryMode `json:"mode"`
}

// RollbackRequested starts a new execution that runs only Stage with what Target had (E5), by hand. The shell takes
// Target from history, where it stored Announce.Snapshot. The automatic rollback needs no event.
type RollbackRequested struct {
	At      time.Time                 `json:"at"`
	By      string                    `json:"by,omitempty"`
	ID      string                    `json:"id"`
	Nonce   string                    `json:"nonce,omitempty"`
	Region  string                    `json:"region,omitempty"` // the pipeline's
	Trigger pipeline.ExecutionTrigger `json:"trigger"`
	Stage   string                    `json:"stage"`
	Target  Snapshot                  `json:"target"`
}

// TransitionType names a side of a stage.
type TransitionType string

// The two transition types; the empty one means Inbound. Outbound of a stage is Inbound of the next (E3).
const (
	Inbound  TransitionType = "Inbound"
	Outbound TransitionType = "Outbound"
)

// TransitionSet opens or closes a gate between stages (E3).
type TransitionSet struct {
	At      time.Time      `json:"at"`
	By      string         `json:"by,omitempty"`
	Stage   string         `json:"stage"`
	Type    TransitionType `json:"type,omitempty"`
	Enabled bool           `json:"enabled,omitempty"`
	Reason  string         `json:"reason,omitempty"`
}

// RuleResolved tells how a rule ended: Succeeded, Failed, or Errored when it could not be evaluated (E8). InProgress
// reports progress.
type RuleResolved struct {
	At          time.Time              `json:"at"`
	Rule        string                 `json:"rule"` // rule execution id
	Status      pipeline.Status        `json:"status"`
	Summary     string                 `json:"summary,omitempty"`
	ExternalID  string                 `json:"externalId,omitempty"`
	ExternalURL string                 `json:"externalUrl,omitempty"`
	Error       *pipeline.ErrorDetails `json:"error,omitempty"`
}

// ConditionType names a slot of a stage that holds conditions.
type ConditionType string

// The slots, in OverrideStageCondition's spelling.
const (
	BeforeEntry ConditionType = "BEFORE_ENTRY"
	OnSuccess   ConditionType = "ON_SUCCESS"
	OnFailure   ConditionType = "ON_FAILURE"
)

// ConditionOverridden lets an execution pass a condition regardless of its rules (E8).
type ConditionOverridden struct {
	At        time.Time     `json:"at"`
	By        string        `json:"by,omitempty"`
	Execution string        `json:"execution"`
	Stage     string        `json:"stage"`
	Condition ConditionType `json:"condition"`
}

// TimerFired tells that a timer set with SetTimer is due. A timer the state no longer waits for changes nothing.
type TimerFired struct {
	At    time.Time `json:"at"`
	Timer Timer     `json:"timer"`
}

// DefinitionChanged tells that the pipeline was edited; Step is given the new definition (P5).
type DefinitionChanged struct {
	At      time.Time `json:"at"`
	By      string    `json:"by,omitempty"`
	Version int       `json:"version"`
}

// PipelineDeleted ends every execution; the shell drops the pipeline afterwards.
type PipelineDeleted struct {
	At time.Time `json:"at"`
	By string    `json:"by,omitempty"`
}

// When and Name of every event.

func (e ExecutionRequested) When() time.Time  { return e.At }
func (e ActionStarted) When() time.Time       { return e.At }
func (e ActionSucceeded) When() time.Time     { return e.At }
func (e ActionFailed) When() time.Time        { return e.At }
func (e ApprovalGiven) When() time.Time       { return e.At }
func (e StopRequested) When() time.Time       { return e.At }
func (e RetryRequested) When() time.Time      { return e.At }
func (e RollbackRequested) When() time.Time   { return e.At }
func (e TransitionSet) When() time.Time       { return e.At }
func (e RuleResolved) When() time.Time        { return e.At }
func (e ConditionOverridden) When() time.Time { return e.At }
func (e TimerFired) When() time.Time          { return e.At }
func (e DefinitionChanged) When() time.Time   { return e.At }
func (e PipelineDeleted) When() time.Time     { return e.At }

func (ExecutionRequested) Name() string  { return "ExecutionRequested" }
func (ActionStarted) Name() string       { return "ActionStarted" }
func (ActionSucceeded) Name() string     { return "ActionSucceeded" }
func (ActionFailed) Name() string        { return "ActionFailed" }
func (ApprovalGiven) Name() string       { return "ApprovalGiven" }
func (StopRequested) Name() string       { return "StopRequested" }
func (RetryRequested) Name() string      { return "RetryRequested" }
func (RollbackRequested) Name() string   { return "RollbackRequested" }
func (TransitionSet) Name() string       { return "TransitionSet" }
func (RuleResolved) Name() string        { return "RuleResolved" }
func (ConditionOverridden) Name() string { return "ConditionOverridden" }
func (TimerFired) Name() string          { return "TimerFired" }
func (DefinitionChanged) Name() string   { return "DefinitionChanged" }
func (PipelineDeleted) Name() string     { return "PipelineDeleted" }
