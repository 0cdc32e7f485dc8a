package gitrepo_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// history makes n commits in a repository and returns their ids; no branch points to them.
func history(t *testing.T, s *gitrepo.Store, name string, n int) []string {
	t.Helper()
	dir := worktree(t, nil)
	var ids []string
	for i := range n {
		git(t, dir, "commit", "-q", "--allow-empty", "-m", fmt.Sprint(i))
		ids = append(ids, git(t, dir, "rev-parse", "HEAD"))
	}
	pushLocally(t, s, dir, name, "HEAD:refs/hidden/all")
	return ids
}

func news(pushes []gitrepo.Push) string {
	var all []string
	for _, p := range pushes {
		all = append(all, fmt.Sprintf("%.4s-%.4s", p.Old, p.New))
	}
	return strings.Join(all, " ")
}

// Two pushes of one branch end in the other order than git made them in: the events come in git's order.
func TestEventsAreInTheOrderOfChanges(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		s := open(t, db)
		var heard []gitrepo.Push
		s.OnPush(func(_ context.Context, _ store.Tx, p gitrepo.Push) error {
			heard = append(heard, p)
			return nil
		})
		repo := create(t, s, "site")
		c := history(t, s, "site", 3)
		const ref = "refs/heads/main"
		begin := func(old, next, who string) *gitrepo.Intent {
			in, err := s.Intend(ctx, repo, who, []gitrepo.RefUpdate{{Ref: ref, Old: old, New: next}})
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		one, two, three, lost := begin("", c[0], "1"), begin(c[0], c[1], "2"), begin(c[1], c[2], "3"), begin(c[0], c[2], "lost")
		for _, step := range []struct {
			in   *gitrepo.Intent
			refs []string
		}{{lost, nil}, {three, []string{ref}}, {one, []string{ref}}, {two, []string{ref}}} {
			if err := step.in.Landed(ctx, step.refs); err != nil {
				t.Fatal(err)
			}
		}
		pushes, err := s.Pushes(ctx, "site", 0, 10)
		want := fmt.Sprintf("-%.4s %.4s-%.4s %.4s-%.4s", c[0], c[0], c[1], c[1], c[2])
		if err != nil || news(pushes) != want || news(heard) != want {
			t.Errorf("events %s, %v; heard %s; want %s", news(pushes), err, news(heard), want)
		}
		// A branch that goes back and forth is more than its ends.
		back, forth := begin(c[2], c[1], "back"), begin(c[1], c[2], "forth")
		if err := errors.Join(forth.Landed(ctx, []string{ref}), back.Landed(ctx, []string{ref})); err != nil {
			t.Fatal(err)
		}
		want += fmt.Sprintf(" %.4s-%.4s %.4s-%.4s", c[2], c[1], c[1], c[2])
		if pushes, _ = s.Pushes(ctx, "site", 0, 10); news(pushes) != want {
			t.Errorf("events %s; want %s", news(pushes), want)
		}
		if who, err := s.Pushers(ctx, "site", c[2]); err != nil || !slices.Equal(who, []string{"3", "forth"}) {
			t.Errorf("%v, %v pushed the last commit", who, err)
		}
	})
}

// What a crash leaves in the journal is settled by what the refs are.
func TestRecover(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		dir := filepath.Join(t.TempDir(), "repos")
		open := func() *gitrepo.Store {
			s, err := gitrepo.Open(dir, db, gitrepo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			return s
		}
		s := open()
		repo := create(t, s, "site")
		c := history(t, s, "site", 4)
		path, _ := s.Path(ctx, "site")
		leave := func(updates ...gitrepo.RefUpdate) { // as if the process had died
			in, err := s.Intend(ctx, repo, "ada", updates)
			if err != nil {
				t.Fatal(err)
			}
			in.Lock().Close()
		}
		// Two pushes of main that git made, one that it refused; one with two branches, of which it made one; a deletion.
		leave(gitrepo.RefUpdate{Ref: "refs/heads/main", New: c[0]})
		leave(gitrepo.RefUpdate{Ref: "refs/heads/main", Old: c[0], New: c[1]})
		leave(gitrepo.RefUpdate{Ref: "refs/heads/main", Old: c[0], New: c[2]})
		leave(gitrepo.RefUpdate{Ref: "refs/heads/made", New: c[3]}, gitrepo.RefUpdate{Ref: "refs/heads/refused", New: c[3]})
		git(t, path, "update-ref", "refs/heads/main", c[1])
		git(t, path, "update-ref", "refs/heads/made", c[3])

		s = open()
		heard := 0
		s.OnPush(func(context.Context, store.Tx, gitrepo.Push) error { heard++; return nil })
		for range 2 { // the second time there is nothing to do
			if err := s.Recover(ctx); err != nil {
				t.Fatal(err)
			}
		}
		pushes, err := s.Pushes(ctx, "site", 0, 10)
		want := fmt.Sprintf("-%.4s %.4s-%.4s -%.4s", c[0], c[0], c[1], c[3])
		if err != nil || news(pushes) != want || heard != 3 {
			t.Errorf("events %s, %v, heard %d; want %s", news(pushes), err, heard, want)
		}
		if r, _ := s.Get(ctx, "site"); r.DefaultBranch != "main" {
			t.Errorf("default branch %q", r.DefaultBranch)
		}
		leave(gitrepo.RefUpdate{Ref: "refs/heads/made", Old: c[3]})
		git(t, path, "update-ref", "-d", "refs/heads/made")
		if err := s.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if pushes, _ = s.Pushes(ctx, "site", 3, 10); len(pushes) == 0 || !pushes[len(pushes)-1].Deleted {
			t.Errorf("after a deletion: %+v", pushes)
		}
		locks, _ := filepath.Glob(filepath.Join(dir, "push", "*"))
		if len(locks) != 0 {
			t.Errorf("lock files are left: %q", locks)
		}
	})
}

// A repository that cannot be read keeps its own pushes waiting, but neither those of others nor the server.
// A push that another server is handling is that server's to settle, until it has ended.
func TestSettleLeavesALivingServersPushesAlone(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		dir := filepath.Join(t.TempDir(), "repos")
		var stores [2]*gitrepo.Store
		for i := range stores {
			s, err := gitrepo.Open(dir, db, gitrepo.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { s.Close() })
			stores[i] = s
		}
		one, other := stores[0], stores[1]
		repo := create(t, one, "site")
		c := history(t, one, "site", 2)
		path, _ := one.Path(ctx, "site")
		intend := func(ref, id string) *gitrepo.Intent {
			in, err := one.Intend(ctx, repo, "ada", []gitrepo.RefUpdate{{Ref: ref, New: id}})
			if err != nil {
				t.Fatal(err)
			}
			git(t, path, "update-ref", ref, id)
			return in
		}
		events := func() int {
			pushes, err := other.Pushes(ctx, "site", 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(pushes)
		}
		alive, dying := intend("refs/heads/alive", c[0]), intend("refs/heads/dying", c[1])
		if err := other.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if n := events(); n != 0 {
			t.Errorf("%d pushes of a living server were settled by another", n)
		}
		dying.Lock().Close()
		for deadline := time.Now().Add(10 * time.Second); events() == 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the push of a server that has ended is not settled")
			}
		}
		if err := alive.Landed(ctx, []string{"refs/heads/alive"}); err != nil {
			t.Fatal(err)
		}
		if err := other.Settle(ctx); err != nil {
			t.Fatal(err)
		}
		if n := events(); n != 2 {
			t.Errorf("%d events of two pushes", n)
		}
	})
}

// git was killed while it held its locks: they go with the push, unless somebody else may be holding them.
func TestLocksOfAKilledGitAreRemoved(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		s := open(t, db)
		repo := create(t, s, "site")
		c := history(t, s, "site", 2)
		path, _ := s.Path(ctx, "site")
		if err := s.CreateBranch(ctx, "site", "main", c[0], "ada"); err != nil {
			t.Fatal(err)
		}
		intend := func(ref string) *gitrepo.Intent {
			in, err := s.Intend(ctx, repo, "ada", []gitrepo.RefUpdate{{Ref: ref, Old: c[0], New: c[1]}})
			if err != nil {
				t.Fatal(err)
			}
			return in
		}
		locks := []string{"refs/heads/main.lock", "HEAD.lock", "packed-refs.lock"}
		there := func() (n int) {
			for _, name := range locks {
				if _, err := os.Stat(filepath.Join(path, name)); err == nil {
					n++
				}
			}
			return n
		}
		for _, name := range locks {
			write(t, path, map[string]string{name: ""})
		}
		killed, other := intend("refs/heads/main"), intend("refs/heads/other")
		killed.Lock().Close()
		if err := s.Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if there() != len(locks) {
			t.Fatal("locks were removed although a git process that may hold them lives")
		}
		if err := other.Landed(ctx, nil); err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(10 * time.Second); there() > 0; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("locks of a killed git stay")
			}
		}
		if err := s.CreateBranch(ctx, "site", "next", c[1], "ada"); err != nil {
			t.Error(err)
		}
	})
}

// Servers change the default branch side by side; HEAD ends where the database does.
func TestHeadFollowsTheDatabase(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := t.Context()
		dir := filepath.Join(t.TempDir(), "repos")
		var g errgroup.Group
		first, err := gitrepo.Open(dir, db, gitrepo.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { first.Close() })
		create(t, first, "site")
		c := history(t, first, "site", 1)
		for _, branch := range []string{"main", "dev"} {
			if err := first.CreateBranch(ctx, "site", branch, c[0], "ada"); err != nil {
				t.Fatal(err)
			}
			g.Go(func() error {
				s, err := gitrepo.Open(dir, db, gitrepo.Options{})
				for range 20 {
					err = errors.Join(err, s.SetDefaultBranch(ctx, "site", branch))
				}
				return errors.Join(err, s.Recover(ctx), s.Close())
			})
		}
		if err := g.Wait(); err != nil {
			t.Fatal(err)
		}
		repo, err := first.Get(ctx, "site")
		if err != nil {
			t.Fatal(err)
		}
		path, _ := first.Path(ctx, "site")
		if head := git(t, path, "symbolic-ref", "HEAD"); head != "refs/heads/"+repo.DefaultBranch {
			t.Errorf("HEAD is %s, the default branch %s", head, repo.DefaultBranch)
		}
	})
}

func TestRecoverGoesPastADamagedRepository(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	commits := map[string]string{}
	for _, name := range []string{"damaged", "whole"} {
		repo := create(t, s, name)
		commits[name] = history(t, s, name, 1)[0]
		in, err := s.Intend(ctx, repo, "ada", []gitrepo.RefUpdate{{Ref: "refs/heads/main", New: commits[name]}})
		if err != nil {
			t.Fatal(err)
		}
		in.Lock().Close() // as if the process had died
		path, _ := s.Path(ctx, name)
		git(t, path, "update-ref", "refs/heads/main", commits[name])
	}
	path, _ := s.Path(ctx, "damaged")
	packed := filepath.Join(path, "packed-refs")
	if err := os.WriteFile(packed, []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	recorded := func(name string) bool {
		pushes, err := s.Pushes(ctx, name, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		return len(pushes) == 1 && pushes[0].New == commits[name]
	}
	if !recorded("whole") || recorded("damaged") {
		t.Errorf("recorded: whole %v, damaged %v", recorded("whole"), recorded("damaged"))
	}
	if err := os.Remove(packed); err != nil { // repaired
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); !recorded("damaged"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the push of the repaired repository was never recorded")
		}
	}
}

// A hook that fails does not lose the push: it is recorded as soon as the hook works.
func TestHookFails(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	works := make(chan struct{})
	s.OnPush(func(context.Context, store.Tx, gitrepo.Push) error {
		select {
		case <-works:
			return nil
		default:
			return errors.New("not yet")
		}
	})
	create(t, s, "site")
	if _, err := s.Apply(ctx, "site", put("", file("f", "x"))); err == nil {
		t.Fatal("the change is acknowledged, although it is not recorded")
	}
	close(works)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if pushes, err := s.Pushes(ctx, "site", 0, 10); err != nil || len(pushes) == 1 {
			if err != nil {
				t.Error(err)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the push was never recorded")
		}
	}
}

// A crash between the row and the directory of a deleted repository leaves nothing in the end.
func TestRecoverFinishesDeletion(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db := sqltest.SQLite(t)
	s := open(t, db)
	repo := create(t, s, "site")
	kept := create(t, s, "kept")
	path, _ := s.Path(ctx, "site")
	if err := db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM repositories WHERE id = $1`, repo.ID); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO deleted_repositories (id, deleted_at) VALUES ($1, $2)`, repo.ID, 1)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the directory is still there")
	}
	if path, err := s.Path(ctx, kept.Name); err != nil {
		t.Error(err)
	} else if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestPruneKeepsTheLastOfEachRef(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	tip := ""
	for i := range 3 {
		made, err := s.Apply(ctx, "site", put(tip, file("f", fmt.Sprint(i))))
		if err != nil {
			t.Fatal(err)
		}
		tip = made.Commit
	}
	if err := s.CreateBranch(ctx, "site", "other", tip, "ada"); err != nil {
		t.Fatal(err)
	}
	n, err := s.Prune(ctx, time.Now().Add(time.Hour))
	pushes, _ := s.Pushes(ctx, "site", 0, 10)
	if err != nil || n != 2 || len(pushes) != 2 || pushes[0].New != tip {
		t.Errorf("pruned %d, %v; left %s", n, err, news(pushes))
	}
}

func TestMaintain(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	s := open(t, sqltest.SQLite(t))
	create(t, s, "site")
	path, _ := s.Path(ctx, "site")
	git(t, path, "config", "receive.unpackLimit", "1") // each push leaves a pack
	dir := worktree(t, map[string]string{"f": "x"})
	for range 31 {
		git(t, dir, "commit", "-q", "--allow-empty", "-m", "more")
		pushLocally(t, s, dir, "site", "main")
	}
	packs := func() int { all, _ := filepath.Glob(filepath.Join(path, "objects", "pack", "*.pack")); return len(all) }
	before := packs()
	if _, err := s.Head(ctx, "site", "main"); err != nil {
		t.Fatal(err)
	}
	if err := s.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	if after := packs(); before < 30 || after != 1 {
		t.Errorf("%d packs became %d", before, after)
	}
	c, err := s.Head(ctx, "site", "main")
	if err != nil || c.ID != git(t, dir, "rev-parse", "HEAD") {
		t.Errorf("%+v, %v", c, err)
	}
	names, err := s.Branches(ctx, "site")
	if err != nil || !slices.Equal(names, []string{"main"}) {
		t.Errorf("%q, %v", names, err)
	}
}
