package action_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// fake is a provider whose methods tests choose.
type fake struct {
	t      action.Type
	start  func(action.Job) (action.Result, error)
	cancel func(action.Job) error
}

func (f fake) Type() action.Type { return f.t }
func (f fake) Start(_ context.Context, j action.Job) (action.Result, error) {
	return f.start(j)
}
func (f fake) Cancel(_ context.Context, j action.Job) error { return f.cancel(j) }

func valid() action.Type {
	return action.Type{
		ID: pipeline.ActionTypeID{Category: "Deploy", Owner: "AWS", Provider: "Fake", Version: "1"},
		Properties: []action.Property{
			{Name: "Target", Required: true, Type: "String"},
			{Name: "Password", Secret: true, Type: "String", Values: []string{"hunter2"}},
			{Name: "Fast", Type: "Boolean"},
			{Name: "Batch", Type: "Number"},
			{Name: "Mode", Type: "String", Values: []string{"A", "B"}},
		},
		Inputs: action.Count{Min: 1, Max: 2}, TimeoutMinutes: 60,
	}
}

func done(action.Job) (action.Result, error) { return action.Done{ExternalID: "bearer-token"}, nil }

func job(configuration ...string) action.Job {
	j := action.Job{Action: "Ship", TypeID: valid().ID, Configuration: map[string]string{"Target": "t"}, Inputs: make([]pipeline.Artifact, 1)}
	for i := 0; i < len(configuration); i += 2 {
		j.Configuration[configuration[i]] = configuration[i+1]
	}
	return j
}

func register(t *testing.T, log *slog.Logger, f fake) action.Provider {
	t.Helper()
	r, err := action.NewRegistry(log, f)
	if err != nil {
		t.Fatal(err)
	}
	p, ok := r.Lookup(f.t.ID)
	if !ok {
		t.Fatal("not found")
	}
	return p
}

func TestRegistry(t *testing.T) {
	a, b := valid(), valid()
	b.ID.Provider = "Other"
	r, err := action.NewRegistry(nil, fake{t: a}, fake{t: b})
	if err != nil {
		t.Fatal(err)
	}
	if types := r.Types(); len(types) != 2 || types[0].ID != a.ID || types[1].ID != b.ID {
		t.Errorf("types %v", types)
	}
	if _, ok := r.Lookup(pipeline.ActionTypeID{Category: "Deploy", Owner: "AWS", Provider: "Fake", Version: "2"}); ok {
		t.Error("another version was found")
	}
	if _, err := action.NewRegistry(nil, fake{t: a}, fake{t: a}); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Errorf("registered twice: %v", err)
	}
}

func TestDeclarationsAreChecked(t *testing.T) {
	for what, spoil := range map[string]func(*action.Type){
		"category":      func(t *action.Type) { t.ID.Category = "Deployment" },
		"owner":         func(t *action.Type) { t.ID.Owner = "Me" },
		"provider":      func(t *action.Type) { t.ID.Provider = "a b" },
		"version":       func(t *action.Type) { t.ID.Version = "" },
		"input":         func(t *action.Type) { t.Inputs.Min = 3 },
		"output":        func(t *action.Type) { t.Outputs.Min = -1 },
		"timeout":       func(t *action.Type) { t.TimeoutMinutes = 0 },
		"malformed":     func(t *action.Type) { t.Properties[0].Name = "a b" },
		"twice":         func(t *action.Type) { t.Properties[1].Name = t.Properties[0].Name },
		"unknown type ": func(t *action.Type) { t.Properties[0].Type = "Text" },
	} {
		bad := valid()
		spoil(&bad)
		if err := bad.Check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestProvidersSeeOnlyJobsThatFit(t *testing.T) {
	p := register(t, nil, fake{t: valid(), start: done})
	lacking := job()
	lacking.Configuration["Target"] = ""
	many := job()
	many.Inputs = make([]pipeline.Artifact, 3)
	outputs := job()
	outputs.Outputs = make([]pipeline.Artifact, 1)
	for want, j := range map[string]action.Job{
		"unknown configuration key Nope":  job("Nope", "x"),
		"lacks the configuration key Tar": lacking,
		`is "C"; it must be A or B`:       job("Mode", "C"),
		`must be true or false`:           job("Fast", "yes"),
		"must be a number":                job("Batch", "many"),
		"its (secret) value":              job("Password", "letmein"),
		"has 3 input artifacts":           many,
		"makes none":                      outputs,
	} {
		got, err := p.Start(context.Background(), j)
		failed, ok := got.(action.Failed)
		if err != nil || !ok || failed.Code != pipeline.ConfigurationError || !strings.Contains(failed.Message, want) {
			t.Errorf("%s: %v, %v", want, got, err)
		}
		if strings.Contains(failed.Message, "letmein") {
			t.Errorf("a secret is shown: %s", failed.Message)
		}
	}
	if got, err := p.Start(context.Background(), job("Fast", "true", "Batch", "2", "Mode", "A", "Password", "hunter2")); err != nil || got == nil {
		t.Errorf("a good job: %v, %v", got, err)
	}
}

func TestPanicsAndSilenceBecomeErrors(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p := register(t, logger, fake{
		t:      valid(),
		start:  func(action.Job) (action.Result, error) { panic("nil map") },
		cancel: func(action.Job) error { panic("again") },
	})
	_, err := p.Start(context.Background(), job())
	if caught := new(action.PanicError); !errors.As(err, &caught) || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("Start: %v", err)
	}
	if !strings.Contains(log.String(), "action_test.go") {
		t.Errorf("the log does not say where: %s", log.String())
	}
	if err := p.Cancel(context.Background(), job()); err == nil || !strings.Contains(err.Error(), "again") {
		t.Errorf("Cancel: %v", err)
	}
	silent := register(t, nil, fake{t: valid(), start: func(action.Job) (action.Result, error) { return nil, nil }})
	if _, err := silent.Start(context.Background(), job()); err == nil {
		t.Error("silence was taken for an answer")
	}
}

func TestTheLogHoldsNoSecrets(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	p := register(t, logger, fake{t: valid(), start: done})
	j := job("Password", "hunter2")
	j.Token = "bearer-token"
	if _, err := p.Start(context.Background(), j); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", "bearer-token"} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log shows %s:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), "action=Ship") {
		t.Errorf("the log does not name the action:\n%s", log.String())
	}
}

func TestWhoIsCutOffIsNotAnError(t *testing.T) {
	for _, c := range []struct {
		what   string
		ctxErr error
		err    error
		want   string
	}{
		{"cancelled", context.Canceled, fmt.Errorf("begin a transaction: %w", context.Canceled), "level=INFO"},
		{"broken while cancelled", context.Canceled, errors.New("disk on fire"), "level=ERROR"},
		{"broken", nil, errors.New("disk on fire"), "level=ERROR"},
		{"a cancellation of something else", nil, context.Canceled, "level=ERROR"},
	} {
		t.Run(c.what, func(t *testing.T) {
			var log bytes.Buffer
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := register(t, slog.New(slog.NewTextHandler(&log, nil)), fake{t: valid(), start: func(action.Job) (action.Result, error) {
				if c.ctxErr != nil {
					cancel()
				}
				return nil, c.err
			}})
			if _, err := p.Start(ctx, job()); !errors.Is(err, c.err) {
				t.Errorf("error %v", err)
			}
			if !strings.Contains(log.String(), c.want) {
				t.Errorf("log: %s, want %s", log.String(), c.want)
			}
		})
	}
}

func TestOverrides(t *testing.T) {
	j := job()
	j.Revision = []pipeline.SourceRevisionOverride{
		{ActionName: "Ship", RevisionType: "A", RevisionValue: "1"}, {ActionName: "Else", RevisionType: "X", RevisionValue: "2"},
	}
	if got, err := j.Overrides("A", "B"); err != nil || len(got) != 1 || got["A"] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := j.Overrides("B", "C"); err == nil || !strings.Contains(err.Error(), "B or C, not A") {
		t.Errorf("%v", err)
	}
}
