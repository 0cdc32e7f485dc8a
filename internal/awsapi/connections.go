package awsapi

import (
	"context"
	"reflect"
	"slices"
	"strings"
)

// permission is an action on a resource.
type permission struct{ action, resource string }

// permittedConnections asks whether the caller may hand on the connections and logins that a pipeline's actions or a build's
// sources name: AWS's PassConnection, and for logins, which AWS does not have, ConveyorUseLogin.
func (c *call) permittedConnections(ctx context.Context, in reflect.Value) error {
	var list []permission
	switch {
	case c.service == "codepipeline" && (c.name == "CreatePipeline" || c.name == "UpdatePipeline"):
		list = connectionsIn(in, c.verifier.place)
	case c.service == "codebuild":
		list = connectionsOfSources(in)
	}
	for _, p := range list {
		if err := c.authorizer.Authorize(ctx, c.caller, p.action, []string{p.resource}); err != nil {
			return err
		}
	}
	return nil
}

// connectionsIn lists what a pipeline's declaration needs permission for, each once.
func connectionsIn(in reflect.Value, place Place) []permission {
	var list []permission
	add := func(action, resource string) {
		if p := (permission{action, resource}); !slices.Contains(list, p) {
			list = append(list, p)
		}
	}
	for _, configuration := range allMaps(in, "pipeline.stages.*.actions.*.configuration") {
		if arn := configuration["ConnectionArn"]; arn != "" {
			add(passConnection(arn), arn)
		}
		if name := configuration["ConveyorCredentials"]; name != "" {
			add("codeconnections:ConveyorUseLogin", place.ARN("codeconnections", "login/"+name))
		}
	}
	return list
}

// passConnection is the action of handing on a connection, whose ARN has two spellings.
func passConnection(arn string) string {
	if strings.Contains(arn, ":codestar-connections:") {
		return "codestar-connections:PassConnection"
	}
	return "codeconnections:PassConnection"
}

// sourceAuths are where requests of CodeBuild name the connections of sources.
var sourceAuths = []string{
	"source.auth.resource", "secondarySources.*.auth.resource", "sourceAuthOverride.resource", "secondarySourcesOverride.*.auth.resource", "token",
}

// connectionsOfSources lists what the sources of a build project need permission for.
func connectionsOfSources(in reflect.Value) []permission {
	var list []permission
	for _, path := range sourceAuths {
		for _, arn := range all(in, path) {
			if strings.Contains(arn, ":connection/") && strings.HasPrefix(arn, "arn:") {
				list = append(list, permission{passConnection(arn), arn})
			}
		}
	}
	return list
}

// allMaps are the maps at a path, of every element where it has a star.
func allMaps(v reflect.Value, path string) []map[string]string {
	before, after, star := strings.Cut(path, ".*.")
	at := find(v, before)
	if !at.IsValid() {
		return nil
	}
	if !star {
		if m, ok := at.Interface().(map[string]string); ok {
			return []map[string]string{m}
		}
		return nil
	}
	if at.Kind() != reflect.Slice {
		return nil
	}
	var found []map[string]string
	for i := range at.Len() {
		found = append(found, allMaps(at.Index(i), after)...)
	}
	return found
}
