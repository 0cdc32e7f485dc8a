package actiontest

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// The declaration is well formed and never changes, whoever asks.
func (s suite) testType(t *testing.T) {
	declared := s.Provider.Type()
	if err := declared.Check(); err != nil {
		t.Error(err)
	}
	want := withoutChecks(declared)
	s.succeed(t, s.Job())
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := withoutChecks(s.Provider.Type()); !reflect.DeepEqual(got, want) {
				t.Errorf("Type changed from %+v to %+v", want, got)
			}
		})
	}
	wg.Wait()
}

// withoutChecks is t without its functions, which cannot be compared.
func withoutChecks(t action.Type) action.Type {
	t.Whole = nil
	t.Properties = slices.Clone(t.Properties)
	for i := range t.Properties {
		t.Properties[i].Check = nil
	}
	return t
}

func (s suite) testStart(t *testing.T) {
	j := s.Job()
	switch r := s.succeed(t, j).(type) {
	case action.Done:
		s.checkDone(t, j, r)
	case action.Wait:
		if r.ExternalID == "" {
			t.Error("Wait without an external id: Cancel would not know what to end")
		}
		if s.Started != nil && s.Started(t, j.ActionExecutionID) != 1 {
			t.Errorf("%d things were started", s.Started(t, j.ActionExecutionID))
		}
	}
}

func (s suite) checkDone(t *testing.T, j action.Job, r action.Done) {
	t.Helper()
	for _, a := range j.Outputs {
		if s.Has == nil || !s.Has(t, a) {
			t.Errorf("the output artifact %s is not stored at %s/%s", a.Name, a.Bucket, a.Key)
		}
	}
	if j.TypeID.Category == "Source" && (r.Revision == nil || r.Revision.ID == "") {
		t.Error("a source action without a revision")
	}
}

// A redelivery after a crash does not start a second thing, and ends like the first.
func (s suite) testStartAgain(t *testing.T) {
	j := s.Job()
	first, second := s.succeed(t, j), s.succeed(t, j)
	for _, name := range s.MayChange {
		for _, r := range []action.Result{first, second} {
			if d, ok := r.(action.Done); ok {
				delete(d.Variables, name)
			}
		}
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("first %+v\nthen %+v", first, second)
	}
	if s.Started != nil {
		if n := s.Started(t, j.ActionExecutionID); n != 1 {
			t.Errorf("%d things were started for one action execution", n)
		}
	}
}

// When the server stops, Start returns soon, and the redelivery afterwards works.
func (s suite) testEndedContext(t *testing.T) {
	j := s.Job()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	type answer struct {
		result action.Result
		err    error
	}
	got := make(chan answer, 1)
	go func() {
		r, err := s.provider.Start(ctx, j)
		got <- answer{r, err}
	}()
	select {
	case a := <-got:
		if f, failed := a.result.(action.Failed); failed {
			t.Errorf("the server's stop fails the user's action: %s", f.Message)
		}
	case <-time.After(patience):
		t.Fatal("Start does not return although its context has ended")
	}
	s.succeed(t, j)
}

func (s suite) testCancel(t *testing.T) {
	cancel := func(when string, j action.Job) {
		t.Helper()
		if err := s.provider.Cancel(t.Context(), j); err != nil {
			t.Errorf("Cancel %s: %v", when, err)
		}
	}
	j := s.Job()
	cancel("before Start", j)
	switch r := s.succeed(t, j).(type) {
	case action.Wait:
		j.ExternalID = r.ExternalID
	case action.Done:
		j.ExternalID = r.ExternalID
	}
	cancel("after Start", j)
	cancel("twice", j)
	unknown := s.Job()
	unknown.ActionExecutionID, unknown.ExternalID = "11111111-2222-4333-8444-555555555555", "unknown:11111111-2222-4333-8444-555555555555"
	cancel("of something unknown", unknown)
}

func (s suite) testUnknownKey(t *testing.T) {
	j := s.Job()
	set(&j, "NoSuchKey", "x")
	s.refuse(t, j, pipeline.ConfigurationError, "NoSuchKey")
}

func (s suite) testRequiredKeys(t *testing.T) {
	for _, p := range s.Provider.Type().Properties {
		if p.Required {
			j := s.Job()
			if set(&j, p.Name, ""); p.MayBeEmpty {
				delete(j.Configuration, p.Name)
			}
			s.refuse(t, j, pipeline.ConfigurationError, p.Name)
		}
	}
}

func (s suite) testValues(t *testing.T) {
	for _, p := range s.Provider.Type().Properties {
		if len(p.Values) > 0 {
			j := s.Job()
			set(&j, p.Name, "no-such-value")
			s.refuse(t, j, pipeline.ConfigurationError, p.Name)
		}
	}
}

// set changes a copy of the configuration, which jobs may share.
func set(j *action.Job, key, value string) {
	j.Configuration = maps.Clone(j.Configuration)
	if j.Configuration == nil {
		j.Configuration = map[string]string{}
	}
	j.Configuration[key] = value
}

// An artifact that is gone fails the action, here or in what it started; it is not tried again and again.
func (s suite) testMissingInput(t *testing.T) {
	for i := range s.Job().Inputs {
		j := s.Job()
		j.Inputs = slices.Clone(j.Inputs)
		j.Inputs[i].Key += "-gone"
		if result := s.start(t, j); s.Started == nil {
			if _, failed := result.(action.Failed); !failed {
				t.Errorf("without the artifact %s: %+v", j.Inputs[i].Name, result)
			}
		}
	}
}

func (s suite) testMissingBuckets(t *testing.T) {
	break1 := func(what string, list func(*action.Job) *[]pipeline.Artifact) {
		first := s.Job()
		for i := range *list(&first) {
			j := s.Job()
			artifacts := slices.Clone(*list(&j))
			artifacts[i].Bucket = "no-such-bucket"
			*list(&j) = artifacts
			if result := s.start(t, j); s.Started == nil {
				if _, failed := result.(action.Failed); !failed {
					t.Errorf("without the bucket of the %s artifact %s: %+v", what, artifacts[i].Name, result)
				}
			}
		}
	}
	break1("input", func(j *action.Job) *[]pipeline.Artifact { return &j.Inputs })
	break1("output", func(j *action.Job) *[]pipeline.Artifact { return &j.Outputs })
}

func (s suite) testMistakes(t *testing.T) {
	for _, m := range s.Mistakes {
		t.Run(m.Name, func(t *testing.T) {
			j := s.Job()
			j.Configuration = maps.Clone(j.Configuration)
			m.Make(&j)
			s.refuse(t, j, m.Code, m.Says)
		})
	}
}

// Different action executions run side by side. Run it with -race.
func (s suite) testConcurrently(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			j := s.Job()
			j.ActionExecutionID = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
			if j.Token != "" {
				j.Token = fmt.Sprintf("%s-%d", j.Token, i)
			}
			j.Outputs = slices.Clone(j.Outputs)
			for n := range j.Outputs {
				j.Outputs[n].Key += fmt.Sprint("-", i)
			}
			result, err := s.provider.Start(t.Context(), j)
			if err != nil {
				t.Errorf("Start: %v", err)
				return
			}
			if r, done := result.(action.Done); done {
				s.checkDone(t, j, r)
			}
			if err := s.provider.Cancel(t.Context(), j); err != nil {
				t.Errorf("Cancel: %v", err)
			}
		})
	}
	wg.Wait()
}
