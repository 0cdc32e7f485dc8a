package engine

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// tenStages is a pipeline of ten stages with two actions each, and its state with an execution in every stage and
// more waiting.
func tenStages(tb testing.TB) (*pipeline.Definition, State) {
	d := &pipeline.Definition{Name: "bench", Version: 1, ArtifactStore: &pipeline.ArtifactStore{Location: "bucket"}}
	for i := range 10 {
		st := pipeline.Stage{Name: fmt.Sprint("Stage", i)}
		for j := range 2 {
			a := pipeline.Action{
				Name: fmt.Sprint("action", j), Namespace: fmt.Sprint("ns", i, j),
				ActionTypeID:    pipeline.ActionTypeID{Category: "Build", Owner: "AWS", Provider: "CodeBuild", Version: "1"},
				OutputArtifacts: []pipeline.OutputArtifact{{Name: fmt.Sprint("out", i, j)}},
			}
			if i == 0 {
				a.ActionTypeID.Category = "Source"
			} else {
				a.InputArtifacts = []pipeline.InputArtifact{{Name: fmt.Sprint("out", i-1, j)}}
			}
			st.Actions = append(st.Actions, a)
		}
		d.Stages = append(d.Stages, st)
	}
	return d, fill(tb, d)
}

// fill starts executions until no more fit.
func fill(tb testing.TB, d *pipeline.Definition) State {
	var s State
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range 20 {
		id := uuid(digest("bench", fmt.Sprint(n)))
		s, _ = Step(d, s, ExecutionRequested{At: at, ID: id, Nonce: "n", Trigger: pipeline.ExecutionTrigger{TriggerType: "CloudWatchEvent"}})
		for range 20 - 2*(n/2) {
			for i := range s.Executions {
				if e := &s.Executions[i]; e.ID == id && e.Stage != nil {
					s = finishStage(d, s, e.Stage, at)
					break
				}
			}
		}
	}
	if len(s.Executions) < 10 {
		tb.Fatalf("only %d executions in flight", len(s.Executions))
	}
	return s
}

func finishStage(d *pipeline.Definition, s State, st *StageExecution, at time.Time) State {
	if st.Name == "Stage9" {
		return s
	}
	for _, a := range st.Actions {
		s, _ = Step(d, s, ActionSucceeded{At: at, Action: a.ID, Revision: &pipeline.Revision{ID: "0123456789abcdef0123456789abcdef01234567", Summary: "A commit message of usual length"}, Variables: map[string]string{"CommitId": "0123456789abcdef0123456789abcdef01234567", "BranchName": "main"}})
	}
	return s
}

// BenchmarkStep ends an action, which ends its stage, so that one execution goes on and a waiter enters.
func BenchmarkStep(b *testing.B) {
	d, s := tenStages(b)
	ev := stageEnder(b, d, &s)
	b.ReportAllocs()
	for b.Loop() {
		if _, cmds := Step(d, s, ev); len(cmds) < 5 {
			b.Fatal("the step did too little")
		}
	}
}

func stageEnder(b *testing.B, d *pipeline.Definition, s *State) Event {
	for i := range s.Executions {
		if e := &s.Executions[i]; e.Stage != nil && e.Stage.Name == "Stage9" {
			*s, _ = Step(d, *s, ActionSucceeded{At: e.Updated, Action: e.Stage.Actions[0].ID})
			return ActionSucceeded{At: e.Updated, Action: e.Stage.Actions[1].ID}
		}
	}
	b.Fatal("nobody in the last stage")
	return nil
}

// BenchmarkStale ends an action that ended long ago.
func BenchmarkStale(b *testing.B) {
	d, s := tenStages(b)
	b.ReportAllocs()
	for b.Loop() {
		Step(d, s, ActionSucceeded{At: time.Unix(0, 0), Action: "gone"})
	}
}

func BenchmarkEncode(b *testing.B) {
	_, s := tenStages(b)
	b.ReportAllocs()
	for b.Loop() {
		data, err := json.Marshal(s)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data)), "bytes")
	}
}

// BenchmarkUsual is what a step costs the shell on a pipeline of three stages with one execution: decode, Step, encode.
func BenchmarkUsual(b *testing.B) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	d := parseDefinition(b, nil, "Source: git!Source>Src~src\nBuild: compile<Src>App\nDeploy: ship!Deploy<App")
	id := uuid(digest("usual"))
	s, _ := Step(d, State{}, ExecutionRequested{At: at, ID: id, Nonce: "n"})
	data, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	ev := ActionSucceeded{At: at, Action: ActionExecutionID(id, "Source", "git", 1), Variables: map[string]string{"CommitId": "abc"}}
	b.ReportAllocs()
	for b.Loop() {
		var s State
		if err := json.Unmarshal(data, &s); err != nil {
			b.Fatal(err)
		}
		s, cmds := Step(d, s, ev)
		if len(cmds) == 0 {
			b.Fatal("nothing happened")
		}
		if _, err := json.Marshal(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	_, s := tenStages(b)
	data, err := json.Marshal(s)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var back State
		if err := json.Unmarshal(data, &back); err != nil {
			b.Fatal(err)
		}
	}
}
