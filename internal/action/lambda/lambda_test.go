package lambda_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/lambda"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// jobs remembers who was called with what.
type jobs struct {
	mu    sync.Mutex
	calls map[string]string // action execution id -> function
}

func (j *jobs) AddInvocation(ctx context.Context, job action.Job, function string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls[job.ActionExecutionID] = function
	return ctx.Err()
}

func (j *jobs) DropInvocation(context.Context, action.Job) error { return nil }

func TestSuite(t *testing.T) {
	for name, provider := range map[string]func(lambda.Jobs) lambda.Provider{"action": lambda.New, "rule": lambda.NewRule} {
		t.Run(name, func(t *testing.T) {
			actiontest.Run(t, func(*testing.T) actiontest.Fixture {
				j := &jobs{calls: map[string]string{}}
				p := provider(j)
				return actiontest.Fixture{
					Provider: p,
					Job:      func() action.Job { return job(p, "check") },
					Mistakes: []actiontest.Mistake{
						{Name: "no name", Make: func(j *action.Job) { j.Configuration["FunctionName"] = "a b" }, Says: "FunctionName"},
						{Name: "a version", Make: func(j *action.Job) { j.Configuration["FunctionName"] = "check:3" }, Says: "FunctionName"},
						{Name: "too much", Make: func(j *action.Job) { j.Configuration["UserParameters"] = strings.Repeat("ä", 1001) }, Says: "1000"},
					},
					Started: func(_ *testing.T, id string) int {
						j.mu.Lock()
						defer j.mu.Unlock()
						if _, ok := j.calls[id]; ok {
							return 1
						}
						return 0
					},
				}
			})
		})
	}
}

func job(p lambda.Provider, function string) action.Job {
	j := action.Job{
		Pipeline: "site", Action: "Check", ActionExecutionID: "a-1", TypeID: p.Type().ID,
		Configuration: map[string]string{"FunctionName": function},
	}
	if p.Type().ID.Category == pipeline.CategoryRule {
		j.Condition = "BEFORE_ENTRY"
	}
	return j
}

func TestHowAFunctionIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"check": "check", "check:$LATEST": "check", "arn:aws:lambda:us-east-1:000000000000:function:check": "check",
	} {
		j := &jobs{calls: map[string]string{}}
		p := lambda.New(j)
		if r, err := p.Start(t.Context(), job(p, text)); err != nil || j.calls["a-1"] != want {
			t.Errorf("%s: %+v, %v, called %v", text, r, err, j.calls)
		}
	}
}
