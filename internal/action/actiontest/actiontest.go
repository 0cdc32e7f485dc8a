// Package actiontest is the suite that every action provider passes. It checks the contract of action.Provider from the
// outside, through a Registry, as flow uses it.
package actiontest

import (
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// Fixture is a provider in a world in which Job succeeds, or starts to wait.
type Fixture struct {
	Provider action.Provider
	// Job ends as Done or Wait. Each test gets its own, so that it may change it.
	Job func() action.Job
	// Mistakes are jobs that fail because of their user, each with a part of the message that must tell so. They must
	// come back as Failed, not as errors.
	Mistakes []Mistake
	// Started counts what the provider has started outside for an action execution id, for providers that wait. Nil
	// where Start does all the work itself.
	Started func(t *testing.T, actionExecutionID string) int
	// Has reports whether an artifact was stored. Required for providers with outputs that do not wait.
	Has func(t *testing.T, a pipeline.Artifact) bool
	// MayChange lists output variables that differ between two Starts of the same job.
	MayChange []string
}

// Mistake is one thing a user can get wrong.
type Mistake struct {
	Name string
	Make func(j *action.Job)
	Says string
	Code string // "" accepts any
}

// patience is how long a provider may take to notice that its context has ended.
const patience = 10 * time.Second

// Run runs the suite. world makes a fresh fixture for each test.
func Run(t *testing.T, world func(t *testing.T) Fixture) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(s suite, t *testing.T)
	}{
		{"Type", suite.testType},
		{"Start", suite.testStart},
		{"StartAgain", suite.testStartAgain},
		{"StartWithEndedContext", suite.testEndedContext},
		{"Cancel", suite.testCancel},
		{"UnknownKey", suite.testUnknownKey},
		{"RequiredKeys", suite.testRequiredKeys},
		{"AllowedValues", suite.testValues},
		{"MissingInput", suite.testMissingInput},
		{"MissingBuckets", suite.testMissingBuckets},
		{"Mistakes", suite.testMistakes},
		{"Concurrently", suite.testConcurrently},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := world(t)
			r, err := action.NewRegistry(nil, f.Provider)
			if err != nil {
				t.Fatal(err)
			}
			p, ok := r.Lookup(f.Provider.Type().ID)
			if !ok {
				t.Fatal("the registry does not find the provider")
			}
			test.run(suite{Fixture: f, provider: p}, t)
		})
	}
}

type suite struct {
	Fixture
	provider action.Provider // as flow sees it
}

func (s suite) start(t *testing.T, j action.Job) action.Result {
	t.Helper()
	result, err := s.provider.Start(t.Context(), j)
	if err != nil {
		t.Fatalf("Start: %v", err)
	}
	return result
}

// succeed starts a job that must not fail.
func (s suite) succeed(t *testing.T, j action.Job) action.Result {
	t.Helper()
	result := s.start(t, j)
	if f, failed := result.(action.Failed); failed {
		t.Fatalf("Start failed: %s: %s", f.Code, f.Message)
	}
	return result
}

// refuse starts a job that must fail with a message that says why.
func (s suite) refuse(t *testing.T, j action.Job, code string, says ...string) {
	t.Helper()
	result, err := s.provider.Start(t.Context(), j)
	f, failed := result.(action.Failed)
	switch {
	case err != nil:
		t.Errorf("an error, which would be tried again: %v", err)
	case !failed:
		t.Errorf("not refused: %+v", result)
	case code != "" && f.Code != code:
		t.Errorf("code %s, want %s (%s)", f.Code, code, f.Message)
	case f.Code == "" || f.Message == "":
		t.Errorf("a failure without code or message: %+v", f)
	}
	for _, part := range says {
		if failed && !strings.Contains(f.Message, part) {
			t.Errorf("the message does not mention %q: %s", part, f.Message)
		}
	}
}
