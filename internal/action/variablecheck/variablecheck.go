// Package variablecheck is the provider of the rule VariableCheck: a variable of the execution is compared with a value.
package variablecheck

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys.
const (
	keyVariable = "Variable"
	keyValue    = "Value"
	keyOperator = "Operator"
)

// The operators.
const (
	equals      = "EQ"
	differs     = "NE"
	contains    = "CONTAINS"
	matchesText = "MATCHES"
)

// Provider implements action.Provider.
type Provider struct{}

var _ action.Provider = Provider{}

// New makes a Provider.
func New() Provider { return Provider{} }

// Type implements action.Provider.
func (Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "VariableCheck", Version: "1"},
		Properties: []action.Property{
			{Name: keyVariable, Required: true, MayBeEmpty: true, Type: "String", Description: "The variable to check, as #{namespace.key}."},
			{Name: keyValue, Required: true, MayBeEmpty: true, Type: "String", Description: "What it is compared with."},
			{
				Name: keyOperator, Required: true, Type: "String", Values: []string{equals, differs, contains, matchesText},
				Description: "How it is compared.",
			},
		},
		TimeoutMinutes: 55,
	}
}

// Start compares. Nothing is waited for.
func (Provider) Start(_ context.Context, job action.Job) (action.Result, error) {
	variable, value, operator := job.Configuration[keyVariable], job.Configuration[keyValue], job.Configuration[keyOperator]
	holds, err := compare(variable, operator, value)
	if err != nil {
		return action.Fail(pipeline.ConfigurationError, "%v", err), nil
	}
	if !holds {
		return action.Fail(pipeline.JobFailed, "The variable is %s, which %s %s.", shown(variable), refusals[operator], shown(value)), nil
	}
	return action.Done{Summary: "The variable is as it should be."}, nil
}

// refusals says of each operator what did not come true.
var refusals = map[string]string{
	equals:      "is not",
	differs:     "should not be",
	contains:    "does not contain",
	matchesText: "does not match",
}

// patience bounds a match: some expressions take for ever on some texts.
const patience = time.Second

func compare(variable, operator, value string) (bool, error) {
	switch operator {
	case equals:
		return variable == value, nil
	case differs:
		return variable != value, nil
	case contains:
		return strings.Contains(variable, value), nil
	case matchesText:
		return match(variable, value)
	}
	return false, fmt.Errorf("%s is %q; it must be %s, %s, %s or %s", keyOperator, operator, equals, differs, contains, matchesText)
}

// match tells whether the whole text matches, as Java's String.matches does. Go's own expressions lack what people who
// know Java's use: looking ahead and behind, and references back.
func match(text, expression string) (bool, error) {
	if _, err := regexp2.Compile(expression, regexp2.None); err != nil { // alone first: a stray ")" must not end our group
		return false, fmt.Errorf("%s is not a regular expression: %w", keyValue, err)
	}
	whole, err := regexp2.Compile(`\A(?:`+expression+`)\z`, regexp2.None)
	if err != nil {
		return false, fmt.Errorf("%s is not a regular expression: %w", keyValue, err)
	}
	whole.MatchTimeout = patience
	found, err := whole.MatchString(text)
	if err != nil {
		return false, errors.New("the regular expression in " + keyValue + " took longer than " + patience.String() + "; write one that does not try so much")
	}
	return found, nil
}

const longest = 200

func shown(s string) string {
	if len(s) > longest {
		return fmt.Sprintf("%q...", action.Cut(s, longest))
	}
	return fmt.Sprintf("%q", s)
}

// Cancel implements action.Provider. Nothing was started.
func (Provider) Cancel(context.Context, action.Job) error { return nil }
