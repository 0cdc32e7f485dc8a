package gitrepo_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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
	cmd := exec.Command("git", append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_AUTHOR_DATE=2026-01-02T03:04:05+01:00",
		"GIT_COMMITTER_NAME=Grace", "GIT_COMMITTER_EMAIL=grace@example.com", "GIT_COMMITTER_DATE=2026-01-02T04:04:05-05:00")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// worktree makes a repository with the files given, committed.
func worktree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	write(t, dir, files)
	git(t, dir, "add", "-A", "-f")
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "first\n\nbody")
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

// pushLocally puts a branch into a repository behind the journal's back.
func pushLocally(t testing.TB, s *gitrepo.Store, from, name, spec string) {
	t.Helper()
	path, err := s.Path(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	git(t, from, "push", "-q", path, spec)
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		s := open(t, db)
		made, err := s.Create(ctx, gitrepo.Repository{Name: "site", Description: "words", Tags: map[string]string{"a": "1"}, KMSKey: "alias/x"})
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Get(ctx, "site")
		if err != nil || got.ID != made.ID || got.Description != "words" || got.Tags["a"] != "1" || got.KMSKey != "alias/x" ||
			got.Arn != "arn:aws:codecommit:us-east-1:000000000000:site" || got.DefaultBranch != "" || !got.Created.Equal(made.Created) {
			t.Errorf("got %+v, %v; made %+v", got, err, made)
		}
		if _, err := s.Create(ctx, gitrepo.Repository{Name: "site"}); !errors.Is(err, gitrepo.ErrRepositoryExists) {
			t.Errorf("creating it twice: %v", err)
		}
		create(t, s, "other")
		rename := func(to string) error {
			_, err := s.Update(ctx, "site", func(r *gitrepo.Repository) error { r.Name = to; return nil })
			return err
		}
		if err := rename("other"); !errors.Is(err, gitrepo.ErrRepositoryExists) {
			t.Errorf("taking a taken name: %v", err)
		}
		if err := rename("../up"); !errors.Is(err, gitrepo.ErrBadName) {
			t.Errorf("taking a bad name: %v", err)
		}
		before, _ := s.Path(ctx, "site")
		if err := rename("page"); err != nil {
			t.Fatal(err)
		}
		if after, err := s.Path(ctx, "page"); err != nil || after != before {
			t.Errorf("after the rename it is in %s, %v; before in %s", after, err, before)
		}
		if _, err := s.Get(ctx, "site"); !errors.Is(err, gitrepo.ErrNoRepository) {
			t.Errorf("under its old name: %v", err)
		}
		all, err := s.List(ctx, "", 10)
		if err != nil || len(all) != 2 || all[0].Name != "other" || all[1].Name != "page" {
			t.Errorf("list: %+v, %v", all, err)
		}
		if id, err := s.Delete(ctx, "page"); err != nil || id != made.ID {
			t.Errorf("delete: %s, %v", id, err)
		}
		if _, err := os.Stat(before); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("the directory of a deleted repository: %v", err)
		}
		if _, err := s.Delete(ctx, "page"); !errors.Is(err, gitrepo.ErrNoRepository) {
			t.Errorf("deleting it twice: %v", err)
		}
		if _, err := s.Head(ctx, "other", "main"); !errors.Is(err, gitrepo.ErrNoRef) {
			t.Errorf("the head of an empty repository: %v", err)
		}
	})
}

func TestReadingCommits(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	dir := worktree(t, map[string]string{"index.html": "hello"})
	git(t, dir, "tag", "-a", "v1", "-m", "one")
	pushLocally(t, s, dir, "site", "main")
	pushLocally(t, s, dir, "site", "main:feature/x")
	pushLocally(t, s, dir, "site", "v1")
	id := git(t, dir, "rev-parse", "HEAD")
	c, err := s.Head(ctx, "site", "feature/x")
	if err != nil {
		t.Fatal(err)
	}
	if c.ID != id || c.Message != "first\n\nbody\n" || c.AuthorName != "Ada" || c.CommitterEmail != "grace@example.com" ||
		c.AuthorDate.Format(time.RFC3339) != "2026-01-02T03:04:05+01:00" || c.CommitterDate.UTC().Format(time.RFC3339) != "2026-01-02T09:04:05Z" || len(c.Parents) != 0 {
		t.Errorf("%+v", c)
	}
	tag := git(t, dir, "rev-parse", "v1")
	for _, bad := range []string{"", "HEAD", "main^", "refs/heads/main", id[:10], strings.ToUpper(id), tag, c.Tree, strings.Repeat("0", 40), strings.Repeat("e", 40), "-" + id[1:], id + "\n"} {
		if _, err := s.Commit(ctx, "site", bad); !errors.Is(err, gitrepo.ErrNoRef) {
			t.Errorf("commit %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "nope", "feature", "../heads/main", "main^{tree}", "main:index.html", "-x", "main\nmain", "@{0}", id} {
		if _, err := s.Head(ctx, "site", bad); !errors.Is(err, gitrepo.ErrNoRef) {
			t.Errorf("branch %q: %v", bad, err)
		}
	}
	if _, err := s.Head(ctx, "nowhere", "main"); !errors.Is(err, gitrepo.ErrNoRepository) {
		t.Errorf("head of no repository: %v", err)
	}
	// A reader that has been idle sees what was pushed since.
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "second")
	pushLocally(t, s, dir, "site", "main")
	if c, err = s.Head(ctx, "site", "main"); err != nil || c.Message != "second\n" || !slices.Equal(c.Parents, []string{id}) {
		t.Errorf("%+v, %v", c, err)
	}
	if path, _ := s.Path(ctx, "site"); path != "" {
		git(t, path, "gc", "-q", "--prune=now")
	}
	git(t, dir, "commit", "-q", "--allow-empty", "-m", "third")
	pushLocally(t, s, dir, "site", "main")
	if c, err = s.Head(ctx, "site", "main"); err != nil || c.Message != "third\n" {
		t.Errorf("after gc: %+v, %v", c, err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Head(ended, "site", "main"); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

// tree is every kind of thing that a commit can hold.
func tree(t testing.TB) string {
	big := strings.Repeat("0123456789abcdef\n", 40_000) // larger than what is compressed in memory
	dir := worktree(t, map[string]string{
		"index.html": "hello", "empty": "", "a/b.txt": "b", "a.txt": "sorts before a/", "a-b": "sorts before a.txt", "a/deep/er/x": "x",
		"über/ñame.txt": "utf-8", "big.txt": big, ".gitattributes": "*.txt export-subst\nskipped export-ignore\n", "skipped": "not",
		"subst.txt": "$Format:%H$\n", "back\\slash": "odd", "sp ace": "s", ".github/x": "dot",
	})
	if err := os.Symlink("a/b.txt", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]string{"run.sh": "#!/bin/sh\n"})
	if err := os.Chmod(filepath.Join(dir, "run.sh"), 0o755); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A", "-f")
	git(t, dir, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",module")
	git(t, dir, "commit", "-q", "-m", "everything")
	return dir
}

// The zip holds what `git archive` holds, except that .gitattributes leaves nothing out and replaces nothing.
func TestZipHoldsTheTree(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	dir := tree(t)
	pushLocally(t, s, dir, "site", "main")
	c, err := s.Head(ctx, "site", "main")
	if err != nil {
		t.Fatal(err)
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
	want := archived(t, dir)
	got := map[string]string{}
	z, err := zip.NewReader(bytes.NewReader(one.Bytes()), int64(one.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		names = append(names, f.Name)
		got[f.Name] = fmt.Sprintf("%v %s", f.Mode(), content)
		if !f.Modified.Equal(c.CommitterDate) {
			t.Errorf("%s: time %v, want that of the commit, %v", f.Name, f.Modified, c.CommitterDate)
		}
	}
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %q", names)
	}
	if !maps.Equal(got, want) {
		for _, n := range slices.Sorted(maps.Keys(want)) {
			if got[n] != want[n] {
				t.Errorf("%s: got %.80q, want %.80q", n, got[n], want[n])
			}
		}
		t.Errorf("names %q, want %q", names, slices.Sorted(maps.Keys(want)))
	}
	// The system's unzip agrees.
	if unzip, err := exec.LookPath("unzip"); err == nil {
		path := filepath.Join(t.TempDir(), "site.zip")
		if err := os.WriteFile(path, one.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(unzip, "-tqq", path).CombinedOutput(); err != nil {
			t.Errorf("unzip -t: %v\n%s", err, out)
		}
	}
}

// archived is what git archive makes of a checkout without attributes: mode and content by name.
func archived(t *testing.T, dir string) map[string]string {
	t.Helper()
	plain := t.TempDir()
	git(t, plain, "clone", "-q", "--bare", dir, "plain.git")
	plain = filepath.Join(plain, "plain.git")
	if err := os.MkdirAll(filepath.Join(plain, "info"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(plain, "info", "attributes"), []byte("* -export-subst -export-ignore\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "-C", plain, "-c", "tar.umask=0022", "archive", "--format=tar", "main").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for r := tar.NewReader(bytes.NewReader(out)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		switch h.Typeflag {
		case tar.TypeSymlink:
			all[h.Name] = fmt.Sprintf("%v %s", fs.ModeSymlink|0o777, h.Linkname)
		case tar.TypeReg:
			all[h.Name] = fmt.Sprintf("%v %s", h.FileInfo().Mode(), content)
		}
	}
}

func TestZipOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	dir := worktree(t, nil)
	pushLocally(t, s, dir, "site", "main")
	if err := s.Zip(ctx, "site", strings.Repeat("e", 40), io.Discard); !errors.Is(err, gitrepo.ErrNoRef) {
		t.Errorf("no commit: %v", err)
	}
	if err := s.Zip(ctx, "site", "main", io.Discard); !errors.Is(err, gitrepo.ErrNoRef) {
		t.Errorf("not an id: %v", err)
	}
	if err := s.Zip(ctx, "nowhere", strings.Repeat("e", 40), io.Discard); !errors.Is(err, gitrepo.ErrNoRepository) {
		t.Errorf("no repository: %v", err)
	}
	var empty bytes.Buffer
	if err := s.Zip(ctx, "site", git(t, dir, "rev-parse", "HEAD"), &empty); err != nil {
		t.Errorf("an empty commit: %v", err)
	}
	if z, err := zip.NewReader(bytes.NewReader(empty.Bytes()), int64(empty.Len())); err != nil || len(z.File) != 0 {
		t.Errorf("the zip of an empty commit: %v, %v", z, err)
	}
}

// A few small trees, each in the next a hundred times over, stand for more files than any memory holds.
func TestZipOfATreeBomb(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	dir := worktree(t, map[string]string{"0/file": ""})
	for range 4 {
		inner := git(t, dir, "rev-parse", "HEAD:0")
		var list strings.Builder
		for i := range 100 {
			fmt.Fprintf(&list, "040000 tree %s\t%02d\n", inner, i)
		}
		write(t, dir, map[string]string{"list": list.String()})
		wide := git(t, dir, "-c", "alias.tree=!git mktree <list", "tree")
		write(t, dir, map[string]string{"list": "040000 tree " + wide + "\t0\n"})
		outer := git(t, dir, "-c", "alias.tree=!git mktree <list", "tree")
		git(t, dir, "update-ref", "refs/heads/main", git(t, dir, "commit-tree", "-m", "bomb", outer))
	}
	pushLocally(t, s, dir, "site", "main")
	id := git(t, dir, "rev-parse", "HEAD")
	if err := s.Zip(ctx, "site", id, io.Discard); !errors.Is(err, gitrepo.ErrTreeTooLarge) {
		t.Errorf("zip: %v", err)
	}
	if _, err := s.Head(ctx, "site", "main"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// failAfter is a writer that breaks.
type failAfter struct{ left int }

var errBroken = errors.New("broken")

func (f *failAfter) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errBroken
	}
	return len(p), nil
}

// A reader or writer that fails half way ends the zip with its error, and leaves the repository readable.
func TestZipBreaks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	dir := tree(t)
	pushLocally(t, s, dir, "site", "main")
	id := git(t, dir, "rev-parse", "HEAD")
	for left := 0; left < 4000; left += 97 {
		if err := s.Zip(ctx, "site", id, &failAfter{left}); !errors.Is(err, errBroken) && left < 2000 {
			t.Errorf("after %d bytes: %v", left, err)
		}
	}
	if _, err := s.Head(ctx, "site", "main"); err != nil {
		t.Error(err)
	}
	// A repository that has lost an object is an error, not a short zip.
	path, _ := s.Path(ctx, "site")
	blob := git(t, dir, "rev-parse", "HEAD:index.html")
	if err := os.Remove(filepath.Join(path, "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	if err := s.Zip(ctx, "site", id, io.Discard); err == nil || !strings.Contains(err.Error(), "index.html is missing") {
		t.Errorf("with a missing blob: %v", err)
	}
}

// What a user's or the machine's git configuration says does not matter, and hooks in a repository do not run.
func TestConfigurationOfTheMachineIsIgnored(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_CONFIG_COUNT", "1")
	t.Setenv("GIT_CONFIG_KEY_0", "core.bare")
	t.Setenv("GIT_CONFIG_VALUE_0", "nonsense")
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[broken"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := open(t, sqltest.SQLite(t))
	r := create(t, s, "site")
	path, _ := s.Path(t.Context(), "site")
	marker := filepath.Join(home, "ran")
	if err := os.MkdirAll(filepath.Join(path, "hooks"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "hooks", "reference-transaction"), []byte("#!/bin/sh\ntouch "+marker+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Apply(t.Context(), r.Name, gitrepo.Edit{Branch: "main", Changes: []gitrepo.Change{{Path: "f", Content: []byte("x")}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(marker); err == nil {
		t.Error("a hook ran")
	}
}
