package codebuild_test

import (
	"archive/zip"
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/action"
	"github.com/conveyor-cd/conveyor/internal/action/actiontest"
	"github.com/conveyor-cd/conveyor/internal/action/codebuild"
	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/backing"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// belt is the provider on a real build service, with a reporter that notes what it is told.
type belt struct {
	t       *testing.T
	ctx     context.Context
	store   store.Store
	builds  *build.Service
	objects *objectstore.Store
	p       action.Provider // of build actions
	reports chan action.Report
}

func (b *belt) Report(_ context.Context, tx store.Tx, r action.Report) error {
	tx.AfterCommit(func() { b.reports <- r })
	return nil
}

func newBelt(t *testing.T) *belt {
	ctx := context.Background()
	st := sqltest.SQLite(t)
	log := slog.New(slog.DiscardHandler)
	objects, err := objectstore.Open(ctx, st, t.TempDir(), objectstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := objects.EnsureBucket(ctx, "store"); err != nil {
		t.Fatal(err)
	}
	runner, err := host.New(t.TempDir(), log)
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(st, queue.Config{})
	b := &belt{t: t, ctx: ctx, store: st, objects: objects, reports: make(chan action.Report, 10)}
	b.builds = build.New(build.Config{
		Store: st, Queue: q, Runner: runner, Objects: backing.Objects(objects), Repositories: backing.Repositories(nil),
		Place: build.Place{Region: "us-east-1", Account: "000000000000"}, Log: log,
	})
	b.builds.Register(q)
	codebuild.Register(q, b.builds, b)
	if err := q.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
		runner.Wait()
	})
	b.p = b.provider("Build", "CodeBuild")
	return b
}

// provider is the one of a type.
func (b *belt) provider(category, name string) action.Provider {
	b.t.Helper()
	for _, p := range codebuild.New(b.store, b.builds, func(id string) string { return "http://console/" + id }) {
		if p.Type().ID == (pipeline.ActionTypeID{Category: category, Owner: "AWS", Provider: name, Version: "1"}) {
			return p
		}
	}
	b.t.Fatalf("there is no provider %s/%s", category, name)
	return nil
}

// started counts all builds.
func (b *belt) started() int {
	b.t.Helper()
	var n int
	err := b.store.Read(b.ctx, func(r store.Reader) error {
		return r.QueryRow(b.ctx, `SELECT COUNT(*) FROM builds`).Scan(&n)
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

func (b *belt) project(name, spec string) {
	b.t.Helper()
	_, err := b.builds.CreateProject(b.ctx, types.Project{
		Name:             aws.String(name),
		Source:           &types.ProjectSource{Type: types.SourceTypeCodepipeline, Buildspec: aws.String(spec)},
		Artifacts:        &types.ProjectArtifacts{Type: types.ArtifactsTypeCodepipeline},
		BuildBatchConfig: batches[name],
		Environment:      &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: aws.String("image")},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *belt) input(name, file, content string) pipeline.Artifact {
	b.t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create(file)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = b.objects.Put(b.ctx, "store", "in/"+name, &buf, objectstore.Attributes{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return pipeline.Artifact{Name: name, Bucket: "store", Key: "in/" + name}
}

func (b *belt) job(id string, config map[string]string) action.Job {
	return action.Job{
		Pipeline: "pipe", ActionExecutionID: id, Configuration: config,
		Inputs:  []pipeline.Artifact{b.input("App", "f", "from App")},
		Outputs: []pipeline.Artifact{{Name: "Out", Bucket: "store", Key: "out/" + id}},
	}
}

func (b *belt) report() action.Report {
	b.t.Helper()
	select {
	case r := <-b.reports:
		return r
	case <-time.After(20 * time.Second):
		b.t.Fatal("no report came")
		return action.Report{}
	}
}

func TestBuildSucceeds(t *testing.T) {
	b := newBelt(t)
	b.project("p", `
version: 0.2
env: {exported-variables: [MADE, GIVEN]}
phases: {build: {commands: ['export MADE="$(cat f) and $(cat $CODEBUILD_SRC_DIR_Lib/g)"', 'echo "$CODEBUILD_INITIATOR" >> f']}}
artifacts: {files: [f]}
`)
	job := b.job("a-1", map[string]string{
		"ProjectName": "p", "PrimarySource": "App", "BatchEnabled": "false",
		"EnvironmentVariables": `[{"name":"GIVEN","value":"by \"pipeline\"","type":"PLAINTEXT"}]`,
	})
	job.Inputs = append(job.Inputs, b.input("Lib", "g", "from Lib"))
	first, err := b.p.Start(b.ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	again, err := b.p.Start(b.ctx, job)
	if err != nil || again.(action.Wait).ExternalID != first.(action.Wait).ExternalID {
		t.Errorf("Start again gave %+v, %v; before %+v", again, err, first)
	}
	w := first.(action.Wait)
	if !strings.HasPrefix(w.ExternalID, "p:") || w.ExternalURL != "http://console/"+w.ExternalID || !strings.Contains(w.LogStream, "/aws/codebuild/p") {
		t.Errorf("Wait is %+v", w)
	}
	r := b.report()
	done, ok := r.Result.(action.Done)
	if !ok || r.Pipeline != "pipe" || r.ActionExecutionID != "a-1" {
		t.Fatalf("the report is %+v", r)
	}
	if done.ExternalID != w.ExternalID || done.Variables["MADE"] != "from App and from Lib" || done.Variables["GIVEN"] != `by "pipeline"` {
		t.Errorf("done with %+v", done)
	}
	if _, err := b.objects.Head(b.ctx, "store", "out/a-1", ""); err != nil {
		t.Errorf("the output artifact: %v", err)
	}
	if len(b.reports) != 0 {
		t.Error("the end was reported twice")
	}
}

// batches are the projects that can run batches.
var batches = map[string]*types.ProjectBuildBatchConfig{"batch": {ServiceRole: aws.String("arn:aws:iam::000000000000:role/batch")}}

func TestBatch(t *testing.T) {
	b := newBelt(t)
	b.project("batch", `
version: 0.2
batch: {build-list: [{identifier: one}, {identifier: two}]}
env: {exported-variables: [WHICH]}
phases: {build: {commands: ['export WHICH=$CODEBUILD_BATCH_BUILD_IDENTIFIER; [ "$FAIL" != $WHICH ] && cp f $WHICH']}}
artifacts: {files: [one, two]}
`)
	job := b.job("a-1", map[string]string{"ProjectName": "batch", "BatchEnabled": "true", "CombineArtifacts": "true"})
	first, err := b.p.Start(b.ctx, job)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := b.p.Start(b.ctx, job); err != nil || again.(action.Wait).ExternalID != first.(action.Wait).ExternalID {
		t.Errorf("Start again gave %+v, %v; before %+v", again, err, first)
	}
	done, ok := b.report().Result.(action.Done)
	if !ok || done.ExternalID != first.(action.Wait).ExternalID || done.Variables["WHICH"] != "two" || b.started() != 2 {
		t.Errorf("done with %+v after %d builds", done, b.started())
	}
	if _, err := b.objects.Head(b.ctx, "store", "out/a-1", ""); err != nil {
		t.Errorf("the output artifact: %v", err)
	}
	job = b.job("a-2", map[string]string{"ProjectName": "batch", "BatchEnabled": "true", "EnvironmentVariables": `[{"name":"FAIL","value":"two"}]`})
	job.Outputs = nil
	if _, err := b.p.Start(b.ctx, job); err != nil {
		t.Fatal(err)
	}
	if f, ok := b.report().Result.(action.Failed); !ok || !strings.HasPrefix(f.Message, "Build terminated with state: FAILED. Reason: build two: FAILED: phase BUILD: COMMAND_EXECUTION_ERROR: ") {
		t.Errorf("the report is %+v", f)
	}
	if err := b.p.Cancel(b.ctx, job); err != nil { // of what has ended
		t.Error(err)
	}
}

func TestBuildFails(t *testing.T) {
	b := newBelt(t)
	b.project("p", "version: 0.2\nphases: {build: {commands: ['exit 42']}}")
	if _, err := b.p.Start(b.ctx, b.job("a-1", map[string]string{"ProjectName": "p"})); err != nil {
		t.Fatal(err)
	}
	f, ok := b.report().Result.(action.Failed)
	if !ok || f.Code != pipeline.JobFailed || f.Summary != "Build terminated with state: FAILED" {
		t.Fatalf("the report is %+v", f)
	}
	if want := "Build terminated with state: FAILED. Reason: phase BUILD: COMMAND_EXECUTION_ERROR: Error while executing command: exit 42. Reason: exit status 42"; f.Message != want {
		t.Errorf("the message is %q, want %q", f.Message, want)
	}
}

// registered notes how a job is registered.
type registered struct {
	handler queue.Handler
	options queue.Options
}

func (r *registered) Handle(_ string, h queue.Handler, o queue.Options) { r.handler, r.options = h, o }

// Nobody else would tell the action that its build has ended, however often the database or the server failed meanwhile.
func TestAReportIsNeverGivenUp(t *testing.T) {
	b := newBelt(t)
	var r registered
	codebuild.Register(&r, b.builds, b)
	if r.options.MaxAttempts < 1_000_000 {
		t.Errorf("the report is given up after %d attempts", r.options.MaxAttempts)
	}
	if _, err := r.handler(b.ctx, queue.Job{Payload: []byte("no json")}); err == nil || !strings.Contains(err.Error(), codebuild.FinishedKind) {
		t.Errorf("a job that cannot be read ends with %v", err)
	}
}

func TestCancel(t *testing.T) {
	b := newBelt(t)
	b.project("p", "version: 0.2\nphases: {build: {commands: ['sleep 60']}}")
	job := b.job("a-1", map[string]string{"ProjectName": "p"})
	if err := b.p.Cancel(b.ctx, job); err != nil {
		t.Errorf("Cancel of nothing: %v", err)
	}
	if _, err := b.p.Start(b.ctx, job); err != nil {
		t.Fatal(err)
	}
	if err := b.p.Cancel(b.ctx, job); err != nil { // without the external id: it is found by the action execution's
		t.Fatal(err)
	}
	if f, ok := b.report().Result.(action.Failed); !ok || !strings.Contains(f.Summary, "STOPPED") {
		t.Errorf("the report is %+v", f)
	}
	if err := b.p.Cancel(b.ctx, job); err != nil {
		t.Errorf("Cancel again: %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	b := newBelt(t)
	b.project("p", "version: 0.2\nphases: {build: {commands: ['true']}}")
	two := []pipeline.Artifact{{Name: "A", Bucket: "store", Key: "a"}, {Name: "B", Bucket: "store", Key: "b"}}
	for name, c := range map[string]struct {
		config map[string]string
		inputs []pipeline.Artifact
		want   string
	}{
		"no project":      {nil, two[:1], "ProjectName is missing"},
		"unknown project": {map[string]string{"ProjectName": "q"}, two[:1], "the build project q does not exist"},
		"batch":           {map[string]string{"ProjectName": "p", "BatchEnabled": "true"}, two[:1], "not set up for batch builds: give it a buildBatchConfig"},
		"combine":         {map[string]string{"ProjectName": "p", "CombineArtifacts": "True"}, two[:1], "CombineArtifacts is true: it needs BatchEnabled"},
		"no primary":      {map[string]string{"ProjectName": "p"}, two, "PrimarySource is missing: with several input artifacts (A, B)"},
		"wrong primary":   {map[string]string{"ProjectName": "p", "PrimarySource": "C"}, two, `PrimarySource "C" is not one of`},
		"no input":        {map[string]string{"ProjectName": "p"}, nil, "no input artifact"},
		"variables":       {map[string]string{"ProjectName": "p", "EnvironmentVariables": "{"}, two[:1], "EnvironmentVariables is not a JSON array"},
		"variable's type": {map[string]string{"ProjectName": "p", "EnvironmentVariables": `[{"name":"A","value":"","type":"X"}]`}, two[:1], `"X" of A is not a type`},
		"variable's name": {map[string]string{"ProjectName": "p", "EnvironmentVariables": `[{"name":"A=B","value":""}]`}, two[:1], "cannot be the name"},
	} {
		r, err := b.p.Start(b.ctx, action.Job{Pipeline: "pipe", ActionExecutionID: name, Configuration: c.config, Inputs: c.inputs})
		if f, ok := r.(action.Failed); err != nil || !ok || f.Code != pipeline.ConfigurationError || !strings.Contains(f.Message, c.want) {
			t.Errorf("%s: %+v, %v; want %q", name, r, err, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	b := newBelt(t)
	for _, c := range []struct {
		category, provider string
		inputs, outputs    action.Count
		minutes            int
	}{
		{"Build", "CodeBuild", action.Count{Min: 1, Max: 5}, action.Count{Max: 5}, 36 * 60},
		{"Test", "CodeBuild", action.Count{Min: 1, Max: 5}, action.Count{Max: 5}, 8 * 60},
		{"Rule", "CodeBuild", action.Count{Min: 1, Max: 5}, action.Count{}, 55},
		{"Compute", "Commands", action.Count{Min: 1, Max: 10}, action.Count{Max: 1}, 55},
		{"Rule", "Commands", action.Count{Max: 10}, action.Count{}, 55},
	} {
		p := b.provider(c.category, c.provider).Type()
		if p.Inputs != c.inputs || p.Outputs != c.outputs || p.TimeoutMinutes != c.minutes || p.TimeoutSetable != (c.category == "Rule") {
			t.Errorf("%+v", p)
		}
	}
}

// The suite, for each of the types; Test differs from Build in name and time alone.
func TestSuite(t *testing.T) {
	unknownProject := actiontest.Mistake{Name: "unknown project", Make: func(j *action.Job) { j.Configuration["ProjectName"] = "q" }, Says: "q"}
	unknownSource := actiontest.Mistake{
		Name: "unknown primary source", Make: func(j *action.Job) { j.Configuration["PrimarySource"] = "X" }, Says: "PrimarySource",
	}
	commands := []actiontest.Mistake{
		{Name: "no commands", Make: func(j *action.Job) { j.Commands = nil }, Says: "no commands", Code: pipeline.ConfigurationError},
		{Name: "a secret", Make: func(j *action.Job) {
			j.Environment = []pipeline.EnvironmentVariable{{Name: "TOKEN", Value: "s:k", Type: "SECRETS_MANAGER"}}
		}, Says: "TOKEN has the type SECRETS_MANAGER", Code: pipeline.ConfigurationError},
	}
	compute := append(commands[:2:2],
		actiontest.Mistake{Name: "Windows", Make: func(j *action.Job) {
			j.Configuration = map[string]string{"EnvironmentType": "WINDOWS_SERVER_2022_CONTAINER"}
		}, Says: "use LINUX_CONTAINER", Code: pipeline.ConfigurationError},
		actiontest.Mistake{Name: "a VPC", Make: func(j *action.Job) {
			j.Configuration = map[string]string{"VpcId": "vpc-1"}
		}, Says: "VpcId", Code: pipeline.ConfigurationError},
		actiontest.Mistake{Name: "an output variable that is a command", Make: func(j *action.Job) {
			j.OutputVariables = []string{"A;touch x"}
		}, Says: "A;touch x", Code: pipeline.ConfigurationError},
		actiontest.Mistake{Name: "files from elsewhere", Make: func(j *action.Job) {
			j.OutputFiles = []string{"../../etc/*"}
		}, Says: "../../etc/*", Code: pipeline.ConfigurationError})
	for _, c := range []struct {
		category, provider string
		mistakes           []actiontest.Mistake
	}{
		{"Build", "CodeBuild", []actiontest.Mistake{unknownProject, unknownSource}},
		{"Rule", "CodeBuild", []actiontest.Mistake{unknownProject, unknownSource}},
		{"Compute", "Commands", compute},
		{"Rule", "Commands", commands},
	} {
		t.Run(c.category+c.provider, func(t *testing.T) {
			actiontest.Run(t, func(t *testing.T) actiontest.Fixture { return fixture(t, c.category, c.provider, c.mistakes) })
		})
	}
}

func fixture(t *testing.T, category, provider string, mistakes []actiontest.Mistake) actiontest.Fixture {
	b := newBelt(t)
	b.project("p", "version: 0.2\nphases: {build: {commands: ['sleep 60']}}\nartifacts: {files: [f]}")
	p := b.provider(category, provider)
	return actiontest.Fixture{
		Provider: p,
		Job: func() action.Job {
			j := b.job("a-1", nil)
			if provider == "CodeBuild" {
				j.Configuration = map[string]string{"ProjectName": "p"}
			} else {
				j.Commands = []string{"sleep 60"}
			}
			if category == pipeline.CategoryRule {
				j.Outputs = nil
			}
			j.TypeID = p.Type().ID
			return j
		},
		Mistakes: mistakes,
		Started:  func(*testing.T, string) int { return b.started() },
	}
}
