package pull_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/crashtest"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	ada   = "arn:aws:iam::000000000000:user/ada"
	grace = "arn:aws:iam::000000000000:user/grace"
)

// The environment of this test binary when it is run as a server that is killed while it merges.
const (
	envRepos = "CONVEYOR_TEST_PULLS" // where the repositories are
	envDSN   = "CONVEYOR_TEST_DSN"
	envKill  = "CONVEYOR_TEST_KILL" // where it dies: "before N", "within N" or "after N", N counting write transactions from 1
	envPull  = "CONVEYOR_TEST_PULL" // the pull request to merge
	envHow   = "CONVEYOR_TEST_HOW"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envRepos); dir != "" {
		fmt.Fprintln(os.Stderr, "it was not killed:", mergeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// mergeUntilKilled is the server that dies.
func mergeUntilKilled(dir string) error {
	db, err := sqlstore.Open(context.Background(), os.Getenv(envDSN), sqlstore.Options{})
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(os.Getenv(envPull), 10, 64)
	if err != nil {
		return err
	}
	_, pulls, err := serve(&crashtest.Store{Store: db, Kill: os.Getenv(envKill)}, dir)
	if err != nil {
		return err
	}
	_, err = pulls.Merge(context.Background(), order(id, pull.How(os.Getenv(envHow)), ada))
	return err
}

// serve is what one server has of repositories and pull requests; nothing runs in it by itself.
func serve(db store.Store, dir string) (*gitrepo.Store, *pull.Service, error) {
	repos, err := gitrepo.Open(dir, db, gitrepo.Options{})
	if err != nil {
		return nil, nil, err
	}
	pulls := pull.New(db, repos, queue.New(db, queue.Config{}), pull.Options{})
	repos.OnPush(pulls.Pushed)
	return repos, pulls, nil
}

// started is serve for the test's own process.
func started(t *testing.T, db store.Store, dir string) (*gitrepo.Store, *pull.Service) {
	t.Helper()
	repos, pulls, err := serve(db, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repos.Close() })
	return repos, pulls
}

func order(id int64, how pull.How, by string) pull.MergeOrder {
	return pull.MergeOrder{ID: id, Plan: pull.Plan{Repository: "site", How: how, Name: by, Email: "ada@example.com"}, By: by}
}

// hosted makes the repository with a first commit.
func hosted(t *testing.T, repos *gitrepo.Store) {
	t.Helper()
	if _, err := repos.Create(t.Context(), gitrepo.Repository{Name: "site"}); err != nil {
		t.Fatal(err)
	}
	write(t, repos, "main", "", "index.html")
}

// write commits a file and returns the commit.
func write(t *testing.T, repos *gitrepo.Store, branch, parent, file string) string {
	t.Helper()
	made, err := repos.Apply(t.Context(), "site", gitrepo.Edit{
		Branch: branch, Parent: parent, Changes: []gitrepo.Change{{Path: file, Content: []byte(file)}},
		AuthorName: "Ada", AuthorEmail: "ada@example.com", Message: file, PusherArn: ada,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.Commit
}

// opened opens a pull request that adds a file to main.
func opened(t *testing.T, repos *gitrepo.Store, pulls *pull.Service, branch string) pull.Request {
	t.Helper()
	main := tip(t, repos, "main")
	if err := repos.CreateBranch(t.Context(), "site", branch, main, ada); err != nil {
		t.Fatal(err)
	}
	write(t, repos, branch, main, branch)
	p, err := pulls.Create(t.Context(), pull.NewRequest{Repository: "site", Title: branch, Source: branch, Destination: "main", Author: ada})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tip(t *testing.T, repos *gitrepo.Store, branch string) string {
	t.Helper()
	c, err := repos.Head(t.Context(), "site", branch)
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// A server is killed at every point of a merge. After the restart the pull request is merged, once, and the branch has moved
// to its merge, or it is open and the branch has not moved, and can be merged again.
func TestKilledDuringMerge(t *testing.T) {
	t.Parallel()
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		dir := filepath.Join(t.TempDir(), "repos")
		repos, pulls := started(t, sqltest.Open(t, dsn, sqlstore.Options{}), dir)
		hosted(t, repos)
		for _, how := range []pull.How{pull.FastForward, pull.ThreeWay} {
			for n := range 3 { // 1 writes down what is merged, 2 the push, 3 that it happened
				for _, when := range []string{"before", "within", "after"} {
					kill := fmt.Sprint(when, " ", n+1)
					t.Run(string(how)+" "+kill, func(t *testing.T) {
						before, p := tip(t, repos, "main"), opened(t, repos, pulls, fmt.Sprintf("%s-%s-%d", how, when, n))
						mergeAndDie(t, dir, dsn, kill, p.ID, how)

						if err := repos.Recover(t.Context()); err != nil {
							t.Fatal(err)
						}
						merged := n == 2 // git had moved the branch by then
						wantMerge(t, repos, pulls, p, before, merged)
						if _, err := pulls.Merge(t.Context(), order(p.ID, how, ada)); merged != errors.Is(err, pull.ErrClosed) || !merged && err != nil {
							t.Errorf("merging it again: %v", err)
						}
						wantMerge(t, repos, pulls, p, before, true)
					})
				}
			}
		}
	})
}

// mergeAndDie merges in another process, which is killed.
func mergeAndDie(t *testing.T, dir, dsn, kill string, id int64, how pull.How) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envRepos+"="+dir, envDSN+"="+dsn, envKill+"="+kill, envPull+"="+strconv.FormatInt(id, 10), envHow+"="+string(how))
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() >= 0 {
		t.Fatalf("the server: %v\n%s", err, out)
	}
}

// wantMerge checks that a pull request is merged and its destination with it, or neither; and that each change of the
// destination was told once.
func wantMerge(t *testing.T, repos *gitrepo.Store, pulls *pull.Service, was pull.Request, before string, merged bool) pull.Request {
	t.Helper()
	p, err := pulls.Get(t.Context(), was.ID)
	if err != nil {
		t.Fatal(err)
	}
	now := tip(t, repos, "main")
	if p.Open == merged || (p.Merged != nil) != merged || (now != before) != merged {
		t.Fatalf("open: %v, merged: %+v, the branch went from %s to %s; want merged: %v", p.Open, p.Merged, before, now, merged)
	}
	if merged && p.Merged.Commit != now {
		t.Errorf("merged as %s, and the branch is at %s", p.Merged.Commit, now)
	}
	merges, err := pulls.Events(t.Context(), p.ID, pull.EventFilter{Kind: pull.EventMerged}, 0, 10)
	if err != nil || len(merges) > 1 || (len(merges) == 1) != merged {
		t.Errorf("%d events of its merge, %v", len(merges), err)
	}
	pushes, err := repos.Pushes(t.Context(), "site", 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for _, push := range pushes {
		if push.Branch != "main" {
			continue
		}
		if push.Old != last {
			t.Errorf("a push is told to go from %q, the one before went to %q", push.Old, last)
		}
		last = push.New
	}
	if last != now {
		t.Errorf("the last push told of went to %s, the branch is at %s", last, now)
	}
	return p
}
