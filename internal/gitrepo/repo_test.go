package gitrepo_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// open makes a store in a fresh directory.
func open(t testing.TB, db store.Store) *gitrepo.Store {
	t.Helper()
	s, err := gitrepo.Open(filepath.Join(t.TempDir(), "repos"), db, gitrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// create makes a repository.
func create(t testing.TB, s *gitrepo.Store, name string) gitrepo.Repository {
	t.Helper()
	r, err := s.Create(context.Background(), gitrepo.Repository{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// git runs the git client in dir as a user would, without that user's configuration.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05+01:00",
		"GIT_COMMITTER_NAME=Grace", "GIT_COMMITTER_EMAIL=grace@example.com", "GIT_COMMITTER_DATE=2026-01-02T04:04:05+01:00")
	return cmd
}

// worktree makes a repository with the files given, committed.
func worktree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	write(t, dir, files)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "first\n\nbody")
	return dir
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// pushLocally puts a branch into a repository without the server.
func pushLocally(t testing.TB, s *gitrepo.Store, from, name, spec string) {
	t.Helper()
	path, err := s.Path(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	git(t, from, "push", "-q", path, spec)
}

func TestHeadAndZip(t *testing.T) {
	ctx := context.Background()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	src := worktree(t, map[string]string{"index.html": "hello", "a/b.txt": "b"})
	pushLocally(t, s, src, "site", "HEAD:refs/heads/main")
	c, err := s.Head(ctx, "site", "main")
	if err != nil {
		t.Fatal(err)
	}
	if want := git(t, src, "rev-parse", "HEAD"); c.ID != want {
		t.Errorf("head is %s, want %s", c.ID, want)
	}
	var one, two bytes.Buffer
	for _, w := range []*bytes.Buffer{&one, &two} {
		if err := s.Zip(ctx, "site", c.ID, w); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two zips of one commit differ")
	}
}
