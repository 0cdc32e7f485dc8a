package invoke_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/invoke"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// pipelines starts executions of "site", one for each token.
type pipelines struct {
	mu      sync.Mutex
	started map[string]invoke.Request
	err     error
}

func (p *pipelines) start(ctx context.Context, r invoke.Request) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case p.err != nil:
		return "", p.err
	case r.Pipeline != "site":
		return "", pipeline.Errorf(pipeline.PipelineNotFound, "Account '1' does not have a pipeline with name '%s'", r.Pipeline)
	}
	p.started[r.Token] = r
	return "execution of " + r.Token, nil
}

func newPipelines() *pipelines { return &pipelines{started: map[string]invoke.Request{}} }

func job(configuration ...string) action.Job {
	j := action.Job{
		Pipeline: "app", Action: "Next", ActionExecutionID: "a-1", RoleArn: "arn:aws:iam::000000000000:role/app",
		TypeID: invoke.New(nil).Type().ID, Configuration: map[string]string{"PipelineName": "site"},
	}
	for i := 0; i < len(configuration); i += 2 {
		j.Configuration[configuration[i]] = configuration[i+1]
	}
	return j
}

func TestItStartsThePipelineWithWhatItIsGiven(t *testing.T) {
	p := newPipelines()
	result, err := invoke.New(p.start).Start(t.Context(), job(
		"Variables", `[{"name":"Env","value":"a \"b\""}]`,
		"SourceRevisions", `[{"actionName":"Code","revisionType":"COMMIT_ID","revisionValue":"c0ffee"}]`))
	done, ok := result.(action.Done)
	if err != nil || !ok || done.ExternalID != "execution of a-1" || !strings.Contains(done.Summary, "the pipeline site") {
		t.Fatalf("%+v, %v", result, err)
	}
	r := p.started["a-1"]
	if r.By != "arn:aws:iam::000000000000:role/app" || len(r.Variables) != 1 || r.Variables[0] != (pipeline.ResolvedVariable{Name: "Env", ResolvedValue: `a "b"`}) ||
		len(r.Revisions) != 1 || r.Revisions[0] != (pipeline.SourceRevisionOverride{ActionName: "Code", RevisionType: "COMMIT_ID", RevisionValue: "c0ffee"}) {
		t.Errorf("asked for %+v", r)
	}
}

func TestWhatCannotBeStarted(t *testing.T) {
	for _, c := range []struct {
		err  error
		code string // "" is an error that is tried again
	}{
		{pipeline.Errorf(pipeline.Validation, "no such variable"), pipeline.ConfigurationError},
		{pipeline.Errorf(pipeline.ConcurrentExecutionsExceeded, "50 executions"), pipeline.JobFailed},
		{errors.New("the database is away"), ""},
	} {
		p := newPipelines()
		p.err = c.err
		result, err := invoke.New(p.start).Start(t.Context(), job())
		f, failed := result.(action.Failed)
		if failed != (c.code != "") || failed == (err != nil) || f.Code != c.code {
			t.Errorf("%v gives %+v, %v", c.err, result, err)
		}
	}
}

func TestSuite(t *testing.T) {
	actiontest.Run(t, func(*testing.T) actiontest.Fixture {
		set := func(key, value string) func(*action.Job) {
			return func(j *action.Job) { j.Configuration[key] = value }
		}
		return actiontest.Fixture{
			Provider: invoke.New(newPipelines().start),
			Job:      func() action.Job { return job() },
			Mistakes: []actiontest.Mistake{
				{Name: "unknown pipeline", Make: set("PipelineName", "none"), Says: "none", Code: pipeline.ConfigurationError},
				{Name: "no JSON", Make: set("Variables", "Env=prod"), Says: "Variables is not a JSON array", Code: pipeline.ConfigurationError},
				{Name: "no array", Make: set("Variables", `{"name":"Env"}`), Says: "Variables", Code: pipeline.ConfigurationError},
				{Name: "no value", Make: set("Variables", `[{"name":"Env"}]`), Says: `"Env"`, Code: pipeline.ConfigurationError},
				{Name: "misspelt member", Make: set("SourceRevisions", `[{"action":"Code"}]`), Says: "SourceRevisions", Code: pipeline.ConfigurationError},
				{Name: "no revision", Make: set("SourceRevisions", `[{"actionName":"Code"}]`), Says: "revisionValue", Code: pipeline.ConfigurationError},
				{Name: "two arrays", Make: set("SourceRevisions", `[][]`), Says: "follows", Code: pipeline.ConfigurationError},
			},
		}
	})
}
