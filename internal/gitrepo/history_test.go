package gitrepo_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// TestHistory: a file's versions through changes, a rename, a merge, and a time in which it was gone.
func TestHistory(t *testing.T) {
	t.Parallel()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	path, err := s.Path(t.Context(), "site")
	if err != nil {
		t.Fatal(err)
	}
	dir := worktree(t, map[string]string{"old": lines(20), "other": "o\n"})
	commit := func(message string, change func(file func(string) string)) {
		change(func(name string) string { return filepath.Join(dir, name) })
		git(t, dir, "add", "-A")
		git(t, dir, "commit", "-q", "--allow-empty", "-m", message)
	}
	write := func(name, text string) func(func(string) string) {
		return func(file func(string) string) {
			if err := os.WriteFile(file(name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	commit("changed", write("old", lines(20, "1=one")))
	commit("renamed", func(file func(string) string) {
		if err := os.Rename(file("old"), file("new")); err != nil {
			t.Fatal(err)
		}
	})
	commit("unrelated", write("other", "p\n"))
	git(t, dir, "checkout", "-q", "-b", "side")
	commit("side", write("new", lines(20, "1=one", "18=side")))
	git(t, dir, "checkout", "-q", "main")
	commit("here", write("new", lines(20, "1=one", "3=here")))
	git(t, dir, "merge", "-q", "-m", "merged", "side")
	commit("gone", func(file func(string) string) {
		if err := os.Remove(file("new")); err != nil {
			t.Fatal(err)
		}
	})
	commit("back", write("new", "back\n"))
	git(t, dir, "push", "-q", path, "main")

	tip := git(t, dir, "rev-parse", "main")
	list, err := s.History(t.Context(), "site", tip, "new", 100)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{}
	var got []string
	for _, v := range list {
		names[v.Commit.ID], _, _ = strings.Cut(v.Commit.Message, "\n")
		next := make([]string, len(v.Children))
		for i, id := range v.Children {
			next[i] = names[id]
		}
		slices.Sort(next)
		got = append(got, names[v.Commit.ID]+" "+v.Path+" <- "+strings.Join(next, ","))
	}
	slices.Sort(got)
	want := []string{"back new <- ", "changed old <- renamed", "first old <- changed", "here new <- merged", "merged new <- back", "renamed new <- here,side", "side new <- merged"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if some, err := s.History(t.Context(), "site", tip, "new", 2); err != nil || len(some) > 2 {
		t.Errorf("%d versions, %v", len(some), err)
	}
	for _, none := range []string{"nothing", "*", ":(glob)**"} {
		if some, err := s.History(t.Context(), "site", tip, none, 100); err != nil || len(some) != 0 {
			t.Errorf("%s: %d versions, %v", none, len(some), err)
		}
	}
}
