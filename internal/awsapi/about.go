package awsapi

import (
	"context"
	"reflect"
	"strings"
)

// About is a service's own way to tell what its requests are about, where their members do not say it themselves.
type About struct {
	// Members are those that Resources looks at, by their paths: an operation whose input has none of them is not for it.
	Members []string
	// Resources finds ARNs, "*" for nothing in particular; none when it does not know, either: then the input's members
	// count. It is asked before the caller's permission is, so it tells nobody anything.
	Resources func(ctx context.Context, operation string, in Members) ([]string, error)
	// Conditions are the values that a request gives to condition keys of the service.
	Conditions func(ctx context.Context, operation string, in Members) (map[string][]string, error)
}

// Members are those of an operation's input, by their names on the wire.
type Members struct{ v reflect.Value }

// Text is the value of a text, "" when it has none. A dot descends.
func (m Members) Text(path string) string {
	if t := texts(find(m.v, path)); len(t) == 1 {
		return t[0]
	}
	return ""
}

// Texts are the texts at a path, of every element where it has a star.
func (m Members) Texts(path string) []string { return all(m.v, path) }

// Has tells whether the operation has such a member at all.
func (m Members) Has(path string) bool { return hasMember(m.v.Type(), path) }

// hasMember tells whether values of type t have a member at path.
func hasMember(t reflect.Type, path string) bool {
	first, rest, deeper := strings.Cut(path, ".")
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return false
	}
	if first == "*" {
		return hasMember(t, rest)
	}
	for _, m := range members(t) {
		if m.name == first {
			return !deeper || hasMember(t.Field(m.index).Type, rest)
		}
	}
	return false
}
