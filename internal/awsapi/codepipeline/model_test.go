package codepipeline_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// model is AWS's own description of CodePipeline, as boto3 is made of it.
type model struct {
	Operations map[string]struct {
		Input  modelRef
		Errors []modelRef
	}
	Shapes map[string]*modelShape
}

type modelRef struct{ Shape string }

type modelShape struct {
	Type               string
	Required           []string
	Members            map[string]modelRef
	Member, Key, Value modelRef
	Min, Max           *int
	Pattern            string
	Enum               []string
}

var readModel = sync.OnceValues(func() (*model, error) {
	b, err := startBoto()
	if b == nil || err != nil {
		return nil, err
	}
	text, err := b.ask(map[string]any{"operation": "model"})
	if err != nil {
		return nil, err
	}
	m := new(model)
	return m, json.Unmarshal(text, m)
})

// awsModel skips the test where boto3 is not installed.
func awsModel(t *testing.T) *model {
	t.Helper()
	m, err := readModel()
	if err != nil {
		t.Fatal(err)
	}
	if m == nil {
		t.Skip(noBoto)
	}
	return m
}

// example is a text that satisfies a pattern, and one that does not.
type example struct{ good, bad string }

var examples = map[string]example{
	`[0-9]{12}`:                   {"000000000000", "12"},
	`[0-9]{12}|\*`:                {"000000000000", "**"},
	`[a-zA-Z0-9_-]+`:              {"abc", "a b"},
	`[A-Za-z0-9.@\-_]+`:           {"abc", "a/b"},
	`[A-Za-z0-9@\-_]+`:            {"abc", "a.b"},
	`[0-9A-Za-z_-]+`:              {"abc", "a.b"},
	`AWS|ThirdParty`:              {"AWS", "Custom"},
	`[a-zA-Z0-9_\-]+`:             {"abc", "a@b"},
	`[a-zA-Z0-9\-\.]+`:            {"abc", "a_b"},
	`^[a-zA-Z0-9-]+$`:             {"abc", "a_b"},
	`[a-zA-Z0-9!@ \(\)\.\*\?\-]+`: {"abc", "a,b"},
	`[A-Za-z0-9_]+`:               {"abc", "a-b"},
	`.*`:                          {"abc", "a\nb"},
	`arn:aws(-[\w]+)*:lambda:.+:[0-9]{12}:function:.+`: {"arn:aws:lambda:us-east-1:000000000000:function:abc", "abc"},
	`arn:aws(-[\w]+)*:codepipeline:.+:[0-9]{12}:.+`:    {"arn:aws:codepipeline:us-east-1:000000000000:abc", "arn:aws:codepipeline:us-east-1:0:abc"},
	`arn:aws(-[\w]+)*:iam::[0-9]{12}:role/.*`:          {"arn:aws:iam::000000000000:role/abc", "arn:aws:iam::000000000000:user/abc"},
	`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`: {
		"0e1c0f2a-7a3e-4d7b-9f0e-3d5b1d0c9a11", "0E1C0F2A-7a3e-4d7b-9f0e-3d5b1d0c9a11",
	},
}

// value is one that satisfies a shape: with every optional member, item and entry, or with none.
func (m *model) value(shape string, all bool) any {
	s := m.Shapes[shape]
	switch s.Type {
	case "structure":
		object := map[string]any{}
		for name, member := range s.Members {
			if all || slices.Contains(s.Required, name) {
				object[name] = m.value(member.Shape, all)
			}
		}
		return object
	case "list":
		list := []any{}
		for len(list) < s.atLeast(all) {
			list = append(list, m.value(s.Member.Shape, all))
		}
		return list
	case "map":
		object := map[string]any{}
		if s.atLeast(all) > 0 {
			object[m.value(s.Key.Shape, all).(string)] = m.value(s.Value.Shape, all)
		}
		return object
	case "integer":
		return s.atLeast(true)
	case "boolean":
		return true
	case "timestamp":
		return epoch.Unix()
	default:
		return s.text()
	}
}

// atLeast is how much of something to have: the smallest number that is allowed, but one when there may be some.
func (s *modelShape) atLeast(some bool) int {
	switch {
	case s.Min != nil && (*s.Min > 0 || !some):
		return *s.Min
	case some:
		return 1
	}
	return 0
}

func (s *modelShape) text() string {
	if len(s.Enum) > 0 {
		return s.Enum[0]
	}
	text := "abc"
	if s.Pattern != "" {
		text = examples[s.Pattern].good
	}
	for s.Min != nil && len(text) < *s.Min {
		text += "x"
	}
	return text
}

// breach is a value that breaks one rule of a shape, and how AWS puts that rule.
type breach struct {
	value any
	rule  string
}

// breaches lists a breach of every rule that a value of the shape itself can break.
func (m *model) breaches(s *modelShape, value any) []breach {
	var list []breach
	add := func(v any, format string, args ...any) { list = append(list, breach{v, fmt.Sprintf(format, args...)}) }
	const least, most = "Member must have %s greater than or equal to %d", "Member must have %s less than or equal to %d"
	switch s.Type {
	case "string":
		if s.Min != nil && *s.Min > 0 {
			add(strings.Repeat("x", *s.Min-1), least, "length", *s.Min)
		}
		if s.Max != nil {
			add(strings.Repeat("x", *s.Max+1), most, "length", *s.Max)
		}
		if s.Pattern != "" {
			add(examples[s.Pattern].bad, "Member must satisfy regular expression pattern: %s", s.Pattern)
		}
		if len(s.Enum) > 0 {
			add("Nonsense", "Member must satisfy enum value set: [")
		}
	case "integer":
		if s.Min != nil {
			add(*s.Min-1, least, "value", *s.Min)
		}
		if s.Max != nil {
			add(*s.Max+1, most, "value", *s.Max)
		}
	case "list":
		if s.Min != nil && *s.Min > 0 {
			add([]any{}, least, "length", *s.Min)
		}
		if s.Max != nil {
			add(slices.Repeat(value.([]any)[:1], *s.Max+1), most, "length", *s.Max)
		}
	case "map":
		if s.Max != nil {
			object := map[string]any{}
			for i := range *s.Max + 1 {
				object[fmt.Sprint("k", i)] = m.value(s.Value.Shape, true)
			}
			add(object, most, "length", *s.Max)
		}
	}
	return list
}

// otherType is a value of another JSON type than the shape's.
func (s *modelShape) otherType() any {
	switch s.Type {
	case "string":
		return 7
	case "timestamp":
		return true
	default:
		return "text"
	}
}

func TestExamplesCoverThePatterns(t *testing.T) {
	for name, s := range awsModel(t).Shapes {
		if _, known := examples[s.Pattern]; s.Pattern != "" && !known {
			t.Errorf("no example for the pattern of %s, %s", name, s.Pattern)
		}
	}
}

// The matrix of errors that the suite holds itself to is AWS's.
func TestTheMatrixIsThatOfTheModel(t *testing.T) {
	declared := declaredErrors()
	for operation, o := range awsModel(t).Operations {
		var errors []string
		for _, e := range o.Errors {
			errors = append(errors, e.Shape)
		}
		slices.Sort(errors)
		if !slices.Equal(errors, declared[operation]) {
			t.Errorf("%s: testdata/errors.json has %v, the model %v", operation, declared[operation], errors)
		}
	}
}
