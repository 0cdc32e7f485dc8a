package awsapi

import (
	"context"
	"reflect"
	"slices"
	"strings"
)

// permission is an action on a resource.
type permission struct{ action, resource string }

// permittedConnections asks whether the caller may hand on the connections and logins that a pipeline's actions name:
// AWS's PassConnection, and for logins, which AWS does not have, ConveyorUseLogin.
func (c *call) permittedConnections(ctx context.Context, in reflect.Value) error {
	if c.service != "codepipeline" || c.name != "CreatePipeline" && c.name != "UpdatePipeline" {
		return nil
	}
	for _, p := range connectionsIn(in, c.verifier.place) {
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
			service := "codeconnections"
			if strings.Contains(arn, ":codestar-connections:") {
				service = "codestar-connections"
			}
			add(service+":PassConnection", arn)
		}
		if name := configuration["ConveyorCredentials"]; name != "" {
			add("codeconnections:ConveyorUseLogin", place.ARN("codeconnections", "login/"+name))
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
