package gitrepo_test

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// durable is a store as a server has it: every commit waits for the disk.
func durable(b *testing.B) *gitrepo.Store {
	b.Helper()
	s := open(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{}))
	create(b, s, "site")
	return s
}

// What the journal adds to a push: the intent, syncing directories, and the event.
func BenchmarkPushEvent(b *testing.B) {
	s := durable(b)
	dir := worktree(b, map[string]string{"f": "x"})
	pushLocally(b, s, dir, "site", "HEAD:refs/heads/main")
	repo, err := s.Get(b.Context(), "site")
	if err != nil {
		b.Fatal(err)
	}
	old := ""
	for i := 0; b.Loop(); i++ {
		next := fmt.Sprintf("%040x", i+1)
		in, err := s.Intend(b.Context(), repo, "ada", []gitrepo.RefUpdate{{Ref: "refs/heads/main", Old: old, New: next}})
		if err != nil {
			b.Fatal(err)
		}
		if err := in.Landed(b.Context(), []string{"refs/heads/main"}); err != nil {
			b.Fatal(err)
		}
		old = next
	}
}

func BenchmarkHead(b *testing.B) {
	s := durable(b)
	dir := worktree(b, map[string]string{"f": "x"})
	pushLocally(b, s, dir, "site", "HEAD:refs/heads/main")
	for b.Loop() {
		if _, err := s.Head(b.Context(), "site", "main"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	s := durable(b)
	tip := ""
	for i := 0; b.Loop(); i++ {
		made, err := s.Apply(b.Context(), "site", put(tip, file("f", fmt.Sprint(i))))
		if err != nil {
			b.Fatal(err)
		}
		tip = made.Commit
	}
}

func BenchmarkZip(b *testing.B) {
	for _, files := range []int{10, 20_000} {
		b.Run(fmt.Sprint(files), func(b *testing.B) {
			s := durable(b)
			content := map[string]string{}
			for i := range files {
				content[filepath.Join(fmt.Sprint("d", i%100), fmt.Sprint("f", i))] = strings.Repeat(fmt.Sprintf("line %d of a file\n", i), 500)
			}
			dir := worktree(b, content)
			pushLocally(b, s, dir, "site", "HEAD:refs/heads/main")
			c, err := s.Head(b.Context(), "site", "main")
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := s.Zip(b.Context(), "site", c.ID, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
