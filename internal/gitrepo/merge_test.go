package gitrepo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// lines is a text of numbered lines with some of them replaced.
func lines(n int, changed ...string) string {
	var b strings.Builder
	for i := range n {
		text := fmt.Sprintf("line %d", i)
		for _, c := range changed {
			if at, to, _ := strings.Cut(c, "="); at == fmt.Sprint(i) {
				text = to
			}
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// forked commits a base and, upon it, what a destination and a source branch change.
func forked(t testing.TB, s *gitrepo.Store, name string, base map[string]string, destination, source func(dir string)) (d, src string) {
	t.Helper()
	dir := worktree(t, base)
	path, err := s.Path(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	for branch, change := range map[string]func(string){"destination": destination, "source": source} {
		git(t, dir, "checkout", "-q", "-b", branch, "main")
		change(dir)
		git(t, dir, "add", "-A", "-f")
		git(t, dir, "commit", "-q", "--allow-empty", "-m", branch)
		git(t, dir, "push", "-q", path, branch)
	}
	return git(t, dir, "rev-parse", "destination"), git(t, dir, "rev-parse", "source")
}

func TestMerge(t *testing.T) {
	t.Parallel()
	put := func(path, content string) func(string) {
		return func(dir string) { _ = os.WriteFile(filepath.Join(dir, path), []byte(content), 0o644) }
	}
	both := func(all ...func(string)) func(string) {
		return func(dir string) {
			for _, f := range all {
				f(dir)
			}
		}
	}
	remove := func(path string) func(string) { return func(dir string) { _ = os.Remove(filepath.Join(dir, path)) } }
	rename := func(a, b string) func(string) {
		return func(dir string) { _ = os.Rename(filepath.Join(dir, a), filepath.Join(dir, b)) }
	}
	executable := func(path string) func(string) {
		return func(dir string) { _ = os.Chmod(filepath.Join(dir, path), 0o755) }
	}
	link := func(path, to string) func(string) {
		return func(dir string) { _ = os.Symlink(to, filepath.Join(dir, path)) }
	}
	nothing := func(string) {}
	text := map[string]string{"a": lines(20), "b": "b\n"}
	for name, c := range map[string]struct {
		base                map[string]string
		destination, source func(string)
		want                string // the conflicts: PATH, with a ! when git cannot merge it
		files               string // of the merged tree, when there is no !
	}{
		"different files":          {text, put("a", lines(20, "1=x")), put("b", "c\n"), "", "a b"},
		"different lines":          {text, put("a", lines(20, "1=x")), put("a", lines(20, "18=y")), "a", "a b"},
		"same line":                {text, put("a", lines(20, "1=x")), put("a", lines(20, "1=y")), "a!", ""},
		"the same change":          {text, put("a", lines(20, "1=x")), put("a", lines(20, "1=x")), "", "a b"},
		"add and add":              {text, put("c", "1\n"), put("c", "2\n"), "c!", ""},
		"the same file added":      {text, put("c", "1\n"), put("c", "1\n"), "", "a b c"},
		"delete and modify":        {text, remove("b"), put("b", "c\n"), "b!", ""},
		"modify and delete":        {text, put("b", "c\n"), remove("b"), "b!", ""},
		"both delete":              {text, remove("b"), remove("b"), "", "a"},
		"rename and modify":        {text, rename("a", "c"), put("a", lines(20, "1=x")), "a", "b c"},
		"rename and rename":        {text, rename("a", "c"), rename("a", "d"), "a! c! d!", ""},
		"mode and content":         {text, executable("a"), put("a", lines(20, "1=x")), "a", "a b"},
		"binary":                   {map[string]string{"a": "\x00\x01"}, put("a", "\x00\x02"), put("a", "\x00\x03"), "a!", ""},
		"file and folder":          {text, both(func(d string) { _ = os.Mkdir(d+"/c", 0o755) }, put("c/d", "x\n")), put("c", "y\n"), "c~", ""},
		"symbolic links":           {text, link("l", "a"), link("l", "b"), "l!", ""},
		"source ahead only":        {text, nothing, put("b", "c\n"), "", "a b"},
		"names to be quoted":       {map[string]string{"ä \"\t": "1\n"}, put("ä \"\t", "2\n"), put("ä \"\t", "3\n"), "ä \"\t!", ""},
		"whole file by both sides": {map[string]string{"a": "1\n"}, put("a", "2\n"), put("a", "3\n"), "a!", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, sqltest.SQLite(t))
			create(t, s, "site")
			d, src := forked(t, s, "site", c.base, c.destination, c.source)
			m, err := s.Merge(t.Context(), "site", d, src)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, x := range m.Conflicts {
				mark := ""
				if x.Unmerged {
					mark = "!"
				}
				if at := strings.Index(x.Path, "~"); at >= 0 { // git names the file by its side
					x.Path, mark = x.Path[:at+1], ""
				}
				got = append(got, x.Path+mark)
			}
			if text := strings.Join(got, " "); text != c.want {
				t.Errorf("conflicts %q, want %q", text, c.want)
			}
			path, _ := s.Path(t.Context(), "site")
			if names := strings.ReplaceAll(git(t, path, "ls-tree", "-r", "--name-only", m.Tree), "\n", " "); c.files != "" && names != c.files {
				t.Errorf("merged files %q, want %q", names, c.files)
			}
			git(t, path, "fsck", "--strict")
		})
	}
}

// TestMergeIsGits: whatever two branches do, the merge by the API has the tree and the conflicts of git's own in a clone.
func TestMergeIsGits(t *testing.T) {
	t.Parallel()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	path, _ := s.Path(t.Context(), "site")
	names := []string{"a", "b", "dir/c", "dir/d"}
	base := map[string]string{}
	for _, name := range names[:3] {
		base[name] = name + "\n" + lines(12)
	}
	// One clone, whose objects the repository sees: half of what git does here would be to clone and push.
	dir := worktree(t, base)
	write(t, path, map[string]string{"objects/info/alternates": filepath.Join(dir, ".git", "objects") + "\n"})
	rapid.Check(t, func(rt *rapid.T) {
		change := func(side string) func(string) {
			edits := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int {
				return [2]int{rapid.IntRange(0, len(names)-1).Draw(t, "file"), rapid.IntRange(-2, 11).Draw(t, "line")}
			}), 0, 4).Draw(rt, side)
			return func(dir string) {
				for _, e := range edits {
					file := filepath.Join(dir, names[e[0]])
					switch e[1] {
					case -2:
						_ = os.Remove(file)
					case -1:
						_ = os.Rename(file, file+".moved")
					default:
						_ = os.MkdirAll(filepath.Dir(file), 0o755)
						_ = os.WriteFile(file, []byte(lines(12, fmt.Sprintf("%d=%s", e[1], side))), 0o644)
					}
				}
			}
		}
		for _, branch := range []string{"theirs", "ours"} {
			edit := change(branch)
			empty(t, dir)
			git(t, dir, "checkout", "-q", "-f", "-B", branch, "main")
			edit(dir)
			git(t, dir, "add", "-A", "-f")
			git(t, dir, "commit", "-q", "--allow-empty", "-m", branch)
		}
		ours, theirs, _ := strings.Cut(git(t, dir, "rev-parse", "ours", "theirs"), "\n")
		m, err := s.Merge(t.Context(), "site", ours, theirs)
		if err != nil {
			rt.Fatal(err)
		}
		merged := exec.Command("git", "-c", "user.name=Ada", "-c", "user.email=a@example.com", "merge", "-q", "--no-ff", "-m", "merge", "theirs")
		merged.Dir = dir
		merged.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull)
		clean := merged.Run() == nil
		unmerged := slices.ContainsFunc(m.Conflicts, func(c gitrepo.Conflict) bool { return c.Unmerged })
		if clean == unmerged {
			rt.Fatalf("git merges: %v, conflicts here: %+v", clean, m.Conflicts)
		}
		if clean {
			if tree := git(t, dir, "rev-parse", "HEAD^{tree}"); tree != m.Tree {
				rt.Fatalf("git's tree is %s, this one %s", tree, m.Tree)
			}
			return
		}
		var here []string
		for _, c := range m.Conflicts {
			if c.Unmerged {
				here = append(here, c.Path)
			}
		}
		there := strings.Split(git(t, dir, "diff", "--name-only", "--diff-filter=U"), "\n")
		if slices.Sort(there); !slices.Equal(here, there) {
			rt.Fatalf("git's conflicts are %q, these %q", there, here)
		}
	})
}

// empty removes all files of a working copy.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() == ".git" {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

func TestHunks(t *testing.T) {
	t.Parallel()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	d, src := forked(t, s, "site", map[string]string{"a": lines(20), "b": "\x00"},
		func(dir string) {
			write(t, dir, map[string]string{"a": lines(20, "1=ours\nmore", "18=ours"), "b": "\x00\x01"})
		},
		func(dir string) {
			write(t, dir, map[string]string{"a": lines(20, "1=theirs", "9=theirs", "18=theirs"), "b": "\x00\x02"})
		})
	m, err := s.Merge(t.Context(), "site", d, src)
	if err != nil || len(m.Conflicts) != 2 {
		t.Fatalf("%+v, %v", m.Conflicts, err)
	}
	hunks, _, err := s.Hunks(t.Context(), "site", m.Conflicts[0], "")
	if err != nil {
		t.Fatal(err)
	}
	want := []gitrepo.Hunk{
		{Line: 2, Base: "line 1\n", Destination: "ours\nmore\n", Source: "theirs\n"},
		{Line: 20, Base: "line 18\n", Destination: "ours\n", Source: "theirs\n"},
	}
	if !slices.Equal(hunks, want) {
		t.Errorf("%+v", hunks)
	}
	_, merged, err := s.Hunks(t.Context(), "site", m.Conflicts[0], "source")
	if err != nil || string(merged) != lines(20, "1=theirs", "9=theirs", "18=theirs") {
		t.Errorf("%v: %s", err, merged)
	}
	if _, _, err := s.Hunks(t.Context(), "site", m.Conflicts[1], ""); !errors.Is(err, gitrepo.ErrBinary) {
		t.Errorf("binary file: %v", err)
	}
}

// TestAdvance: of many who merge, and one who pushes, into the same tip exactly one succeeds, and it is recorded.
func TestAdvance(t *testing.T) {
	t.Parallel()
	s := open(t, sqltest.SQLite(t))
	repo := create(t, s, "site")
	first, err := s.Apply(t.Context(), "site", put("", file("a", "1")))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.CreateBranch(t.Context(), "site", "work", first.Commit, ""); err != nil {
		t.Fatal(err)
	}
	e := put(first.Commit, file("a", "2"))
	e.Branch = "work"
	second, err := s.Apply(t.Context(), "site", e)
	if err != nil {
		t.Fatal(err)
	}
	advance := func(n int) error {
		since := time.Now()
		id, err := s.WriteCommit(t.Context(), "site", gitrepo.MergeCommit{
			Tree: second.Tree, Parents: []string{first.Commit, second.Commit}, Name: "Ada", Email: "a@b", Message: fmt.Sprint(n), At: time.Now(),
		})
		if err != nil {
			return err
		}
		return s.Advance(t.Context(), "site", gitrepo.Advance{
			Branch: "main", Old: first.Commit, New: id, Source: "work", SourceTip: second.Commit, Since: since,
		})
	}
	var wg sync.WaitGroup
	results := make([]error, 6)
	for n := range results {
		wg.Go(func() {
			if n == 0 {
				_, results[n] = s.Apply(t.Context(), "site", put(first.Commit, file("b", "1")))
			} else {
				results[n] = advance(n)
			}
		})
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		if err == nil {
			won++
		} else if !errors.Is(err, gitrepo.ErrOutdated) && !errors.Is(err, gitrepo.ErrBusy) {
			t.Error(err)
		}
	}
	pushes, err := s.Pushes(t.Context(), "site", 0, 100)
	if won != 1 || err != nil || len(pushes) != 4 || pushes[3].Branch != "main" || pushes[3].RepositoryID != repo.ID {
		t.Errorf("%d have won; %v, %+v", won, err, pushes)
	}
	tip, _ := s.Head(t.Context(), "site", "main")
	err = s.Advance(t.Context(), "site", gitrepo.Advance{Branch: "main", Old: tip.ID, New: second.Commit, Source: "work", SourceTip: first.Commit})
	if !errors.Is(err, gitrepo.ErrOutdated) {
		t.Errorf("the source has moved: %v", err)
	}
}
