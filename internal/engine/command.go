package engine

import (
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Command is something Step asks the shell to do, in the order given and in the transaction that saves the new state.
// Hand each one to Dispatch, which makes the compiler check that the shell knows every kind.
type Command interface {
	dispatch(Handler) error
}

// Handler carries out commands, one method per kind.
type Handler interface {
	StartAction(StartAction) error
	CancelAction(CancelAction) error
	EvaluateRule(EvaluateRule) error
	CancelRule(CancelRule) error
	SetTimer(SetTimer) error
	Announce(Announce) error
}

// Dispatch gives c to the method of h that carries it out.
func Dispatch(c Command, h Handler) error { return c.dispatch(h) }

// StartAction asks for a provider to be run. Names and ids only: inputs, output locations, token, variables and pinned
// revisions are looked up in the state when the work begins (Lookup), the declaration in definition Version.
type StartAction struct {
	Execution string
	Version   int
	Stage     string
	Action    string
	ID        string // action execution id: the idempotency token
	Attempt   int
	Type      pipeline.ActionTypeID
}

// CancelCause says why an action is cancelled.
type CancelCause string

// The causes. On abandonment AWS leaves the provider's work alone (E6); whoever waits for it (a queued job, a job
// worker's job) must still be told.
const (
	CancelTimeout CancelCause = "timeout"
	CancelAbandon CancelCause = "abandon"
	CancelDelete  CancelCause = "delete"
)

// CancelAction tells that nobody waits for an action execution any more.
type CancelAction struct {
	Execution  string
	Version    int
	Stage      string
	Action     string
	ID         string
	ExternalID string
	Cause      CancelCause
}

// EvaluateRule asks for a rule to be run; the answer is RuleResolved.
type EvaluateRule struct {
	Execution string
	Version   int
	Stage     string
	Condition ConditionType
	Rule      string // name
	ID        string // rule execution id: the idempotency token
}

// CancelRule tells that nobody waits for a rule any more, though it has not answered: its condition was overridden, its
// stage ended from outside, or its time is over. What was started for it is of no use and may be ended.
type CancelRule struct {
	Execution  string
	Version    int
	Stage      string
	Condition  ConditionType
	Rule       string // name
	ID         string // rule execution id
	ExternalID string
}

// TimerKind says what a timer is for.
type TimerKind string

// The kinds of timers.
const (
	TimerAction TimerKind = "action" // an action's or an approval's timeout; ID is the action execution id
	TimerRule   TimerKind = "rule"   // a rule's timeout; ID is the rule execution id
	TimerWaiter TimerKind = "waiter" // an execution held too long by a disabled transition; ID is the execution id
)

// Timer identifies a timer. It comes back in TimerFired exactly as it was set.
type Timer struct {
	Kind TimerKind `json:"kind"`
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
}

// SetTimer asks for TimerFired{Timer} at Timer.At. Timers are never taken back: one that is no longer waited for is
// ignored when it fires.
type SetTimer struct {
	Timer Timer
}

// Kind is what an announcement is about.
type Kind string

// The kinds: three as in EventBridge's detail types, and rules, which only history hears of.
const (
	KindPipeline Kind = "pipeline"
	KindStage    Kind = "stage"
	KindAction   Kind = "action"
	KindRule     Kind = "rule"
)

// Word is the state word of an EventBridge state-change event (E11). The empty word is progress: history follows it,
// no event is emitted.
type Word string

// The words.
const (
	Progress       Word = ""
	WordStarted    Word = "STARTED"
	WordResumed    Word = "RESUMED"
	WordStopping   Word = "STOPPING"
	WordStopped    Word = "STOPPED"
	WordSucceeded  Word = "SUCCEEDED"
	WordFailed     Word = "FAILED"
	WordSuperseded Word = "SUPERSEDED"
	WordCanceled   Word = "CANCELED"
	WordAbandoned  Word = "ABANDONED"
)

// Announce tells that something changed, with all that history needs to know about it after the change.
type Announce struct {
	Kind      Kind
	Word      Word
	At        time.Time
	Execution ExecutionRecord
	// Stage is set for stages, actions and rules.
	Stage *StageRecord
	// Action is set for actions.
	Action *ActionExecution
	// Declaration is set when an action STARTED: its declaration at Execution.Version, for history's input side. It
	// points into the definition given to Step: do not change it.
	Declaration *pipeline.Action
	// Variables are the output variables of an action that SUCCEEDED, also of one without a namespace.
	Variables map[string]string
	// Condition and Rule are set for rules; RuleDeclaration when one starts, as Declaration is for actions.
	Condition       ConditionType
	Rule            *RuleExecution
	RuleDeclaration *pipeline.Rule
	// Snapshot is set when a stage SUCCEEDED: what a rollback to this execution in this stage needs.
	Snapshot *Snapshot
}

func (c StartAction) dispatch(h Handler) error  { return h.StartAction(c) }
func (c CancelAction) dispatch(h Handler) error { return h.CancelAction(c) }
func (c EvaluateRule) dispatch(h Handler) error { return h.EvaluateRule(c) }
func (c CancelRule) dispatch(h Handler) error   { return h.CancelRule(c) }
func (c SetTimer) dispatch(h Handler) error     { return h.SetTimer(c) }
func (c Announce) dispatch(h Handler) error     { return h.Announce(c) }
