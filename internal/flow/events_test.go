package flow_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// withEvents lets the belt tell a room for events what happens.
func withEvents(o *flow.Options) {
	o.Events = event.New(event.Options{Store: o.Store, Jobs: o.Jobs})
}

// told is an event of a pipeline, as its document says.
type told struct {
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Resources  []string `json:"resources"`
	Detail     map[string]any
}

// news reads n events from a listener.
func news(t *testing.T, l *event.Listener, n int) []told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var list []told
	for len(list) < n {
		entries, err := l.Next(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("after %d events, want %d: %v", len(list), n, err)
		}
		for _, e := range entries {
			var one told
			if err := json.Unmarshal(e.Document, &one); err != nil {
				t.Fatal(err)
			}
			list = append(list, one)
		}
	}
	return list
}

func TestTheWorldIsTold(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		var events *event.Service
		b := newBelt(t, st, func(o *flow.Options) {
			withEvents(o)
			events = o.Events.(*event.Service)
		})
		b.providers.on("Build", func(context.Context, action.Job) (action.Result, error) {
			return action.Failed{Code: pipeline.JobFailed, Message: "tests are red", ExternalID: "web:1"}, nil
		})
		l, err := events.Listen(t.Context(), nil, event.Filter{Pipelines: []string{"web"}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		id := b.create(site("web"))
		b.await("web", id, pipeline.StatusFailed)
		var lines []string
		list := news(t, l, 10)
		for _, e := range list {
			if e.Source != "aws.codepipeline" || fmt.Sprint(e.Resources) != "[arn:aws:codepipeline:us-east-1:000000000000:web]" ||
				e.Detail["execution-id"] != id || e.Detail["version"] != 1.0 || e.Detail["pipeline-execution-attempt"] != 1.0 || e.Detail["start-time"] == nil {
				t.Errorf("%+v", e)
			}
			what := strings.Fields(e.DetailType)[1]
			for _, name := range []string{"stage", "action"} {
				if v, ok := e.Detail[name]; ok {
					what += fmt.Sprint(" ", v)
				}
			}
			lines = append(lines, fmt.Sprint(what, " ", e.Detail["state"]))
		}
		want := `Pipeline STARTED
Stage Source STARTED
Action Source Code STARTED
Action Source Code SUCCEEDED
Stage Source SUCCEEDED
Stage Build STARTED
Action Build Build STARTED
Action Build Build FAILED
Stage Build FAILED
Pipeline FAILED`
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("told:\n%s\nwant:\n%s", got, want)
		}
		if trigger, _ := list[0].Detail["execution-trigger"].(map[string]any); trigger["trigger-type"] != "CreatePipeline" || trigger["trigger-detail"] != caller {
			t.Errorf("%+v", list[0].Detail)
		}
		if _, later := list[9].Detail["execution-trigger"]; later {
			t.Error("only the start tells of the trigger")
		}
		failed := list[7].Detail
		result, _ := failed["execution-result"].(map[string]any)
		kind, _ := failed["type"].(map[string]any)
		inputs, _ := failed["input-artifacts"].([]any)
		if result["external-execution-id"] != "web:1" || result["external-execution-summary"] != "tests are red" || result["error-code"] != "JobFailed" ||
			kind["category"] != "Build" || kind["version"] != "1" || failed["region"] != "us-east-1" || len(inputs) != 1 || failed["action-execution-id"] == "" {
			t.Errorf("%+v", failed)
		}

		// A retry is another attempt, and its stage says when.
		b.providers.on("Build", nil)
		if err := b.Retry(t.Context(), "web", "Build", id, pipeline.RetryFailedActions, caller); err != nil {
			t.Fatal(err)
		}
		b.await("web", id, pipeline.StatusSucceeded)
		for _, e := range news(t, l, 4) {
			if e.Detail["pipeline-execution-attempt"] != 2.0 {
				t.Errorf("%+v", e)
			}
			if _, when := e.Detail["stage-last-retry-attempt-time"]; strings.Contains(e.DetailType, "Stage") && e.Detail["stage"] == "Build" && !when {
				t.Errorf("%+v", e)
			}
		}
	})
}

// A rule starts a pipeline once for each event, whatever it leads from; what the change itself has started it does not.
func TestStartedByARule(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		b := newBelt(t, st)
		watched := site("watched")
		asked := site("asked")
		source := asked.Stages[0].Actions[0].Configuration
		source["RepositoryName"], source["PollForSourceChanges"] = "watched", "false"
		for _, d := range []pipeline.Definition{watched, asked} {
			b.await(d.Name, b.create(d), pipeline.StatusSucceeded)
		}
		c := watched.Stages[0].Actions[0]
		change := &flow.SourceChange{Provider: c.ActionTypeID.Provider, Resource: c.Configuration["RepositoryName"], Ref: c.Configuration["BranchName"]}
		const rule = "arn:aws:events:us-east-1:000000000000:rule/r"
		start := func(name string, change *flow.SourceChange, token string) string {
			t.Helper()
			id, err := b.StartByEvent(t.Context(), flow.EventStart{Pipeline: name, Rule: rule, Token: token, Change: change})
			if err != nil {
				t.Fatal(err)
			}
			return id
		}
		if id := start("watched", change, "1"); id != "" {
			t.Errorf("the rule started %s, though the push starts the pipeline", id)
		}
		other := *change
		other.Ref = "another"
		for _, id := range []string{start("asked", change, "1"), start("watched", &other, "2"), start("watched", nil, "3")} {
			if id == "" {
				t.Fatal("nothing was started")
			}
		}
		id := start("asked", change, "4")
		if again := start("asked", change, "4"); again != id {
			t.Errorf("delivered twice it started %s and %s", id, again)
		}
		if e := b.await("asked", id, pipeline.StatusSucceeded); e.Trigger != (pipeline.ExecutionTrigger{TriggerType: "CloudWatchEvent", TriggerDetail: rule}) {
			t.Errorf("%+v", e.Trigger)
		}
		_, err := b.StartByEvent(t.Context(), flow.EventStart{Pipeline: "nobody", Rule: rule, Token: "5"})
		wantKind(t, err, pipeline.PipelineNotFound)
	})
}
