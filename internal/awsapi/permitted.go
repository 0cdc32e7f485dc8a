package awsapi

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// open are the actions everyone with valid credentials may do, whatever the policies say. AssumeRole asks them itself,
// together with the role's trust policy.
var open = map[string]bool{"sts:GetCallerIdentity": true, "sts:GetSessionToken": true, "sts:AssumeRole": true}

// permitted asks the caller's policies: for the operation on what it is about, and for the roles it hands on.
func (c *call) permitted(ctx context.Context, in any) error {
	action := c.service + ":" + c.name
	if open[action] {
		return nil
	}
	m := Members{reflect.ValueOf(in).Elem()}
	on, err := c.resources(ctx, in, m)
	if err != nil {
		return err
	}
	values, err := c.conditions(ctx, m)
	if err != nil {
		return err
	}
	if err := c.authorizer.Authorize(iam.WithConditions(ctx, values), c.caller, action, on); err != nil {
		return err
	}
	for _, p := range passed(c.service, c.name, m.v) {
		with := iam.WithConditions(ctx, map[string][]string{"iam:PassedToService": {p.service}})
		if err := c.authorizer.Authorize(with, c.caller, "iam:PassRole", []string{p.role}); err != nil {
			return err
		}
	}
	return c.permittedConnections(ctx, m.v)
}

func (c *call) resources(ctx context.Context, in any, m Members) ([]string, error) {
	if c.about.Resources != nil && !c.caller.Root {
		if arns, err := c.about.Resources(ctx, c.name, m); err != nil || len(arns) > 0 {
			return arns, err
		}
	}
	return resources(c.service, c.name, in, c.verifier.place), nil
}

// conditions are what a request itself gives values to: the tags it sets or removes, and what its service knows.
func (c *call) conditions(ctx context.Context, m Members) (map[string][]string, error) {
	values := map[string][]string{"aws:RequestedRegion": {c.verifier.place.Region}}
	if c.about.Conditions != nil {
		own, err := c.about.Conditions(ctx, c.name, m)
		if err != nil {
			return nil, err
		}
		maps.Copy(values, own)
	}
	var keys []string
	for _, member := range []string{"tags", "Tags"} {
		for key, value := range tagsOf(find(m.v, member)) {
			values["aws:RequestTag/"+key] = []string{value}
			keys = append(keys, key)
		}
	}
	for _, member := range []string{"tagKeys", "TagKeys"} {
		keys = append(keys, texts(find(m.v, member))...)
	}
	if len(keys) > 0 {
		slices.Sort(keys)
		values["aws:TagKeys"] = keys
	}
	return values, nil
}

// tagsOf reads tags in the shapes they have: maps, and lists of keys and values.
func tagsOf(v reflect.Value) map[string]string {
	tags := map[string]string{}
	switch {
	case !v.IsValid():
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			if value := v.MapIndex(key); key.Kind() == reflect.String && value.Kind() == reflect.String {
				tags[key.String()] = value.String()
			}
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			key, value := fieldText(v.Index(i), "Key"), fieldText(v.Index(i), "Value")
			if key != "" {
				tags[key] = value
			}
		}
	}
	return tags
}

func fieldText(v reflect.Value, name string) string {
	f := v.FieldByName(name)
	if f.IsValid() && f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	if f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// pass is a role that an operation hands to a service.
type pass struct{ role, service string }

// passes say where operations name the roles they hand on, and to which service. A star stands for every element of a
// list.
var passes = map[string]struct {
	service string
	members []string
}{
	"codepipeline:CreatePipeline":      {"codepipeline.amazonaws.com", []string{"pipeline.roleArn", "pipeline.stages.*.actions.*.roleArn"}},
	"codepipeline:UpdatePipeline":      {"codepipeline.amazonaws.com", []string{"pipeline.roleArn", "pipeline.stages.*.actions.*.roleArn"}},
	"codebuild:CreateProject":          {"codebuild.amazonaws.com", []string{"serviceRole", "buildBatchConfig.serviceRole"}},
	"codebuild:UpdateProject":          {"codebuild.amazonaws.com", []string{"serviceRole", "buildBatchConfig.serviceRole"}},
	"codebuild:StartBuildBatch":        {"codebuild.amazonaws.com", []string{"serviceRoleOverride", "buildBatchConfigOverride.serviceRole"}},
	"codebuild:StartBuild":             {"codebuild.amazonaws.com", []string{"serviceRoleOverride"}},
	"events:PutTargets":                {"events.amazonaws.com", []string{"Targets.*.RoleArn"}},
	"events:PutRule":                   {"events.amazonaws.com", []string{"RoleArn"}},
	"lambda:CreateFunction":            {"lambda.amazonaws.com", []string{"Role"}},
	"codedeploy:CreateDeploymentGroup": {"codedeploy.amazonaws.com", []string{"serviceRoleArn"}},
	"codedeploy:UpdateDeploymentGroup": {"codedeploy.amazonaws.com", []string{"serviceRoleArn"}},
}

// passed lists the roles that a request hands on, each once.
func passed(service, operation string, in reflect.Value) []pass {
	where, ok := passes[service+":"+operation]
	if !ok {
		return nil
	}
	var list []pass
	for _, member := range where.members {
		for _, role := range all(in, member) {
			if p := (pass{role, where.service}); role != "" && !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

// all are the texts at a path, of every element where it has a star.
func all(v reflect.Value, path string) []string {
	before, after, star := strings.Cut(path, ".*.")
	if !star {
		return texts(find(v, path))
	}
	list := find(v, before)
	if !list.IsValid() || list.Kind() != reflect.Slice {
		return nil
	}
	var found []string
	for i := range list.Len() {
		found = append(found, all(list.Index(i), after)...)
	}
	return found
}
