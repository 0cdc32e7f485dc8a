package variablecheck_test

import (
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/variablecheck"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func rule(variable, operator, value string) action.Job {
	return action.Job{
		Action: "Check", ActionExecutionID: "r-1", Condition: "BEFORE_ENTRY", TypeID: variablecheck.New().Type().ID,
		Configuration: map[string]string{"Variable": variable, "Operator": operator, "Value": value},
	}
}

func TestOperators(t *testing.T) {
	for _, c := range []struct {
		variable, operator, value string
		says                      string // "" when the rule holds
	}{
		{"main", "EQ", "main", ""},
		{"main", "EQ", "Main", `The variable is "main", which is not "Main".`},
		{"", "EQ", "main", `The variable is "", which is not "main".`},
		{"", "NE", "main", ""},
		{"main", "NE", "main", `which should not be "main"`},
		{"fix: the update", "CONTAINS", "update", ""},
		{"fix", "CONTAINS", "update", "does not contain"},
		{"release/1.2", "MATCHES", `release/\d+\.\d+`, ""},
		{"release/1.2-rc", "MATCHES", `release/\d+\.\d+`, "does not match"}, // the whole text, as in Java
		{"abc", "MATCHES", `a|abc`, ""},
		{"ABC", "MATCHES", `(?i)abc`, ""},
		{"feature", "MATCHES", `(?!main).*`, ""},
		{"main\n", "MATCHES", `main`, "does not match"},
		{"x", "MATCHES", `)(`, "not a regular expression"},
		{strings.Repeat("a", 40) + "!", "MATCHES", `(a|aa)+`, "took longer than"},
		{strings.Repeat("ä", 500), "EQ", "x", `"...`},
	} {
		result, err := variablecheck.New().Start(t.Context(), rule(c.variable, c.operator, c.value))
		if err != nil {
			t.Fatal(err)
		}
		failed, isFailed := result.(action.Failed)
		switch {
		case c.says == "" && isFailed:
			t.Errorf("%q %s %q failed: %s", c.variable, c.operator, c.value, failed.Message)
		case c.says != "" && !strings.Contains(failed.Message, c.says):
			t.Errorf("%q %s %q: %+v, want %q", c.variable, c.operator, c.value, result, c.says)
		}
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(*testing.T) actiontest.Fixture {
		return actiontest.Fixture{
			Provider: variablecheck.New(),
			Job:      func() action.Job { return rule("main", "EQ", "main") },
			Mistakes: []actiontest.Mistake{
				{Name: "another value", Make: func(j *action.Job) { j.Configuration["Value"] = "dev" }, Says: "dev", Code: pipeline.JobFailed},
				{Name: "unknown operator", Make: func(j *action.Job) { j.Configuration["Operator"] = "GT" }, Says: "Operator", Code: pipeline.ConfigurationError},
			},
		}
	})
}
