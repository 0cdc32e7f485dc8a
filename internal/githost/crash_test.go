package githost_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/crashtest"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// The environment of this test binary when it is run as a server that is about to be killed.
const (
	envServe = "CONVEYOR_TEST_GITHOST" // where the repositories are
	envDSN   = "CONVEYOR_TEST_DSN"
	envKill  = "CONVEYOR_TEST_KILL" // where it dies: "before N" or "after N", N counting write transactions from 1
	envGit   = "CONVEYOR_TEST_GIT"  // the git program
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(envServe); dir != "" {
		if err := serveUntilKilled(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// serveUntilKilled is the server that dies.
func serveUntilKilled(dir string) error {
	db, err := sqlstore.Open(context.Background(), os.Getenv(envDSN), sqlstore.Options{})
	if err != nil {
		return err
	}
	repos, err := gitrepo.Open(dir, &crashtest.Store{Store: db, Kill: os.Getenv(envKill)}, gitrepo.Options{Git: os.Getenv(envGit)})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	return http.Serve(l, githost.New(repos, oneUser{}, githost.Options{}))
}

// doomed starts the server that dies and returns its address.
func doomed(t *testing.T, dir, dsn, kill, gitProgram string) (url string, cmd *exec.Cmd) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), envServe+"="+dir, envDSN+"="+dsn, envKill+"="+kill, envGit+"="+gitProgram)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return "http://ada:secret@" + strings.TrimSpace(line) + "/v1/repos/site", cmd
}

// revived opens what the dead server left, with a hook that counts.
func revived(t *testing.T, dir, dsn string) (repos *gitrepo.Store, heard *[]githost.Push) {
	t.Helper()
	db := sqltest.Open(t, dsn, sqlstore.Options{})
	repos, err := gitrepo.Open(dir, db, gitrepo.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { repos.Close() })
	heard = new([]githost.Push)
	repos.OnPush(func(_ context.Context, tx store.Tx, p githost.Push) error {
		tx.AfterCommit(func() { *heard = append(*heard, p) })
		return nil
	})
	return repos, heard
}

// A server is killed at every point of a push. After the restart, the events are exactly the changes that the refs
// underwent, and the client, which was told nothing, pushes again with success.
func TestKilledDuringPush(t *testing.T) {
	t.Parallel()
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		dir := filepath.Join(t.TempDir(), "repos")
		repos, _ := revived(t, dir, dsn)
		if _, err := repos.Create(t.Context(), gitrepo.Repository{Name: "site"}); err != nil {
			t.Fatal(err)
		}
		work := worktree(t)
		for i, c := range []struct {
			kill  string // transaction 1 records the intent, 2 the events
			owing bool   // whether git had changed the ref by then
		}{
			{"before 1", false}, {"within 1", false}, {"after 1", false}, {"before 2", true}, {"within 2", true}, {"after 2", true},
		} {
			t.Run(c.kill, func(t *testing.T) {
				tip := commit(t, work, "index.html", fmt.Sprint("version ", i))
				url, server := doomed(t, dir, dsn, c.kill, "git")
				gitFails(t, work, "push", url, "main")
				_ = server.Wait()

				repos, heard := revived(t, dir, dsn)
				before := eventsOf(t, repos)
				if err := repos.Recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				events := eventsOf(t, repos)
				head, _ := repos.Head(t.Context(), "site", "main")
				// "after 1" dies while git runs, which may or may not have got further.
				if c.kill != "after 1" && (head.ID == tip) != c.owing {
					t.Errorf("the branch is at %s; the push of %s should have changed it: %v", head.ID, tip, c.owing)
				}
				if head.ID == tip && events[len(events)-1].New != tip {
					t.Errorf("the branch is at %s, but the last event is %+v", tip, events[len(events)-1])
				}
				if n := len(events) - len(before); n != len(*heard) {
					t.Errorf("%d events were recovered, the hook heard of %d", n, len(*heard))
				}
				again, _ := doomed(t, dir, dsn, "", "git")
				git(t, work, "push", again, "main")
				events = eventsOf(t, repos)
				if last := events[len(events)-1]; last.New != tip || len(events) != i+1 {
					t.Errorf("after pushing again the last of %d events is %+v, want %s as number %d", len(events), last, tip, i+1)
				}
				for k := 1; k < len(events); k++ {
					if events[k].Old != events[k-1].New {
						t.Errorf("event %d goes from %s, the one before to %s", k, events[k].Old, events[k-1].New)
					}
				}
			})
		}
	})
}

func eventsOf(t *testing.T, repos *gitrepo.Store) []githost.Push {
	t.Helper()
	all, err := repos.Pushes(t.Context(), "site", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// The server dies while git is still at work. Git goes on, and its push is not missed.
func TestGitOutlivesServer(t *testing.T) {
	t.Parallel()
	dsn := sqltest.SQLiteDSN(t)
	dir := filepath.Join(t.TempDir(), "repos")
	repos, heard := revived(t, dir, dsn)
	if _, err := repos.Create(t.Context(), gitrepo.Repository{Name: "site"}); err != nil {
		t.Fatal(err)
	}
	work := worktree(t)
	tip := git(t, work, "rev-parse", "HEAD")

	// It starts once it has the whole push: of a server that died earlier it would have half a pack, and refuse it.
	marks := t.TempDir()
	slow := filepath.Join(marks, "git")
	script := fmt.Sprintf("#!/bin/sh\ncase \"$*\" in\n*advertise*) ;;\nreceive-pack*) cat >%[1]s/pack; touch %[1]s/started; while [ ! -e %[1]s/go ]; do sleep 0.01; done; exec git \"$@\" <%[1]s/pack ;;\nesac\nexec git \"$@\"\n", marks)
	if err := os.WriteFile(slow, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	url, server := doomed(t, dir, dsn, "", slow)
	pushed := make(chan error, 1)
	// Quietly: git that reports progress to a dead server is killed for it, before or after it changed the branch.
	go func() { pushed <- gitCommand(work, "push", "-q", url, "main").Run() }()
	within(t, "git starts", func() bool { _, err := os.Stat(filepath.Join(marks, "started")); return err == nil })
	_ = server.Process.Kill()
	_ = server.Wait()
	if err := <-pushed; err == nil {
		t.Error("the client was told of success")
	}

	if err := repos.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(eventsOf(t, repos)); n != 0 {
		t.Fatalf("%d events before git has done anything", n)
	}
	if err := os.WriteFile(filepath.Join(marks, "go"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	within(t, "the push is recorded", func() bool { return len(eventsOf(t, repos)) == 1 })
	if err := repos.Close(); err != nil { // waits for the hook
		t.Fatal(err)
	}
	if got := (*heard)[0]; got.New != tip || got.PusherArn != ada {
		t.Errorf("recorded %+v, want %s by ada", got, tip)
	}
}

// within waits for something to become true.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}
