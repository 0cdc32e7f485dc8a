// Package invoke is the provider of the CodePipeline action: one pipeline starts another.
package invoke

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys.
const (
	keyPipeline  = "PipelineName"
	keyRevisions = "SourceRevisions"
	keyVariables = "Variables"
)

// Request asks for an execution of another pipeline.
type Request struct {
	Pipeline  string
	Token     string // the same token gives the same execution
	By        string // ARN of the role the action runs under
	Variables []pipeline.ResolvedVariable
	Revisions []pipeline.SourceRevisionOverride
}

// Start starts an execution, as StartPipelineExecution does, and returns its id. What it refuses is a *pipeline.Error.
type Start func(ctx context.Context, r Request) (executionID string, err error)

// Provider implements action.Provider.
type Provider struct{ start Start }

var _ action.Provider = (*Provider)(nil)

// New makes a Provider.
func New(start Start) *Provider { return &Provider{start: start} }

// Type implements action.Provider.
func (*Provider) Type() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Invoke", Owner: "AWS", Provider: "CodePipeline", Version: "1"},
		Properties: []action.Property{
			{Name: keyPipeline, Required: true, Key: true, Type: "String", Description: "The pipeline to start."},
			{Name: keyRevisions, Type: "String", Description: "The revisions its sources fetch: a JSON array of actionName, revisionType and revisionValue."},
			{Name: keyVariables, Type: "String", Description: "Its variables: a JSON array of name and value."},
		},
		TimeoutMinutes: 60,
	}
}

// Start starts the other pipeline and does not wait for it. The action execution id is the client token, so that an action
// that is delivered twice starts it once.
func (p *Provider) Start(ctx context.Context, job action.Job) (action.Result, error) {
	r := Request{Pipeline: job.Configuration[keyPipeline], Token: job.ActionExecutionID, By: job.RoleArn}
	if err := errors.Join(r.readVariables(job.Configuration[keyVariables]), r.readRevisions(job.Configuration[keyRevisions])); err != nil {
		return action.Fail(pipeline.ConfigurationError, "The action %s: %v", job.Action, err), nil
	}
	id, err := p.start(ctx, r)
	if refused, ok := errors.AsType[*pipeline.Error](err); ok {
		return action.Fail(codeOf(refused.Kind), "The pipeline %s could not be started: %s", r.Pipeline, refused.Message), nil
	}
	if err != nil {
		return nil, fmt.Errorf("start the pipeline %s: %w", r.Pipeline, err)
	}
	return action.Done{ExternalID: id, Summary: fmt.Sprintf("Started execution %s of the pipeline %s.", id, r.Pipeline)}, nil
}

func codeOf(kind pipeline.ErrorKind) string {
	if kind == pipeline.PipelineNotFound || kind == pipeline.Validation {
		return pipeline.ConfigurationError
	}
	return pipeline.JobFailed
}

// Cancel implements action.Provider. What was started goes its own way.
func (*Provider) Cancel(context.Context, action.Job) error { return nil }

func (r *Request) readVariables(text string) error {
	var list []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	if err := readList(keyVariables, text, "name and value", &list); err != nil {
		return err
	}
	for _, v := range list {
		if v.Name == "" || v.Value == "" {
			return fmt.Errorf("%s has an entry without a name or without a value (%q); give both", keyVariables, v.Name)
		}
		r.Variables = append(r.Variables, pipeline.ResolvedVariable{Name: v.Name, ResolvedValue: v.Value})
	}
	return nil
}

func (r *Request) readRevisions(text string) error {
	if err := readList(keyRevisions, text, "actionName, revisionType and revisionValue", &r.Revisions); err != nil {
		return err
	}
	for _, o := range r.Revisions {
		if o.ActionName == "" || o.RevisionType == "" || o.RevisionValue == "" {
			return fmt.Errorf("%s has an entry without actionName, revisionType or revisionValue (%q); give all three", keyRevisions, o.ActionName)
		}
	}
	return nil
}

// readList reads a JSON array. A misspelt member is an error: it would be a value that silently does not arrive.
func readList(key, text, members string, list any) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	err := d.Decode(list)
	if err == nil && d.More() {
		err = errors.New("something follows the array")
	}
	if err != nil {
		return fmt.Errorf("%s is not a JSON array of objects with %s: %w", key, members, err)
	}
	return nil
}
