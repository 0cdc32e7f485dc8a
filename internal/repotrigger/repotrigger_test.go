package repotrigger_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// heard is a destination's name and what it was told of.
type heard chan string

func (h heard) Send(_ context.Context, destination, _ string, message []byte) error {
	name := destination[strings.LastIndexByte(destination, ':')+1:]
	if name == "gone" {
		return fmt.Errorf("%w: %s", repotrigger.ErrGone, name)
	}
	var m repotrigger.Message
	if err := json.Unmarshal(message, &m); err != nil {
		return err
	}
	r := m.Records[0]
	what := "updated"
	switch ref := r.Changes.References[0]; {
	case ref.Created:
		what = "created"
	case ref.Deleted:
		what = "deleted"
	}
	h <- fmt.Sprintf("%s: %s %s %s %s %s", name, r.Name, what, r.Changes.References[0].Ref, r.Trigger, r.CustomData)
	return nil
}

// site is a repository with triggers.
type site struct {
	db       store.Store
	repos    *gitrepo.Store
	repo     gitrepo.Repository
	triggers *repotrigger.Store
	queue    *queue.Queue
	heard    heard
}

func open(t *testing.T, db store.Store) *site {
	t.Helper()
	s := &site{db: db, heard: make(heard, 100), queue: queue.New(db, queue.Config{})}
	var err error
	if s.repos, err = gitrepo.Open(filepath.Join(t.TempDir(), "repos"), db, gitrepo.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.repos.Close() })
	s.triggers = repotrigger.New(db, s.queue, s.heard, repotrigger.Options{Region: "us-east-1"})
	s.repos.OnPush(s.triggers.Pushed)
	if s.repo, err = s.repos.Create(t.Context(), gitrepo.Repository{Name: "site"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) start(t *testing.T) {
	t.Helper()
	if err := s.queue.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.queue.Stop(context.WithoutCancel(t.Context())) })
}

// hears waits for what destinations are told, in any order.
func (s *site) hears(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for range want {
		select {
		case m := <-s.heard:
			got = append(got, m)
		case <-time.After(time.Minute):
			t.Fatalf("heard %q, want %q", got, want)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// TestTold: a push is told of to those who want it, even when nobody worked on the queue at the time.
func TestTold(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db)
		to := func(name string) string { return "arn:aws:sns:us-east-1:000000000000:" + name }
		if _, err := s.triggers.Put(t.Context(), s.repo.ID, []repotrigger.Trigger{
			{Name: "all", Destination: to("all"), Events: []string{repotrigger.All}, CustomData: "x"},
			{Name: "new", Destination: to("new"), Events: []string{repotrigger.Created}},
			{Name: "ends", Destination: to("ends"), Events: []string{repotrigger.Deleted, repotrigger.Updated}},
			{Name: "main", Destination: to("main"), Events: []string{repotrigger.All}, Branches: []string{"main"}},
			{Name: "gone", Destination: to("gone"), Events: []string{repotrigger.All}},
		}); err != nil {
			t.Fatal(err)
		}
		made, err := s.repos.Apply(t.Context(), "site", gitrepo.Edit{
			Branch: "main", AuthorName: "a", AuthorEmail: "a@b", Message: "m", At: time.Now(), Changes: []gitrepo.Change{{Path: "p", Mode: gitrepo.ModeFile, Content: []byte("1")}},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.start(t)
		s.hears(t, "all: ReferenceChanges created refs/heads/main all x", "new: ReferenceChanges created refs/heads/main new ", "main: ReferenceChanges created refs/heads/main main ")
		if err := s.repos.CreateBranch(t.Context(), "site", "work", made.Commit, "arn:aws:iam::000000000000:root"); err != nil {
			t.Fatal(err)
		}
		s.hears(t, "all: ReferenceChanges created refs/heads/work all x", "new: ReferenceChanges created refs/heads/work new ")
		if _, err := s.repos.DeleteBranch(t.Context(), "site", "work", "arn:aws:iam::000000000000:root"); err != nil {
			t.Fatal(err)
		}
		s.hears(t, "all: ReferenceChanges deleted refs/heads/work all x", "ends: ReferenceChanges deleted refs/heads/work ends ")
	})
}

// TestGoesWithItsRepository: a repository of the same name made anew has no triggers.
func TestGoesWithItsRepository(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := open(t, db)
		first, err := s.triggers.Put(t.Context(), s.repo.ID, []repotrigger.Trigger{{Name: "t", Events: []string{repotrigger.All}}})
		if err != nil {
			t.Fatal(err)
		}
		second, err := s.triggers.Put(t.Context(), s.repo.ID, []repotrigger.Trigger{{Name: "u", Events: []string{repotrigger.All}}})
		if id, list, errGet := s.triggers.Get(t.Context(), s.repo.ID); err != nil || errGet != nil || id != second || id == first || len(list) != 1 || list[0].Name != "u" {
			t.Errorf("%s, %v, %v, %v", id, list, err, errGet)
		}
		if _, err := s.repos.Delete(t.Context(), "site"); err != nil {
			t.Fatal(err)
		}
		if id, list, err := s.triggers.Get(t.Context(), s.repo.ID); err != nil || id != "" || list != nil {
			t.Errorf("%s, %v, %v", id, list, err)
		}
	})
}
