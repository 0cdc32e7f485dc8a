package topic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strings"
)

// Where a filter policy looks.
const (
	scopeAttributes = "MessageAttributes"
	scopeBody       = "MessageBody"
)

// filter is a filter policy: every key must match, and of a key's conditions any one. Below a key there may be another
// filter, for messages whose body is JSON.
type filter map[string]rule

type rule struct {
	within     filter
	conditions []condition
}

// condition tests one value of a message; absent is asked when there is none.
type condition interface {
	match(value any) bool
}

type (
	equals      struct{ value any }
	prefix      struct{ text string }
	suffix      struct{ text string }
	ignoreCase  struct{ text string }
	anythingBut struct{ not []condition }
	exists      struct{ want bool }
)

func (c equals) match(v any) bool { return same(c.value, v) }
func (c prefix) match(v any) bool { s, ok := v.(string); return ok && strings.HasPrefix(s, c.text) }
func (c suffix) match(v any) bool { s, ok := v.(string); return ok && strings.HasSuffix(s, c.text) }
func (c ignoreCase) match(v any) bool {
	s, ok := v.(string)
	return ok && strings.EqualFold(s, c.text)
}

func (c anythingBut) match(v any) bool {
	for _, n := range c.not {
		if n.match(v) {
			return false
		}
	}
	return true
}
func (c exists) match(any) bool { return c.want }

// same compares numbers by value, everything else as it is.
func same(a, b any) bool {
	x, isNumber := a.(json.Number)
	y, areNumbers := b.(json.Number)
	if isNumber && areNumbers {
		p, ok1 := number(x)
		q, ok2 := number(y)
		return ok1 && ok2 && p.Cmp(q) == 0
	}
	return a == b
}

// number is exact, and refuses what would be a lot of digits.
func number(n json.Number) (*big.Rat, bool) {
	s := n.String()
	if i := strings.IndexAny(s, "eE"); len(s) > 64 || (i >= 0 && len(s)-i > 4) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// The bounds keep a filter's work small; the first is SNS's.
const (
	maxFilterKeys       = 5
	maxFilterConditions = 150
	maxFilterDepth      = 5
)

// parseFilter reads a filter policy; none is nil.
func parseFilter(policy string) (filter, error) {
	if policy == "" {
		return nil, nil
	}
	document, err := decode(policy)
	object, ok := document.(map[string]any)
	if err != nil || !ok {
		return nil, errors.New("FilterPolicy: it must be a JSON object")
	}
	p := filterParser{}
	f, err := p.object(object, 1)
	if err != nil {
		return nil, fmt.Errorf("FilterPolicy: %w", err)
	}
	return f, nil
}

// decode reads exactly one JSON value, with exact numbers.
func decode(text string) (any, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something after the JSON value")
	}
	return v, nil
}

type filterParser struct{ keys, conditions int }

func (p *filterParser) object(in map[string]any, depth int) (filter, error) {
	if depth > maxFilterDepth {
		return nil, fmt.Errorf("it is nested more than %d deep", maxFilterDepth)
	}
	f := filter{}
	for key, v := range in {
		switch v := v.(type) {
		case map[string]any:
			within, err := p.object(v, depth+1)
			if err != nil {
				return nil, err
			}
			f[key] = rule{within: within}
		case []any:
			if p.keys++; p.keys > maxFilterKeys {
				return nil, fmt.Errorf("filter policy can not have more than %d keys", maxFilterKeys)
			}
			list, err := p.list(key, v)
			if err != nil {
				return nil, err
			}
			f[key] = rule{conditions: list}
		default:
			return nil, fmt.Errorf("%q must be an object or an array", key)
		}
	}
	return f, nil
}

func (p *filterParser) list(key string, values []any) ([]condition, error) {
	if len(values) == 0 {
		return nil, fmt.Errorf("empty arrays are not allowed: %q", key)
	}
	if p.conditions += len(values); p.conditions > maxFilterConditions {
		return nil, fmt.Errorf("it has more than %d conditions", maxFilterConditions)
	}
	list := make([]condition, len(values))
	for i, v := range values {
		var err error
		if list[i], err = p.condition(key, v); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (p *filterParser) condition(key string, v any) (condition, error) {
	switch v := v.(type) {
	case map[string]any:
		if len(v) != 1 {
			return nil, fmt.Errorf("a condition of %q must have exactly one operator", key)
		}
		for operator, operand := range v {
			return p.operator(key, operator, operand)
		}
	case []any:
		return nil, fmt.Errorf("match value must be String, number, true, false, or null: %q", key)
	}
	return equals{v}, nil
}

func (p *filterParser) operator(key, operator string, operand any) (condition, error) {
	s, isText := operand.(string)
	switch operator {
	case "prefix", "suffix", "equals-ignore-case":
		if !isText {
			return nil, fmt.Errorf("%s of %q must be a string", operator, key)
		}
		return map[string]condition{"prefix": prefix{s}, "suffix": suffix{s}, "equals-ignore-case": ignoreCase{s}}[operator], nil
	case "exists":
		want, ok := operand.(bool)
		if !ok {
			return nil, fmt.Errorf("exists of %q must be true or false", key)
		}
		return exists{want}, nil
	case "anything-but":
		list, ok := operand.([]any)
		if !ok {
			list = []any{operand}
		}
		for _, v := range list {
			if o, ok := v.(map[string]any); ok && (len(o) != 1 || (o["prefix"] == nil && o["suffix"] == nil)) {
				return nil, fmt.Errorf("anything-but of %q takes values, a prefix or a suffix", key)
			}
		}
		not, err := p.list(key, list)
		return anythingBut{not}, err
	default:
		return nil, fmt.Errorf("the operator %s of %q is not supported by this server; there are exact values, prefix, suffix, "+
			"equals-ignore-case, anything-but and exists", operator, key)
	}
}

// match tells whether a message, as a tree of JSON values, passes.
func (f filter) match(message map[string]any) bool {
	for key, r := range f {
		v, there := message[key]
		if r.within != nil {
			inner, ok := v.(map[string]any)
			if !ok || !r.within.match(inner) {
				return false
			}
			continue
		}
		if !r.match(v, there) {
			return false
		}
	}
	return true
}

// match asks a key's conditions. A list of values passes when any of them does.
func (r rule) match(v any, there bool) bool {
	values, isList := v.([]any)
	if !isList {
		values = []any{v}
	}
	for _, c := range r.conditions {
		if e, ok := c.(exists); ok {
			if e.want == there {
				return true
			}
			continue
		}
		for _, v := range values {
			if there && c.match(v) {
				return true
			}
		}
	}
	return false
}

// wants tells whether a subscription's filter lets a message through.
func (s Subscription) wants(m *Message) (bool, error) {
	f, err := parseFilter(s.Attributes[FilterPolicy])
	if err != nil || f == nil {
		return err == nil, err
	}
	if s.Attributes[FilterPolicyScope] != scopeBody {
		return f.match(m.attributeTree()), nil
	}
	body, err := decode(m.Body)
	object, ok := body.(map[string]any)
	return err == nil && ok && f.match(object), nil
}

// attributeTree is the message attributes as a filter sees them: numbers as numbers, arrays as lists.
func (m *Message) attributeTree() map[string]any {
	tree := map[string]any{}
	for name, a := range m.Attributes {
		kind, _, _ := strings.Cut(a.Type, ".")
		switch kind {
		case "Number":
			tree[name] = json.Number(strings.TrimSpace(a.Value))
		case "String":
			tree[name] = a.Value
			if a.Type == "String.Array" {
				if list, err := decode(a.Value); err == nil {
					tree[name] = list
				}
			}
		}
	}
	return tree
}
