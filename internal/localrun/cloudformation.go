package localrun

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// template is a CloudFormation template as far as pipelines and build projects need it.
type template struct {
	parameters map[string]any    // texts, and lists of them
	elsewhere  map[string]string // parameters whose values lie where they cannot be read here, and where
	mappings   *yaml.Node
	conditions map[string]*yaml.Node
	decided    map[string]verdict // of conditions
	resources  map[string]resource
	names      map[string]string // what resources are called, as far as that was asked
	depth      int
	work       int // values resolved so far
}

type resource struct {
	kind       string
	properties *yaml.Node
	condition  *yaml.Node // nil: it exists in any case
}

// unresolved stands where a value cannot be known here; it is an error only where the value matters.
type unresolved string

// pseudo are the parameters that every template has.
var pseudo = map[string]string{
	"AWS::Region": "us-east-1", "AWS::AccountId": "000000000000", "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
	"AWS::StackName": "conveyor-run", "AWS::StackId": "arn:aws:cloudformation:us-east-1:000000000000:stack/conveyor-run/0",
}

// cloudformation reads the pipelines and projects of a template.
func cloudformation(root *yaml.Node, given map[string]string) (candidate, error) {
	t := &template{
		parameters: map[string]any{}, elsewhere: map[string]string{}, mappings: child(root, "Mappings"),
		conditions: members(child(root, "Conditions")), decided: map[string]verdict{},
		resources: map[string]resource{}, names: map[string]string{},
	}
	c := candidate{pipelines: map[string]map[string]any{}, projects: map[string]map[string]any{}}
	if err := t.readParameters(child(root, "Parameters"), given); err != nil {
		return c, err
	}
	for name, node := range members(child(root, "Resources")) {
		if strings.HasPrefix(name, "Fn::") {
			return c, fmt.Errorf("the resource %s: macros and loops are not carried out by conveyor run; write the resources into a copy of the template", name)
		}
		kind := child(node, "Type")
		if kind == nil {
			return c, fmt.Errorf("the resource %s has no Type", name)
		}
		t.resources[name] = resource{kind: kind.Value, properties: child(node, "Properties"), condition: child(node, "Condition")}
	}
	for _, name := range slices.Sorted(maps.Keys(t.resources)) {
		var into map[string]map[string]any
		var keep []string
		switch t.resources[name].kind {
		case "AWS::CodePipeline::Pipeline":
			into, keep = c.pipelines, []string{"Stages", "Variables", "ExecutionMode", "PipelineType"}
		case "AWS::CodeBuild::Project":
			into, keep = c.projects, []string{"Source", "Environment", "TimeoutInMinutes", "QueuedTimeoutInMinutes", "BuildBatchConfig"}
		default:
			continue
		}
		switch exists := t.exists(name); {
		case exists.why != "":
			return c, fmt.Errorf("%s.Condition: %s", name, exists.why)
		case !exists.holds:
			continue
		}
		values, err := t.values(name, keep)
		if err != nil {
			return c, err
		}
		into[values["Name"].(string)] = values
	}
	return c, nil
}

// values are the properties of a resource that matter here. A value that does matter and cannot be known is an error.
func (t *template) values(name string, keep []string) (map[string]any, error) {
	values := map[string]any{"Name": t.physical(name)}
	for _, key := range keep {
		if node := child(t.resources[name].properties, key); node != nil {
			values[key] = t.resolve(node)
		}
	}
	if source, ok := values["Source"].(map[string]any); ok {
		values["Source"] = map[string]any{"BuildSpec": source["BuildSpec"]}
	}
	if batch, ok := values["BuildBatchConfig"].(map[string]any); ok {
		delete(batch, "ServiceRole")
	}
	prune(values)
	if where, why := firstUnresolved(name, values); where != "" {
		return nil, fmt.Errorf("%s: %s", where, why)
	}
	return values, nil
}

// prune removes what a local run does not look at: where actions run and as whom, and where sources come from.
func prune(v any) {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "RoleArn")
		delete(v, "Region")
		if id, ok := v["ActionTypeId"].(map[string]any); ok && id["Category"] == "Source" {
			if configuration, ok := v["Configuration"].(map[string]any); ok {
				maps.DeleteFunc(configuration, func(_ string, value any) bool { _, bad := value.(unresolved); return bad })
			}
		}
		for _, inner := range v {
			prune(inner)
		}
	case []any:
		for _, inner := range v {
			prune(inner)
		}
	}
}

func firstUnresolved(path string, v any) (where, why string) {
	switch v := v.(type) {
	case unresolved:
		return path, string(v)
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if where, why := firstUnresolved(path+"."+key, v[key]); where != "" {
				return where, why
			}
		}
	case []any:
		for i := range v {
			if where, why := firstUnresolved(fmt.Sprintf("%s[%d]", path, i), v[i]); where != "" {
				return where, why
			}
		}
	}
	return "", ""
}

// readParameters takes the given values, and the defaults of the others.
func (t *template) readParameters(node *yaml.Node, given map[string]string) error {
	for name, value := range pseudo {
		t.parameters[name] = value
	}
	known := members(node)
	for name := range given {
		if known[name] == nil {
			return fmt.Errorf("the template has no parameter %s", name)
		}
	}
	for name, p := range known {
		kind := ""
		if k := child(p, "Type"); k != nil {
			kind = k.Value
		}
		value, ok := given[name]
		switch d := child(p, "Default"); {
		case ok:
		case strings.HasPrefix(kind, "AWS::SSM::Parameter::Value<"):
			t.elsewhere[name] = "Parameter Store"
			continue
		case d == nil:
			continue
		default:
			value = d.Value
		}
		list := kind == "CommaDelimitedList" || strings.Contains(kind, "List<")
		if err := allowed(name, value, list, child(p, "AllowedValues")); err != nil {
			return err
		}
		t.parameters[name] = value
		if list {
			t.parameters[name] = elements(value)
		}
	}
	return nil
}

// elements are the values of a parameter that is a list.
func elements(text string) []any {
	list := []any{}
	for part := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}

// allowed refuses a value that the template does not allow for a parameter.
func allowed(name, value string, list bool, values *yaml.Node) error {
	if values == nil || values.Kind != yaml.SequenceNode {
		return nil
	}
	var names []string
	for _, v := range values.Content {
		names = append(names, v.Value)
	}
	given := []any{value}
	if list {
		given = elements(value)
	}
	for _, v := range given {
		if !slices.Contains(names, v.(string)) {
			return fmt.Errorf("the parameter %s is %q; the template allows: %s", name, v, strings.Join(names, ", "))
		}
	}
	return nil
}

// members are the entries of a mapping; none for anything else.
func members(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n == nil || target(n).Kind != yaml.MappingNode {
		return out
	}
	n = target(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1]
	}
	return out
}

func child(n *yaml.Node, key string) *yaml.Node { return members(n)[key] }

func hasKey(n *yaml.Node, key string) bool { return child(n, key) != nil }
