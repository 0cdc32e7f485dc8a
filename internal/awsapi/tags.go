package awsapi

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// tagging says how a service is asked for the tags of a resource: by which of its operations, and how that names it.
type tagging struct {
	operation string
	// input names a resource whose ARN ends in resource, as the JSON of the operation's input.
	input func(arn, resource string) map[string]any
	// tags is where the output has them.
	tags string
}

var taggings = map[string]tagging{
	"cloudwatch":           {"ListTagsForResource", byARN("ResourceARN"), "Tags"},
	"codebuild":            {"BatchGetProjects", func(arn, _ string) map[string]any { return map[string]any{"names": []any{arn}} }, "projects.*.tags"},
	"codecommit":           {"ListTagsForResource", byARN("resourceArn"), "tags"},
	"codeconnections":      {"ListTagsForResource", byARN("ResourceArn"), "Tags"},
	"codestar-connections": {"ListTagsForResource", byARN("ResourceArn"), "Tags"},
	"codepipeline":         {"ListTagsForResource", taggedPipeline, "tags"},
	"events":               {"ListTagsForResource", byARN("ResourceARN"), "Tags"},
	"lambda":               {"ListTags", byARN("Resource"), "Tags"},
	"logs":                 {"ListTagsForResource", taggedGroup, "tags"},
	"secretsmanager":       {"DescribeSecret", byARN("SecretId"), "Tags"},
	"sns":                  {"ListTagsForResource", byARN("ResourceArn"), "Tags"},
	"ssm":                  {"ListTagsForResource", taggedParameter, "TagList"},
}

// taggingsOfIAM are those of the kinds of resources IAM has, by the beginnings of their names.
var taggingsOfIAM = map[string]tagging{
	"user":   {"ListUserTags", byName("UserName"), "Tags"},
	"role":   {"ListRoleTags", byName("RoleName"), "Tags"},
	"policy": {"ListPolicyTags", byARN("PolicyArn"), "Tags"},
}

func byARN(member string) func(arn, _ string) map[string]any {
	return func(arn, _ string) map[string]any { return map[string]any{member: arn} }
}

func byName(member string) func(_, resource string) map[string]any {
	return func(_, resource string) map[string]any {
		return map[string]any{member: resource[strings.LastIndexByte(resource, '/')+1:]}
	}
}

// taggedPipeline: stages and actions have the tags of their pipeline.
func taggedPipeline(arn, resource string) map[string]any {
	if pipeline, _, deeper := strings.Cut(resource, "/"); deeper && !strings.Contains(pipeline, ":") {
		arn = strings.TrimSuffix(arn, resource) + pipeline
	}
	return map[string]any{"resourceArn": arn}
}

func taggedGroup(arn, _ string) map[string]any {
	return map[string]any{"resourceArn": strings.TrimSuffix(arn, ":*")}
}

// taggedParameter: the name of a parameter in a hierarchy begins with a slash, which its ARN has only once.
func taggedParameter(_, resource string) map[string]any {
	name := strings.TrimPrefix(resource, "parameter/")
	if strings.Contains(name, "/") {
		name = "/" + name
	}
	return map[string]any{"ResourceType": "Parameter", "ResourceId": name}
}

// TagsOf are the tags of a resource, as the service that has it tells them; none when there is no such resource.
func (m *Mux) TagsOf(ctx context.Context, arn string) (map[string]string, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return nil, nil
	}
	service, resource := parts[2], parts[5]
	t, ok := taggings[service]
	if service == "iam" {
		kind, _, _ := strings.Cut(resource, "/")
		t, ok = taggingsOfIAM[kind]
	}
	o, served := m.find(service, t.operation)
	if !ok || !served {
		return nil, nil
	}
	in := o.newInput()
	if err := bind(t.input(arn, resource), in, false); err != nil {
		return nil, err
	}
	out, err := o.call(ctx, in)
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorFault() != smithy.FaultServer {
		return nil, nil // what does not exist has no tags
	}
	if err != nil {
		return nil, err
	}
	return tagsAt(reflect.ValueOf(out).Elem(), t.tags), nil
}

// tagsAt reads the tags at a path, of the first element where it has a star.
func tagsAt(v reflect.Value, path string) map[string]string {
	before, after, star := strings.Cut(path, ".*.")
	at := find(v, before)
	if !star {
		return tagsOf(at)
	}
	if !at.IsValid() || at.Len() == 0 {
		return nil
	}
	return tagsAt(at.Index(0), after)
}

// find finds an operation of a service, whatever its protocol.
func (m *Mux) find(service, operation string) (Operation, bool) {
	for _, a := range m.json {
		if o, ok := a.ops[operation]; ok && a.Service == service {
			return o, true
		}
	}
	for _, a := range m.query {
		if o, ok := a.ops[operation]; ok && a.Service == service {
			return o, true
		}
	}
	at := slices.IndexFunc(m.rest[scopeOf(service)].routes, func(r Route) bool { return r.Operation.name == operation })
	if at < 0 {
		return Operation{}, false
	}
	return m.rest[scopeOf(service)].routes[at].Operation, true
}
