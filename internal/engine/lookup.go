package engine

import (
	"slices"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Work is everything a worker needs to run one action, beside its declaration in definition Execution.Version.
type Work struct {
	Execution ExecutionRecord
	Stage     string
	Action    ActionExecution // with Inputs, Outputs, Token, Deadline
	// Artifacts are the execution's, where they were put. An input in another place is to be copied there first.
	Artifacts []pipeline.Artifact
	// Overrides are the pinned revisions of this source action; empty: fetch the latest.
	Overrides []pipeline.SourceRevisionOverride
	// Variables resolve `#{namespace.key}`: by namespace, then by key. They include "codepipeline" and "variables".
	Variables map[string]map[string]string
}

// Lookup finds a running action by its execution id. It reports false when it has ended or is unknown: then there is
// nothing to do any more.
func Lookup(s State, actionExecutionID string) (Work, bool) {
	for i := range s.Executions {
		e := &s.Executions[i]
		j := runningAction(e, actionExecutionID)
		if j < 0 {
			continue
		}
		a := e.Stage.Actions[j]
		return Work{
			Execution: e.ExecutionRecord, Stage: e.Stage.Name, Action: a, Artifacts: e.Artifacts,
			Overrides: overrides(e, a.Name), Variables: variables(e),
		}, true
	}
	return Work{}, false
}

func overrides(e *Execution, action string) []pipeline.SourceRevisionOverride {
	var out []pipeline.SourceRevisionOverride
	for _, o := range e.Overrides {
		if o.ActionName == action {
			out = append(out, o)
		}
	}
	return out
}

// Variables are what `#{namespace.key}` resolves to in an execution (P7); nil when it is not in the state.
func Variables(s State, executionID string) map[string]map[string]string {
	for i := range s.Executions {
		if s.Executions[i].ID == executionID {
			return variables(&s.Executions[i])
		}
	}
	return nil
}

func variables(e *Execution) map[string]map[string]string {
	all := make(map[string]map[string]string, len(e.Outputs)+2)
	for _, o := range e.Outputs {
		all[o.Namespace] = o.Variables
	}
	own := make(map[string]string, len(e.Variables))
	for _, v := range e.Variables {
		own[v.Name] = v.ResolvedValue
	}
	all["variables"] = own
	all["codepipeline"] = map[string]string{"PipelineExecutionId": e.ID}
	return all
}

// RuleWork is everything a worker needs to evaluate one rule, beside its declaration in definition Execution.Version.
type RuleWork struct {
	Execution ExecutionRecord
	Stage     string
	Condition ConditionType
	Rule      RuleExecution       // with Inputs, Deadline
	Artifacts []pipeline.Artifact // as in Work
	Variables map[string]map[string]string
}

// LookupRule finds a rule being evaluated by its execution id. It reports false when there is nothing to do any more.
func LookupRule(s State, ruleExecutionID string) (RuleWork, bool) {
	for i := range s.Executions {
		e := &s.Executions[i]
		slot, j := runningRule(e, ruleExecutionID)
		if j < 0 {
			continue
		}
		return RuleWork{
			Execution: e.ExecutionRecord, Stage: e.Stage.Name, Condition: slot,
			Rule: e.Stage.Condition(slot).Rules[j], Artifacts: e.Artifacts, Variables: variables(e),
		}, true
	}
	return RuleWork{}, false
}

// StageView is a stage as GetPipelineState shows it (E9).
type StageView struct {
	StageState
	// Inbound are the executions waiting in front of the stage, in the order in which they will enter.
	Inbound []LatestExecution
}

// View is what GetPipelineState shows: the stages in declaration order. A PARALLEL pipeline shows no executions.
func View(d *pipeline.Definition, s State) []StageView {
	views := make([]StageView, 0, len(d.Stages))
	for i := range d.Stages {
		views = append(views, viewStage(d, s, &d.Stages[i]))
	}
	return views
}

func viewStage(d *pipeline.Definition, s State, declared *pipeline.Stage) StageView {
	v := StageView{StageState: StageState{Name: declared.Name}}
	if i := slices.IndexFunc(s.Stages, func(st StageState) bool { return st.Name == declared.Name }); i >= 0 {
		v.StageState = s.Stages[i]
	}
	v.Actions = alignActions(v.Actions, declared.Actions)
	if mode(d) == pipeline.Parallel {
		v.StageState = StageState{Name: v.Name, Transition: v.Transition, Actions: v.Actions}
		for i := range v.Actions {
			v.Actions[i] = ActionState{Name: v.Actions[i].Name}
		}
		return v
	}
	for _, e := range waiters(s, declared.Name) {
		v.Inbound = append(v.Inbound, LatestExecution{ID: e.ID, Status: e.Status, Type: e.Type})
	}
	return v
}

// waiters are the executions waiting in front of a stage, in the order in which they will enter.
func waiters(s State, stage string) []*Execution {
	var out []*Execution
	for i := range s.Executions {
		if e := &s.Executions[i]; e.Waiting != nil && e.Waiting.Stage == stage {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b *Execution) int {
		if before(a, b) {
			return -1
		}
		return 1
	})
	return out
}
