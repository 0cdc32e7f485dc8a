package codebuild

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
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

type config struct {
	project, primary string
	variables        []types.EnvironmentVariable
}

func parse(job action.Job) (config, error) {
	c := config{project: job.Configuration[keyProject], primary: job.Configuration[keyPrimary]}
	if c.project == "" {
		return c, fmt.Errorf("%s is missing: name the build project to run", keyProject)
	}
	for _, key := range []string{keyBatch, keyCombine} {
		if strings.EqualFold(job.Configuration[key], "true") {
			return c, fmt.Errorf("%s is true: batch builds are not supported by this server yet", key)
		}
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
