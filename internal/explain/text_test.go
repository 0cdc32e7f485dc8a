package explain_test

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/explain"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func explanation() flow.Explanation {
	return flow.Explanation{
		Pipeline: "site", ID: "e1", Status: pipeline.StatusFailed, Reason: "Failed in stage Build. Action Compile failed:\nexit status 2",
		Trigger: pipeline.ExecutionTrigger{TriggerType: "CloudWatchEvent"}, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Revisions: []engine.SourceRevision{{Action: "Code", Revision: pipeline.Revision{ID: "0123456789abcdef"}}},
		Stages: []flow.ExplainedStage{
			{Name: "Source", Status: pipeline.StatusSucceeded, Reason: "All its actions succeeded."},
			{
				Name: "Build", Status: pipeline.StatusFailed, Reason: "Action Compile failed.",
				Rules: []flow.ExplainedWork{
					{Name: "After", Condition: engine.OnFailure, Status: pipeline.StatusFailed},
					{Name: "Hours", Condition: engine.BeforeEntry, Status: pipeline.StatusSucceeded, Reason: "The window is open."},
				},
				Actions: []flow.ExplainedWork{{Name: "Compile", Status: pipeline.StatusFailed, Reason: "Failed with JobFailed: exit status 2"}},
			},
			{Name: "Deploy"},
		},
		Remedies: []engine.Remedy{
			{Kind: engine.RemedyReadLog, Action: "Compile", Log: "arn:aws:logs:us-east-1:000000000000:log-group:/aws/codebuild/site:log-stream:abc"},
			{Kind: engine.RemedyRetry, Stage: "Build", Execution: "e1"},
		},
	}
}

func TestTheText(t *testing.T) {
	var out strings.Builder
	if err := explain.Write(&out, []flow.Explanation{explanation()}); err != nil {
		t.Fatal(err)
	}
	want := `site  e1  Failed
  started 2026-01-02 03:04:05 UTC by CloudWatchEvent, Code 0123456789ab
  Failed in stage Build. Action Compile failed: exit status 2

  Source          Succeeded  All its actions succeeded.
  Build           Failed     Action Compile failed.
    Hours (rule)  Succeeded  The window is open.
    Compile       Failed     Failed with JobFailed: exit status 2
    After (rule)  Failed     
  Deploy          -          

  To read the log of Compile:
    aws logs get-log-events --log-group-name /aws/codebuild/site --log-stream-name abc --output text
  To run stage Build again:
    aws codepipeline retry-stage-execution --pipeline-name site --stage-name Build --pipeline-execution-id e1 --retry-mode FAILED_ACTIONS
`
	if got := out.String(); got != want {
		t.Errorf("it reads\n%s\nwant\n%s", got, want)
	}
}

// Every remedy has its words and a command that a shell takes apart as it was meant.
func TestEveryRemedyHasACommand(t *testing.T) {
	x := explanation()
	x.Pipeline = "it's"
	for kind, want := range map[engine.RemedyKind]string{
		engine.RemedyEnable:   "enable-stage-transition\n--pipeline-name\nit's\n--stage-name\nBuild",
		engine.RemedyApprove:  "put-approval-result\n--pipeline-name\nit's\n--stage-name\nBuild\n--action-name\nGate\n--token\nT",
		engine.RemedyOverride: "--pipeline-execution-id\ne2\n--condition-type\nON_SUCCESS",
		engine.RemedyRetry:    "retry-stage-execution",
		engine.RemedyStart:    "start-pipeline-execution\n--name\nit's",
		engine.RemedyLook:     "explain\nit's\ne2",
		engine.RemedyReadLog:  "--log-group-name\n/g\n--log-stream-name\ns",
	} {
		x.Remedies = []engine.Remedy{{
			Kind: kind, Stage: "Build", Action: "Gate", Token: "T", Condition: engine.OnSuccess, Execution: "e2", Log: "arn:aws:logs:r:a:log-group:/g:log-stream:s",
		}}
		var out strings.Builder
		if err := explain.Write(&out, []flow.Explanation{x}); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		words, err := exec.Command("sh", "-c", "printf '%s\\n' "+strings.TrimSpace(lines[len(lines)-1])).Output()
		if err != nil || !strings.Contains(string(words), want) {
			t.Errorf("%s: %q, %v; want %q", kind, words, err, want)
		}
		if what := strings.TrimSpace(lines[len(lines)-2]); !strings.HasPrefix(what, "To ") {
			t.Errorf("%s is described as %q", kind, what)
		}
	}
}

func TestNothingYet(t *testing.T) {
	var out strings.Builder
	if err := explain.Write(&out, nil); err != nil || !strings.Contains(out.String(), "has never run") {
		t.Error(out.String(), err)
	}
}
