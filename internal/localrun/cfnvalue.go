package localrun

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

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
		if name == "If" {
			return t.choice(argument)
		}
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
	case name == "Split" && len(list) == 2:
		return split(list[0], list[1])
	case name == "Select" && len(list) == 2:
		return pick(list[0], list[1])
	case name == "FindInMap" && (len(list) == 3 || len(list) == 4):
		return t.findInMap(list)
	}
	if slices.Contains([]string{"Ref", "GetAtt", "Sub", "Join", "Split", "Select", "FindInMap"}, name) {
		return unresolved(fmt.Sprintf("the arguments of the function %s are not those that it takes, or hold AWS::NoValue", name))
	}
	return unresolved(fmt.Sprintf("the function %s is not resolved by conveyor run (Ref, Sub, GetAtt, Join, Split, Select, FindInMap and If are); write the value into a copy of the template", name))
}

func join(separator, parts any) any {
	list, ok := parts.([]any)
	if !ok {
		return unresolved("Join needs a list of values written into the template")
	}
	texts := make([]string, len(list))
	for i, part := range list {
		switch part := part.(type) {
		case unresolved:
			return part
		case []any, map[string]any:
			return unresolved("Join puts texts together, and one of its values is none")
		}
		texts[i] = fmt.Sprint(part)
	}
	return bounded(strings.Join(texts, fmt.Sprint(separator)))
}

func split(separator, text any) any {
	by, isText := separator.(string)
	whole, alsoText := text.(string)
	if bad, ok := text.(unresolved); ok {
		return bad
	}
	if !isText || !alsoText || by == "" {
		return unresolved("Split needs a delimiter and a text")
	}
	list := []any{}
	for part := range strings.SplitSeq(whole, by) {
		list = append(list, part)
	}
	return list
}

func pick(index, from any) any {
	if bad, ok := from.(unresolved); ok {
		return bad
	}
	list, isList := from.([]any)
	i, err := strconv.Atoi(fmt.Sprint(index))
	if !isList || err != nil || i < 0 || i >= len(list) {
		return unresolved(fmt.Sprintf("Select has nothing at %v of %d values", index, len(list)))
	}
	return list[i]
}

// findInMap is the value of the section Mappings that three keys lead to, or the DefaultValue that may follow them.
func (t *template) findInMap(arguments []any) any {
	node, way := t.mappings, "Mappings"
	for _, key := range arguments[:3] {
		if bad, ok := key.(unresolved); ok {
			return bad
		}
		name := fmt.Sprint(key)
		if node = child(node, name); node == nil {
			if len(arguments) == 4 {
				if other, ok := arguments[3].(map[string]any); ok && other["DefaultValue"] != nil {
					return other["DefaultValue"]
				}
			}
			return unresolved(fmt.Sprintf("FindInMap: there is no %s in %s", name, way))
		}
		way += "." + name
	}
	return t.resolve(node)
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
	if where, ok := t.elsewhere[name]; ok {
		return unresolved(fmt.Sprintf("the value of the parameter %s lies in %s, which does not exist here; give it with --parameter %s=VALUE", name, where, name))
	}
	if _, ok := t.resources[name]; ok {
		if missing := t.missing(name); missing != "" {
			return unresolved(missing)
		}
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
	if missing := t.missing(name); missing != "" {
		return unresolved(missing)
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
		switch v := value.(type) {
		case unresolved:
			problem = errors.Join(problem, errors.New(string(v)))
		case []any, map[string]any:
			problem = errors.Join(problem, fmt.Errorf("${%s} is not a text", name))
		case nil: // AWS::NoValue
			return ""
		}
		return fmt.Sprint(value)
	})
	if problem != nil {
		return unresolved(problem.Error())
	}
	return bounded(out)
}
