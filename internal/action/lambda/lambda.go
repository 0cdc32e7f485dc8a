// Package lambda is the provider of the action Lambda and of the rule LambdaInvoke: a function is called with a job and
// says with PutJobSuccessResult or PutJobFailureResult how it ended, in its own time.
package lambda

import (
	"context"
	"fmt"
	"regexp"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

const (
	keyFunction   = "FunctionName"
	keyParameters = "UserParameters"

	maxParameters = 1000
	maxArtifacts  = 5

	dayMinutes  = 24 * 60
	ruleMinutes = 55
)

// Jobs lets functions do the jobs of actions. Implemented by flow.
type Jobs interface {
	// AddInvocation leaves the first job of an action or a rule, once, and calls the function with it.
	AddInvocation(ctx context.Context, job action.Job, function string) error
	// DropInvocation takes the jobs of an action or a rule back.
	DropInvocation(ctx context.Context, job action.Job) error
}

// Provider implements action.Provider, for the action or for the rule.
type Provider struct {
	jobs Jobs
	rule bool
}

var _ action.Provider = Provider{}

// New makes the provider of the action Lambda.
func New(jobs Jobs) Provider { return Provider{jobs: jobs} }

// NewRule makes the provider of the rule LambdaInvoke.
func NewRule(jobs Jobs) Provider { return Provider{jobs: jobs, rule: true} }

// Type implements action.Provider.
func (p Provider) Type() action.Type {
	t := action.Type{
		ID: pipeline.ActionTypeID{Category: "Invoke", Owner: "AWS", Provider: "Lambda", Version: "1"},
		Properties: []action.Property{
			{Name: keyFunction, Required: true, Type: "String", Check: functionProblem, Description: "The function that is called, by name or ARN."},
			{Name: keyParameters, Type: "String", Check: parametersProblem, Description: "A text that the function is given, at most 1000 characters."},
		},
		Inputs: action.Count{Max: maxArtifacts}, Outputs: action.Count{Max: maxArtifacts},
		TimeoutMinutes: dayMinutes,
	}
	if p.rule {
		t.ID = pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "LambdaInvoke", Version: "1"}
		t.Outputs, t.TimeoutMinutes, t.TimeoutSetable = action.Count{}, ruleMinutes, true
	}
	return t
}

var functionName = regexp.MustCompile(`^(?:arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:)?([A-Za-z0-9_-]{1,64})(?::\$LATEST)?$`)

func functionProblem(value string) string {
	if functionName.MatchString(value) {
		return ""
	}
	return "the name of a function, or its ARN without a version"
}

func parametersProblem(value string) string {
	if len([]rune(value)) <= maxParameters {
		return ""
	}
	return fmt.Sprintf("a text of at most %d characters", maxParameters)
}

// Start calls the function and waits for what it reports. That it was called is not yet an answer, nor is what it returns.
func (p Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	m := functionName.FindStringSubmatch(job.Configuration[keyFunction])
	if m == nil {
		return action.Fail(pipeline.ConfigurationError, "%q is not the name of a function.", job.Configuration[keyFunction]), nil
	}
	if err := p.jobs.AddInvocation(ctx, job, m[1]); err != nil {
		return nil, err
	}
	return action.Wait{ExternalID: job.ActionExecutionID, Summary: "Waiting for the function " + m[1] + " to report."}, nil
}

// Cancel implements action.Provider. A function that runs is not ended, but what it reports is refused.
func (p Provider) Cancel(ctx context.Context, job action.Job) error {
	return p.jobs.DropInvocation(ctx, job)
}
