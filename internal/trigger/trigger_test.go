package trigger_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/trigger"
)

func TestGlob(t *testing.T) {
	for _, c := range []struct {
		pattern, yes, no string // names separated by spaces
	}{
		{"main", "main", "Main mains feature/main"},
		{"*", "main v1.0", "feature/a"},
		{"**", "main feature/a a/b/c", ""},
		{"feature/*", "feature/a feature/", "feature/a/b feature main"},
		{"feature/**", "feature/a feature/a/b feature/", "feature main"},
		{"**/*.go", "a/b.go x/y/z.go", "b.go a/b.go.txt"},
		{"src/**/test?.txt", "src/a/test1.txt src/a/b/test2.txt", "src/test1.txt src/a/test12.txt"},
		{"v[0-9].*", "v1.0 v9.", "vx.1 v10.0 v1/0"},
		{"v[!0-9]", "va v-", "v1 v/"},
		{"[a-]", "a -", "b"},
		{"[]x]", "] x", "y"},
		{"{main,release/*}", "main release/1", "release/1/2 mainrelease/1"},
		{"{a,b}{c,d}", "ac ad bc bd", "ab cd a"},
		{"{,pre-}main", "main pre-main", "x-main"},
		{`\*`, "*", "a"},
		{`a\{b`, "a{b", "ab"},
		{"a,b}", "a,b}", "a"},
		{"ä?", "äö äx", "ä äöü"},
		{"docs/*", "docs/a.md", "docs/en/a.md"},
		{"", "", "a"},
	} {
		for _, name := range strings.Fields(c.yes) {
			if !trigger.Glob(c.pattern, name) {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for _, name := range strings.Fields(c.no) {
			if trigger.Glob(c.pattern, name) {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
	for pattern, why := range map[string]string{
		"[a": "without its ]", "a{b": "without its }", "{a,{b,c}}": "a { inside {}", `a\`: "ends with", "[z-a]": "ends before it begins",
		"[a/b]": "a / inside []", strings.Repeat("{a,b}", 20): "alternatives",
	} {
		if err := trigger.CheckGlob(pattern); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want %q", pattern, err, why)
		}
		if trigger.Glob(pattern, "a") {
			t.Errorf("%q matches something", pattern)
		}
	}
}

// A pattern of many stars is no work.
func TestManyStars(t *testing.T) {
	if trigger.Glob(strings.Repeat("*a", 100)+"b", strings.Repeat("a", 2000)) {
		t.Error("it matches")
	}
}

// filter writes a configuration as "push tags=v* | push branches=main,!dev files=src/** | pull OPEN branches=main".
func filter(t *testing.T, text string) *pipeline.GitConfiguration {
	t.Helper()
	g := &pipeline.GitConfiguration{SourceActionName: "Code"}
	for _, item := range strings.Split(text, "|") {
		words := strings.Fields(item)
		if len(words) == 0 {
			continue
		}
		by := map[string]*pipeline.GlobFilter{}
		var events []string
		for _, w := range words[1:] {
			key, list, ok := strings.Cut(w, "=")
			if !ok {
				events = append(events, w)
				continue
			}
			by[key] = &pipeline.GlobFilter{}
			for _, p := range strings.Split(list, ",") {
				if no, isExclude := strings.CutPrefix(p, "!"); isExclude {
					by[key].Excludes = append(by[key].Excludes, no)
				} else {
					by[key].Includes = append(by[key].Includes, p)
				}
			}
		}
		switch words[0] {
		case "push":
			g.Push = append(g.Push, pipeline.GitPushFilter{Tags: by["tags"], Branches: by["branches"], FilePaths: by["files"]})
		case "pull":
			g.PullRequest = append(g.PullRequest, pipeline.PullRequestFilter{Events: events, Branches: by["branches"], FilePaths: by["files"]})
		default:
			t.Fatalf("filter %q", item)
		}
	}
	return g
}

// event reads "PUSH main src/a.go docs/b.md".
func event(text string) trigger.Event {
	words := strings.Fields(text)
	return trigger.Event{Kind: trigger.Kind(words[0]), Name: words[1], Files: words[2:]}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct{ filter, yes, no string }{ // events separated by ;
		{"push tags=v*", "TAG v1", "TAG x1; PUSH v1 a; PUSH main a; OPEN main a"},
		{"push tags=v*,!v0*", "TAG v1", "TAG v0.1"},
		{"push tags=!v0*", "TAG v1; TAG x", "TAG v0.1; PUSH main a"},
		{"push branches=main", "PUSH main a; PUSH main", "PUSH dev a; TAG main; OPEN main a"},
		{"push branches=**,!main", "PUSH dev a; PUSH f/a a", "PUSH main a"},
		{"push branches=main files=src/**", "PUSH main src/a; PUSH main docs/x src/a", "PUSH main docs/x; PUSH dev src/a; PUSH main"},
		{"push branches=main files=**,!docs/**", "PUSH main docs/x a; PUSH main a", "PUSH main docs/x docs/y"},
		{"push branches=main | push tags=v*", "PUSH main a; TAG v1", "PUSH dev a; TAG x"},
		{"pull OPEN branches=main", "OPEN main a", "UPDATED main a; CLOSED main a; OPEN dev a; PUSH main a; TAG main"},
		{"pull OPEN UPDATED branches=main files=*.md", "OPEN main a.md; UPDATED main x a.md", "OPEN main a.go; CLOSED main a.md"},
		{"pull branches=main", "OPEN main; UPDATED main; CLOSED main", "PUSH main a"},
		{"push branches=main | pull OPEN branches=main", "PUSH main a; OPEN main a", "CLOSED main a"},
	} {
		g := filter(t, c.filter)
		for _, e := range strings.Split(c.yes, ";") {
			if !trigger.Matches(g, event(e)) {
				t.Errorf("%q is not started by %q", c.filter, e)
			}
		}
		for _, e := range strings.Split(c.no, ";") {
			if trigger.Matches(g, event(e)) {
				t.Errorf("%q is started by %q", c.filter, e)
			}
		}
	}
}

func TestOnlyTheFirstFilesCount(t *testing.T) {
	g := filter(t, "push branches=main files=last")
	e := event("PUSH main")
	for i := range trigger.MaxFiles {
		e.Files = append(e.Files, fmt.Sprint("f", i))
	}
	e.Files = append(e.Files, "last")
	if trigger.Matches(g, e) {
		t.Error("the 101st file was looked at")
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("{a,b}*[!c-d]?/**", "a/b/c")
	f.Add(`\`, "")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 255 {
			return
		}
		if matched := trigger.Glob(pattern, name); matched && trigger.CheckGlob(pattern) != nil {
			t.Errorf("the malformed pattern %q matches %q", pattern, name)
		}
		if !strings.ContainsAny(name, `*?[]{},\`) && strings.ToValidUTF8(name, "") == name && !trigger.Glob(name, name) {
			t.Errorf("%q does not match itself", name)
		}
	})
}
