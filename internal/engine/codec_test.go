package engine

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// TestEveryEventCanBeDecoded compares the decoders with the types that this package's source makes events.
func TestEveryEventCanBeDecoded(t *testing.T) {
	names := eventTypes(t)
	if len(names) < 14 || len(names) != len(decoders()) {
		t.Errorf("%d events, %d decoders: %v", len(names), len(decoders()), names)
	}
	for _, name := range names {
		ev, err := DecodeEvent([]byte(`{"name":"` + name + `","event":{}}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := reflect.TypeOf(ev).Name(); got != name || ev.Name() != name {
			t.Errorf("%s was decoded as %s, named %s", name, got, ev.Name())
		}
	}
	for _, bad := range []string{``, `{}`, `{"name":"Nothing","event":{}}`, `{"name":"ActionFailed","event":[]}`} {
		if ev, err := DecodeEvent([]byte(bad)); err == nil {
			t.Errorf("%q was decoded as %#v", bad, ev)
		}
	}
}

// eventTypes are the receivers of the methods called apply.
func eventTypes(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.Name == "apply" {
				names = append(names, f.Recv.List[0].Type.(*ast.Ident).Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestEventsSurviveEncoding(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7000, time.UTC)
	for _, ev := range []Event{
		ExecutionRequested{At: at, By: "b", ID: "i", Nonce: "n", Region: "r", Variables: []pipeline.ResolvedVariable{{Name: "n", ResolvedValue: "v"}}},
		ActionStarted{At: at, Action: "a", Timeout: time.Hour, Percent: 5},
		ActionSucceeded{At: at, Action: "a", Revision: &pipeline.Revision{ID: "r", Created: at}, Variables: map[string]string{"k": "v"}},
		RollbackRequested{At: at, ID: "i", Target: Snapshot{ExecutionID: "e", Outputs: []ActionOutput{{Namespace: "n"}}}},
		TimerFired{At: at, Timer: Timer{Kind: TimerAction, ID: "a", At: at}},
	} {
		data, err := EncodeEvent(ev)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := DecodeEvent(data); err != nil || !reflect.DeepEqual(back, ev) {
			t.Errorf("%s came back as %#v, %v", data, back, err)
		}
	}
}

func TestIDs(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string]string{}
	for what, id := range map[string]string{
		"first":          ActionExecutionID("e", "s", "a", 1),
		"second attempt": ActionExecutionID("e", "s", "a", 2),
		"other action":   ActionExecutionID("e", "s", "b", 1),
		"shifted names":  ActionExecutionID("e", "sa", "", 1),
		"rule":           ruleExecutionID("e", "s", BeforeEntry, "a", 1),
		"rollback":       rollbackID("e", "s", 1),
		"token":          approvalToken("n", ActionExecutionID("e", "s", "a", 1)),
		"other token":    approvalToken("m", ActionExecutionID("e", "s", "a", 1)),
	} {
		if !form.MatchString(id) {
			t.Errorf("%s: %q is no lowercase UUIDv4", what, id)
		}
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s have the same id", what, other)
		}
		seen[id] = what
	}
	if approvalToken("", "a") != "" || rollbackNonce("", "a") != "" {
		t.Error("a secret was made of nothing")
	}
	key := artifactKey("myPipelineWithALongName", "SourceArtifact", "id")
	if !regexp.MustCompile(`^myPipelineWithALongN/SourceArti/[A-Za-z0-9]{7}$`).MatchString(key) {
		t.Errorf("artifact key %q", key)
	}
	if key == artifactKey("myPipelineWithALongName", "SourceArtifact", "id2") {
		t.Error("two runs put their artifact in the same place")
	}
}
