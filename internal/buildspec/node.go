package buildspec

import (
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

func fail(n *yaml.Node, key, format string, args ...any) *Error {
	return &Error{Line: n.Line, Key: key, Message: fmt.Sprintf(format, args...)}
}

// resolve follows an alias to what it stands for. An anchor cannot hold an alias to itself in a place this parser
// looks into twice, since every level of the file has keys of its own.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "empty"
		}
		return "a single value"
	}
	return "something else"
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// each calls f for every key of a mapping, in file order, with merge keys ("<<") expanded behind the mapping's own.
func (p *parser) each(n *yaml.Node, path string, f func(name, key string, n *yaml.Node) error) error {
	return p.eachOf(n, path, map[string]bool{}, 0, f)
}

const maxMerges = 10

func (p *parser) eachOf(n *yaml.Node, path string, seen map[string]bool, depth int, f func(name, key string, n *yaml.Node) error) error {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		return fail(n, path, "must be a mapping, not %s", kindName(n))
	}
	if depth > maxMerges {
		return fail(n, path, "merges too many mappings into one another")
	}
	var merges []*yaml.Node
	here := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := resolve(n.Content[i]), n.Content[i+1]
		if k.Kind != yaml.ScalarNode {
			return fail(k, path, "has a key that is not a plain word")
		}
		if k.ShortTag() == "!!merge" {
			merges = append(merges, v)
			continue
		}
		if err := p.count(k, path); err != nil {
			return err
		}
		if here[k.Value] {
			return fail(k, join(path, k.Value), "is there twice")
		}
		here[k.Value] = true
		if seen[k.Value] {
			continue // overridden by the mapping that merges this one
		}
		seen[k.Value] = true
		if err := f(k.Value, join(path, k.Value), withLine(v, k)); err != nil {
			return err
		}
	}
	for _, m := range merges {
		if err := p.merge(m, path, seen, depth, f); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) merge(m *yaml.Node, path string, seen map[string]bool, depth int, f func(name, key string, n *yaml.Node) error) error {
	m = resolve(m)
	if m.Kind != yaml.SequenceNode {
		return p.eachOf(m, path, seen, depth+1, f)
	}
	for _, one := range m.Content {
		if err := p.eachOf(one, path, seen, depth+1, f); err != nil {
			return err
		}
	}
	return nil
}

// withLine gives an empty value the line of its key: a null without text may have none of its own.
func withLine(v, key *yaml.Node) *yaml.Node {
	if v.Line == 0 {
		v.Line = key.Line
	}
	return v
}

// mapping reads the keys of n with their fields and refuses every other one.
func (p *parser) mapping(n *yaml.Node, path string, fields map[string]field) (map[string]bool, error) {
	seen := map[string]bool{}
	err := p.each(n, path, func(name, key string, v *yaml.Node) error {
		read, ok := fields[name]
		if !ok {
			return fail(v, key, "is not a key that belongs here; known are %s", known(fields))
		}
		seen[name] = true
		return read(key, v)
	})
	return seen, err
}

func known(fields map[string]field) string {
	names := make([]string, 0, len(fields))
	for n := range fields {
		if n != "environment_variables" {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func (p *parser) count(n *yaml.Node, key string) error {
	if p.scalars++; p.scalars > maxScalars {
		return fail(n, key, "the buildspec has more than %d values once its aliases are expanded", maxScalars)
	}
	return nil
}

// text reads a scalar as it is written, whatever YAML would make of it: 1.10 stays "1.10".
func (p *parser) text(key string, n *yaml.Node) (string, error) {
	n = resolve(n)
	if err := p.count(n, key); err != nil {
		return "", err
	}
	if n.Kind == yaml.MappingNode {
		return "", fail(n, key, "must be text, but there are keys below it; put quotes around text that contains \": \"")
	}
	if n.Kind != yaml.ScalarNode {
		return "", fail(n, key, "must be text, not %s", kindName(n))
	}
	if strings.ContainsRune(n.Value, 0) {
		return "", fail(n, key, "contains a NUL character")
	}
	if isNull(n) {
		return "", nil
	}
	return n.Value, nil
}

func (p *parser) textInto(to *string) field {
	return func(key string, n *yaml.Node) (err error) {
		if *to, err = p.text(key, n); err != nil {
			return err
		}
		if *to == "" {
			return fail(n, key, "is empty")
		}
		return nil
	}
}

func (p *parser) boolInto(to *bool) field {
	return func(key string, n *yaml.Node) error {
		s, err := p.text(key, n)
		if err != nil {
			return err
		}
		switch strings.ToLower(s) {
		case "yes", "true", "on":
			*to = true
		case "no", "false", "off":
			*to = false
		default:
			return fail(n, key, "%q is neither yes nor no", s)
		}
		return nil
	}
}

func (p *parser) listInto(to *[]string) field {
	return func(key string, n *yaml.Node) error {
		n = resolve(n)
		if n.Kind != yaml.SequenceNode {
			return fail(n, key, "must be a list, not %s; start each entry with \"- \"", kindName(n))
		}
		out := make([]string, 0, len(n.Content))
		for i, item := range n.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			s, err := p.text(at, item)
			if err != nil {
				return err
			}
			if s == "" {
				return fail(item, at, "is empty")
			}
			out = append(out, s)
		}
		*to = out
		return nil
	}
}

func (p *parser) variablesInto(to *[]Variable) field {
	return func(key string, n *yaml.Node) error {
		return p.each(n, key, func(name, key string, n *yaml.Node) error {
			s, err := p.text(key, n)
			if err != nil {
				return err
			}
			if name == "" || strings.ContainsAny(name, "=\x00") {
				return fail(n, key, "%q cannot be the name of a variable", name)
			}
			*to = append(*to, Variable{Name: name, Value: s})
			return nil
		})
	}
}
