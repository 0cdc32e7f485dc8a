package localrun

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// template is a CloudFormation template as far as pipelines and build projects need it.
type template struct {
	parameters map[string]string
	resources  map[string]resource
	names      map[string]string // what resources are called, as far as that was asked
	depth      int
	work       int // values resolved so far
}

type resource struct {
	kind       string
	properties *yaml.Node
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
	t := &template{parameters: maps.Clone(pseudo), resources: map[string]resource{}, names: map[string]string{}}
	c := candidate{pipelines: map[string]map[string]any{}, projects: map[string]map[string]any{}}
	if err := t.readParameters(child(root, "Parameters"), given); err != nil {
		return c, err
	}
	resources := child(root, "Resources")
	for name, node := range members(resources) {
		kind := child(node, "Type")
		if kind == nil {
			return c, fmt.Errorf("the resource %s has no Type", name)
		}
		t.resources[name] = resource{kind: kind.Value, properties: child(node, "Properties")}
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

func (t *template) readParameters(node *yaml.Node, given map[string]string) error {
	known := map[string]bool{}
	for name, p := range members(node) {
		known[name] = true
		if value, ok := given[name]; ok {
			t.parameters[name] = value
		} else if d := child(p, "Default"); d != nil {
			t.parameters[name] = d.Value
		}
	}
	for name := range given {
		if !known[name] {
			return fmt.Errorf("the template has no parameter %s", name)
		}
	}
	return nil
}

// Bounds of a template: how deep values nest, how many there are, and how long a text becomes.
const (
	maxDepth = 100
	maxWork  = 1_000_000
	maxText  = 1 << 20
)

// resolve makes a plain value of a node: maps, lists, texts, numbers.
func (t *template) resolve(n *yaml.Node) any {
	t.depth++
	t.work++
	defer func() { t.depth-- }()
	if t.depth > maxDepth || t.work > maxWork {
		return unresolved("the template is nested too deeply or too large")
	}
	if n.Kind == yaml.AliasNode {
		return t.resolve(n.Alias)
	}
	if name, argument, ok := function(n); ok {
		return t.call(name, argument)
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for key, value := range members(n) {
			if v := t.resolve(value); v != nil {
				out[key] = v
			}
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			if v := t.resolve(item); v != nil {
				out = append(out, v)
			}
		}
		return out
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return unresolved(err.Error())
	}
	return v
}

// function recognises an intrinsic function in its short (!Ref X) and its long form ({"Ref": X}).
func function(n *yaml.Node) (name string, argument *yaml.Node, ok bool) {
	if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
		plain := *n
		plain.Tag = map[yaml.Kind]string{yaml.ScalarNode: "!!str", yaml.SequenceNode: "!!seq", yaml.MappingNode: "!!map"}[n.Kind]
		return strings.TrimPrefix(n.Tag, "!"), &plain, true
	}
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		return "", nil, false
	}
	switch key := n.Content[0].Value; {
	case key == "Ref":
		return "Ref", n.Content[1], true
	case strings.HasPrefix(key, "Fn::"):
		return strings.TrimPrefix(key, "Fn::"), n.Content[1], true
	}
	return "", nil, false
}

func (t *template) call(name string, argument *yaml.Node) any {
	v := t.resolve(argument)
	if bad, ok := v.(unresolved); ok {
		return bad
	}
	text, isText := v.(string)
	list, _ := v.([]any)
	switch {
	case name == "Ref" && isText:
		return t.ref(text)
	case name == "GetAtt" && isText:
		resource, attribute, _ := strings.Cut(text, ".")
		return t.attribute(resource, attribute)
	case name == "GetAtt" && len(list) == 2:
		return t.attribute(fmt.Sprint(list[0]), fmt.Sprint(list[1]))
	case name == "Sub" && isText:
		return t.substitute(text, nil)
	case name == "Sub" && len(list) == 2:
		own, _ := list[1].(map[string]any)
		return t.substitute(fmt.Sprint(list[0]), own)
	case name == "Join" && len(list) == 2:
		return join(list[0], list[1])
	}
	return unresolved(fmt.Sprintf("the function %s is not resolved by conveyor run (Ref, Sub, GetAtt and Join are); write the value into a copy of the template", name))
}

func join(separator, parts any) any {
	list, ok := parts.([]any)
	if !ok {
		return unresolved("Join needs a list of values written into the template")
	}
	texts := make([]string, len(list))
	for i, part := range list {
		if bad, ok := part.(unresolved); ok {
			return bad
		}
		texts[i] = fmt.Sprint(part)
	}
	return bounded(strings.Join(texts, fmt.Sprint(separator)))
}

func bounded(text string) any {
	if len(text) > maxText {
		return unresolved("the text becomes too long")
	}
	return text
}

func (t *template) ref(name string) any {
	if name == "AWS::NoValue" {
		return nil
	}
	if value, ok := t.parameters[name]; ok {
		return value
	}
	if _, ok := t.resources[name]; ok {
		return t.physical(name)
	}
	return unresolved(fmt.Sprintf("%s is not known here; if it is a parameter, give it with --parameter %s=VALUE", name, name))
}

// physical is what a resource is called: the name the template gives it, or else its logical one, which is also what it
// is called while its own name is being found.
func (t *template) physical(name string) string {
	if known, ok := t.names[name]; ok {
		return known
	}
	t.names[name] = name
	t.names[name] = t.findName(name)
	return t.names[name]
}

func (t *template) findName(name string) string {
	for _, key := range []string{"Name", "BucketName", "RepositoryName", "FunctionName", "RoleName", "TopicName"} {
		if node := child(t.resources[name].properties, key); node != nil {
			if text, ok := t.resolve(node).(string); ok {
				return text
			}
		}
	}
	if t.resources[name].kind == "AWS::S3::Bucket" {
		return strings.ToLower(name)
	}
	return name
}

func (t *template) attribute(name, attribute string) any {
	r, ok := t.resources[name]
	if !ok {
		return unresolved(fmt.Sprintf("%s.%s: the template has no resource %s", name, attribute, name))
	}
	physical := t.physical(name)
	switch {
	case attribute == "Name":
		return physical
	case r.kind == "AWS::S3::Bucket" && attribute == "Arn":
		return "arn:aws:s3:::" + physical
	case r.kind == "AWS::IAM::Role" && attribute == "Arn":
		return "arn:aws:iam::000000000000:role/" + physical
	case r.kind == "AWS::SNS::Topic" && attribute == "TopicArn":
		return "arn:aws:sns:us-east-1:000000000000:" + physical
	}
	return unresolved(fmt.Sprintf("%s.%s of a %s is only known in AWS", name, attribute, r.kind))
}

var reference = regexp.MustCompile(`\$\{[^}]*\}`)

func (t *template) substitute(text string, own map[string]any) any {
	var problem error
	out := reference.ReplaceAllStringFunc(text, func(match string) string {
		name := strings.TrimSpace(match[2 : len(match)-1])
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		value, ok := own[name]
		if !ok {
			if resource, attribute, dotted := strings.Cut(name, "."); dotted {
				value = t.attribute(resource, attribute)
			} else {
				value = t.ref(name)
			}
		}
		if bad, ok := value.(unresolved); ok {
			problem = errors.Join(problem, errors.New(string(bad)))
		}
		return fmt.Sprint(value)
	})
	if problem != nil {
		return unresolved(problem.Error())
	}
	return bounded(out)
}

// members are the entries of a mapping; none for anything else.
func members(n *yaml.Node) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for n != nil && n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	if n == nil || n.Kind != yaml.MappingNode {
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		out[n.Content[i].Value] = n.Content[i+1]
	}
	return out
}

func child(n *yaml.Node, key string) *yaml.Node { return members(n)[key] }

func hasKey(n *yaml.Node, key string) bool { return child(n, key) != nil }
