package pipeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// triggerable are the providers of the source actions that triggers can name. AWS's own is the first; filters on hosted
// repositories and on those at any URL are ours.
var triggerable = []string{"CodeStarSourceConnection", "CodeCommit", "ConveyorGit"}

func wrongTriggers(c *candidate) string {
	seen := map[string]bool{}
	for _, t := range c.Triggers {
		if t.GitConfiguration == nil {
			return "A trigger has no gitConfiguration"
		}
		g := t.GitConfiguration
		if seen[g.SourceActionName] {
			return fmt.Sprintf("Source action '%s' has more than one trigger", g.SourceActionName)
		}
		seen[g.SourceActionName] = true
		if message := c.triggerProblem(g); message != "" {
			return message
		}
	}
	return ""
}

func (c *candidate) triggerProblem(g *GitConfiguration) string {
	source := false
	for _, a := range c.actions {
		source = source || a.Name == g.SourceActionName && a.IsSource() && slices.Contains(triggerable, a.ActionTypeID.Provider)
	}
	if !source {
		return fmt.Sprintf("The trigger for source action '%s' does not name a source action of provider %s",
			g.SourceActionName, strings.Join(triggerable, " or "))
	}
	if len(g.Push) == 0 && len(g.PullRequest) == 0 {
		return fmt.Sprintf("The trigger for source action '%s' has neither a push nor a pullRequest filter", g.SourceActionName)
	}
	seen := map[string]bool{}
	for _, p := range g.Push {
		if p.Tags != nil && (p.Branches != nil || p.FilePaths != nil) {
			return fmt.Sprintf("The trigger for source action '%s' has a push filter that combines tags with branches or file paths", g.SourceActionName)
		}
		if p.FilePaths != nil && p.Branches == nil {
			return fmt.Sprintf("The trigger for source action '%s' has a push filter with file paths but no branches", g.SourceActionName)
		}
		if duplicate(seen, "push", p) {
			return fmt.Sprintf("The trigger for source action '%s' has the same push filter twice", g.SourceActionName)
		}
	}
	for _, p := range g.PullRequest {
		if duplicate(seen, "pullRequest", p) {
			return fmt.Sprintf("The trigger for source action '%s' has the same pullRequest filter twice", g.SourceActionName)
		}
	}
	return ""
}

// duplicate reports whether an equal filter was seen before, and remembers this one.
func duplicate(seen map[string]bool, kind string, filter any) bool {
	text, err := json.Marshal(filter)
	if err != nil { // plain data always marshals
		return false
	}
	key := kind + string(text)
	if seen[key] {
		return true
	}
	seen[key] = true
	return false
}

// Results a condition, or the lack of one, may lead to.
const (
	resultRollback = "ROLLBACK"
	resultFail     = "FAIL"
	resultRetry    = "RETRY"
	resultSkip     = "SKIP"
)

func rollbackInParallel(c *candidate) string {
	if c.ExecutionMode != Parallel {
		return ""
	}
	for _, s := range c.Stages {
		found := s.OnFailure != nil && s.OnFailure.Result == resultRollback
		for _, k := range s.conditions() {
			found = found || k.Result == resultRollback
		}
		if found {
			return fmt.Sprintf("Stage '%s' has the result ROLLBACK, which pipelines in PARALLEL mode do not support", s.Name)
		}
	}
	return ""
}

// conditions are those of all three slots.
func (s *Stage) conditions() []Condition {
	var all []Condition
	for _, slot := range s.slots() {
		all = append(all, slot.conditions...)
	}
	return all
}

func wrongConditions(c *candidate) string {
	for i := range c.Stages {
		s := &c.Stages[i]
		if s.BeforeEntry != nil {
			if m := slotProblem(s.Name, "beforeEntry", s.BeforeEntry.Conditions, true, resultFail, resultSkip); m != "" {
				return m
			}
		}
		if s.OnSuccess != nil {
			if m := slotProblem(s.Name, "onSuccess", s.OnSuccess.Conditions, true, resultFail, resultRollback); m != "" {
				return m
			}
		}
		if s.OnFailure != nil {
			if m := failureProblem(s); m != "" {
				return m
			}
		}
	}
	return ""
}

func failureProblem(s *Stage) string {
	f := s.OnFailure
	switch {
	case f.Result != "" && f.Result != resultRollback && f.Result != resultRetry:
		return fmt.Sprintf("Stage '%s' has the result %s in onFailure; ROLLBACK and RETRY are allowed", s.Name, f.Result)
	case f.Result == resultRetry && len(f.Conditions) > 0:
		return fmt.Sprintf("Stage '%s' has both the result RETRY and conditions in onFailure", s.Name)
	case f.RetryConfiguration != nil && f.Result != resultRetry:
		return fmt.Sprintf("Stage '%s' has a retryConfiguration in onFailure without the result RETRY", s.Name)
	}
	return slotProblem(s.Name, "onFailure", f.Conditions, false, resultRollback, resultFail)
}

// skippingRules are those whose failure may skip a stage. AWS allows the first two only; a closed deployment window is
// as quickly answered, and skipping is what one wants of it.
var skippingRules = []string{"LambdaInvoke", "VariableCheck", "DeploymentWindow"}

func slotProblem(stage, slot string, conditions []Condition, required bool, results ...string) string {
	if len(conditions) > 1 || required && len(conditions) == 0 {
		return fmt.Sprintf("Stage '%s' has %d conditions in %s; exactly one is allowed", stage, len(conditions), slot)
	}
	for _, k := range conditions {
		if !slices.Contains(results, k.Result) {
			return fmt.Sprintf("Stage '%s' has a condition with the result '%s' in %s; %s are allowed", stage, k.Result, slot, strings.Join(results, ", "))
		}
		if len(k.Rules) == 0 || len(k.Rules) > MaxRulesPerStage {
			return fmt.Sprintf("Stage '%s' has a condition with %d rules in %s; between 1 and %d are allowed",
				stage, len(k.Rules), slot, MaxRulesPerStage)
		}
		seen := map[string]bool{}
		for _, r := range k.Rules {
			if p := r.RuleTypeID.Provider; k.Result == resultSkip && !slices.Contains(skippingRules, p) {
				return fmt.Sprintf("Stage '%s' has a condition with the result SKIP and the rule %s; only %s rules can skip a stage",
					stage, p, strings.Join(skippingRules, ", "))
			}
			if seen[r.Name] {
				return fmt.Sprintf("Stage '%s' has two rules with the name '%s' in %s; rule names must be unique within a condition",
					stage, r.Name, slot)
			}
			seen[r.Name] = true
		}
	}
	return ""
}
