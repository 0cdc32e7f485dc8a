package gitrepo_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func firstLines(commits []gitrepo.Commit) []string {
	var lines []string
	for _, c := range commits {
		lines = append(lines, c.Message[:len(c.Message)-1])
	}
	return lines
}

func TestLogAndReferences(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db)
		create(t, s, "site")
		dir := t.TempDir()
		git(t, dir, "init", "-q", "-b", "main")
		for _, name := range []string{"one", "two", "three"} {
			write(t, dir, map[string]string{name: name, "all/" + name: name})
			git(t, dir, "add", "-A")
			git(t, dir, "commit", "-q", "-m", name)
		}
		git(t, dir, "tag", "-a", "-m", "annotated", "v1", "HEAD~1")
		pushLocally(t, s, dir, "site", "main:refs/heads/main")
		pushLocally(t, s, dir, "site", "v1:refs/tags/v1")

		for _, c := range []struct {
			name string
			o    gitrepo.LogOptions
			want []string
		}{
			{"all", gitrepo.LogOptions{Tip: "main", Limit: 10}, []string{"three", "two", "one"}},
			{"a page", gitrepo.LogOptions{Tip: "main", Skip: 1, Limit: 1}, []string{"two"}},
			{"beyond the end", gitrepo.LogOptions{Tip: "main", Skip: 9, Limit: 1}, nil},
			{"what a tag lacks", gitrepo.LogOptions{Tip: "main", Base: "v1", Limit: 10}, []string{"three"}},
			{"of a file", gitrepo.LogOptions{Tip: "main", Path: "all/two", Limit: 10}, []string{"two"}},
			{"of a name that only looks like a pattern", gitrepo.LogOptions{Tip: "main", Path: "*", Limit: 10}, nil},
		} {
			commits, err := s.Log(t.Context(), "site", c.o)
			if got := firstLines(commits); err != nil || !slices.Equal(got, c.want) {
				t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
			}
		}
		if _, err := s.Log(t.Context(), "site", gitrepo.LogOptions{Tip: "nobody", Limit: 1}); !errors.Is(err, gitrepo.ErrNoRef) {
			t.Errorf("an unknown branch: %v", err)
		}

		refs, err := s.References(t.Context(), "site", 10)
		if err != nil || len(refs) != 2 {
			t.Fatalf("%v, %v", refs, err)
		}
		for _, r := range refs {
			if want := map[bool]string{false: "three\n", true: "two\n"}[r.Tag]; r.Commit.Message != want {
				t.Errorf("%s stands for %q, want %q", r.Name, r.Commit.Message, want)
			}
		}
	})
}

func TestTags(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db)
		create(t, s, "site")
		pushLocally(t, s, worktree(t, map[string]string{"a": "a"}), "site", "main:refs/heads/main")
		head, err := s.Head(t.Context(), "site", "main")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CreateTag(t.Context(), "site", "v1", head.ID, "mina"); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name, tag, commit string
			want              error
		}{
			{"a second time", "v1", head.ID, gitrepo.ErrTagExists},
			{"no name", "a b", head.ID, gitrepo.ErrBadBranch},
			{"no commit", "v2", "0123456789012345678901234567890123456789", gitrepo.ErrNoRef},
		} {
			if err := s.CreateTag(t.Context(), "site", c.tag, c.commit, "mina"); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", c.name, err, c.want)
			}
		}
		pushes, err := s.Pushes(t.Context(), "site", 0, 10)
		if err != nil || len(pushes) != 1 || pushes[0].Tag != "v1" {
			t.Errorf("the tag was not told of as a push: %+v, %v", pushes, err)
		}
		if err := s.DeleteTag(t.Context(), "site", "v1", "mina"); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteTag(t.Context(), "site", "v1", "mina"); !errors.Is(err, gitrepo.ErrNoRef) {
			t.Errorf("deleted twice: %v", err)
		}
	})
}
