package awsapi

import (
	"reflect"
	"slices"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/function"
	"github.com/conveyor-cd/conveyor/internal/vault"
)

// naming says which member of a service's inputs names the resource and how that becomes the resource part of an ARN.
type naming struct {
	// members are tried in order; the first the input has set (a text or a list of texts) names the resource. A dot
	// descends.
	members []string
	// resource turns a name into the end of an ARN.
	resource func(name string, in reflect.Value) string
	// after is what precedes the name in the ARNs the operations take in its place, whatever comes before that: policies
	// must see the name the operation will see. Without it ARNs are taken as they are.
	after string
	// of is what the names of its operations hold; "" is for all.
	of string
}

var namings = map[string][]naming{
	"codepipeline": {
		{members: []string{"webhook.name", "webhookName", "name"}, resource: plain("webhook:", ""), of: "Webhook"},
		{members: []string{"pipelineName", "pipeline.name", "name", "resourceArn"}, resource: pipelineResource},
	},
	"codecommit": {{members: []string{"repositoryName", "repositoryNames", "oldName", "resourceArn"}, resource: plain("", "")}},
	"codebuild": {
		{members: []string{"reportGroupArn", "reportGroupArns", "arn", "name"}, resource: plain("report-group/", ""), after: ":report-group/", of: "ReportGroup"},
		{members: []string{"arn"}, resource: groupOfReport, after: ":report/", of: "DeleteReport"},
		{members: []string{"reportArn", "reportArns"}, resource: groupOfReport, after: ":report/"},
		{members: []string{"projectName", "projectArn", "name", "names", "resourceArn"}, resource: plain("project/", ""), after: ":project/"},
		{members: []string{"id", "ids"}, resource: projectOfBuild, after: ":build/"},
	},
	"cloudwatch":           {{members: []string{"AlarmName", "AlarmNames", "ResourceARN"}, resource: plain("alarm:", ""), after: ":alarm:"}},
	"codeconnections":      connectionNaming,
	"codestar-connections": connectionNaming,
	"events":               {{members: []string{"Rule", "Name", "ResourceARN", "EventBusName"}, resource: eventResource, after: ":rule/"}},
	"lambda":               {{members: []string{"FunctionName", "Resource"}, resource: functionResource}},
	"ssm":                  {{members: []string{"Name", "Names", "Path", "ResourceId"}, resource: parameterResource, after: ":parameter/"}},
	"secretsmanager":       {{members: []string{"SecretId", "SecretIdList", "Name"}, resource: secretResource}},
	"sns":                  {{members: []string{"TopicArn", "TargetArn", "ResourceArn", "SubscriptionArn", "Name"}, resource: plain("", "")}},
	"logs": {
		{members: []string{"logGroupName", "logGroupIdentifier"}, resource: plain("log-group:", ":*"), after: ":log-group:"},
		{members: []string{"resourceArn"}, resource: plain("log-group:", ":*")},
	},
}

// connectionNaming: connections and hosts are named by their ARNs alone.
var connectionNaming = []naming{{members: []string{"ConnectionArn", "HostArn", "ResourceArn"}, resource: plain("", "")}}

// unnamed are parts of operation names whose "name" is of another kind of resource than the service's main one. Their
// resource counts as unknown, which asks more of a policy, never less.
var unnamed = []string{"ActionType", "Fleet", "SourceCredentials"}

// isUnnamed tells whether the "name" of an operation's input is not its resource's.
func isUnnamed(operation string) bool {
	return slices.ContainsFunc(unnamed, func(part string) bool { return strings.Contains(operation, part) })
}

func plain(prefix, suffix string) func(string, reflect.Value) string {
	return func(name string, _ reflect.Value) string { return prefix + name + suffix }
}

// pipelineResource is PIPELINE, PIPELINE/STAGE or PIPELINE/STAGE/ACTION.
func pipelineResource(name string, in reflect.Value) string {
	for _, part := range []string{"stageName", "actionName"} {
		if p := texts(find(in, part)); len(p) == 1 {
			name += "/" + p[0]
		}
	}
	return name
}

// functionResource is the function, whichever version is named with it.
func functionResource(name string, _ reflect.Value) string { return "function:" + name }

// projectOfBuild is the project a build belongs to: permissions on builds are permissions on their project.
func projectOfBuild(id string, _ reflect.Value) string {
	project, _, _ := strings.Cut(id, ":")
	return "project/" + project
}

// groupOfReport is the group a report belongs to: permissions on reports are permissions on their group.
func groupOfReport(id string, _ reflect.Value) string {
	group, _, _ := strings.Cut(id, ":")
	return "report-group/" + group
}

// eventResource is a rule of the only event bus, the bus itself, a connection or an API destination.
func eventResource(name string, in reflect.Value) string {
	switch operation := in.Type().Name(); {
	case strings.Contains(operation, "Connection"):
		return "connection/" + name
	case strings.Contains(operation, "ApiDestination"):
		return "api-destination/" + name
	case strings.Contains(operation, "EventBus"):
		return "event-bus/" + name
	}
	return "rule/" + name
}

// parameterResource is a parameter, whatever version of it is asked for, or a path.
func parameterResource(name string, _ reflect.Value) string {
	name, _, _ = strings.Cut(name, ":")
	return "parameter/" + strings.Trim(name, "/")
}

// secretResource is a secret, however it is named.
func secretResource(name string, _ reflect.Value) string { return "secret:" + vault.ResourceName(name) }

// resources lists the ARNs a request is about, for the caller's policies: nil when they cannot be told from it. It looks
// at the decoded input alone, so that members the operation does not have cannot mislead it.
func resources(service, operation string, in any, place Place) []string {
	v := reflect.ValueOf(in).Elem()
	if arn := actionType(service, v, place); arn != "" {
		return []string{arn}
	}
	if service == "events" && operation == "PutEvents" {
		return []string{place.ARN(service, "event-bus/default")} // there is no other
	}
	if isUnnamed(operation) {
		return nil
	}
	for _, n := range namings[service] {
		if arns := n.arns(operation, v, service, place); len(arns) > 0 {
			for _, started := range texts(find(v, "webhook.targetPipeline")) {
				arns = append(arns, place.ARN(service, started))
			}
			return arns
		}
	}
	if service != "iam" && (strings.HasPrefix(operation, "List") || strings.HasPrefix(operation, "Describe")) {
		return []string{"*"}
	}
	return nil
}

// arns are those of the resources that an input of operation names by n's members; none when it has none of them.
func (n naming) arns(operation string, in reflect.Value, service string, place Place) []string {
	if !strings.Contains(operation, n.of) {
		return nil
	}
	for _, member := range n.members {
		var arns []string
		for _, name := range texts(find(in, member)) {
			arns = append(arns, n.arn(name, in, service, place))
		}
		if len(arns) > 0 {
			return arns
		}
	}
	return nil
}

// actionType is the ARN of the action type an input of CodePipeline is about, "" when it names none: a policy may let a job
// worker poll for the jobs of its own type only. Where the owner goes without saying it is Custom.
func actionType(service string, in reflect.Value, place Place) string {
	if service != "codepipeline" {
		return ""
	}
	for _, within := range []string{"actionTypeId.", "actionType.id.", ""} {
		parts := []string{"Custom", "", "", ""}
		for i, member := range []string{"owner", "category", "provider", "version"} {
			if t := texts(find(in, within+member)); len(t) == 1 {
				parts[i] = t[0]
			}
		}
		if !slices.Contains(parts, "") {
			return place.ARN(service, "actiontype:"+strings.Join(parts, "/"))
		}
	}
	return ""
}

// arn is what policies call the resource an input names.
func (n naming) arn(name string, in reflect.Value, service string, place Place) string {
	switch service {
	case "secretsmanager":
		name = vault.Name(name) // its ARN may be short of its end
	case "lambda":
		name, _ = function.Named(name)
	case "codebuild": // a batch belongs to its project, as a build does
		name = strings.Replace(name, ":build-batch/", ":build/", 1)
	}
	if strings.HasPrefix(name, "arn:") {
		if service == "sns" && strings.Count(name, ":") == 6 {
			return name[:strings.LastIndexByte(name, ':')] // permissions on subscriptions are permissions on their topic
		}
		_, bare, ok := strings.Cut(name, n.after)
		if n.after == "" || !ok {
			return name
		}
		name = strings.TrimSuffix(bare, ":*") // with which ARNs of log groups may end
	}
	return place.ARN(service, n.resource(name, in))
}

// find is the value of a member of a structure, by its wire name; the zero Value when the input has none.
func find(v reflect.Value, path string) reflect.Value {
	first, rest, deeper := strings.Cut(path, ".")
	for _, m := range members(v.Type()) {
		if m.name != first {
			continue
		}
		f := v.Field(m.index)
		if f.Kind() == reflect.Pointer {
			f = f.Elem()
		}
		if deeper && f.Kind() == reflect.Struct {
			return find(f, rest)
		}
		return f
	}
	return reflect.Value{}
}

func texts(v reflect.Value) []string {
	switch {
	case !v.IsValid():
		return nil
	case v.Kind() == reflect.String:
		return []string{v.String()}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.String:
		out := make([]string, v.Len())
		for i := range out {
			out[i] = v.Index(i).String()
		}
		return out
	default:
		return nil
	}
}
