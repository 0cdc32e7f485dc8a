package gitrepo_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

func TestValidName(t *testing.T) {
	for _, good := range []string{"a", "my-site_1.0", "...a", ".github", strings.Repeat("x", 100), "git", "a.git.b"} {
		if err := gitrepo.ValidName(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "...", "a/b", "../a", "a\\b", "a b", "a\x00", "a\n", "ä", strings.Repeat("x", 101), "a.git", "a.GIT", ".git", "%2e"} {
		if err := gitrepo.ValidName(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestCleanPath(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "a/b.txt": "a/b.txt", "a/b/": "a/b", "..a/b..": "..a/b..", "über": "über", "a/.gitignore": "a/.gitignore", "-rf": "-rf"} {
		if got, err := gitrepo.CleanPath(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
	for _, bad := range []string{
		"", "/", "/etc/passwd", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", "a//b", "a//", ".git", ".git/config", "a/.git/x", ".GIT/config", ".git./x",
		".git /x", "git~1/x", ".g\u200cit/config", ".git::$INDEX_ALLOCATION/x", "a\\b", "a\x00b", "a\nb", "a\tb", "a\x7fb", "\xff", strings.Repeat("a", 4097),
	} {
		if got, err := gitrepo.CleanPath(bad); err == nil {
			t.Errorf("%q is accepted as %q", bad, got)
		}
	}
}

// Every branch name we accept, git accepts, and the other way round, for those without bytes we refuse on top.
func TestValidBranchAgreesWithGit(t *testing.T) {
	for _, name := range []string{
		"main", "feature/x", "a.b", "a-b", "ä", "@a", "a@", "x/HEAD", "a{b", "refs/heads/x", "a!b", "a#b", "a;b", "a$(b)", "a'b", "a&b", "a|b",
		"", "-a", "a.", "a..b", "a@{b", "a b", "a~b", "a^b", "a:b", "a?b", "a*b", "a[b", "a\\b", "a/", "/a", "a//b", ".a", "a/.b", "a.lock", "a.lock/b", "a\x7fb", "a\tb",
	} {
		ours := gitrepo.ValidBranch(name) == nil
		theirs := exec.Command("git", "check-ref-format", "--branch", name).Run() == nil && exec.Command("git", "check-ref-format", "refs/heads/"+name).Run() == nil
		if ours != theirs {
			t.Errorf("%q: we say %v, git says %v", name, ours, theirs)
		}
	}
}

func FuzzCleanPath(f *testing.F) {
	for _, s := range []string{"a/b", "../x", ".git/config", "/abs", "a\x00", "a\\b", "git~1", ".g\u200cit"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		clean, err := gitrepo.CleanPath(path)
		if err != nil {
			return
		}
		if !filepath.IsLocal(clean) || filepath.ToSlash(filepath.Clean(clean)) != clean {
			t.Errorf("%q became %q", path, clean)
		}
		for part := range strings.SplitSeq(clean, "/") {
			if strings.EqualFold(part, ".git") {
				t.Errorf("%q became %q", path, clean)
			}
		}
		if again, err := gitrepo.CleanPath(clean); err != nil || again != clean {
			t.Errorf("%q is not a fixed point: %q, %v", clean, again, err)
		}
	})
}

func FuzzParseCloneRef(f *testing.F) {
	good, _ := gitrepo.CloneRef{Repository: "site", Branch: "main", Commit: strings.Repeat("a", 40), CloneURL: "http://x/y"}.Marshal()
	f.Add(good)
	f.Add([]byte("PK\x03\x04"))
	f.Add([]byte(`{"format":"conveyor-clone-ref/1","repository":"../x"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok, err := gitrepo.ParseCloneRef(data)
		if ok && err == nil && (!gitrepo.ValidID(r.Commit) || gitrepo.ValidName(r.Repository) != nil) {
			t.Errorf("accepted %+v", r)
		}
	})
}

func TestCloneRef(t *testing.T) {
	want := gitrepo.CloneRef{Repository: "site", Branch: "feature/x", Commit: strings.Repeat("a", 40), CloneURL: "http://127.0.0.1:4566/v1/repos/site"}
	data, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, ok, err := gitrepo.ParseCloneRef(data)
	got.Format = ""
	if err != nil || !ok || got != want {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	if _, ok, err := gitrepo.ParseCloneRef([]byte("PK\x03\x04zip")); ok || err != nil {
		t.Errorf("a zip: %v, %v", ok, err)
	}
	if _, ok, err := gitrepo.ParseCloneRef([]byte(`{"format":"conveyor-clone-ref/1","repository":"site","commit":"main"}`)); !ok || err == nil {
		t.Errorf("a damaged one: %v, %v", ok, err)
	}
}
