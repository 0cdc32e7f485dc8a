package worktree_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/worktree"
)

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=N", "-c", "user.email=n@example.com"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

// pack returns the packed files: name=content.
func pack(t *testing.T, dir string, o worktree.Options) []string {
	t.Helper()
	var b bytes.Buffer
	if err := worktree.Pack(t.Context(), dir, &b, o); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f.Name+"="+string(text))
	}
	return files
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("packed %q, want %q", got, want)
	}
}

func TestTheWorkingTreeAsItIs(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		".gitignore": "*.log\n", "kept": "old", "gone": "x", "deep/ünï": "1", "noise.log": "no", "conveyor-out/Build/a": "no", "forced.log": "tracked",
	})
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-f", ".gitignore", "kept", "gone", "deep", "forced.log")
	git(t, dir, "commit", "-q", "-m", "first\n\nbody")
	write(t, dir, map[string]string{"kept": "new", "untracked": "u"})
	if err := os.Remove(filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	expect(t, pack(t, dir, worktree.Options{LeaveOut: []string{"conveyor-out"}}),
		".gitignore=*.log\n", "deep/ünï=1", "forced.log=tracked", "kept=new", "untracked=u")
	expect(t, pack(t, filepath.Join(dir, "deep"), worktree.Options{}), "ünï=1")

	head, err := worktree.Describe(t.Context(), dir)
	if err != nil || len(head.Commit) != 40 || head.Branch != "main" || head.Message != "first\n\nbody" || head.Committed.IsZero() {
		t.Errorf("head %+v, %v", head, err)
	}
	with := strings.Join(pack(t, dir, worktree.Options{History: true}), "\n")
	if !strings.Contains(with, ".git/HEAD=ref: refs/heads/main") {
		t.Errorf("no history in\n%s", with)
	}
}

func TestWhatGitHasNoSayIn(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"a": "1", "b/c.log": "2"})
	expect(t, pack(t, dir, worktree.Options{}), "a=1", "b/c.log=2")
	if head, err := worktree.Describe(t.Context(), dir); err != nil || head != (worktree.Head{}) {
		t.Errorf("head %+v, %v", head, err)
	}

	ignored := filepath.Join(dir, "repo", "scratch")
	write(t, filepath.Join(dir, "repo"), map[string]string{".gitignore": "scratch\n", "scratch/x": "3"})
	git(t, filepath.Join(dir, "repo"), "init", "-q")
	expect(t, pack(t, ignored, worktree.Options{}), "x=3")
	if _, err := worktree.Describe(t.Context(), ignored); err != nil {
		t.Errorf("a repository without commits: %v", err)
	}
}

func TestRepositoriesWithinTheTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"top": "1", "inner/x": "2", "inner/skip.tmp": "3", "inner/.gitignore": "*.tmp"})
	git(t, dir, "init", "-q")
	git(t, filepath.Join(dir, "inner"), "init", "-q")
	git(t, filepath.Join(dir, "inner"), "add", ".")
	git(t, filepath.Join(dir, "inner"), "commit", "-q", "-m", "inner")
	expect(t, pack(t, dir, worktree.Options{}), "inner/.gitignore=*.tmp", "inner/x=2", "top=1")
}
