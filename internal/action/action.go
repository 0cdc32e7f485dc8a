// Package action is the contract between the belt and the providers that do its work: sources, builds, approvals,
// deployments, and the rules of stage conditions. Each provider is one small package below this one; internal/app lists
// them in a Registry.
package action

import (
	"context"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Provider does the work of one action type.
//
// Delivery is at least once: after a crash Start is called again with the same Job.ActionExecutionID, which is the
// idempotency token. A provider that starts something outside (a build, a deployment) must find what it started before
// by that id instead of starting a second one; one that only writes must write the same again. All methods may be called
// from many goroutines, for different jobs; Start for one id is not called twice at the same time, except when a server
// lost its lease and has not noticed yet.
//
// A rule of a stage condition is run the same way, by a provider whose type has the category pipeline.CategoryRule: Done
// means that the rule holds, Failed that it does not (its Message says why), Wait that it will be known later, by Report.
// Job.Action is then the rule's name and Job.ActionExecutionID the rule execution id; there are no outputs.
//
// Jobs reach providers through a Registry, which has checked them against Type: configuration keys are known, required
// ones are there, values are allowed, and artifact counts fit. Every provider passes the suite in actiontest.
type Provider interface {
	// Type declares the action type: its id, configuration keys, artifact counts and timeout. It never changes.
	Type() Type
	// Start does the work and returns how it ended, or Wait when something else will tell later. ctx ends at the
	// action's timeout or when the server stops. A returned error means "could not be tried" (a full disk, a lost
	// database) and is retried; a failure of the user's work is Failed, not an error.
	Start(ctx context.Context, job Job) (Result, error)
	// Cancel ends what Start left waiting: a timeout or an abandoned action. It is called at most a few times, may find
	// nothing to do, also before Start or beside it, and never reports back.
	Cancel(ctx context.Context, job Job) error
}

// Type is what a provider declares (AWS: ActionType, RuleType).
type Type struct {
	ID         pipeline.ActionTypeID
	Properties []Property
	// Whole, when set, says what is wrong with a configuration whose keys are each fine, or "". It is asked when Check of
	// Property is; values may still hold variables then.
	Whole          func(configuration map[string]string) string `json:"-"`
	Inputs         Count
	Outputs        Count
	TimeoutMinutes int    // default when the declaration cannot set one
	TimeoutSetable bool   // Action.TimeoutInMinutes is honoured (manual approval)
	EntityURL      string // template with {Config:Key}; console link to the thing acted on
	RevisionURL    string
	ExecutionURL   string // template with {Config:Key} and {ExternalExecutionId}; custom types only
	SettingsURL    string // where the provider is configured (AWS: thirdPartyConfigurationUrl); custom types only
}

// Property is one configuration key (AWS: ActionConfigurationProperty).
type Property struct {
	Name        string
	Required    bool
	Key         bool
	Secret      bool
	Queryable   bool
	MayBeEmpty  bool // required, but a variable may turn out to be empty
	Description string
	Type        string // String, Number or Boolean
	// Values, when set, lists the only accepted ones.
	Values []string
	// Check, when set, says what a value should have been ("a cron expression, ..."), or "" when it is fine. It is asked
	// when a pipeline is made, and again when the action starts and its variables are known.
	Check func(value string) string `json:"-"`
}

// Count bounds how many artifacts an action reads or produces.
type Count struct{ Min, Max int }

// Job is one action execution to run.
type Job struct {
	Pipeline          string
	PipelineVersion   int
	ExecutionID       string
	Stage             string
	Action            string
	ActionExecutionID string // also the idempotency token
	// Started is when this action execution began: the same on every delivery. Zero where the caller does not know.
	Started         time.Time
	TypeID          pipeline.ActionTypeID
	Configuration   map[string]string // resolved: no #{...} left
	Commands        []string
	Environment     []pipeline.EnvironmentVariable
	RoleArn         string
	PipelineRoleArn string // which assumes RoleArn where that is the action's own
	Region          string
	Inputs          []pipeline.Artifact // in declaration order
	Outputs         []pipeline.Artifact // pre-allocated: Bucket and Key are where to put them
	OutputFiles     []string            // patterns of the files of the only output artifact of an action that runs commands; none: all
	OutputVariables []string
	Revision        []pipeline.SourceRevisionOverride // for this source action; empty: latest
	Token           string                            // approvals: the token to decide with
	Condition       string                            // rules: BEFORE_ENTRY, ON_SUCCESS or ON_FAILURE; "" for actions
	TimeoutMinutes  int
	Trigger         pipeline.ExecutionTrigger
	EncryptionKey   *pipeline.EncryptionKey
	ExternalID      string // for Cancel: what Start's Wait reported
}

// Result is how Start ended: Done, Failed or Wait.
type Result interface{ result() }

// Done is success. Output artifacts already lie where Job.Outputs says.
type Done struct {
	Summary     string
	ExternalID  string // AWS: externalExecutionId
	ExternalURL string
	Revision    *pipeline.Revision // source actions: what was fetched
	Variables   map[string]string  // output variables
	Authors     []string           // source actions: ARNs of those who brought the revision
}

// Failed is a failure of the work itself; Code is a pipeline failure code.
type Failed struct {
	Code        string
	Message     string
	Summary     string
	ExternalID  string
	ExternalURL string
}

// Wait says that the work goes on elsewhere and that its end arrives as a Report.
type Wait struct {
	ExternalID  string
	ExternalURL string
	Summary     string
	LogStream   string // logStreamARN
	// Then, when set, is done in the transaction in which the action begins to wait, and only if it does.
	Then Effect
}

// Effect is something done inside a transaction.
type Effect interface {
	Do(ctx context.Context, tx store.Tx) error
}

func (Done) result()   {}
func (Failed) result() {}
func (Wait) result()   {}

// Report is how waiting work tells its end, or its progress, from inside the transaction in which it ended. The shell
// (flow) turns it into a queued job, so nobody calls upwards. Result may be Done, Failed or, for progress, Wait.
type Report struct {
	Pipeline          string
	ActionExecutionID string
	Result            Result
	PercentComplete   int // with Wait; 0 leaves it alone
}

// Reporter stores Reports. Implemented by flow, called by build, deployments and job workers. Reports about actions
// that have already ended are dropped.
type Reporter interface {
	Report(ctx context.Context, tx store.Tx, r Report) error
}
