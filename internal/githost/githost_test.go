package githost_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const ada = "arn:aws:iam::000000000000:user/ada"

// oneUser knows ada, whose password is "secret".
type oneUser struct{}

func (oneUser) VerifyGit(_ context.Context, user, password, _, _ string) (awsapi.Identity, error) {
	if user != "ada" || password != "secret" {
		return awsapi.Identity{}, awsapi.ErrGitCredentials
	}
	return awsapi.Identity{Arn: ada}, nil
}

// site is a server with repositories, and what its hook heard.
type site struct {
	t     testing.TB
	repos *gitrepo.Store
	http  *httptest.Server

	mu     sync.Mutex
	pushes []githost.Push
}

func serve(t testing.TB, db store.Store, o githost.Options) *site {
	t.Helper()
	s := &site{t: t}
	var err error
	if s.repos, err = gitrepo.Open(filepath.Join(t.TempDir(), "repos"), db, gitrepo.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.repos.Close() })
	s.repos.OnPush(func(_ context.Context, tx store.Tx, p githost.Push) error {
		tx.AfterCommit(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.pushes = append(s.pushes, p)
		})
		return nil
	})
	s.http = httptest.NewServer(githost.New(s.repos, oneUser{}, o))
	t.Cleanup(s.http.Close)
	return s
}

// heard is what the hook heard so far.
func (s *site) heard() []githost.Push {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.pushes)
}

func (s *site) create(name string) {
	s.t.Helper()
	if _, err := s.repos.Create(context.Background(), gitrepo.Repository{Name: name}); err != nil {
		s.t.Fatal(err)
	}
}

// url is a repository's address with ada's password in it.
func (s *site) url(name string) string {
	return strings.Replace(s.http.URL, "http://", "http://ada:secret@", 1) + "/v1/repos/" + name
}

func gitCommand(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("git", append([]string{"-c", "gc.auto=0", "-c", "maintenance.auto=false"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com", "GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com")
	return cmd
}

// git runs the client and returns what it said; it must work.
func git(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// gitFails runs the client and returns what it said; it must not work.
func gitFails(t testing.TB, dir string, args ...string) string {
	t.Helper()
	out, err := gitCommand(dir, args...).CombinedOutput()
	if err == nil {
		t.Fatalf("git %s worked, and should not have\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

// worktree is a fresh repository with a commit.
func worktree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "-q", "-b", "main")
	commit(t, dir, "index.html", "hello")
	return dir
}

func commit(t testing.TB, dir, name, content string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "change "+name)
	return git(t, dir, "rev-parse", "HEAD")
}

// A developer's day: push, clone, fetch, tag, force, delete; with every protocol version that clients speak.
func TestSmartHTTP(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"0", "1", "2"} {
		t.Run("protocol v"+version, func(t *testing.T) {
			sqltest.Each(t, func(t *testing.T, db store.Store) {
				s := serve(t, db, githost.Options{})
				s.create("site")
				git := func(t testing.TB, dir string, args ...string) string {
					t.Helper()
					return git(t, dir, append([]string{"-c", "protocol.version=" + version}, args...)...)
				}
				dir := worktree(t)
				first := git(t, dir, "rev-parse", "HEAD")
				git(t, dir, "push", s.url("site"), "main")

				clone := filepath.Join(t.TempDir(), "clone")
				git(t, t.TempDir(), "clone", "-q", s.url("site.git"), clone)
				if got := git(t, clone, "rev-parse", "HEAD"); got != first {
					t.Errorf("the clone is at %s, want %s", got, first)
				}
				second := commit(t, dir, "index.html", "second")
				git(t, dir, "push", s.url("site"), "main")
				git(t, clone, "pull", "-q")
				if got := git(t, clone, "rev-parse", "HEAD"); got != second {
					t.Errorf("after a pull the clone is at %s, want %s", got, second)
				}
				shallow := filepath.Join(t.TempDir(), "shallow")
				git(t, t.TempDir(), "clone", "-q", "--depth=1", s.url("site"), shallow)
				if got := git(t, shallow, "rev-list", "--count", "HEAD"); got != "1" {
					t.Errorf("a clone of depth 1 has %s commits", got)
				}
				third := commit(t, shallow, "more.txt", "from a shallow clone")
				git(t, shallow, "push", s.url("site"), "HEAD:refs/heads/from-shallow")

				git(t, dir, "tag", "-a", "v1", "-m", "one")
				git(t, dir, "tag", "light")
				git(t, dir, "push", s.url("site"), "--tags")
				git(t, dir, "commit", "-q", "--amend", "-m", "rewritten")
				rewritten := git(t, dir, "rev-parse", "HEAD")
				if said := gitFails(t, dir, "push", s.url("site"), "main"); !strings.Contains(said, "rejected") {
					t.Errorf("a push that is not a fast-forward ended with %s", said)
				}
				git(t, dir, "push", "--force", s.url("site"), "main")
				git(t, dir, "push", s.url("site"), ":from-shallow")

				var got []string
				for _, p := range s.heard() {
					got = append(got, fmt.Sprintf("%s %.7s..%.7s %v %v", p.Ref, p.Old, p.New, p.Created, p.Deleted))
					if p.PusherArn != ada || p.Repository != "site" {
						t.Errorf("%s of %s was pushed by %s", p.Ref, p.Repository, p.PusherArn)
					}
				}
				want := []string{
					fmt.Sprintf("refs/heads/main ..%.7s true false", first),
					fmt.Sprintf("refs/heads/main %.7s..%.7s false false", first, second),
					fmt.Sprintf("refs/heads/from-shallow ..%.7s true false", third),
					fmt.Sprintf("refs/tags/light ..%.7s true false", second),
					fmt.Sprintf("refs/tags/v1 ..%.7s true false", git(t, dir, "rev-parse", "v1")),
					fmt.Sprintf("refs/heads/main %.7s..%.7s false false", second, rewritten),
					fmt.Sprintf("refs/heads/from-shallow %.7s.. false true", third),
				}
				if !slices.Equal(got, want) {
					t.Errorf("push events:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				recorded, err := s.repos.Pushes(t.Context(), "site", 0, 100)
				if err != nil || !slices.Equal(recorded, s.heard()) {
					t.Errorf("recorded %v, %v; the hook heard %v", recorded, err, s.heard())
				}
			})
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("site")
	dir := worktree(t)
	git(t, dir, "push", "-q", s.url("site"), "main")
	commit(t, dir, "index.html", "second")

	t.Run("without credentials", func(t *testing.T) {
		res, err := http.Get(s.http.URL + "/v1/repos/site/info/refs?service=git-upload-pack")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(res.Header.Get("WWW-Authenticate"), "Basic realm=") {
			t.Errorf("%s, WWW-Authenticate: %q", res.Status, res.Header.Get("WWW-Authenticate"))
		}
	})
	for _, c := range []struct{ name, url, says string }{
		{"wrong password", strings.Replace(s.url("site"), "secret", "wrong", 1), "Authentication failed"},
		{"missing repository", s.url("nowhere"), `remote: repository "nowhere" does not exist`},
		{"dot dot", s.url("..%2f..%2fetc"), "does not exist"},
		{"nested deeper", s.url("a/b"), "does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if said := gitFails(t, dir, "push", c.url, "main"); !strings.Contains(said, c.says) {
				t.Errorf("git said %s", said)
			}
		})
	}
	t.Run("deleting the default branch", func(t *testing.T) {
		if said := gitFails(t, dir, "push", s.url("site"), ":main"); !strings.Contains(said, "deletion of the current branch prohibited") {
			t.Errorf("git said %s", said)
		}
	})
	t.Run("not git", func(t *testing.T) {
		for _, body := range []string{"", "zzzz", "0003", "ffff", "0008abcd", "0001", strings.Repeat("0032shallow 0123456789012345678901234567890123456789", 9)} {
			req, _ := http.NewRequest(http.MethodPost, s.url("site")+"/git-receive-pack", strings.NewReader(body))
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusBadRequest {
				t.Errorf("%.20q: %s", body, res.Status)
			}
		}
	})
	t.Run("an evil tree", func(t *testing.T) {
		blob := git(t, dir, "hash-object", "-w", "index.html")
		mk := gitCommand(dir, "mktree")
		mk.Stdin = strings.NewReader("100644 blob " + blob + "\t.git\n")
		out, err := mk.Output()
		if err != nil {
			t.Fatal(err)
		}
		evil := git(t, dir, "commit-tree", strings.TrimSpace(string(out)), "-m", "evil")
		if said := gitFails(t, dir, "push", s.url("site"), evil+":refs/heads/evil"); !strings.Contains(said, "hasDotgit") {
			t.Errorf("git said %s", said)
		}
	})
	t.Run("a branch that no database would like", func(t *testing.T) {
		for _, branch := range []string{"\xff\xfe", strings.Repeat("long/", 60)} {
			if said := gitFails(t, dir, "push", s.url("site"), "main:refs/heads/"+branch+"x"); !strings.Contains(said, "the push was refused") {
				t.Errorf("git said %s", said)
			}
		}
	})
	if n := len(s.heard()); n != 1 {
		t.Errorf("%d push events, want that of the first push alone", n)
	}
}

// Many at once, on different branches: each push works and each is recorded.
// A server that cannot note a push down, for example because its disk is full, says so and leaves git alone; the same
// push works when it can.
func TestAPushThatCannotBeRecorded(t *testing.T) {
	db := sqltest.SQLite(t)
	s := serve(t, db, githost.Options{})
	s.create("site")
	rename := func(from, to string) {
		t.Helper()
		err := db.InTx(t.Context(), func(tx store.Tx) error {
			_, err := tx.Exec(t.Context(), "ALTER TABLE "+from+" RENAME TO "+to)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := worktree(t)
	rename("push_intents", "out_of_reach")
	if said := gitFails(t, dir, "push", s.url("site"), "HEAD:refs/heads/main"); !strings.Contains(said, "nothing was changed; push again later") {
		t.Errorf("git said %s", said)
	}
	if refs := git(t, dir, "ls-remote", s.url("site")); refs != "" {
		t.Errorf("refs: %s", refs)
	}
	rename("out_of_reach", "push_intents")
	git(t, dir, "push", s.url("site"), "HEAD:refs/heads/main")
	if len(s.heard()) != 1 {
		t.Errorf("pushes: %v", s.heard())
	}
}

func TestConcurrentBranches(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := serve(t, db, githost.Options{})
		s.create("site")
		dir := worktree(t)
		git(t, dir, "push", "-q", s.url("site"), "main")
		const n = 20
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				if out, err := gitCommand(dir, "push", s.url("site"), fmt.Sprintf("main:refs/heads/b%d", i)).CombinedOutput(); err != nil {
					t.Errorf("push %d: %v\n%s", i, err, out)
				}
			})
		}
		wg.Wait()
		seen := map[string]bool{}
		for _, p := range s.heard()[1:] {
			seen[p.Branch] = true
		}
		if len(seen) != n {
			t.Errorf("%d of %d pushes are recorded: %v", len(seen), n, seen)
		}
	})
}

// Many at once on one branch: one wins each round, the others are told so; the events are the branch's history.
func TestConcurrentSameBranch(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		s := serve(t, db, githost.Options{})
		s.create("site")
		base := worktree(t)
		git(t, base, "push", "-q", s.url("site"), "main")
		const n = 6
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for i := range n {
			dir := filepath.Join(t.TempDir(), "w")
			git(t, base, "clone", "-q", s.url("site"), dir)
			commit(t, dir, fmt.Sprintf("f%d", i), "x")
			wg.Go(func() {
				out, err := gitCommand(dir, "push", "--force", s.url("site"), "main").CombinedOutput()
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if said := string(out); !strings.Contains(said, "failed to update ref") && !strings.Contains(said, "rejected") {
					t.Errorf("a loser was told %s", said)
				}
			})
		}
		wg.Wait()
		events := s.heard()
		if won == 0 || len(events) != won+1 {
			t.Errorf("%d pushes worked, %d are recorded besides the first", won, len(events)-1)
		}
		for i := 1; i < len(events); i++ {
			if events[i].Old != events[i-1].New {
				t.Errorf("event %d goes from %s, but the one before went to %s", i, events[i].Old, events[i-1].New)
			}
		}
		head, err := s.repos.Head(t.Context(), "site", "main")
		if err != nil || head.ID != events[len(events)-1].New {
			t.Errorf("the branch is at %s (%v), the last event at %s", head.ID, err, events[len(events)-1].New)
		}
	})
}

// randomFile writes n bytes that do not compress.
func randomFile(t testing.TB, path string, n int64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	for ; n > 0; n -= int64(len(buf)) {
		rand.Read(buf)
		if _, err := f.Write(buf); err != nil {
			t.Fatal(err)
		}
	}
}
