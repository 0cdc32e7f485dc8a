package codebuild

import (
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Configuration keys of Commands actions (actions.md section 2).
const (
	keyEnvironment = "EnvironmentType"
	keyCompute     = "ComputeType"
	keyVpc         = "VpcId"
	keySubnets     = "Subnets"
	keyGroups      = "SecurityGroupIds"
)

const (
	linux   = "LINUX_CONTAINER"
	windows = "WINDOWS_SERVER_2022_CONTAINER"
)

// commandsType is the type of actions that run shell commands without a build project. The first input artifact is the
// directory they run in; the others lie where CODEBUILD_SRC_DIR_<name> says.
func commandsType() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: pipeline.CategoryCompute, Owner: "AWS", Provider: "Commands", Version: "1"},
		Properties: []action.Property{
			{Name: keyEnvironment, Type: "String", Values: []string{linux, windows}, Description: "What the commands run on"},
			{
				Name: keyCompute, Type: "String", Description: "How large the machine is that the commands run on",
				Values: []string{"BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"},
			},
			{Name: keyVpc, Type: "String", Check: noVpc, Description: "Not supported: commands run in the server's own network"},
			{Name: keySubnets, Type: "String", Check: noVpc, Description: "Not supported, as VpcId"},
			{Name: keyGroups, Type: "String", Check: noVpc, Description: "Not supported, as VpcId"},
		},
		Inputs:         action.Count{Min: 1, Max: 10},
		Outputs:        action.Count{Min: 0, Max: 1},
		TimeoutMinutes: commandsTimeout,
	}
}

// commandsRule is the rule that holds when all its commands exit with 0.
func commandsRule() action.Type {
	return action.Type{
		ID:             pipeline.ActionTypeID{Category: pipeline.CategoryRule, Owner: "AWS", Provider: "Commands", Version: "1"},
		Inputs:         action.Count{Min: 0, Max: 10},
		TimeoutMinutes: commandsTimeout,
		TimeoutSetable: true,
	}
}

func noVpc(string) string { return "left out, because commands run in the server's own network" }

// commandsRequest asks for a build that belongs to the pipeline.
func commandsRequest(job action.Job) (o order, err error) {
	if job.Configuration[keyEnvironment] == windows {
		return o, fmt.Errorf("%s is %s: this server runs commands on its own host; use %s", keyEnvironment, windows, linux)
	}
	environment, err := environment(job.Environment)
	if err != nil {
		return o, err
	}
	o.Request = build.Request{
		Input: sdk.StartBuildInput{
			EnvironmentVariablesOverride: environment,
			ComputeTypeOverride:          types.ComputeType(job.Configuration[keyCompute]),
			ServiceRoleOverride:          aws.String(job.RoleArn),
		},
		Pipeline: artifacts(job, ""),
		Commands: &build.Commands{Lines: job.Commands, Export: job.OutputVariables, Files: job.OutputFiles},
	}
	if len(job.Inputs) > 0 {
		o.Pipeline.Primary = job.Inputs[0].Name
	}
	if job.TimeoutMinutes > 0 {
		o.Input.TimeoutInMinutesOverride = aws.Int32(int32(min(job.TimeoutMinutes, maxTimeout))) //nolint:gosec // it is small
	}
	return o, nil
}

// maxTimeout is the longest timeout that a rule can have, in minutes.
const maxTimeout = 86400

func environment(given []pipeline.EnvironmentVariable) ([]types.EnvironmentVariable, error) {
	var out []types.EnvironmentVariable
	for _, v := range given {
		if v.Type != "" && v.Type != "PLAINTEXT" {
			return nil, fmt.Errorf("the environment variable %s has the type %s, which this server does not support yet; use PLAINTEXT", v.Name, v.Type)
		}
		out = append(out, types.EnvironmentVariable{
			Name: aws.String(v.Name), Value: aws.String(v.Value), Type: types.EnvironmentVariableTypePlaintext,
		})
	}
	return out, nil
}
