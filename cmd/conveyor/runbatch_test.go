package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree is a working tree of these files.
func tree(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// graph is a batch whose builds wait for each other, one of which fails without consequences. What breaks is set by --env.
var graph = map[string]string{
	"buildspec.yml": `version: 0.2
batch:
  build-graph:
    - {identifier: compile, env: {fleet: big, variables: {WHO: compiler}}}
    - {identifier: flaky, ignore-failure: true, env: {variables: {FAIL: flaky}}}
    - {identifier: check, buildspec: ci/check.yml, depend-on: [compile, flaky]}
phases:
  build:
    commands: ['test "$FAIL" != "${CODEBUILD_BATCH_BUILD_IDENTIFIER:-none}"', 'echo "$WHO for $CUSTOMER" >who', 'echo 0x40 >symbols']
artifacts: {files: [who], secondary-artifacts: {debug: {files: [symbols]}}}
`,
	"ci/check.yml": `version: 0.2
phases: {build: {commands: ['test "$FAIL" != check || exit 9', 'echo checked >report']}}
artifacts: {secondary-artifacts: {report: {files: [report]}}}
`,
}

// A batch runs its builds in their order, and hands over what each of them made.
func TestRunBatch(t *testing.T) {
	dir, out := tree(t, graph), t.TempDir()
	args := []string{"--dir", dir, "--out", out, "--env", "CUSTOMER=you"}
	status, printed := conveyorRun(t, append(args, "--batch")...)
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, printed)
	}
	compare(t, out, map[string]string{
		"Build/compile/Artifact/who": "compiler for you", "Build/compile/debug/symbols": "0x40", "Build/check/report/report": "checked",
	})
	ignored, began := strings.Index(printed, "! Build/flaky FailureIgnored"), strings.Index(printed, "✓ Build/check Succeeded")
	if ignored < 0 || began < ignored || !strings.Contains(printed, "  check | Running command echo checked") {
		t.Errorf("it printed\n%s", printed)
	}

	status, printed = conveyorRun(t, append(args, "--batch", "--env", "FAIL=check", "--build-slots", "1", "--json")...)
	if status != 1 || !strings.Contains(printed, `"type":"action","stage":"Build","action":"check","status":"Waiting"`) ||
		!strings.Contains(printed, `"type":"end","status":"FAILED","reason":"check: phase BUILD`) {
		t.Errorf("a build fails, and the exit status is %d:\n%s", status, printed)
	}

	status, printed = conveyorRun(t, args...)
	if status != 0 || strings.Count(printed, "batch section changes nothing in a plain build") != 1 {
		t.Errorf("a plain build ends with exit status %d and says of the batch section:\n%s", status, printed)
	}
}

// What a project says about its batches holds here, too: what is combined is one artifact, and what is not allowed fails.
func TestRunBatchOfAProject(t *testing.T) {
	out := t.TempDir()
	const template = `Resources:
  Role: {Type: AWS::IAM::Role}
  Project:
    Type: AWS::CodeBuild::Project
    Properties:
      Source: {Type: CODECOMMIT, BuildSpec: ci/build.yml}
      BuildBatchConfig: {ServiceRole: !GetAtt Role.Arn, CombineArtifacts: true, Restrictions: {MaximumBuildsAllowed: MOST}}
`
	dir := tree(t, map[string]string{
		"ci/build.yml": `version: 0.2
batch: {build-matrix: {dynamic: {env: {variables: {OS: [linux, darwin], ARCH: [amd64, arm64]}}}}}
phases: {build: {commands: ['echo $OS >tool-$OS-$ARCH']}}
artifacts: {files: ['tool-*']}
`,
		"enough.yml": strings.Replace(template, "MOST", "4", 1), "few.yml": strings.Replace(template, "MOST", "3", 1),
	})
	status, printed := conveyorRun(t, filepath.Join(dir, "enough.yml"), "--dir", dir, "--out", out, "--batch")
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, printed)
	}
	compare(t, out, map[string]string{
		"Build/Artifact/tool-linux-amd64": "linux", "Build/Artifact/tool-linux-arm64": "linux",
		"Build/Artifact/tool-darwin-amd64": "darwin", "Build/Artifact/tool-darwin-arm64": "darwin",
	})
	status, printed = conveyorRun(t, filepath.Join(dir, "few.yml"), "--dir", dir, "--out", t.TempDir(), "--batch")
	if status != 1 || !strings.Contains(printed, "the batch has 4 builds; the project's restrictions allow 3") {
		t.Errorf("exit status %d:\n%s", status, printed)
	}
}

// The actions of a pipeline run batches when they say so; their builds are shown, and what they make goes on.
func TestRunPipelineWithBatches(t *testing.T) {
	dir, out := tree(t, graph), t.TempDir()
	pipeline, err := os.ReadFile("testdata/batch.json")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pipeline.json")
	if err := os.WriteFile(file, pipeline, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{file, "--dir", dir, "--out", out, "--env", "CUSTOMER=you"}
	status, printed := conveyorRun(t, args...)
	if status != 0 || !strings.Contains(printed, "  Build/Each/compile | Running command echo 0x40 >symbols") {
		t.Fatalf("exit status %d:\n%s", status, printed)
	}
	compare(t, out, map[string]string{
		"Build/compile/who": "compiler for you", "Build/check_report/report": "checked", "Build/whole/who": "compiler for you",
		"Deploy/site/who": "compiler for you",
	})
	status, printed = conveyorRun(t, append(args, "--env", "FAIL=check")...)
	if status != 1 || !strings.Contains(printed, "build check: FAILED: phase BUILD: COMMAND_EXECUTION_ERROR") ||
		!strings.Contains(printed, "exit status 9") {
		t.Errorf("a build fails, and the exit status is %d:\n%s", status, printed)
	}
}

// What cannot be run as a batch is told before anything runs.
func TestNoBatchToRun(t *testing.T) {
	const plain = "version: 0.2\nphases: {build: {commands: [a]}}\n"
	for want, files := range map[string]map[string]string{
		"has no batch section": {"buildspec.yml": plain},
		"depends on b, which":  {"buildspec.yml": plain + "batch: {build-graph: [{identifier: a, depend-on: [b]}]}"},
		"BatchEnabled":         {"buildspec.yml": `{"pipeline": {"name": "p", "stages": [{"name": "S", "actions": []}]}}`},
		"no such file":         {"buildspec.yml": "Resources: {P: {Type: AWS::CodeBuild::Project, Properties: {Source: {BuildSpec: ci.yml}}}}"},
	} {
		dir := tree(t, files)
		if status, printed := conveyorRun(t, "--dir", dir, "--batch"); status != exitNotRun || !strings.Contains(printed, want) {
			t.Errorf("exit status %d, want %q:\n%s", status, want, printed)
		}
	}
}
