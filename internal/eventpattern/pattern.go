// Package eventpattern is EventBridge's language of event patterns, and the templates that make a target's input of an
// event. It is pure: a pattern is compiled once and asked about decoded JSON.
package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Pattern is a compiled event pattern. Make one with Parse; it may be used from many goroutines.
type Pattern struct{ root *object }

// The limits on patterns. AWS has 2048 characters; the depth keeps recursion small and alternatives multiply work.
const (
	maxLength       = 4096
	maxDepth        = 32
	maxAlternatives = 1000
)

// object is one level of a pattern: every field must match, and one of each list of alternatives.
type object struct {
	fields       map[string]field
	alternatives [][]*object
}

// field is what a pattern says about one member: either matchers of its value or a pattern of what lies inside.
type field struct {
	inside *object
	any    []matcher
}

// Parse compiles a pattern. Its errors say what is wrong, in words that follow "Reason: ".
func Parse(text string) (*Pattern, error) {
	if len(text) > maxLength {
		return nil, fmt.Errorf("it is longer than %d characters", maxLength)
	}
	v, err := decode([]byte(text))
	if err != nil {
		return nil, errors.New("it is not valid JSON: " + err.Error())
	}
	top, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("filter is not an object")
	}
	p := parser{alternatives: maxAlternatives}
	root, err := p.object(top, 1)
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

// decode reads one JSON document, with numbers as they are written.
func decode(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	return v, nil
}

type parser struct{ alternatives int }

func (p *parser) object(in map[string]any, depth int) (*object, error) {
	if len(in) == 0 {
		return nil, errors.New("empty objects are not allowed")
	}
	if depth > maxDepth {
		return nil, fmt.Errorf("it is more than %d levels deep", maxDepth)
	}
	out := &object{fields: map[string]field{}}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if list, ok := alternatives(name, in[name]); ok {
			some, err := p.or(list, depth)
			if err != nil {
				return nil, err
			}
			out.alternatives = append(out.alternatives, some)
			continue
		}
		f, err := p.field(name, in[name], depth)
		if err != nil {
			return nil, err
		}
		out.fields[name] = f
	}
	return out, nil
}

// alternatives recognises $or, which is only special with a list of objects: an event may have a member of that name.
func alternatives(name string, v any) ([]any, bool) {
	list, ok := v.([]any)
	if name != "$or" || !ok || len(list) < 2 {
		return nil, false
	}
	for _, item := range list {
		o, ok := item.(map[string]any)
		if !ok || isOperator(o) {
			return nil, false
		}
	}
	return list, true
}

// isOperator tells {"prefix": "x"}, a matcher, from {"prefix": ["x"]}, a pattern of a member named so.
func isOperator(o map[string]any) bool {
	if len(o) != 1 {
		return false
	}
	for name, v := range o {
		if filter(name) == nil {
			return false
		}
		_, isList := v.([]any)
		return !isList || name == "numeric" || name == "anything-but"
	}
	return false
}

func (p *parser) or(list []any, depth int) ([]*object, error) {
	var some []*object
	for _, item := range list {
		if p.alternatives--; p.alternatives < 0 {
			return nil, fmt.Errorf("it has more than %d alternatives", maxAlternatives)
		}
		o, err := p.object(item.(map[string]any), depth+1)
		if err != nil {
			return nil, err
		}
		some = append(some, o)
	}
	return some, nil
}

func (p *parser) field(name string, v any, depth int) (field, error) {
	switch v := v.(type) {
	case map[string]any:
		inside, err := p.object(v, depth+1)
		return field{inside: inside}, err
	case []any:
		if len(v) == 0 {
			return field{}, fmt.Errorf("%q is an empty list; empty arrays are not allowed", name)
		}
		var f field
		for _, item := range v {
			m, err := newMatcher(item)
			if err != nil {
				return field{}, fmt.Errorf("%q: %w", name, err)
			}
			f.any = append(f.any, m)
		}
		return f, nil
	}
	return field{}, fmt.Errorf("%q must be an object or an array", name)
}

// Match reports whether an event, as JSON, matches.
func (p *Pattern) Match(event []byte) (bool, error) {
	v, err := decode(event)
	if err != nil {
		return false, err
	}
	return p.MatchValue(v), nil
}

// MatchValue is Match for a decoded event, whose numbers are of json.Number.
func (p *Pattern) MatchValue(event any) bool { return p.root.match(event) }

// Decode reads an event for MatchValue.
func Decode(event []byte) (any, error) { return decode(event) }

// Could reports whether an event with this source could match, whatever else is in it. It may say yes for too many, never
// no for one that matches.
func (p *Pattern) Could(source string) bool {
	f, ok := p.root.fields["source"]
	return !ok || f.inside != nil || matches(f.any, source, true)
}

// match: what lies inside a list may be in any of its elements, but all of it in one.
func (o *object) match(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return o.matchMembers(v)
	case []any:
		return slices.ContainsFunc(v, o.match)
	}
	return o.matchMembers(nil) // only what asks for absence
}

func (o *object) matchMembers(members map[string]any) bool {
	for name, f := range o.fields {
		v, present := members[name]
		if f.inside != nil {
			if !f.inside.match(v) {
				return false
			}
		} else if !matches(f.any, v, present) {
			return false
		}
	}
	for _, some := range o.alternatives {
		if !slices.ContainsFunc(some, func(a *object) bool { return a.matchMembers(members) }) {
			return false
		}
	}
	return true
}

// matches asks the matchers about a member's value; of a list, one element is enough.
func matches(some []matcher, v any, present bool) bool {
	for _, m := range some {
		if m.exists != nil {
			if *m.exists == (present && isLeaf(v)) {
				return true
			}
			continue
		}
		if !present {
			continue
		}
		if list, ok := v.([]any); ok {
			if slices.ContainsFunc(list, m.leaf) {
				return true
			}
		} else if m.leaf(v) {
			return true
		}
	}
	return false
}

// isLeaf: exists asks about values, not about objects, as on AWS.
func isLeaf(v any) bool {
	_, isObject := v.(map[string]any)
	return !isObject
}
