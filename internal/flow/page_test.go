package flow

import (
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func TestATokenBelongsToItsList(t *testing.T) {
	given := token("executions web", afterExecution{Number: 7})
	var after afterExecution
	if err := (Page{Token: given}).resume("executions web", &after); err != nil || after.Number != 7 {
		t.Errorf("%+v, %v", after, err)
	}
	if err := (Page{Token: given}).resume("executions app", &after); pipeline.KindOf(err) != pipeline.InvalidNextToken {
		t.Errorf("another list took it: %v", err)
	}
}

// Whatever a client sends as a token is either one of ours or refused as such.
func FuzzToken(f *testing.F) {
	f.Add(token("executions web", afterExecution{Number: 7}))
	f.Add("e30")
	f.Add("?")
	f.Add("bnVsbA")
	f.Fuzz(func(t *testing.T, text string) {
		var after afterExecution
		err := Page{Token: text}.resume("executions web", &after)
		if err != nil && pipeline.KindOf(err) != pipeline.InvalidNextToken {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
