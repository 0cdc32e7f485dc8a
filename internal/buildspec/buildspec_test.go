package buildspec_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

const complete = `
version: 0.2
run-as: builder
env:
  shell: bash
  variables: {A: 1.10, B: yes, C: "x: y", D: null}
  parameter-store: {P: /path}
  secrets-manager: {S: "arn:aws:secretsmanager:us-east-1:1:secret:x:key::"}
  exported-variables: [A, B]
  git-credential-helper: yes
proxy: {upload-artifacts: no, logs: yes}
batch: {fast-fail: true, build-fanout: {parallelism: 2}}
phases:
  install:
    run-as: root
    on-failure: ABORT
    runtime-versions: {nodejs: 18, python: 3.x}
    commands: [echo one, 2]
    finally: [echo done]
  build:
    on-failure: RETRY-2-.*timeout.*
    commands:
      - |
        cat <<EOT
        text
        EOT
reports:
  unit: {files: ['**/*.xml'], base-directory: out, discard-paths: yes, file-format: junitxml}
artifacts:
  files: ['**/*']
  name: n-$(date +%F)
  discard-paths: no
  base-directory: out
  exclude-paths: [x]
  enable-symlinks: yes
  s3-prefix: p
  secondary-artifacts:
    two: {files: [b], base-directory: d}
    one: {files: [a], name: n}
cache: {paths: [a], key: k, fallback-keys: [x], action: save}
`

func TestParseEverything(t *testing.T) {
	got, err := buildspec.Parse([]byte(complete))
	if err != nil {
		t.Fatal(err)
	}
	want := &buildspec.Spec{
		Version: "0.2", RunAs: "builder",
		Env: buildspec.Env{
			Shell:               "bash",
			Variables:           []buildspec.Variable{{Name: "A", Value: "1.10"}, {Name: "B", Value: "yes"}, {Name: "C", Value: "x: y"}, {Name: "D"}},
			ParameterStore:      []buildspec.Variable{{Name: "P", Value: "/path"}},
			SecretsManager:      []buildspec.Variable{{Name: "S", Value: "arn:aws:secretsmanager:us-east-1:1:secret:x:key::"}},
			ExportedVariables:   []string{"A", "B"},
			GitCredentialHelper: true,
		},
		Proxy: buildspec.Proxy{Logs: true},
		Batch: &buildspec.Batch{FastFail: true, Fanout: &buildspec.Fanout{Parallelism: 2}},
		Phases: map[buildspec.Phase]buildspec.Commands{
			buildspec.Install: {
				RunAs: "root", OnFailure: buildspec.OnFailure{Policy: buildspec.Abort},
				RuntimeVersions: []buildspec.Variable{{Name: "nodejs", Value: "18"}, {Name: "python", Value: "3.x"}},
				Commands:        []string{"echo one", "2"}, Finally: []string{"echo done"},
			},
			buildspec.Build: {
				OnFailure: buildspec.OnFailure{Policy: buildspec.Retry, Count: 2, Pattern: ".*timeout.*"},
				Commands:  []string{"cat <<EOT\ntext\nEOT\n"},
			},
		},
		Reports: []buildspec.Report{{Name: "unit", Files: []string{"**/*.xml"}, BaseDirectory: "out", DiscardPaths: true, FileFormat: "JUNITXML"}},
		Artifacts: &buildspec.Artifacts{
			Files: []string{"**/*"}, Name: "n-$(date +%F)", BaseDirectory: "out", ExcludePaths: []string{"x"}, EnableSymlinks: true, S3Prefix: "p",
			Secondary: []buildspec.Artifacts{{ID: "two", Files: []string{"b"}, BaseDirectory: "d"}, {ID: "one", Files: []string{"a"}, Name: "n"}},
		},
		Cache: &buildspec.Cache{Paths: []string{"a"}, Key: "k", FallbackKeys: []string{"x"}, Action: "save"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

func TestParseAnchors(t *testing.T) {
	spec, err := buildspec.Parse([]byte(`
version: 0.2
env: {variables: &v {A: a, B: b}}
phases:
  install: &same
    commands: &c [one, two]
    finally: [f]
  build: {commands: *c}
  post_build:
    <<: *same
    finally: [own]
`))
	if err != nil {
		t.Fatal(err)
	}
	if got := spec.Phases[buildspec.PostBuild]; !slices.Equal(got.Commands, []string{"one", "two"}) || !slices.Equal(got.Finally, []string{"own"}) {
		t.Errorf("post_build is %+v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	const ok = "version: 0.2\nphases: {build: {commands: [x]}}\n"
	for spec, want := range map[string]string{
		"":                                 "the buildspec is empty",
		"# only a comment\n":               "the buildspec is empty",
		"just text":                        "line 1: : must be a mapping",
		"a: [":                             "the buildspec is not YAML",
		"\tversion: 0.2":                   "the buildspec is not YAML",
		"version: 0.2\n":                   "line 1: phases: is missing",
		"phases: {build: {commands: [x]}}": "line 1: version: is missing",
		"version: 0.3\nphases: {}":         `line 1: version: "0.3" is not a buildspec version`,
		"version: 0.2\nphases:\n":          "line 2: phases: must be a mapping, not empty",
		"version: 0.2\nphases: {}\n":       "line 2: phases: names no phase",
		"version: 0.2\nphases:\n  deploy:\n    commands: [x]\n":                               "line 4: phases.deploy: is not a key that belongs here; known are build, install, post_build, pre_build",
		"version: 0.2\nphases:\n  build:\n    commands:\n":                                    "line 4: phases.build.commands: must be a list, not empty",
		"version: 0.2\nphases:\n  build:\n    finally: [x]\n":                                 "line 4: phases.build: has no commands",
		"version: 0.2\nphases:\n  build:\n    commands: echo\n":                               "line 4: phases.build.commands: must be a list, not a single value",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - echo a: b\n":                 "line 5: phases.build.commands[0]: must be text, but there are keys below it; put quotes",
		"version: 0.2\nphases:\n  build:\n    commands:\n      - one\n      -\n":              "line 6: phases.build.commands[1]: is empty",
		"version: 0.2\nphases:\n  build:\n    commands: [[x]]\n":                              "must be text, not a list",
		"version: 0.2\nphases:\n  build:\n    commands: [x]\n  build:\n    commands: [y]\n":   "build",
		"version: 0.2\nphases:\n  build:\n    runtime-versions: {a: 1}\n    commands: [x]\n":  "line 4: phases.build.runtime-versions: is not a key",
		"version: 0.2\nphases:\n  build:\n    on-failure: maybe\n    commands: [x]\n":         `line 4: phases.build.on-failure: "maybe" is not one of ABORT`,
		"version: 0.2\nphases:\n  build:\n    on-failure: RETRY-101\n    commands: [x]\n":     "at most 100 times",
		"version: 0.2\nphases:\n  build:\n    on-failure: RETRY-(\n    commands: [x]\n":       "not a regular expression",
		ok + "artifact: {files: [x]}\n":                                                       "line 3: artifact: is not a key",
		ok + "artifacts: {name: x}\n":                                                         "line 3: artifacts: has no files",
		ok + "artifacts: {files: x}\n":                                                        "line 3: artifacts.files: must be a list",
		ok + "artifacts: {files: [x], discard-paths: maybe}\n":                                `"maybe" is neither yes nor no`,
		ok + "artifacts: {files: [x], secondary-artifacts: {a: {name: x}}}\n":                 "artifacts.secondary-artifacts.a: has no files",
		ok + "artifacts: {secondary-artifacts: {a: {files: [x], secondary-artifacts: {}}}}\n": "is not a key that belongs here",
		ok + "env: {shell: fish}\n":                                                           `env.shell: "fish" is not a known shell`,
		ok + "env: {shell: powershell.exe}\n":                                                 "is a shell of Windows builds",
		ok + "env: {variables: [A]}\n":                                                        "env.variables: must be a mapping, not a list",
		ok + "env: {variables: {A: [x]}}\n":                                                   "env.variables.A: must be text",
		ok + "env: {variables: {'A=B': x}}\n":                                                 "cannot be the name of a variable",
		ok + "env: {exported-variables: [AWS_X]}\n":                                           "names that start with AWS_ are never handed on",
		ok + "env: {exported-variables: ['a-b']}\n":                                           `"a-b" is not a variable name`,
		ok + "environment_variables: {plaintext: {A: b}}\n":                                   "belongs to version 0.1",
		ok + "reports: {r: {base-directory: x}}\n":                                            "reports.r: has no files",
		ok + "reports: {r: {files: [x], file-format: PDF}}\n":                                 `"PDF" is not a report format`,
		ok + "reports: {a: &r {files: [x]}, b: *r, c: *r, d: *r, e: *r, f: *r}\n":             "at most 5 report groups",
		ok + "cache: {key: k}\n":                                                              "cache: has no paths",
		ok + "cache: {paths: [x], action: both}\n":                                            "neither restore nor save",
		ok + "batch: [x]\n": "batch: must be a mapping",
		ok + "run-as: ''\n": "run-as: is empty",
		ok + "? [a]\n: b\n": "a key that is not a plain word",
		"version: 0.2\nphases: {build: {commands: [\"a\\0b\"]}}\n": "contains a NUL character",
		strings.Repeat("#", buildspec.MaxSize+1):                   "at most 1048576 are read",
	} {
		_, err := buildspec.Parse([]byte(spec))
		var e *buildspec.Error
		if !errors.As(err, &e) || !strings.Contains(strings.ReplaceAll(err.Error(), "line 1: must", "line 1: : must"), want) {
			t.Errorf("%.120q: %v; want %q", spec, err, want)
		}
	}
}

func TestAliasBombIsRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: 0.2\nphases:\n  build: {commands: &c [" + strings.Repeat("x,", 5000) + "x]}\nenv: {exported-variables: [a]}\nartifacts:\n  files: [a]\n  secondary-artifacts:\n")
	for i := range 200 {
		b.WriteString("    a" + strings.Repeat("b", i) + ": {files: *c}\n")
	}
	if _, err := buildspec.Parse([]byte(b.String())); err == nil || !strings.Contains(err.Error(), "once its aliases are expanded") {
		t.Errorf("a million values: %v", err)
	}
}

func TestLocate(t *testing.T) {
	for in, want := range map[string]struct {
		kind  buildspec.Kind
		value string
	}{
		"":                      {buildspec.File, "buildspec.yml"},
		"  ":                    {buildspec.File, "buildspec.yml"},
		"ci/build.yml":          {buildspec.File, "ci/build.yml"},
		"version: 0.2\nphases:": {buildspec.Inline, "version: 0.2\nphases:"},
		"{version: 0.2}":        {buildspec.Inline, "{version: 0.2}"},
		"arn:aws:s3:::b/k.yml":  {buildspec.S3, "arn:aws:s3:::b/k.yml"},
	} {
		if kind, value := buildspec.Locate(in); kind != want.kind || value != want.value {
			t.Errorf("Locate(%q) = %v, %q", in, kind, value)
		}
	}
}

func TestOnFailure(t *testing.T) {
	for in, want := range map[string]buildspec.OnFailure{
		"ABORT":        {Policy: buildspec.Abort},
		"CONTINUE":     {Policy: buildspec.Continue},
		"RETRY":        {Policy: buildspec.Retry, Count: 3, Pattern: ".*"},
		"RETRY-0":      {Policy: buildspec.Retry, Count: 0, Pattern: ".*"},
		"RETRY-7":      {Policy: buildspec.Retry, Count: 7, Pattern: ".*"},
		"RETRY-a.c":    {Policy: buildspec.Retry, Count: 3, Pattern: "a.c"},
		"RETRY-7-a-c$": {Policy: buildspec.Retry, Count: 7, Pattern: "a-c$"},
	} {
		if got, err := buildspec.ParseOnFailure(in); err != nil || got != want {
			t.Errorf("%s: %+v, %v", in, got, err)
		}
	}
}

// TestPhasesAlwaysEnd: whatever fails, a build reaches COMPLETED, by way of FINALIZING once it has a place.
func TestPhasesAlwaysEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		policies := []buildspec.Policy{buildspec.Default, buildspec.Abort, buildspec.Continue, buildspec.Retry}
		p, seen := buildspec.Submitted, map[buildspec.Phase]bool{}
		for p != buildspec.Completed {
			if seen[p] {
				t.Fatalf("%s comes twice", p)
			}
			seen[p] = true
			p = buildspec.Next(p, rapid.Bool().Draw(t, "failed"), buildspec.OnFailure{Policy: rapid.SampledFrom(policies).Draw(t, "on")})
		}
		if seen[buildspec.Provisioning] && !seen[buildspec.Finalizing] {
			t.Fatal("a build with a place ended without FINALIZING")
		}
	})
}

func TestMerge(t *testing.T) {
	v := func(kv ...string) (out []buildspec.Variable) {
		for i := 0; i < len(kv); i += 2 {
			out = append(out, buildspec.Variable{Name: kv[i], Value: kv[i+1]})
		}
		return out
	}
	got := buildspec.Merge(v("A", "1", "B", "1", "C", "1"), v("B", "2", "D", "2"), nil, v("C", "4"))
	if want := v("A", "1", "B", "2", "C", "4", "D", "2"); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B_2": "two"}
	for in, want := range map[string]string{
		"plain": "plain", "$A/${B_2}/$C.": "1/two/.", "$$A": "$1", "${A": "${A", "$1": "$1", "$(A)": "$(A)", "$A$A": "11",
	} {
		if got := buildspec.Expand(in, values); got != want {
			t.Errorf("Expand(%q) = %q", in, got)
		}
	}
	if got := buildspec.References("$A ${B}", "$A $9 $"); !slices.Equal(got, []string{"A", "B"}) {
		t.Errorf("References = %q", got)
	}
}

func TestSelector(t *testing.T) {
	files := []string{"a", "d/a.js", "d/e/b.js", "d/e/f/c.ts", "x[1].js", "{y}", ".dot", "node_modules/m/i.js"}
	for _, c := range []struct {
		include, exclude []string
		want             []string
	}{
		{[]string{"*"}, nil, []string{".dot", "a", "x[1].js", "{y}"}},
		{[]string{"**"}, nil, files},
		{[]string{"**/*"}, nil, files},
		{[]string{"."}, nil, files},
		{[]string{"d"}, nil, []string{"d/a.js", "d/e/b.js", "d/e/f/c.ts"}},
		{[]string{"d/"}, nil, []string{"d/a.js", "d/e/b.js", "d/e/f/c.ts"}},
		{[]string{"d/*"}, nil, []string{"d/a.js"}},
		{[]string{"d/*/*.js"}, nil, []string{"d/e/b.js"}},
		{[]string{"d/**/*"}, []string{"**/*.ts"}, []string{"d/a.js", "d/e/b.js"}},
		{[]string{"**/*.js"}, []string{"node_modules/**/*"}, []string{"d/a.js", "d/e/b.js", "x[1].js"}},
		{[]string{"x[1].js", "{y}"}, nil, []string{"x[1].js", "{y}"}},
		{[]string{"./a", "d//a.js"}, nil, []string{"a", "d/a.js"}},
		{[]string{"**/*"}, []string{"."}, nil},
		{nil, nil, nil},
	} {
		s, err := buildspec.NewSelector(c.include, c.exclude)
		if err != nil {
			t.Errorf("%q: %v", c.include, err)
			continue
		}
		var got []string
		for _, f := range files {
			if s.Match(f) {
				got = append(got, f)
			}
		}
		slices.Sort(got)
		want := slices.Sorted(slices.Values(c.want))
		if !slices.Equal(got, want) {
			t.Errorf("%q without %q: %q, want %q", c.include, c.exclude, got, want)
		}
	}
	slow, err := buildspec.NewSelector([]string{strings.Repeat("{a,aa}", 25) + "b", strings.Repeat("**/", 30) + "x", strings.Repeat("*a", 30) + "b"}, nil)
	if err != nil || slow.Match(strings.Repeat("a", 60)) {
		t.Errorf("alternatives in braces have a meaning: %v", err)
	}
	for _, bad := range []string{"/a", "../a", "a/..", "a/../../b", "[", "a\x00"} {
		if _, err := buildspec.NewSelector([]string{bad}, nil); err == nil {
			t.Errorf("the path %q was accepted", bad)
		}
		if _, err := buildspec.NewSelector([]string{"*"}, []string{bad}); err == nil {
			t.Errorf("the exclude %q was accepted", bad)
		}
	}
}

// TestPruningLosesNothing: a walk that skips the directories Enter turns down finds every file Match wants.
func TestPruningLosesNothing(t *testing.T) {
	part := rapid.SampledFrom([]string{"a", "b", "ab", "*", "**", "a*", "?", "{a,b}", "[ab]"})
	name := rapid.SampledFrom([]string{"a", "b", "ab"})
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(part, 1, 4).Draw(t, "p"), "/") })
		s, err := buildspec.NewSelector(rapid.SliceOfN(pattern, 1, 3).Draw(t, "include"), rapid.SliceOfN(pattern, 0, 2).Draw(t, "exclude"))
		if err != nil {
			t.Fatal(err)
		}
		file := strings.Join(rapid.SliceOfN(name, 1, 4).Draw(t, "file"), "/")
		if !s.Match(file) {
			return
		}
		for dir := filepath.Dir(file); dir != "."; dir = filepath.Dir(dir) {
			if !s.Enter(dir) {
				t.Fatalf("%+v wants %s but does not enter %s", s, file, dir)
			}
		}
	})
}

func TestPlan(t *testing.T) {
	got := buildspec.Plan([]string{"b/x", "a/x", "c"}, true)
	if want := []buildspec.Entry{{Path: "c", Name: "c"}, {Path: "b/x", Name: "x"}}; !slices.Equal(got, want) {
		t.Errorf("discarding paths: %v", got)
	}
	got = buildspec.Plan([]string{"b/x", "a"}, false)
	if want := []buildspec.Entry{{Path: "a", Name: "a"}, {Path: "b/x", Name: "b/x"}}; !slices.Equal(got, want) {
		t.Errorf("keeping paths: %v", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(complete))
	f.Add([]byte("version: 0.2\nphases: &a {build: *a}"))
	f.Add([]byte("version: 0.1\nenvironment_variables: {plaintext: {A: b}}\nphases: {build: {commands: [x]}}"))
	f.Add([]byte("version: 0.2\nphases: {build: &b {<<: *b, commands: [x]}}"))
	f.Add([]byte("? {a: b}\n: c"))
	f.Add([]byte("- x"))
	f.Add([]byte("version: !!binary aGk=\nphases: !x {build: {commands: [!!int x]}}"))
	if more, err := filepath.Glob("../../examples/*/buildspec.yml"); err == nil {
		for _, m := range more {
			if b, err := os.ReadFile(m); err == nil {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		spec, err := buildspec.Parse(data)
		if err != nil {
			if _, ok := errors.AsType[*buildspec.Error](err); !ok {
				t.Fatalf("not an *Error: %v", err)
			}
			return
		}
		if spec.Version == "" || len(spec.Phases) == 0 && spec.Batch == nil {
			t.Fatalf("accepted %+v", spec)
		}
		for phase, c := range spec.Phases {
			if phase != buildspec.Install && c.Commands == nil {
				t.Fatalf("phase %s has no commands", phase)
			}
			for _, cmd := range slices.Concat(c.Commands, c.Finally) {
				if cmd == "" || strings.ContainsRune(cmd, 0) {
					t.Fatalf("command %q", cmd)
				}
			}
		}
	})
}

func FuzzSelector(f *testing.F) {
	for _, s := range []string{"**/*", "a/../b", "[", "{a,{b,c}}", "a//b", "./x", `\*`, "**/**/**", "a/./b"} {
		f.Add(s, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, pattern, file string) {
		s, err := buildspec.NewSelector([]string{pattern}, nil)
		if err != nil {
			return
		}
		s.Match(file)
		s.Enter(file)
		clean, err := buildspec.CleanPattern(pattern)
		if err != nil || strings.HasPrefix(clean, "/") || slices.Contains(strings.Split(clean, "/"), "..") {
			t.Fatalf("%q became %q, %v", pattern, clean, err)
		}
	})
}
