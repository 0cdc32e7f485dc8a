package build_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var update = flag.Bool("update", false, "rewrite golden files")

const plain = `
version: 0.2
env: {variables: {WHO: world}}
phases:
  install: {commands: [mkdir d, cd d]}
  pre_build: {commands: ["export GREETING=hello"]}
  build:
    commands:
      - echo "$GREETING $WHO from $(basename "$PWD")"
  post_build: {commands: [echo "$CODEBUILD_BUILD_SUCCEEDING $CODEBUILD_BUILD_NUMBER"]}
`

func TestStateStaysAcrossPhases(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(plain), types.StatusTypeSucceeded)
	if got := s.said(b); got != "hello world from d\n1 1\n" {
		t.Errorf("printed %q", got)
	}
	log := s.log(b)
	first, _, _ := strings.Cut(log, "\n")
	if !strings.Contains(first, "runs directly on the host") || !strings.Contains(first, "aws/codebuild/standard:7.0 is not used") {
		t.Errorf("the log begins with %q", first)
	}
	for _, want := range []string{"Entering phase BUILD\n", "Running command mkdir d\n", "Phase complete: BUILD State: SUCCEEDED\n", "Phase context status code:  Message: \n"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if !b.BuildComplete || b.EndTime == nil || *b.CurrentPhase != "COMPLETED" || *b.BuildNumber != 1 {
		t.Errorf("the end is not complete: %+v", b)
	}
	last := b.Phases[len(b.Phases)-1]
	if last.PhaseType != types.BuildPhaseTypeCompleted || last.EndTime != nil || last.PhaseStatus != "" || last.StartTime == nil {
		t.Errorf("the last phase is %+v", last)
	}
	for i, p := range b.Phases[:len(b.Phases)-1] {
		if p.StartTime == nil || p.EndTime == nil || p.DurationInSeconds == nil || p.EndTime.Before(*p.StartTime) {
			t.Errorf("phase %d: %+v", i, p)
		}
		if i > 0 && p.StartTime.Before(b.Phases[i-1].EndTime.Truncate(time.Millisecond)) {
			t.Errorf("%s began before %s ended", p.PhaseType, b.Phases[i-1].PhaseType)
		}
	}
}

// TestFailurePolicy pins which phases a build goes through, for every phase that can fail and every on-failure.
func TestFailurePolicy(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	var out bytes.Buffer
	for _, failing := range []string{"install", "pre_build", "build", "post_build"} {
		for _, on := range []string{"", "ABORT", "CONTINUE", "RETRY-1"} {
			spec := "version: 0.2\nphases:\n"
			for _, phase := range []string{"install", "pre_build", "build", "post_build"} {
				status := 0
				if phase == failing {
					status = 3
				}
				spec += fmt.Sprintf("  %s:\n    commands: ['echo %s $CODEBUILD_BUILD_SUCCEEDING; exit %d', echo not after a failure in %s]\n    finally: [echo finally %s]\n", phase, phase, status, phase, phase)
				if phase == failing && on != "" {
					spec += "    on-failure: " + on + "\n"
				}
			}
			b := s.run(spec)
			fmt.Fprintf(&out, "## %s fails, on-failure %q: %s\n%s\n%s\n", failing, on, b.BuildStatus,
				strings.Join(phases(b), "\n"), indent(s.said(b)))
		}
	}
	golden(t, "testdata/failure_policy.txt", out.Bytes())
}

func indent(text string) string {
	return "  | " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  | ") + "\n"
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (run with -update to accept):\n%s", file, got)
	}
}

func TestFinallyFails(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(`{version: 0.2, phases: {build: {commands: ["true"], finally: ["exit 4", echo no]}}}`), types.StatusTypeFailed)
	expectFailure(t, b, "BUILD", "Error while executing command: exit 4. Reason: exit status 4")
	b = s.run(`{version: 0.2, phases: {build: {commands: ["exit 1"], finally: ["exit 2"]}}}`)
	expectFailure(t, b, "BUILD", "Reason: exit status 1")
}

func TestVersion01RunsCommandsApart(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run("version: 0.1\nenvironment_variables: {plaintext: {A: one}}\nphases: {build: {commands: [\"echo $A; A=two; cd /\", \"echo $A; basename $PWD\"]}}"), types.StatusTypeSucceeded)
	if got := s.said(b); got != "one\none\nsrc\n" {
		t.Errorf("printed %q", got)
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	plaintext := func(name, value string) types.EnvironmentVariable {
		return types.EnvironmentVariable{Name: aws.String(name), Value: aws.String(value)}
	}
	spec := `
version: 0.2
env:
  shell: bash
  variables: {A: spec, B: spec, C: spec, LITERAL: "$PATH:/x", CODEBUILD_BUILD_ID: mine, EMPTY: "", NUMBER: 1.10}
phases:
  build:
    commands:
      - echo "$A $B $C|$LITERAL|$EMPTY|$NUMBER|$BASH_VERSION" | sed 's/|[0-9.]*(.*/|bash/'
      - echo "$CODEBUILD_BUILD_ID $CODEBUILD_BUILD_ARN $CODEBUILD_BUILD_NUMBER $CODEBUILD_INITIATOR $CI $AWS_REGION $AWS_DEFAULT_REGION"
      - echo "$CODEBUILD_BUILD_IMAGE $CODEBUILD_PROJECT_ARN ${CODEBUILD_SOURCE_VERSION-unset} ${CODEBUILD_RESOLVED_SOURCE_VERSION-unset}"
      - test "$CODEBUILD_SRC_DIR" = "$PWD" && test "$CODEBUILD_START_TIME" -gt 1600000000000 && echo ok
`
	s.project("env", spec, func(p *types.Project) {
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{plaintext("B", "project"), plaintext("C", "project")}
	})
	r := request("env")
	r.Input.EnvironmentVariablesOverride = []types.EnvironmentVariable{plaintext("C", "start")}
	b := s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
	want := "spec project start|$PATH:/x||1.10|bash\n" +
		*b.Id + " " + *b.Arn + " 1 tester true us-east-1 us-east-1\n" +
		"aws/codebuild/standard:7.0 arn:aws:codebuild:us-east-1:000000000000:project/env unset unset\nok\n"
	if got := s.said(b); got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
}

func TestRefusedWhileDownloading(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	for kind, spec := range map[string]string{
		"PARAMETER_STORE": "version: 0.2\nenv: {parameter-store: {A: /a}}\nphases: {build: {commands: [echo]}}",
		"SECRETS_MANAGER": "version: 0.2\nenv: {secrets-manager: {A: a}}\nphases: {build: {commands: [echo]}}",
	} {
		b := s.expect(s.run(spec), types.StatusTypeFailed)
		expectFailure(t, b, "DOWNLOAD_SOURCE", "CLIENT_ERROR: the environment variable A cannot be set from "+kind)
	}
	for spec, want := range map[string]string{
		"version: 0.2\nrun-as: no-such-user\nphases: {build: {commands: [echo]}}":      "run-as: no-such-user: ",
		"version: 0.2\nphases: {post_build: {run-as: no-such-user, commands: [echo]}}": "run-as: no-such-user: ",
	} {
		b := s.expect(s.run(spec), types.StatusTypeFailed)
		expectFailure(t, b, "DOWNLOAD_SOURCE", "CLIENT_ERROR: "+want)
		if strings.Contains(strings.Join(phases(b), " "), "INSTALL") {
			t.Errorf("%s: the build went on", spec)
		}
	}
	b := s.run("version: 0.2\nphases:\n  build:\n    command: [echo]\n")
	expectFailure(t, b, "DOWNLOAD_SOURCE", "YAML_FILE_ERROR: line 4: phases.build.command: is not a key")
	b = s.run("version: 0.2\nphases: [\n")
	expectFailure(t, b, "DOWNLOAD_SOURCE", "YAML_FILE_ERROR")
	b = s.run(plain, func(p *types.Project) {
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("A"), Value: aws.String("x"), Type: types.EnvironmentVariableTypeParameterStore}}
	})
	expectFailure(t, b, "DOWNLOAD_SOURCE", "the environment variable A cannot be set from PARAMETER_STORE")
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(`
version: 0.2
env: {git-credential-helper: yes, variables: {CODEBUILD_MINE: x}}
proxy: {logs: yes}
phases:
  install: {runtime-versions: {nodejs: 18}}
  build: {commands: [echo done]}
cache: {paths: [node_modules]}
`), types.StatusTypeSucceeded)
	log := s.log(b)
	for _, want := range []string{"project has no cache", "needs a service role", "proxy section changes nothing", "Skipping install of runtimes", "CODEBUILD_MINE"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log says nothing of: %s\n%s", want, log)
		}
	}
}

func TestExportedVariables(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(`
version: 0.2
env:
  variables: {FROM_ENV: e}
  exported-variables: [A, B, FROM_ENV, NEVER, EMPTY, MULTI]
phases:
  install: {commands: [export A=install]}
  build: {commands: [export A=build B=2 EMPTY=, "MULTI='a\nb'"]}
  post_build: {commands: [export A=post], finally: [export B=finally]}
`), types.StatusTypeSucceeded)
	var got []string
	for _, v := range b.ExportedEnvironmentVariables {
		got = append(got, *v.Name+"="+*v.Value)
	}
	if want := []string{"A=post", "B=finally", "FROM_ENV=e", "EMPTY=", "MULTI=a\nb"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if !strings.Contains(s.log(b), "exported variable NEVER is not set") {
		t.Error("the log does not say that NEVER is not set")
	}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(`
version: 0.2
phases:
  build:
    commands:
      - printf 'unfinished'
      - seq 1 100000
      - head -c 200000 /dev/zero | tr '\0' x; echo
      - printf 'bad\377\000utf\n한글\n\n'
`), types.StatusTypeSucceeded)
	said := s.said(b)
	lines := strings.Split(said, "\n")
	if lines[0] != "unfinished" || lines[1] != "1" || lines[100_000] != "100000" {
		t.Errorf("lines are missing or out of order: %q %q %q", lines[0], lines[1], lines[100_000])
	}
	if rest := lines[100_001:]; len(rest[0]) != 64<<10 || strings.Count(said, "x") != 200_000 {
		t.Errorf("the long line came as %d bytes first, %d in all", len(rest[0]), strings.Count(said, "x"))
	}
	if !strings.HasSuffix(said, "bad\uFFFD\uFFFDutf\n한글\n\n") {
		t.Errorf("the end is %q", said[len(said)-40:])
	}
}

func TestLogsDisabled(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(plain, func(p *types.Project) {
		p.LogsConfig = &types.LogsConfig{CloudWatchLogs: &types.CloudWatchLogsConfig{Status: types.LogsConfigStatusTypeDisabled}}
	}), types.StatusTypeSucceeded)
	if b.Logs.GroupName != nil {
		t.Errorf("logs lie in %s", *b.Logs.GroupName)
	}
	b = s.expect(s.run(plain, func(p *types.Project) {
		p.LogsConfig = &types.LogsConfig{CloudWatchLogs: &types.CloudWatchLogsConfig{
			Status: types.LogsConfigStatusTypeEnabled, GroupName: aws.String("mine"), StreamName: aws.String("pre"),
		}}
	}), types.StatusTypeSucceeded)
	if _, id, _ := build.ParseID(*b.Id); *b.Logs.GroupName != "mine" || *b.Logs.StreamName != "pre/"+id || s.said(b) == "" {
		t.Errorf("logs lie in %s %s", *b.Logs.GroupName, *b.Logs.StreamName)
	}
}

func TestPipelineBuild(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in := s.putZip("App", map[string]string{
		"dir/page.html": "<p>", "other": "x",
		"buildspec.yml": `
version: 0.2
phases:
  build:
    commands:
      - echo "$CODEBUILD_INITIATOR $CODEBUILD_RESOLVED_SOURCE_VERSION $CODEBUILD_SOURCE_VERSION"
      - cat "$CODEBUILD_SRC_DIR_Lib/lib.txt" > dir/lib.txt
artifacts: {base-directory: dir, files: ['**/*']}
`,
	})
	in.Revision = &pipeline.Revision{ID: "cafe"}
	lib := s.putZip("Lib", map[string]string{"lib.txt": "the library"})
	out := s.out("Site")
	b := s.expect(s.inPipeline("", []pipeline.Artifact{in, lib}, []pipeline.Artifact{out}), types.StatusTypeSucceeded)
	if got, want := s.said(b), "codepipeline/pipe cafe arn:aws:s3:::artifacts/"+in.Key+"\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
	if got := s.unzip(out.Key); !maps.Equal(got, map[string]string{"page.html": "<p>", "lib.txt": "the library"}) {
		t.Errorf("the artifact holds %v", got)
	}
	if got := aws.ToString(b.Artifacts.Location); got != "arn:aws:s3:::artifacts/"+out.Key {
		t.Errorf("the artifact's location is %s", got)
	}
	s.eventually("the report of the end", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.finished) == 1
	})
}

// unsteady loses its connection at the first of each.
type unsteady struct {
	build.Objects
	opened, put atomic.Bool
}

func (u *unsteady) Open(ctx context.Context, bucket, key, version string) (build.Object, error) {
	if !u.opened.Swap(true) {
		return build.Object{}, errors.New("unexpected EOF")
	}
	return u.Objects.Open(ctx, bucket, key, version)
}

func (u *unsteady) PutFile(ctx context.Context, bucket, key, path string, a build.Attributes) error {
	if !u.put.Swap(true) { // the worst that can happen: it is stored, and nobody is told
		return errors.Join(u.Objects.PutFile(ctx, bucket, key, path, a), errors.New("conn closed"))
	}
	return u.Objects.PutFile(ctx, bucket, key, path, a)
}

// A connection that is lost for a moment does not fail a build, and does not make its commands run twice.
func TestAMomentsTroubleOfTheServerIsNotTheBuilds(t *testing.T) {
	t.Parallel()
	s := serve(t, options{objects: func(o build.Objects) build.Objects { return &unsteady{Objects: o} }})
	in := s.putZip("App", map[string]string{"buildspec.yml": `
version: 0.2
phases: {build: {commands: [echo ran | tee out]}}
artifacts: {files: [out]}
`})
	out := s.out("Site")
	b := s.expect(s.inPipeline("", []pipeline.Artifact{in}, []pipeline.Artifact{out}), types.StatusTypeSucceeded)
	if got := s.said(b); got != "ran\n" {
		t.Errorf("printed %q", got)
	}
	if got := s.unzip(out.Key); !maps.Equal(got, map[string]string{"out": "ran\n"}) {
		t.Errorf("the artifact holds %v", got)
	}
}

func TestPipelineOutputs(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in := s.putZip("App", map[string]string{"a": "A", "b": "B", "c": "C"})
	const head = "version: 0.2\nphases: {build: {commands: [echo]}}\n"
	for _, c := range []struct {
		name, artifacts string
		outs            []string
		want            map[string]string // output -> its files
		fails           string
	}{
		{"no output, no section", "", nil, nil, ""},
		{"one output takes the primary", "artifacts: {files: [a]}", []string{"X"}, map[string]string{"X": "a"}, ""},
		{"one output prefers its own name", "artifacts: {files: [a], secondary-artifacts: {X: {files: [b]}}}", []string{"X"}, map[string]string{"X": "b"}, ""},
		{"one output beside other names", "artifacts: {files: [a], secondary-artifacts: {Y: {files: [b]}}}", []string{"X"}, map[string]string{"X": "a"}, ""},
		{"several outputs", "artifacts: {files: [a], secondary-artifacts: {X: {files: [b]}, Y: {files: [c]}}}", []string{"X", "Y"}, map[string]string{"X": "b", "Y": "c"}, ""},
		{"several outputs, one unknown", "artifacts: {files: [a], secondary-artifacts: {X: {files: [b]}}}", []string{"X", "Y"}, nil, "no definition for Y"},
		{"output without section", "", []string{"X"}, nil, "no definition for the build's artifact"},
		{"only secondary", "artifacts: {secondary-artifacts: {X: {files: [b]}}}", []string{"Z"}, nil, "no definition for the build's artifact"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var outs []pipeline.Artifact
			for _, n := range c.outs {
				outs = append(outs, s.out(n))
			}
			b := s.inPipeline(head+c.artifacts, []pipeline.Artifact{in}, outs)
			if c.fails != "" {
				s.expect(b, types.StatusTypeFailed)
				expectFailure(t, b, "UPLOAD_ARTIFACTS", c.fails)
				return
			}
			s.expect(b, types.StatusTypeSucceeded)
			for _, o := range outs {
				if got := s.unzip(o.Key); len(got) != 1 || got[c.want[o.Name]] == "" {
					t.Errorf("%s holds %v, want %s", o.Name, got, c.want[o.Name])
				}
			}
		})
	}
}

func TestFailedBuildStillUploads(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in, out := s.putZip("App", map[string]string{"a": "A"}), s.out("X")
	b := s.expect(s.inPipeline("version: 0.2\nphases: {build: {commands: [exit 1]}}\nartifacts: {files: [a]}", []pipeline.Artifact{in}, []pipeline.Artifact{out}), types.StatusTypeFailed)
	if s.unzip(out.Key) == nil {
		t.Errorf("no artifact although UPLOAD_ARTIFACTS always runs: %v", phases(b))
	}
	if reason := build.FailureReason(&b); !strings.Contains(reason, "phase BUILD: COMMAND_EXECUTION_ERROR: Error while executing command: exit 1. Reason: exit status 1") {
		t.Errorf("the reason is %q", reason)
	}
}
