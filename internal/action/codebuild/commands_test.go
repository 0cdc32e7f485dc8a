package codebuild_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

func TestCommandsSucceed(t *testing.T) {
	b := newBelt(t)
	p := b.provider("Compute", "Commands")
	job := b.job("a-1", map[string]string{"EnvironmentType": "LINUX_CONTAINER", "ComputeType": "BUILD_GENERAL1_LARGE"})
	job.Inputs = append(job.Inputs, b.input("Lib", "g", "from Lib"))
	job.Commands = []string{`export MADE="$(cat f) and $(cat $CODEBUILD_SRC_DIR_Lib/g)"`, `echo "$GIVEN" >given`}
	job.Environment = []pipeline.EnvironmentVariable{{Name: "GIVEN", Value: `by "pipeline"`}}
	job.OutputVariables, job.OutputFiles = []string{"MADE", "GIVEN", "UNSET"}, []string{"given"}
	result, err := p.Start(b.ctx, job)
	w, ok := result.(action.Wait)
	if err != nil || !ok || !strings.HasPrefix(w.ExternalID, "codepipeline/pipe:") || w.ExternalURL != "" ||
		!strings.Contains(w.LogStream, ":log-group:/aws/codepipeline/pipe:log-stream:") {
		t.Fatalf("Start gave %+v, %v", result, err)
	}
	r := b.report()
	done, ok := r.Result.(action.Done)
	if !ok || r.Pipeline != "pipe" || r.ActionExecutionID != "a-1" || done.ExternalID != w.ExternalID {
		t.Fatalf("the report is %+v", r)
	}
	if len(done.Variables) != 2 || done.Variables["MADE"] != "from App and from Lib" || done.Variables["GIVEN"] != `by "pipeline"` {
		t.Errorf("the output variables are %q", done.Variables)
	}
	if _, err := b.objects.Head(b.ctx, "store", "out/a-1", ""); err != nil {
		t.Errorf("the output artifact: %v", err)
	}
}

func TestCommandsFail(t *testing.T) {
	b := newBelt(t)
	job := b.job("a-1", nil)
	job.Commands = []string{"true", "exit 42", "true"}
	if _, err := b.provider("Compute", "Commands").Start(b.ctx, job); err != nil {
		t.Fatal(err)
	}
	f, ok := b.report().Result.(action.Failed)
	want := "Build terminated with state: FAILED. Reason: phase BUILD: COMMAND_EXECUTION_ERROR: Error while executing command: exit 42. Reason: exit status 42"
	if !ok || f.Code != pipeline.JobFailed || f.Message != want {
		t.Errorf("the report is %+v, want %q", f, want)
	}
	if _, err := b.objects.Head(b.ctx, "store", "out/a-1", ""); err == nil {
		t.Error("an output artifact was stored")
	}
}

func TestCancelCommands(t *testing.T) {
	b := newBelt(t)
	p := b.provider("Compute", "Commands")
	job := b.job("a-1", nil)
	job.Commands = []string{"sleep 60"}
	result, err := p.Start(b.ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	job.ExternalID = result.(action.Wait).ExternalID
	if err := p.Cancel(b.ctx, job); err != nil {
		t.Fatal(err)
	}
	if f, ok := b.report().Result.(action.Failed); !ok || !strings.Contains(f.Summary, "STOPPED") {
		t.Errorf("the report is %+v", f)
	}
}

// stored counts the objects of the artifact bucket.
func (b *belt) stored() int {
	b.t.Helper()
	page, err := b.objects.List(b.ctx, objectstore.ListInput{Bucket: "store", Max: 1000})
	if err != nil {
		b.t.Fatal(err)
	}
	return len(page.Objects)
}

// A rule holds when its commands, or the build of its project, succeed; nothing that it makes is kept.
func TestRules(t *testing.T) {
	b := newBelt(t)
	b.project("good", "version: 0.2\nphases: {build: {commands: ['cp f g']}}\nartifacts: {files: [g]}")
	b.project("bad", "version: 0.2\nphases: {build: {commands: ['exit 7']}}\nartifacts: {files: [f]}")
	app := []pipeline.Artifact{b.input("App", "f", "from App")}
	before := b.stored()
	for name, c := range map[string]struct {
		provider, project string
		commands          []string
		inputs            []pipeline.Artifact
		fails             string
	}{
		"commands":           {"Commands", "", []string{"cd /", "test $PWD = /"}, nil, ""},
		"with an input":      {"Commands", "", []string{"grep -q App f"}, app, ""},
		"failing commands":   {"Commands", "", []string{"true", "exit 3"}, app, "exit 3. Reason: exit status 3"},
		"a build":            {"CodeBuild", "good", nil, app, ""},
		"a build that fails": {"CodeBuild", "bad", nil, app, "exit 7. Reason: exit status 7"},
	} {
		job := action.Job{Pipeline: "pipe", ActionExecutionID: name, Condition: "BEFORE_ENTRY", Commands: c.commands, Inputs: c.inputs}
		if c.project != "" {
			job.Configuration = map[string]string{"ProjectName": c.project}
		}
		if result, err := b.provider(pipeline.CategoryRule, c.provider).Start(b.ctx, job); err != nil {
			t.Fatalf("%s: %+v, %v", name, result, err)
		}
		r := b.report()
		if f, failed := r.Result.(action.Failed); r.ActionExecutionID != name || failed != (c.fails != "") || !strings.Contains(f.Message, c.fails) {
			t.Errorf("%s: the report is %+v", name, r)
		}
	}
	if after := b.stored(); after != before {
		t.Errorf("%d objects were stored", after-before)
	}
}

// A rule says itself how long it may take.
func TestTheTimeoutOfARule(t *testing.T) {
	b := newBelt(t)
	for minutes, want := range map[int]int32{0: 55, 5: 5, 86400: 86400} {
		job := action.Job{Pipeline: "pipe", ActionExecutionID: fmt.Sprint(minutes), Commands: []string{"true"}, TimeoutMinutes: minutes}
		result, err := b.provider(pipeline.CategoryRule, "Commands").Start(b.ctx, job)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.builds.Get(b.ctx, result.(action.Wait).ExternalID); err != nil || *got.TimeoutInMinutes != want {
			t.Errorf("with %d minutes the build has %d, %v", minutes, *got.TimeoutInMinutes, err)
		}
		b.report()
	}
}
