package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// conveyorRun is `conveyor run` with these arguments: its exit status and what it printed.
func conveyorRun(t *testing.T, args ...string) (status int, printed string) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(append([]string{"run"}, args...))
	root.SetOut(&out)
	if err := root.ExecuteContext(t.Context()); err != nil {
		if status = 1; errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if own, ok := errors.AsType[*exitStatus](err); ok {
			status = own.status
		}
		out.WriteString(err.Error())
	}
	return status, out.String()
}

// example is what the build of a directory of examples/builds makes, file by file: a part of the file's content. The
// content of a link is where it leads to.
type example struct {
	needs []string // programs of the machine
	batch bool     // its builds are those of a batch
	files map[string]string
}

var buildExamples = map[string]example{
	"go-binary":      {needs: []string{"go"}, files: map[string]string{"Artifact/greet": "hello "}},
	"go-monorepo":    {needs: []string{"go"}, files: map[string]string{"api/run": "api\n", "worker/run": "worker\n"}},
	"node-app":       {needs: []string{"node"}, files: map[string]string{"Artifact/app.mjs": "// 0.3.1\nexport const sum"}},
	"python-zipapp":  {needs: []string{"python3"}, files: map[string]string{"Artifact/app.pyz": "__main__.py"}},
	"python-reports": {needs: []string{"python3"}, files: map[string]string{"Artifact/checks.xml": `name="multiplication"`}},
	"java-jar": {
		needs: []string{"javac", "jar", "java"},
		files: map[string]string{"Artifact/hello.jar": "example/Hello.class", "Artifact/smoke-test.txt": "hello from Hello"},
	},
	"c-make":      {needs: []string{"make", "cc"}, files: map[string]string{"Artifact/bin/reverse": "ELF", "Artifact/README": "backwards"}},
	"static-site": {files: map[string]string{"Artifact/index.html": "<h1>Home</h1>\n<footer>", "Artifact/style.css": "teal"}},
	"multi-artifact": {
		files: map[string]string{"Artifact/program": "echo running", "symbols/program.sym": "0x40", "manual/manual/run.1": "RUN(1)"},
	},
	"batch-matrix": {
		needs: []string{"go", "sha256sum"}, batch: true,
		files: map[string]string{ // what the headers of such programs begin with, up to the kind of machine
			"build_1/Artifact/rot13-linux-amd64":  "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00",
			"build_2/Artifact/rot13-linux-arm64":  "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00",
			"build_3/Artifact/rot13-darwin-amd64": "\xcf\xfa\xed\xfe\x07\x00\x00\x01",
			"build_4/Artifact/rot13-darwin-arm64": "\xcf\xfa\xed\xfe\x0c\x00\x00\x01",

			"build_1/Artifact/rot13-linux-amd64.sha256": "  rot13-linux-amd64\n", "build_2/Artifact/rot13-linux-arm64.sha256": "  rot13-linux-arm64\n",
			"build_3/Artifact/rot13-darwin-amd64.sha256": "  rot13-darwin-amd64\n", "build_4/Artifact/rot13-darwin-arm64.sha256": "  rot13-darwin-arm64\n",
		},
	},
	"cache":           {files: map[string]string{"Artifact/largest": "42"}},
	"always-clean-up": {needs: []string{"mkfifo"}, files: map[string]string{"Artifact/letter": "delivered", "Artifact/report": "success=1"}},
	"bash-release": {
		needs: []string{"bash", "sha256sum"},
		files: map[string]string{
			"Artifact/tool-4.5.6-stable-linux-amd64": "linux-amd64", "Artifact/tool-4.5.6-stable-linux-arm64": "linux-arm64",
			"Artifact/tool-4.5.6-stable-darwin-arm64": "darwin-arm64", "Artifact/SHA256SUMS": "tool-4.5.6-stable-linux-arm64",
		},
	},
	"secondary-paths": {files: map[string]string{"Artifact/web.conf": "target = staging", "Artifact/db.conf": "store = staging"}},
	"symlinks":        {files: map[string]string{"Artifact/releases/7/app": "seven", "Artifact/current": "releases/7"}},
	"old-style":       {files: map[string]string{"Artifact/where": "old in src"}},
}

// The examples build as their readers would build them, and make exactly what they say.
func TestBuildExamples(t *testing.T) {
	dirs, err := os.ReadDir("../../examples/builds")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if !d.IsDir() {
			continue
		}
		t.Run(d.Name(), func(t *testing.T) {
			e, ok := buildExamples[d.Name()]
			if !ok {
				t.Fatal("nothing says what this example makes")
			}
			for _, program := range e.needs {
				if _, err := exec.LookPath(program); err != nil {
					t.Skipf("%s is not on this machine", program)
				}
			}
			out := t.TempDir()
			args := []string{"--dir", filepath.Join("../../examples/builds", d.Name()), "--out", out}
			if e.batch {
				args = append(args, "--batch")
			}
			status, printed := conveyorRun(t, append(args, goCache(t, e)...)...)
			if status != 0 {
				t.Fatalf("exit status %d:\n%s", status, printed)
			}
			compare(t, filepath.Join(out, "Build"), e.files)
		})
	}
}

// goCache lets builds use the machine's build cache, where compiling the standard library would be all they do.
func goCache(t *testing.T, e example) []string {
	t.Helper()
	if !slices.Contains(e.needs, "go") {
		return nil
	}
	cache, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"--env", "GOCACHE=" + strings.TrimSpace(string(cache))}
}

func compare(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.Type() == fs.ModeSymlink {
			got[name], err = os.Readlink(path)
			return err
		}
		text, err := os.ReadFile(path)
		got[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, slices.Sorted(maps.Keys(want))) {
		t.Errorf("the build made %q", have)
	}
	for name, part := range want {
		if !strings.Contains(got[name], part) {
			t.Errorf("%s does not hold %q", name, part)
		}
	}
}

// A pipeline of a template carries the working tree to a local bucket; a second run of one stage takes what the first made.
func TestRunPipeline(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	spec := `{version: 0.2, phases: {build: {commands: ['echo "$GREETING $X" > page']}}, artifacts: {files: [page]}}`
	if err := os.WriteFile(filepath.Join(dir, "buildspec.yml"), []byte(spec), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"testdata/run.yml", "--dir", dir, "--out", out}
	status, printed := conveyorRun(t, append(args, "--env", "X=you")...)
	if status != 1 || !strings.Contains(printed, "approve with --yes") {
		t.Errorf("without anybody to approve, exit status %d:\n%s", status, printed)
	}
	status, printed = conveyorRun(t, append(args, "--env", "X=you", "--yes")...)
	if status != 0 {
		t.Fatalf("exit status %d:\n%s", status, printed)
	}
	compare(t, out, map[string]string{"Build/page/page": "hello you", "Deploy/site/page": "hello you"})

	if err := os.WriteFile(filepath.Join(out, "Build", "page", "page"), []byte("edited"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, printed = conveyorRun(t, append(args, "--only", "Deploy", "--json")...)
	if status != 0 || !strings.Contains(printed, `"type":"end","status":"Succeeded"`) {
		t.Fatalf("exit status %d:\n%s", status, printed)
	}
	compare(t, out, map[string]string{"Build/page/page": "edited", "Deploy/site/page": "edited"})
}

// A red build ends with the command that failed and its last words; a file that cannot be run is another status.
func TestRunFailures(t *testing.T) {
	dir := t.TempDir()
	spec := filepath.Join(dir, "buildspec.yml")
	if err := os.WriteFile(spec, []byte(`{version: 0.2, phases: {build: {commands: ["echo hm; exit 9"]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	status, printed := conveyorRun(t, "--dir", dir, "--out", t.TempDir())
	if status != 1 || !strings.Contains(printed, "Reason: exit status 9\nThe last lines of its output:\nhm") {
		t.Errorf("exit status %d:\n%s", status, printed)
	}
	if status, printed = conveyorRun(t, "nothing.yml"); status != exitNotRun || !strings.Contains(printed, "nothing.yml") {
		t.Errorf("exit status %d:\n%s", status, printed)
	}
}
