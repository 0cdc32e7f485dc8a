// Package pipeline holds the nouns of continuous delivery as plain data: definitions, statuses, revisions, artifacts.
//
// The JSON names are those of the CodePipeline wire, so an SDK value becomes a domain value (and back) by way of its
// JSON. The package depends on nothing and does nothing but describe and validate.
package pipeline

// ExecutionMode says what happens when executions meet at a stage.
type ExecutionMode string

// The three modes. The empty mode means Superseded.
const (
	Superseded ExecutionMode = "SUPERSEDED"
	Queued     ExecutionMode = "QUEUED"
	Parallel   ExecutionMode = "PARALLEL"
)

// Type is the pipeline's feature level.
type Type string

// The two pipeline types.
const (
	V1 Type = "V1"
	V2 Type = "V2"
)

// Definition is a pipeline as its owner declared it (AWS: PipelineDeclaration).
type Definition struct {
	Name           string                   `json:"name"`
	RoleArn        string                   `json:"roleArn"`
	ArtifactStore  *ArtifactStore           `json:"artifactStore,omitempty"`
	ArtifactStores map[string]ArtifactStore `json:"artifactStores,omitempty"`
	Stages         []Stage                  `json:"stages"`
	Version        int                      `json:"version,omitempty"`
	ExecutionMode  ExecutionMode            `json:"executionMode,omitempty"`
	PipelineType   Type                     `json:"pipelineType,omitempty"`
	Variables      []VariableDeclaration    `json:"variables,omitempty"`
	Triggers       []Trigger                `json:"triggers,omitempty"`
}

// ArtifactStore is the bucket artifacts pass through.
type ArtifactStore struct {
	Type          string         `json:"type"`
	Location      string         `json:"location"`
	EncryptionKey *EncryptionKey `json:"encryptionKey,omitempty"`
}

// EncryptionKey names the key artifacts are encrypted with.
type EncryptionKey struct {
	ID   string `json:"id"`
	Type string `json:"type"`
}

// Stage is one step of the belt.
type Stage struct {
	Name        string             `json:"name"`
	Blockers    []Blocker          `json:"blockers,omitempty"`
	Actions     []Action           `json:"actions"`
	OnFailure   *FailureConditions `json:"onFailure,omitempty"`
	OnSuccess   *Conditions        `json:"onSuccess,omitempty"`
	BeforeEntry *Conditions        `json:"beforeEntry,omitempty"`
}

// Blocker is reserved by AWS; none is ever accepted.
type Blocker struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// Action is one piece of work inside a stage.
type Action struct {
	Name                 string                `json:"name"`
	ActionTypeID         ActionTypeID          `json:"actionTypeId"`
	RunOrder             int                   `json:"runOrder,omitempty"` // 0 means 1
	Configuration        map[string]string     `json:"configuration,omitempty"`
	Commands             []string              `json:"commands,omitempty"`
	OutputArtifacts      []OutputArtifact      `json:"outputArtifacts,omitempty"`
	InputArtifacts       []InputArtifact       `json:"inputArtifacts,omitempty"`
	OutputVariables      []string              `json:"outputVariables,omitempty"`
	RoleArn              string                `json:"roleArn,omitempty"`
	Region               string                `json:"region,omitempty"`
	Namespace            string                `json:"namespace,omitempty"`
	TimeoutInMinutes     int                   `json:"timeoutInMinutes,omitempty"`
	EnvironmentVariables []EnvironmentVariable `json:"environmentVariables,omitempty"`
}

// ActionTypeID names a kind of action.
type ActionTypeID struct {
	Category string `json:"category"`
	Owner    string `json:"owner"`
	Provider string `json:"provider"`
	Version  string `json:"version"`
}

// InputArtifact names an artifact an action reads.
type InputArtifact struct {
	Name string `json:"name"`
}

// OutputArtifact names an artifact an action produces.
type OutputArtifact struct {
	Name  string   `json:"name"`
	Files []string `json:"files,omitempty"`
}

// EnvironmentVariable is given to an action that runs commands.
type EnvironmentVariable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Type  string `json:"type,omitempty"`
}

// VariableDeclaration declares a pipeline-level variable.
type VariableDeclaration struct {
	Name         string `json:"name"`
	DefaultValue string `json:"defaultValue,omitempty"`
	Description  string `json:"description,omitempty"`
}

// Conditions guard a stage's entry or its success.
type Conditions struct {
	Conditions []Condition `json:"conditions"`
}

// FailureConditions say what follows a stage's failure.
type FailureConditions struct {
	Result             string              `json:"result,omitempty"`
	RetryConfiguration *RetryConfiguration `json:"retryConfiguration,omitempty"`
	Conditions         []Condition         `json:"conditions,omitempty"`
}

// RetryConfiguration chooses what an automatic retry runs again.
type RetryConfiguration struct {
	RetryMode RetryMode `json:"retryMode,omitempty"`
}

// Condition is a set of rules and what happens when one of them fails.
type Condition struct {
	Result string `json:"result,omitempty"`
	Rules  []Rule `json:"rules,omitempty"`
}

// Rule is one check of a condition.
type Rule struct {
	Name             string            `json:"name"`
	RuleTypeID       RuleTypeID        `json:"ruleTypeId"`
	Configuration    map[string]string `json:"configuration,omitempty"`
	Commands         []string          `json:"commands,omitempty"`
	InputArtifacts   []InputArtifact   `json:"inputArtifacts,omitempty"`
	RoleArn          string            `json:"roleArn,omitempty"`
	Region           string            `json:"region,omitempty"`
	TimeoutInMinutes int               `json:"timeoutInMinutes,omitempty"`
}

// RuleTypeID names a kind of rule.
type RuleTypeID struct {
	Category string `json:"category"`
	Owner    string `json:"owner,omitempty"`
	Provider string `json:"provider"`
	Version  string `json:"version,omitempty"`
}

// Trigger starts the pipeline on matching Git events.
type Trigger struct {
	ProviderType     string            `json:"providerType"`
	GitConfiguration *GitConfiguration `json:"gitConfiguration,omitempty"`
}

// GitConfiguration filters Git events for one source action.
type GitConfiguration struct {
	SourceActionName string              `json:"sourceActionName"`
	Push             []GitPushFilter     `json:"push,omitempty"`
	PullRequest      []PullRequestFilter `json:"pullRequest,omitempty"`
}

// GitPushFilter matches pushes.
type GitPushFilter struct {
	Tags      *GlobFilter `json:"tags,omitempty"`
	Branches  *GlobFilter `json:"branches,omitempty"`
	FilePaths *GlobFilter `json:"filePaths,omitempty"`
}

// PullRequestFilter matches pull-request events.
type PullRequestFilter struct {
	Events    []string    `json:"events,omitempty"`
	Branches  *GlobFilter `json:"branches,omitempty"`
	FilePaths *GlobFilter `json:"filePaths,omitempty"`
}

// GlobFilter includes and excludes names by glob; an exclude wins.
type GlobFilter struct {
	Includes []string `json:"includes,omitempty"`
	Excludes []string `json:"excludes,omitempty"`
}
