package engine

import "github.com/conveyor-cd/conveyor/internal/pipeline"

// machine is one step in the making.
type machine struct{}

// Step applies one event to a pipeline and returns its new state and what is to be done, in order. It changes neither s
// nor d. An event that no longer fits (late, or delivered twice) returns s and no command.
func Step(d *pipeline.Definition, s State, ev Event) (State, []Command) {
	return s, nil
}

func (ExecutionRequested) apply(*machine)  {}
func (ActionStarted) apply(*machine)       {}
func (ActionSucceeded) apply(*machine)     {}
func (ActionFailed) apply(*machine)        {}
func (ApprovalGiven) apply(*machine)       {}
func (StopRequested) apply(*machine)       {}
func (RetryRequested) apply(*machine)      {}
func (RollbackRequested) apply(*machine)   {}
func (TransitionSet) apply(*machine)       {}
func (RuleResolved) apply(*machine)        {}
func (ConditionOverridden) apply(*machine) {}
func (TimerFired) apply(*machine)          {}
func (DefinitionChanged) apply(*machine)   {}
func (PipelineDeleted) apply(*machine)     {}
