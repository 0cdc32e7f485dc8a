package localrun

import (
	"fmt"
	"reflect"

	yaml "go.yaml.in/yaml/v4"
)

// verdict is whether a condition holds; why says why that cannot be known.
type verdict struct {
	holds bool
	why   string
}

func unknown(format string, args ...any) verdict { return verdict{why: fmt.Sprintf(format, args...)} }

// named decides a condition of the section Conditions, once.
func (t *template) named(name string) verdict {
	if v, ok := t.decided[name]; ok {
		return v
	}
	node, ok := t.conditions[name]
	if !ok {
		return unknown("the template has no condition %s", name)
	}
	t.decided[name] = unknown("the condition %s depends on itself", name)
	v := t.decide(node)
	if v.why != "" {
		v.why = "Conditions." + name + ": " + v.why
	}
	t.decided[name] = v
	return v
}

// decide decides what stands in a condition: one of its functions, or the name of another one.
func (t *template) decide(n *yaml.Node) verdict {
	t.depth++
	t.work++
	defer func() { t.depth-- }()
	if t.depth > maxDepth || t.work > maxWork {
		return unknown("the template is nested too deeply or too large")
	}
	n = target(n)
	if other := child(n, "Condition"); other != nil && len(n.Content) == 2 {
		return t.named(other.Value)
	}
	name, argument, ok := function(n)
	if ok && name == "Condition" {
		return t.named(argument.Value)
	}
	var parts []*yaml.Node
	if ok && target(argument).Kind == yaml.SequenceNode {
		parts = target(argument).Content
	}
	switch {
	case name == "Equals" && len(parts) == 2:
		return t.equal(parts[0], parts[1])
	case name == "Not" && len(parts) == 1:
		v := t.decide(parts[0])
		v.holds = !v.holds
		return v
	case (name == "And" || name == "Or") && len(parts) >= 2 && len(parts) <= 10:
		return t.several(parts, name == "Or")
	case name == "Equals" || name == "Not" || name == "And" || name == "Or":
		return unknown("%s takes a list: two values for Equals, one condition for Not, 2 to 10 for And and Or", name)
	case ok:
		return unknown("the function %s is none of Equals, And, Or, Not and Condition, of which conditions consist", name)
	}
	return unknown("a condition is one of the functions Equals, And, Or, Not and Condition")
}

// several is And or Or: one that decides it settles the matter, even when others cannot be known.
func (t *template) several(parts []*yaml.Node, decides bool) verdict {
	out := verdict{holds: !decides}
	for _, part := range parts {
		switch v := t.decide(part); {
		case v.why != "" && out.why == "":
			out.why = v.why
		case v.why == "" && v.holds == decides:
			return v
		}
	}
	return out
}

func (t *template) equal(a, b *yaml.Node) verdict {
	left, right := t.comparable(a), t.comparable(b)
	for _, v := range []any{left, right} {
		if _, why := firstUnresolved("Equals", v); why != "" {
			return unknown("%s", why)
		}
		if v == nil {
			return unknown("Equals cannot compare AWS::NoValue")
		}
	}
	return verdict{holds: reflect.DeepEqual(texts(left), texts(right))}
}

// comparable is what a value is compared by: what is written is a text, as it is written.
func (t *template) comparable(n *yaml.Node) any {
	n = target(n)
	if _, _, isFunction := function(n); n.Kind == yaml.ScalarNode && !isFunction {
		return n.Value
	}
	return t.resolve(n)
}

// texts makes texts of all scalars: true and "true" are equal.
func texts(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = texts(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			out[key] = texts(inner)
		}
		return out
	}
	return fmt.Sprint(v)
}

// choice is Fn::If: the value that a condition chooses. The other one is not looked at.
func (t *template) choice(argument *yaml.Node) any {
	argument = target(argument)
	if argument.Kind != yaml.SequenceNode || len(argument.Content) != 3 {
		return unresolved("If takes the name of a condition and two values")
	}
	name := target(argument.Content[0])
	if name.Kind != yaml.ScalarNode {
		return unresolved("If takes the name of a condition first")
	}
	switch v := t.named(name.Value); {
	case v.why != "":
		return unresolved(v.why)
	case v.holds:
		return t.resolve(argument.Content[1])
	}
	return t.resolve(argument.Content[2])
}

// exists tells whether the condition of a resource holds.
func (t *template) exists(name string) verdict {
	condition := t.resources[name].condition
	switch {
	case condition == nil:
		return verdict{holds: true}
	case condition.Kind != yaml.ScalarNode:
		return unknown("the Condition of a resource is the name of a condition")
	}
	return t.named(condition.Value)
}

// missing says why a resource is not there to be referred to, or "".
func (t *template) missing(name string) string {
	switch v := t.exists(name); {
	case v.why != "":
		return fmt.Sprintf("whether there is a resource %s is not known: %s", name, v.why)
	case !v.holds:
		return fmt.Sprintf("the resource %s does not exist: its condition %s does not hold", name, t.resources[name].condition.Value)
	}
	return ""
}

// target is what an alias stands for, or the node itself.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
