package pipeline

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Each check looks at one action, or at one rule of a condition (see validate_rule.go).

func unknownType(c *candidate, a *placedAction) string {
	if a.known {
		return ""
	}
	id := a.ActionTypeID
	return fmt.Sprintf("%sType (Category: '%s', Provider: '%s', Owner: '%s', Version: '%s') in %s is not available in region %s",
		a.noun(), id.Category, id.Provider, id.Owner, id.Version, a.subject(), c.world.Region)
}

func missingConfiguration(_ *candidate, a *placedAction) string {
	for _, p := range a.facts.Properties {
		if p.Required && a.Configuration[p.Name] == "" {
			return fmt.Sprintf("%s configuration for %s is missing required configuration '%s'", a.noun(), a.subject(), p.Name)
		}
	}
	return ""
}

func unknownConfiguration(_ *candidate, a *placedAction) string {
	for _, key := range sortedKeys(a.Configuration) {
		if a.facts.property(key) == nil {
			return fmt.Sprintf("%s configuration for %s contains unknown configuration '%s'", a.noun(), a.subject(), key)
		}
	}
	return ""
}

func wrongConfigurationValue(_ *candidate, a *placedAction) string {
	for _, key := range sortedKeys(a.Configuration) {
		value := a.Configuration[key]
		if len(References(value)) > 0 {
			continue // known only when the action starts
		}
		if expected := a.facts.property(key).expectation(value); expected != "" {
			return fmt.Sprintf("%s configuration for %s has the value '%s' for configuration '%s', which must be %s",
				a.noun(), a.subject(), value, key, expected)
		}
	}
	return ""
}

func wrongConfiguration(_ *candidate, a *placedAction) string {
	if a.facts.Check == nil {
		return ""
	}
	if problem := a.facts.Check(a.Configuration); problem != "" {
		return fmt.Sprintf("%s configuration for %s is not valid: %s", a.noun(), a.subject(), problem)
	}
	return ""
}

// expectation says what value should have been, or "" when it is fine.
func (p *PropertyFacts) expectation(value string) string {
	switch {
	case p.Secret:
		return ""
	case p.Check != nil:
		return p.Check(value)
	case len(p.Values) > 0 && !slices.Contains(p.Values, value):
		return "one of " + strings.Join(p.Values, ", ")
	case p.Type == "Boolean" && value != "true" && value != "false":
		return "true or false"
	case p.Type == "Number":
		if _, err := strconv.ParseInt(value, 10, 64); err != nil {
			return "a number"
		}
	}
	return ""
}

// wrongCommands looks at the fields that only actions have which run commands.
func wrongCommands(_ *candidate, a *placedAction) string {
	if a.ActionTypeID.Category == CategoryCompute {
		return computeProblem(a)
	}
	for _, given := range []struct {
		field string
		set   bool
	}{
		{"commands", len(a.Commands) > 0},
		{"outputVariables", len(a.OutputVariables) > 0},
		{"environmentVariables", len(a.EnvironmentVariables) > 0},
		{"outputArtifacts.files", slices.ContainsFunc(a.OutputArtifacts, func(o OutputArtifact) bool { return len(o.Files) > 0 })},
	} {
		if given.set {
			return fmt.Sprintf("Action '%s' has the field %s, which only actions of the category Compute can have", a.Name, given.field)
		}
	}
	return ""
}

func computeProblem(a *placedAction) string {
	if a.ActionTypeID.Provider == "Commands" && len(a.Commands) == 0 {
		return fmt.Sprintf("Action %s must have a non-empty commands field", a.Name)
	}
	if problem := severalLines(a); problem != "" {
		return problem
	}
	for _, name := range a.OutputVariables {
		if !isEnvironmentName(name) {
			return fmt.Sprintf("Action '%s' has the output variable '%s', which cannot be the name of an environment variable", a.Name, name)
		}
	}
	return ""
}

// severalLines refuses commands that are not on one line each.
func severalLines(a *placedAction) string {
	for _, c := range a.Commands {
		if strings.ContainsAny(c, "\r\n") {
			return fmt.Sprintf("%s has a command of several lines: %q. Give each command a list entry of its own", capital(a.subject()), c)
		}
	}
	return ""
}

// isEnvironmentName tells whether s is a name that a shell can give a variable: [A-Za-z_][A-Za-z0-9_]*.
func isEnvironmentName(s string) bool {
	return isVariableName(s) && !strings.ContainsAny(s, "@-") && (s[0] < '0' || s[0] > '9')
}

func wrongArtifactCounts(_ *candidate, a *placedAction) string {
	in, out, f := len(a.InputArtifacts), len(a.OutputArtifacts), a.facts
	switch {
	case in < f.MinInputs || in > f.MaxInputs:
		return fmt.Sprintf("%s has %d input artifact(s); %s %ss need %s", capital(a.subject()), in, a.ActionTypeID.Provider,
			strings.ToLower(a.noun()), between(f.MinInputs, f.MaxInputs))
	case out < f.MinOutputs || out > f.MaxOutputs:
		return fmt.Sprintf("Action '%s' has %d output artifact(s); %s actions need %s", a.Name, out, a.ActionTypeID.Provider,
			between(f.MinOutputs, f.MaxOutputs))
	}
	return ""
}

func between(low, high int) string {
	if low == high {
		return fmt.Sprintf("exactly %d", low)
	}
	return fmt.Sprintf("between %d and %d", low, high)
}

func regionNotAllowed(c *candidate, a *placedAction) string {
	if a.Region == "" || a.Region == c.world.Region || a.ActionTypeID.Owner == "AWS" && !a.IsSource() {
		return ""
	}
	return fmt.Sprintf("Action '%s' is in region %s. Source actions and actions of owner %s must be in the pipeline's region %s",
		a.Name, a.Region, a.ActionTypeID.Owner, c.world.Region)
}

func wrongQueryableValue(_ *candidate, a *placedAction) string {
	for _, p := range a.facts.Properties {
		value := a.Configuration[p.Name]
		if !p.Queryable || value == "" || len(References(value)) > 0 {
			continue
		}
		if len(value) > 20 || strings.ContainsFunc(value, func(r rune) bool { return !isQueryableRune(r) }) {
			return fmt.Sprintf("Action configuration for action '%s' has the value '%s' for the queryable configuration '%s'; it can "+
				"have at most 20 characters, which are letters, digits, _ and -", a.Name, value, p.Name)
		}
	}
	return ""
}

func isQueryableRune(r rune) bool {
	return r < 128 && r != '@' && isVariableName(string(r))
}

func timeoutNotSetable(_ *candidate, a *placedAction) string {
	if a.TimeoutInMinutes == 0 || a.facts.TimeoutSetable {
		return ""
	}
	return fmt.Sprintf("Action '%s' sets timeoutInMinutes, which %s actions of the category %s do not support",
		a.Name, a.ActionTypeID.Provider, a.ActionTypeID.Category)
}

func outputProducedTwice(c *candidate) string {
	by := map[string]*placedAction{}
	for _, a := range c.actions {
		for _, o := range a.OutputArtifacts {
			if other := by[o.Name]; other != nil {
				return fmt.Sprintf("Output artifact names must be unique within a pipeline. The artifact '%s' is produced by action '%s' "+
					"in stage '%s' and by action '%s' in stage '%s'", o.Name, other.Name, other.stage, a.Name, a.stage)
			}
			by[o.Name] = a
		}
	}
	return ""
}

func inputNotProduced(c *candidate, a *placedAction) string {
	seen := map[string]bool{}
	for _, in := range a.InputArtifacts {
		producer := c.producers[in.Name]
		switch {
		case seen[in.Name]:
			return fmt.Sprintf("%s has the input artifact '%s' more than once", capital(a.place()), in.Name)
		case producer == nil:
			return fmt.Sprintf("%s has the input artifact '%s', which no action of the pipeline produces", capital(a.place()), in.Name)
		case !producer.before(a):
			return fmt.Sprintf("%s has the input artifact '%s', but action '%s' in stage '%s' that produces it "+
				"does not run earlier. An input artifact must be produced in an earlier stage, or in the same stage by an action with a lower runOrder",
				capital(a.place()), in.Name, producer.Name, producer.stage)
		}
		seen[in.Name] = true
	}
	return ""
}

func duplicateNamespace(c *candidate) string {
	var twice []string
	by := map[string]int{}
	for _, a := range c.actions {
		if a.Namespace != "" {
			by[a.Namespace]++
		}
	}
	for _, a := range c.actions {
		if by[a.Namespace] > 1 {
			twice = append(twice, fmt.Sprintf("StageName=[%s], ActionName=[%s], Namespace=[%s]", a.stage, a.Name, a.Namespace))
		}
	}
	if len(twice) == 0 {
		return ""
	}
	return "Namespaces must be unique across the pipeline definition. The following occur more than once in the pipeline. " +
		strings.Join(twice, "; ")
}

func wrongNamespace(c *candidate, a *placedAction) string {
	switch {
	case a.Namespace == "":
		return ""
	case a.Namespace == NamespaceExecution || a.Namespace == NamespaceVariables:
		return fmt.Sprintf("Action '%s' in stage '%s' has the namespace '%s', which is reserved", a.Name, a.stage, a.Namespace)
	case c.producers[a.Namespace] != nil:
		return fmt.Sprintf("Action '%s' in stage '%s' has the namespace '%s', which is also the name of an artifact",
			a.Name, a.stage, a.Namespace)
	}
	return ""
}

const referenceFormat = "Valid format for a pipeline execution variable reference is a namespace and a key separated by a period (.). "

func wrongReference(c *candidate, a *placedAction) string {
	for _, t := range a.ResolvableTexts() {
		for _, r := range References(t.Text) {
			if problem := c.referenceProblem(a, r); problem != "" {
				return fmt.Sprintf("%sThe following pipeline execution variables are referencing %s. StageName=[%s], %sName=[%s], "+
					"%sConfigurationKey=[%s], VariableReferenceText=[%s]",
					referenceFormat, problem, a.stage, a.noun(), a.Name, a.noun(), t.Key, r.Text)
			}
		}
	}
	return ""
}

// referenceProblem says what r refers to that it may not, or "".
func (c *candidate) referenceProblem(a *placedAction, r Reference) string {
	switch r.Namespace {
	case "":
		return "a namespace or key that is not well-formed"
	case NamespaceExecution:
		if r.Key != VarExecutionID {
			return "a key that does not exist"
		}
		return ""
	case NamespaceVariables:
		if !slices.ContainsFunc(c.Variables, func(v VariableDeclaration) bool { return v.Name == r.Key }) {
			return "a pipeline variable that does not exist"
		}
		return ""
	}
	producer := c.spaces[r.Namespace]
	switch {
	case producer == nil:
		return "a namespace that does not exist"
	case !producer.before(a):
		return "a namespace of an action that does not run earlier"
	}
	return ""
}

func pipelineVariableInSource(_ *candidate, a *placedAction) string {
	if !a.IsSource() {
		return ""
	}
	for _, t := range a.ResolvableTexts() {
		for _, r := range References(t.Text) {
			if r.Namespace == NamespaceVariables {
				return fmt.Sprintf("Source action '%s' refers to the pipeline variable %s in configuration '%s'. Pipeline variables are "+
					"not supported in source actions", a.Name, r.Text, t.Key)
			}
		}
	}
	return ""
}
