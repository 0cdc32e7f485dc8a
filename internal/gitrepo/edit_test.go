package gitrepo_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// put is an edit of main by ada.
func put(parent string, changes ...gitrepo.Change) gitrepo.Edit {
	return gitrepo.Edit{
		Branch: "main", Parent: parent, Changes: changes, AuthorName: "Ada", AuthorEmail: "ada@example.com", Message: "change",
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), PusherArn: "arn:aws:iam::000000000000:user/ada",
	}
}

func file(path, content string) gitrepo.Change {
	return gitrepo.Change{Path: path, Content: []byte(content)}
}

func TestApply(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		s := open(t, db)
		create(t, s, "site")
		path, _ := s.Path(ctx, "site")
		first, err := s.Apply(ctx, "site", put("", file("index.html", "hello"), file("a/b/c.txt", "c"), gitrepo.Change{Path: "run", Mode: gitrepo.ModeExecutable, Content: []byte("#!")}))
		if err != nil {
			t.Fatal(err)
		}
		if r, _ := s.Get(ctx, "site"); r.DefaultBranch != "main" {
			t.Errorf("the first branch is not the default one, but %q", r.DefaultBranch)
		}
		second, err := s.Apply(ctx, "site", put(first.Commit, file("index.html", "bye"), gitrepo.Change{Path: "a/b/c.txt", Delete: true}, gitrepo.Change{Path: "run", Mode: gitrepo.ModeFile}))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := git(t, path, "ls-tree", "-r", "--format=%(objectmode) %(path)", "main"), "100644 index.html\n100644 run"; got != want {
			t.Errorf("tree:\n%s\nwant:\n%s", got, want)
		}
		if got, want := git(t, path, "log", "--format=%an <%ae> %aI %s", "main"), "Ada <ada@example.com> 2026-01-02T03:04:05+00:00 change"; got != want+"\n"+want {
			t.Errorf("log:\n%s", got)
		}
		kept, err := s.Apply(ctx, "site", gitrepo.Edit{Branch: "main", AnyParent: true, KeepFolders: true, Changes: []gitrepo.Change{file("d/e/f", "f")}})
		if err != nil {
			t.Fatal(err)
		}
		kept, err = s.Apply(ctx, "site", gitrepo.Edit{Branch: "main", Parent: kept.Commit, KeepFolders: true, Changes: []gitrepo.Change{{Path: "d/e/f", Delete: true}}})
		if err != nil || git(t, path, "ls-tree", "-r", "--name-only", "main", "d/") != "d/e/.gitkeep" {
			t.Errorf("%v: %s", err, git(t, path, "ls-tree", "-r", "--name-only", "main"))
		}
		git(t, path, "fsck", "--strict")

		for name, c := range map[string]struct {
			edit gitrepo.Edit
			want error
		}{
			"outdated":          {put(second.Commit, file("x", "x")), gitrepo.ErrOutdated},
			"no parent":         {put("", file("x", "x")), gitrepo.ErrOutdated},
			"no change":         {put(kept.Commit, file("index.html", "bye")), gitrepo.ErrNoChange},
			"delete nothing":    {put(kept.Commit, gitrepo.Change{Path: "nope", Delete: true}), gitrepo.ErrNoPath},
			"delete in nothing": {put(kept.Commit, gitrepo.Change{Path: "no/pe", Delete: true}), gitrepo.ErrNoPath},
			"delete a folder":   {put(kept.Commit, gitrepo.Change{Path: "d/e", Delete: true}), gitrepo.ErrNoPath},
			"mode of nothing":   {put(kept.Commit, gitrepo.Change{Path: "nope", Mode: gitrepo.ModeFile}), gitrepo.ErrNoPath},
			"file over folder":  {put(kept.Commit, file("d", "x")), gitrepo.ErrIsFolder},
			"file under file":   {put(kept.Commit, file("run/x", "x")), gitrepo.ErrUnderFile},
			"twice":             {put(kept.Commit, file("x", "x"), file("x", "y")), gitrepo.ErrTwice},
			"up":                {put(kept.Commit, file("../x", "x")), gitrepo.ErrBadPath},
			"dot git":           {put(kept.Commit, file(".git/config", "x")), gitrepo.ErrBadPath},
			"absolute":          {put(kept.Commit, file("/etc/passwd", "x")), gitrepo.ErrBadPath},
			"trailing slash":    {put(kept.Commit, file("x/", "x")), gitrepo.ErrBadPath},
			"bad branch":        {gitrepo.Edit{Branch: "a..b", Changes: []gitrepo.Change{file("x", "x")}}, gitrepo.ErrBadBranch},
			"branch in branch":  {gitrepo.Edit{Branch: "main/sub", Changes: []gitrepo.Change{file("x", "x")}}, gitrepo.ErrBadBranch},
		} {
			if _, err := s.Apply(ctx, "site", c.edit); !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
		}
		pushes, err := s.Pushes(ctx, "site", 0, 10)
		if err != nil || len(pushes) != 4 || pushes[1].Old != first.Commit || pushes[1].New != second.Commit || !pushes[0].Created || pushes[0].PusherArn == "" {
			t.Errorf("push events: %+v, %v", pushes, err)
		}
	})
}

// Random edits against a model: the tree is always the model's, and git finds nothing wrong with what was written.
func TestApplyMatchesModel(t *testing.T) {
	t.Parallel()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	n := 0
	fewer(t, 30)
	rapid.Check(t, func(rt *rapid.T) {
		n++
		branch, model, tip := fmt.Sprint("b", n), map[string]string{}, ""
		for range rapid.IntRange(1, 3).Draw(rt, "commits") {
			next := maps.Clone(model)
			var changes []gitrepo.Change
			for _, p := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "b-c", "b.d", "c/a", "c/b", "c/d/a", "c/d/b", "e/f/g"}), 1, 5, rapid.ID).Draw(rt, "paths") {
				if _, there := next[p]; there && rapid.Bool().Draw(rt, "delete") {
					delete(next, p)
					changes = append(changes, gitrepo.Change{Path: p, Delete: true})
					continue
				}
				next[p] = rapid.SampledFrom([]string{"", "x", "y"}).Draw(rt, "content")
				changes = append(changes, file(p, next[p]))
			}
			e := put(tip, changes...)
			e.Branch = branch
			made, err := s.Apply(t.Context(), "site", e)
			if maps.Equal(model, next) && tip != "" {
				if !errors.Is(err, gitrepo.ErrNoChange) {
					rt.Fatalf("no change: %v", err)
				}
				continue
			}
			if err != nil {
				rt.Fatal(err)
			}
			model, tip = next, made.Commit
			if got := contents(rt, s, made.Tree); !maps.Equal(got, model) {
				rt.Fatalf("the tree holds %q, want %q", got, model)
			}
		}
	})
	path, _ := s.Path(t.Context(), "site")
	git(t, path, "fsck", "--strict")
}

// fewer makes rapid try less often than usual: every try waits for the disk.
func fewer(t *testing.T, checks int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	before := f.Value.String()
	if err := f.Value.Set(fmt.Sprint(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(before) })
}

// contents reads all files of a tree.
func contents(t *rapid.T, s *gitrepo.Store, tree string) map[string]string {
	all := map[string]string{}
	err := s.View(t.Context(), "site", func(v *gitrepo.View) error {
		files, err := v.Diff("", tree)
		if err != nil {
			return err
		}
		for _, f := range files {
			data, err := v.Blob(f.After, 1<<20)
			if err != nil {
				return err
			}
			all[f.Path] = string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Many writers of one branch: every commit that was acknowledged is in the history, and has one event.
func TestApplyConcurrently(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		s := open(t, db)
		create(t, s, "site")
		const writers, each = 4, 3
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					e := put("", file(fmt.Sprintf("w%d-%d", w, i), "x"))
					e.AnyParent = true
					if _, err := s.Apply(ctx, "site", e); err != nil {
						t.Errorf("writer %d: %v", w, err)
					}
				}
			})
		}
		wg.Wait()
		path, _ := s.Path(ctx, "site")
		if got := git(t, path, "rev-list", "--count", "main"); got != fmt.Sprint(writers*each) {
			t.Errorf("%s commits, want %d", got, writers*each)
		}
		pushes, err := s.Pushes(ctx, "site", 0, 100)
		if err != nil || len(pushes) != writers*each {
			t.Errorf("%d events, %v", len(pushes), err)
		}
	})
}

func TestBranches(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	path, _ := s.Path(ctx, "site")
	made, err := s.Apply(ctx, "site", put("", file("f", "x")))
	if err != nil {
		t.Fatal(err)
	}
	is := func(what string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	is("create", s.CreateBranch(ctx, "site", "feature/x", made.Commit, "ada"), nil)
	is("create again", s.CreateBranch(ctx, "site", "feature/x", made.Commit, "ada"), gitrepo.ErrBranchExists)
	is("create below", s.CreateBranch(ctx, "site", "feature/x/y", made.Commit, "ada"), gitrepo.ErrBadBranch)
	is("create above", s.CreateBranch(ctx, "site", "feature", made.Commit, "ada"), gitrepo.ErrBadBranch)
	is("create badly", s.CreateBranch(ctx, "site", "--upload-pack=x", made.Commit, "ada"), gitrepo.ErrBadBranch)
	is("create at nothing", s.CreateBranch(ctx, "site", "z", strings.Repeat("e", 40), "ada"), gitrepo.ErrNoRef)
	is("create at a tree", s.CreateBranch(ctx, "site", "z", made.Tree, "ada"), gitrepo.ErrNoRef)
	names, err := s.Branches(ctx, "site")
	if err != nil || !slices.Equal(names, []string{"feature/x", "main"}) {
		t.Errorf("%q, %v", names, err)
	}
	_, err = s.DeleteBranch(ctx, "site", "main", "ada")
	is("delete the default branch", err, gitrepo.ErrDefaultBranch)
	is("default to nothing", s.SetDefaultBranch(ctx, "site", "nope"), gitrepo.ErrNoRef)
	is("default", s.SetDefaultBranch(ctx, "site", "feature/x"), nil)
	if head := git(t, path, "symbolic-ref", "HEAD"); head != "refs/heads/feature/x" {
		t.Errorf("HEAD is %s", head)
	}
	tip, err := s.DeleteBranch(ctx, "site", "main", "ada")
	is("delete", err, nil)
	if tip != made.Commit {
		t.Errorf("the tip of the deleted branch was %s", tip)
	}
	_, err = s.DeleteBranch(ctx, "site", "main", "ada")
	is("delete again", err, gitrepo.ErrNoRef)
	pushes, _ := s.Pushes(ctx, "site", 0, 10)
	if last := pushes[len(pushes)-1]; len(pushes) != 3 || !last.Deleted || last.Branch != "main" {
		t.Errorf("events %+v", pushes)
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	a, err := s.Apply(ctx, "site", put("", file("same", "x"), file("dir/changed", "1"), file("dir/gone", "x"), file("swap", "file"), file("old/x", "x"), file("mode", "m")))
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.Apply(ctx, "site", put(a.Commit, file("dir/changed", "2"), gitrepo.Change{Path: "dir/gone", Delete: true}, gitrepo.Change{Path: "swap", Delete: true},
		gitrepo.Change{Path: "old/x", Delete: true}, gitrepo.Change{Path: "mode", Mode: gitrepo.ModeExecutable}, file("new/y", "y")))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = s.Apply(ctx, "site", put(b.Commit, file("swap/in", "file"))); err != nil {
		t.Fatal(err)
	}
	path, _ := s.Path(ctx, "site")
	err = s.View(ctx, "site", func(v *gitrepo.View) error {
		for _, trees := range [][2]string{{a.Tree, b.Tree}, {b.Tree, a.Tree}, {a.Tree, a.Tree}} {
			found, err := v.Diff(trees[0], trees[1])
			if err != nil {
				return err
			}
			var got []string
			for _, d := range found {
				got = append(got, fmt.Sprintf(":%06o %06o %.40s %.40s %s", d.BeforeMode, d.AfterMode, d.Before+strings.Repeat("0", 40), d.After+strings.Repeat("0", 40), d.Path))
			}
			var want []string
			for line := range strings.Lines(git(t, path, "diff-tree", "-r", "--no-renames", "--abbrev=40", trees[0], trees[1])) {
				f := strings.Fields(line)
				want = append(want, strings.Join([]string{f[0], f[1], f[2], f[3], f[5]}, " "))
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("diff:\n%s\ngit says:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		all, err := v.Diff("", a.Tree)
		if err != nil || len(all) != 6 || all[0].Before != "" {
			t.Errorf("from nothing: %+v, %v", all, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
