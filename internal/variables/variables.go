// Package variables replaces the variable references of an action by their values, just before the action starts. It is
// pure: what the variables are comes from the execution.
package variables

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Limits of pipeline.md section 3.
const (
	MaxResolved = 100 << 10 // bytes of one action's resolved configuration
	MaxOutput   = 122880    // bytes of one action's output variables
)

// Scope holds what can be referenced: values by namespace and key.
type Scope map[string]map[string]string

// Unresolved says that a reference has no value: the producer did not emit the key.
type Unresolved struct{ Reference pipeline.Reference }

func (u *Unresolved) Error() string { return "the variable " + u.Reference.Text + " has no value" }

// TooLarge says that an action's texts have grown beyond MaxResolved.
type TooLarge struct{ Size int }

func (t *TooLarge) Error() string {
	return fmt.Sprintf("the resolved configuration has %d bytes; at most %d are allowed", t.Size, MaxResolved)
}

// Text resolves the references of one text. Malformed references are text, as validation refuses them where they
// matter. In a JSON document (a text that is a JSON object or array) values are escaped as parts of JSON strings, so
// that a commit message with quotes cannot break the document or add to it.
func (s Scope) Text(text string) (string, error) {
	references := pipeline.References(text)
	if len(references) == 0 {
		return text, nil
	}
	escape := isJSONDocument(text)
	var out strings.Builder
	at := 0
	for _, r := range references {
		if r.Malformed() {
			continue
		}
		value, ok := s[r.Namespace][r.Key]
		if !ok {
			return "", &Unresolved{Reference: r}
		}
		if escape {
			value = insideJSONString(value)
		}
		out.WriteString(text[at:r.Start])
		out.WriteString(value)
		at = r.Start + len(r.Text)
	}
	out.WriteString(text[at:])
	return out.String(), nil
}

// Action returns a with every reference of its configuration, commands and environment resolved; a is not changed.
// The error is *Unresolved or *TooLarge.
func (s Scope) Action(a pipeline.Action) (pipeline.Action, error) {
	size := 0
	resolve := func(text string) (string, error) {
		resolved, err := s.Text(text)
		size += len(resolved)
		return resolved, err
	}
	var err error
	configuration := maps.Clone(a.Configuration)
	for key, text := range a.Configuration {
		if configuration[key], err = resolve(text); err != nil {
			return pipeline.Action{}, err
		}
		size += len(key)
	}
	commands := make([]string, len(a.Commands))
	for i, text := range a.Commands {
		if commands[i], err = resolve(text); err != nil {
			return pipeline.Action{}, err
		}
	}
	environment := make([]pipeline.EnvironmentVariable, len(a.EnvironmentVariables))
	for i, e := range a.EnvironmentVariables {
		if e.Value, err = resolve(e.Value); err != nil {
			return pipeline.Action{}, err
		}
		environment[i] = e
	}
	if size > MaxResolved {
		return pipeline.Action{}, &TooLarge{Size: size}
	}
	a.Configuration, a.Commands, a.EnvironmentVariables = configuration, commands, environment
	return a, nil
}

func isJSONDocument(text string) bool {
	trimmed := strings.TrimSpace(text)
	return (strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "[")) && json.Valid([]byte(trimmed))
}

func insideJSONString(value string) string {
	quoted, err := json.Marshal(value)
	if err != nil { // a string always marshals
		return value
	}
	return string(quoted[1 : len(quoted)-1])
}
