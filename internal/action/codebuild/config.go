package codebuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys (actions.md section 2).
const (
	keyProject   = "ProjectName"
	keyPrimary   = "PrimarySource"
	keyBatch     = "BatchEnabled"
	keyCombine   = "CombineArtifacts"
	keyVariables = "EnvironmentVariables"
)

// projectType is the type of actions that run a project. Build and Test differ in name and time alone.
func projectType(category string, timeout int) action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: category, Owner: "AWS", Provider: "CodeBuild", Version: "1"},
		Properties: []action.Property{
			{Name: keyProject, Required: true, Key: true, Queryable: false, Type: "String", Description: "The build project to run"},
			{Name: keyPrimary, Type: "String", Description: "The input artifact that holds the buildspec; needed with several inputs"},
			{Name: keyBatch, Type: "Boolean", Values: []string{"true", "false"}, Description: "Run the builds of the buildspec's batch section"},
			{Name: keyCombine, Type: "Boolean", Values: []string{"true", "false"}, Description: "Put the artifacts of a batch's builds into one"},
			{Name: keyVariables, Type: "String", Description: "Environment variables, as a JSON array of name, value and type"},
		},
		Inputs:         action.Count{Min: 1, Max: 5},
		Outputs:        action.Count{Min: 0, Max: 5},
		TimeoutMinutes: timeout,
		EntityURL:      "/codebuild/projects/{Config:" + keyProject + "}",
	}
}

// projectRule is the rule that holds when a build of the project succeeds. It has no outputs: what the build makes is not
// kept.
func projectRule() action.Type {
	t := projectType(pipeline.CategoryRule, commandsTimeout)
	t.Outputs, t.TimeoutSetable = action.Count{}, true
	return t
}

// projectRequest asks for a build of a project, or a batch.
func projectRequest(job action.Job) (order, error) {
	c, err := parse(job)
	o := order{batch: c.batch}
	o.Input = sdk.StartBuildInput{ProjectName: aws.String(c.project), EnvironmentVariablesOverride: c.variables}
	o.Pipeline, o.Combine = artifacts(job, c.primary), aws.Bool(c.combine)
	return o, err
}

type config struct {
	project, primary string
	batch, combine   bool
	variables        []types.EnvironmentVariable
}

func isTrue(text string) bool { return strings.EqualFold(text, "true") }

func parse(job action.Job) (config, error) {
	c := config{project: job.Configuration[keyProject], primary: job.Configuration[keyPrimary]}
	if c.project == "" {
		return c, fmt.Errorf("%s is missing: name the build project to run", keyProject)
	}
	c.batch, c.combine = isTrue(job.Configuration[keyBatch]), isTrue(job.Configuration[keyCombine])
	if c.combine && !c.batch {
		return c, fmt.Errorf("%s is true: it needs %s to be true, too", keyCombine, keyBatch)
	}
	var err error
	if c.primary, err = primary(c.primary, job.Inputs); err != nil {
		return c, err
	}
	c.variables, err = variables(job.Configuration[keyVariables])
	return c, err
}

// primary is the input artifact with the buildspec. It must be named when there are several.
func primary(name string, inputs []pipeline.Artifact) (string, error) {
	names := make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.Name
		if in.Name == name {
			return name, nil
		}
	}
	switch {
	case name != "":
		return "", fmt.Errorf("%s %q is not one of the input artifacts %s", keyPrimary, name, strings.Join(names, ", "))
	case len(inputs) == 0:
		return "", errors.New("the action has no input artifact; a build needs at least one")
	case len(inputs) > 1:
		return "", fmt.Errorf("%s is missing: with several input artifacts (%s) it names the one that holds the buildspec", keyPrimary, strings.Join(names, ", "))
	}
	return names[0], nil
}

func variables(text string) ([]types.EnvironmentVariable, error) {
	if text == "" {
		return nil, nil
	}
	var in []pipeline.EnvironmentVariable
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return nil, fmt.Errorf("%s is not a JSON array of {\"name\", \"value\", \"type\"}: %w", keyVariables, err)
	}
	var out []types.EnvironmentVariable
	for _, v := range in {
		kind := types.EnvironmentVariableType(v.Type)
		switch kind {
		case "":
			kind = types.EnvironmentVariableTypePlaintext
		case types.EnvironmentVariableTypePlaintext, types.EnvironmentVariableTypeParameterStore, types.EnvironmentVariableTypeSecretsManager:
		default:
			return nil, fmt.Errorf("%s: %q of %s is not a type of variable", keyVariables, v.Type, v.Name)
		}
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") {
			return nil, fmt.Errorf("%s: %q cannot be the name of a variable", keyVariables, v.Name)
		}
		out = append(out, types.EnvironmentVariable{Name: aws.String(v.Name), Value: aws.String(v.Value), Type: kind})
	}
	return out, nil
}
