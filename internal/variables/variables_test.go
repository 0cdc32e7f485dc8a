package variables_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/variables"
)

var scope = variables.Scope{
	"codepipeline": {"PipelineExecutionId": "e-1"},
	"Code":         {"CommitId": "abc", "CommitMessage": `say "hi"` + "\n#{Code.CommitId}", "Empty": ""},
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain":            "plain",
		"#{Code.CommitId}": "abc",
		"v-#{Code.CommitId}-#{codepipeline.PipelineExecutionId}.": "v-abc-e-1.",
		"[#{Code.Empty}]":                 "[]",
		"#{Code}":                         "#{Code}",                         // malformed is text
		"m: #{Code.CommitMessage}":        "m: say \"hi\"\n#{Code.CommitId}", // a value is not resolved again
		`[{"v":"#{Code.CommitMessage}"}]`: `[{"v":"say \"hi\"\n#{Code.CommitId}"}]`,
	} {
		if got, err := scope.Text(text); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, err, want)
		}
	}
}

func TestAReferenceWithoutValueIsNamed(t *testing.T) {
	for _, text := range []string{"#{Code.Nothing}", "#{Nobody.CommitId}"} {
		_, err := scope.Text("x" + text)
		u, ok := errors.AsType[*variables.Unresolved](err)
		if !ok || u.Reference.Text != text {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestActionResolvesEveryTextAndLeavesTheDeclarationAlone(t *testing.T) {
	a := pipeline.Action{
		Configuration:        map[string]string{"K": "#{Code.CommitId}"},
		Commands:             []string{"echo #{Code.CommitId}"},
		EnvironmentVariables: []pipeline.EnvironmentVariable{{Name: "N", Value: "#{codepipeline.PipelineExecutionId}"}},
	}
	before, _ := json.Marshal(a)
	got, err := scope.Action(a)
	if err != nil {
		t.Fatal(err)
	}
	if got.Configuration["K"] != "abc" || got.Commands[0] != "echo abc" || got.EnvironmentVariables[0].Value != "e-1" {
		t.Errorf("%+v", got)
	}
	if after, _ := json.Marshal(a); string(after) != string(before) {
		t.Errorf("the declaration changed: %s", after)
	}
}

func TestAnActionThatGrowsTooLargeIsRefused(t *testing.T) {
	big := variables.Scope{"n": {"k": strings.Repeat("x", 60<<10)}}
	_, err := big.Action(pipeline.Action{Configuration: map[string]string{"a": "#{n.k}", "b": "#{n.k}"}})
	if _, ok := errors.AsType[*variables.TooLarge](err); !ok {
		t.Errorf("got %v", err)
	}
}

// A JSON document stays a JSON document, with the value as it was, whatever the value is.
func FuzzJSONStaysJSON(f *testing.F) {
	f.Add(`quote " backslash \ brace }`)
	f.Add("line\nbreak")
	f.Fuzz(func(t *testing.T, value string) {
		value = strings.ToValidUTF8(value, "")
		got, err := variables.Scope{"n": {"k": value}}.Text(`{"value":"#{n.k}"}`)
		if err != nil {
			t.Fatal(err)
		}
		var document map[string]string
		if err := json.Unmarshal([]byte(got), &document); err != nil || len(document) != 1 || document["value"] != value {
			t.Fatalf("%q became %s (%v)", value, got, err)
		}
	})
}
