package engine

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// TestTimeouts is the table of pipeline.md section 3.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		category, owner, provider string
		minutes                   int
		want                      time.Duration
	}{
		{"Approval", "AWS", "Manual", 0, 7 * 24 * time.Hour},
		{"Approval", "AWS", "Manual", 5, 5 * time.Minute},
		{"Build", "AWS", "CodeBuild", 0, 36 * time.Hour},
		{"Build", "AWS", "CodeBuild", 5, 36 * time.Hour}, // only approvals set their own
		{"Test", "AWS", "CodeBuild", 0, 8 * time.Hour},
		{"Deploy", "AWS", "S3", 0, 90 * time.Minute},
		{"Source", "AWS", "S3", 0, time.Hour},
		{"Deploy", "AWS", "CodeDeploy", 0, 5 * 24 * time.Hour},
		{"Deploy", "AWS", "CloudFormation", 0, 3 * 24 * time.Hour},
		{"Invoke", "AWS", "Lambda", 0, 24 * time.Hour},
		{"Invoke", "AWS", "StepFunctions", 0, 7 * 24 * time.Hour},
		{"Compute", "AWS", "Commands", 0, 55 * time.Minute},
		{"Build", "Custom", "Jenkins", 0, 24 * time.Hour},
		{"Deploy", "AWS", "ECS", 0, time.Hour},
	} {
		a := &pipeline.Action{TimeoutInMinutes: c.minutes, ActionTypeID: pipeline.ActionTypeID{Category: c.category, Owner: c.owner, Provider: c.provider}}
		if got := Timeout(a); got != c.want {
			t.Errorf("%s %s %s (%d): %s, want %s", c.category, c.owner, c.provider, c.minutes, got, c.want)
		}
	}
}

// one is a pipeline of a source and an approval, with an execution in the approval.
func one(t *testing.T, nonce string) (*pipeline.Definition, State) {
	t.Helper()
	d := parseDefinition(t, []string{"v1"}, "Source: git!Source>Src~src other!Source>Two\nRelease: ok!Approval ship!Deploy<Src")
	s, _ := Step(d, State{}, ExecutionRequested{
		At: start, ID: "e1", Nonce: nonce, Region: "eu-west-1",
		Variables: []pipeline.ResolvedVariable{{Name: "Color", ResolvedValue: "blue"}},
		Overrides: []pipeline.SourceRevisionOverride{{ActionName: "git", RevisionType: "COMMIT_ID", RevisionValue: "abc"}},
	})
	return d, s
}

func runningID(s State, action string) string {
	for i := range s.Executions {
		if e := &s.Executions[i]; e.Stage != nil {
			for _, a := range e.Stage.Actions {
				if a.Name == action {
					return a.ID
				}
			}
		}
	}
	return ""
}

func TestLookup(t *testing.T) {
	d, s := one(t, "n")
	git, ok := Lookup(s, runningID(s, "git"))
	if !ok || len(git.Overrides) != 1 || git.Overrides[0].RevisionValue != "abc" || git.Stage != "Source" {
		t.Errorf("git: %v %+v", ok, git)
	}
	if other, _ := Lookup(s, runningID(s, "other")); len(other.Overrides) != 0 {
		t.Errorf("the override of git reached other: %+v", other.Overrides)
	}
	if git.Variables["variables"]["Color"] != "blue" || git.Variables["codepipeline"]["PipelineExecutionId"] != "e1" {
		t.Errorf("variables %v", git.Variables)
	}
	if Variables(s, "e1")["variables"]["Color"] != "blue" || Variables(s, "e2") != nil {
		t.Error("Variables finds the wrong execution")
	}
	id := runningID(s, "git")
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: id})
	if _, ok := Lookup(s, id); ok {
		t.Error("an ended action is still to be run")
	}
	if _, ok := Lookup(s, ""); ok {
		t.Error("no id finds an action")
	}
}

// An approval without a nonce has no token; no token, not even the empty one, decides it.
func TestApprovalNeedsNonce(t *testing.T) {
	d, s := one(t, "")
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "git")})
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "other")})
	var r *Refusal
	if err := CheckApproval(d, s, "Release", "ok", ApprovalGiven{}); !errors.As(err, &r) || r.Kind != InvalidApprovalToken {
		t.Errorf("the empty token was not refused: %v", err)
	}
	if _, cmds := Step(d, s, ApprovalGiven{At: start, Approved: true}); len(cmds) > 0 {
		t.Error("the empty token decided an approval")
	}
}

// The secret that approval tokens derive from stays in the state; tokens do not follow from public ids.
func TestNonceIsSecret(t *testing.T) {
	d, s := one(t, "a-secret-nonce")
	for _, name := range []string{"git", "other"} {
		var cmds []Command
		s, cmds = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, name)})
		if strings.Contains(fmt.Sprintf("%+v", cmds), "a-secret-nonce") {
			t.Fatal("a command carries the nonce")
		}
	}
	w, _ := Lookup(s, runningID(s, "ok"))
	_, other := one(t, "another-nonce")
	if w.Action.Token == "" || w.Action.Token == w.Action.ID || w.Action.ExternalID != w.Action.Token {
		t.Errorf("token %q, external id %q", w.Action.Token, w.Action.ExternalID)
	}
	if runningID(other, "git") != ActionExecutionID("e1", "Source", "git", 1) {
		t.Error("action execution ids depend on the nonce")
	}
	if w, _ := Lookup(s, runningID(s, "ship")); w.Action.Token != "" {
		t.Error("an action that is no approval has a token")
	}
}

// Outputs go to the store of the action's region, else of the pipeline's (P6).
func TestStores(t *testing.T) {
	d, _ := one(t, "n")
	d.ArtifactStore, d.ArtifactStores = nil, map[string]pipeline.ArtifactStore{"eu-west-1": {Location: "ireland"}, "us-east-1": {Location: "virginia"}}
	d.Stages[0].Actions[1].Region = "us-east-1"
	s, _ := Step(d, State{}, ExecutionRequested{At: start, ID: "e1", Region: "eu-west-1"})
	for action, bucket := range map[string]string{"git": "ireland", "other": "virginia"} {
		if w, _ := Lookup(s, runningID(s, action)); len(w.Action.Outputs) != 1 || w.Action.Outputs[0].Bucket != bucket {
			t.Errorf("%s writes to %+v, want %s", action, w.Action.Outputs, bucket)
		}
	}
}

// A provider may choose another place for its artifact; consumers then read it there.
func TestChosenLocation(t *testing.T) {
	d, s := one(t, "n")
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "other")})
	s, _ = Step(d, s, ActionSucceeded{
		At: start, Action: runningID(s, "git"), Revision: &pipeline.Revision{ID: "r"},
		Artifacts: []pipeline.Artifact{{Name: "Src", Bucket: "b", Key: "k.zip"}, {Name: "Unknown", Key: "x"}},
	})
	w, _ := Lookup(s, runningID(s, "ship"))
	if len(w.Action.Inputs) != 1 || w.Action.Inputs[0].Key != "k.zip" || w.Action.Inputs[0].Revision.ID != "r" {
		t.Errorf("ship reads %+v", w.Action.Inputs)
	}
	if latest := s.Stages[1].Actions[1].Latest; latest == nil || latest.ID != w.Action.ID || latest.Inputs != nil {
		t.Errorf("the stage shows %+v", latest)
	}
	if len(s.Executions[0].Artifacts) != 2 {
		t.Errorf("artifacts %+v", s.Executions[0].Artifacts)
	}
}

// Output variables are bounded (P3): the action that produced too many fails, and says so.
func TestTooManyVariables(t *testing.T) {
	d, s := one(t, "n")
	huge := map[string]string{"k": strings.Repeat("v", maxVariables)}
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "git"), Variables: huge})
	for _, a := range s.Executions[0].Stage.Actions {
		if a.Name == "git" && (a.Status != pipeline.StatusFailed || !strings.Contains(a.Error.Message, "122880")) {
			t.Errorf("%s: %+v", a.Status, a.Error)
		}
	}
}

// What a provider tells is cut to what the wire can show.
func TestTextIsBounded(t *testing.T) {
	d, s := one(t, "n")
	long := strings.Repeat("ü", 9000)
	s, _ = Step(d, s, ActionStarted{At: start, Action: runningID(s, "git"), Summary: long, ExternalID: long, ExternalURL: long})
	s, _ = Step(d, s, ActionFailed{At: start, Action: runningID(s, "git"), Error: pipeline.ErrorDetails{Code: long, Message: long}})
	a := s.Executions[0].Stage.Actions[0]
	for what, n := range map[string]int{a.Summary: maxSummary, a.ExternalID: maxExternalID, a.ExternalURL: maxURL, a.Error.Message: maxMessage, a.Error.Code: maxCode} {
		if len(what) > n || len(what) < n-1 || !utf8.ValidString(what) {
			t.Errorf("%d bytes, valid %v, want %d", len(what), utf8.ValidString(what), n)
		}
	}
	if got := clip("a\xffb", 10); !utf8.ValidString(got) {
		t.Errorf("clip leaves invalid UTF-8: %q", got)
	}
}

// The inputs of an event are copied: whoever made it may reuse them.
func TestEventsAreCopied(t *testing.T) {
	d, s := one(t, "n")
	vars := map[string]string{"k": "v"}
	rev := &pipeline.Revision{ID: "r"}
	s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "git"), Variables: vars, Revision: rev})
	before := toJSON(t, s)
	vars["k"], rev.ID = "changed", "changed"
	if toJSON(t, s) != before {
		t.Error("the state changed with the event")
	}
}

// A queued or parallel pipeline takes 50 executions; a start by hand is refused, a trigger's is recorded as Failed (E2).
func TestFullPipeline(t *testing.T) {
	for _, mode := range []string{"QUEUED", "PARALLEL"} {
		d := parseDefinition(t, []string{"v1", mode}, "Source: git!Source>Src\nBuild: compile<Src")
		var s State
		for i := range maxConcurrent {
			if err := CheckStart(d, s); err != nil {
				t.Fatalf("%s: start %d: %v", mode, i, err)
			}
			s, _ = Step(d, s, ExecutionRequested{At: start, ID: fmt.Sprint("e", i)})
		}
		var r *Refusal
		if err := CheckStart(d, s); !errors.As(err, &r) || r.Kind != ConcurrentExecutionsLimitExceeded {
			t.Errorf("%s: %v", mode, err)
		}
		s, cmds := Step(d, s, ExecutionRequested{At: start, ID: "late"})
		last, _ := cmds[len(cmds)-1].(Announce)
		if len(s.Executions) != maxConcurrent || last.Word != WordFailed || last.Execution.ID != "late" {
			t.Errorf("%s: %d executions, last announcement %+v", mode, len(s.Executions), last)
		}
	}
	d := parseDefinition(t, []string{"v1"}, "Source: git!Source>Src\nBuild: compile<Src")
	if err := CheckStart(d, State{}); err != nil {
		t.Errorf("SUPERSEDED is never full: %v", err)
	}
}

// A million executions leave the state as small as one does.
func TestStateStaysSmall(t *testing.T) {
	d := parseDefinition(t, []string{"v1"}, "Source: git!Source>Src~src\nBuild: compile<Src")
	var s State
	size := 0
	for i := range 300 {
		s, _ = Step(d, s, ExecutionRequested{At: start, ID: fmt.Sprintf("e%06d", i), Nonce: "n"})
		s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "git"), Variables: map[string]string{"k": "v"}})
		if i%3 == 0 {
			s, _ = Step(d, s, ActionFailed{At: start, Action: runningID(s, "compile"), Error: pipeline.ErrorDetails{Code: "c", Message: "m"}})
		} else {
			s, _ = Step(d, s, ActionSucceeded{At: start, Action: runningID(s, "compile")})
		}
		if n := len(toJSON(t, s)); i == 6 {
			size = n
		} else if i > 6 && n > size+100 {
			t.Fatalf("after %d executions the state has %d bytes instead of %d", i, n, size)
		}
	}
}

// No stage shows PARALLEL executions, so only the newest failed ones are kept for a retry.
func TestFailedParallelExecutionsAreForgotten(t *testing.T) {
	d := parseDefinition(t, []string{"v1", "PARALLEL"}, "Source: git!Source>Src\nBuild: compile<Src")
	var s State
	for i := range 2 * maxConcurrent {
		id := fmt.Sprint("e", i)
		s, _ = Step(d, s, ExecutionRequested{At: start, ID: id})
		s, _ = Step(d, s, ActionFailed{At: start, Action: ActionExecutionID(id, "Source", "git", 1)})
	}
	if n := len(s.Executions); n != maxConcurrent || s.Executions[0].ID != fmt.Sprint("e", maxConcurrent) {
		t.Errorf("%d executions are kept, the oldest is %s", n, s.Executions[0].ID)
	}
	if err := CheckRetry(d, s, "Source", "e99", pipeline.RetryFailedActions); err != nil {
		t.Error(err)
	}
}

func TestSupports(t *testing.T) {
	for text, ok := range map[string]bool{
		"Source: git!Source>Src\nBuild: compile<Src":              true,
		"Source: git!Source>Src\nBuild: compile<Src retry":        true,
		"Source: git!Source>Src\nBuild: compile<Src rollback":     true,
		"Source: git!Source>Src\nBuild: compile<Src before=FAIL":  true,
		"Source: git!Source>Src\nBuild: compile success=FAIL":     true,
		"Source: git!Source>Src rollback\nBuild: compile<Src":     false,
		"Source: git!Source>Src success=ROLLBACK\nBuild: compile": false,
	} {
		if err := Supports(parseDefinition(t, []string{"v1"}, text)); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// A timer that was set for another time than the one now waited for is stale.
func TestMovedTimers(t *testing.T) {
	d, s := one(t, "n")
	id := runningID(s, "git")
	old := Timer{Kind: TimerAction, ID: id, At: start.Add(time.Hour)}
	s, cmds := Step(d, s, ActionStarted{At: start, Action: id, Timeout: 3 * time.Hour})
	if len(cmds) != 2 || cmds[1] != (SetTimer{Timer{TimerAction, id, start.Add(3 * time.Hour)}}) {
		t.Fatalf("moving the deadline gave %+v", cmds)
	}
	if _, cmds := Step(d, s, TimerFired{At: old.At, Timer: old}); len(cmds) > 0 {
		t.Errorf("the timer of the old deadline gave %+v", cmds)
	}
	if _, cmds := Step(d, s, TimerFired{At: start.Add(3 * time.Hour), Timer: Timer{TimerAction, id, start.Add(3 * time.Hour)}}); len(cmds) == 0 {
		t.Error("the new timer did nothing")
	}

	// The same for a waiter: an older hold's timer says nothing about the present one.
	s, _ = Step(d, s, ExecutionRequested{At: start, ID: "e2", Nonce: "n"})
	set := func(at time.Time, enabled bool) {
		s, _ = Step(d, s, TransitionSet{At: at, Stage: "Source", Enabled: enabled})
	}
	set(start, false)
	set(start.Add(time.Minute), true)
	set(start.Add(time.Hour), false)
	if _, cmds := Step(d, s, TimerFired{At: start.Add(maxWait), Timer: Timer{TimerWaiter, "e2", start.Add(maxWait)}}); len(cmds) > 0 {
		t.Errorf("the timer of an earlier hold gave %+v", cmds)
	}
	due := start.Add(time.Hour + maxWait)
	if _, cmds := Step(d, s, TimerFired{At: due, Timer: Timer{TimerWaiter, "e2", due}}); len(cmds) != 1 {
		t.Errorf("the waiter's own timer gave %+v", cmds)
	}
}
