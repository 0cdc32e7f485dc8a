package githost_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/githost"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// A large pack passes through, up and down, without being held in memory. CONVEYOR_TEST_PACK_MB makes it larger.
func TestLargePackIsStreamed(t *testing.T) {
	megabytes := int64(24)
	if v, err := strconv.ParseInt(os.Getenv("CONVEYOR_TEST_PACK_MB"), 10, 64); err == nil {
		megabytes = v
	}
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("big")
	dir := worktree(t)
	randomFile(t, filepath.Join(dir, "big.bin"), megabytes<<20)
	git(t, dir, "add", "-A")
	git(t, dir, "-c", "core.bigFileThreshold=1m", "commit", "-q", "-m", "big")

	allocated := func(what string, f func()) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		if n := int64(after.TotalAlloc-before.TotalAlloc) >> 20; n > 8 {
			t.Errorf("a %s of %d MB allocated %d MB in the server", what, megabytes, n)
		}
	}
	allocated("push", func() { git(t, dir, "-c", "core.bigFileThreshold=1m", "push", s.url("big"), "main") })
	allocated("clone", func() { git(t, t.TempDir(), "clone", "-q", s.url("big"), "clone") })
}

// What a push may send is bounded, and the client is told why it is refused.
func TestPackLimit(t *testing.T) {
	t.Parallel()
	db := sqltest.SQLite(t)
	repos, err := gitrepo.Open(t.TempDir(), db, gitrepo.Options{MaxPack: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer repos.Close()
	if _, err := repos.Create(t.Context(), gitrepo.Repository{Name: "site"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(githost.New(repos, oneUser{}, githost.Options{}))
	defer server.Close()
	dir := worktree(t)
	randomFile(t, filepath.Join(dir, "big.bin"), 8<<20)
	git(t, dir, "add", "-A")
	git(t, dir, "commit", "-q", "-m", "big")
	url := strings.Replace(server.URL, "http://", "http://ada:secret@", 1) + "/v1/repos/site"
	if said := gitFails(t, dir, "push", url, "main"); !strings.Contains(said, "pack exceeds maximum allowed size") {
		t.Errorf("git said %s", said)
	}
	if events, err := repos.Pushes(t.Context(), "site", 0, 10); err != nil || len(events) != 0 {
		t.Errorf("recorded %v, %v", events, err)
	}
}

// A client whose connection breaks after it has sent everything has pushed: the event is there, although nobody was told.
func TestConnectionBreaksBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("site")
	type connKey struct{}
	cut := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			r.Body = &onEOF{r.Body, func() { r.Context().Value(connKey{}).(net.Conn).Close() }}
		}
		s.http.Config.Handler.ServeHTTP(w, r)
	}))
	cut.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) }
	cut.Start()
	defer cut.Close()
	dir := worktree(t)
	gitFails(t, dir, "push", strings.Replace(cut.URL, "http://", "http://ada:secret@", 1)+"/v1/repos/site", "main")
	// The client may have tried twice, by itself.
	within(t, "the push is heard of", func() bool { return len(s.heard()) > 0 })
	tip := git(t, dir, "rev-parse", "HEAD")
	if heard := s.heard(); len(heard) != 1 || heard[0].New != tip {
		t.Errorf("heard %+v, want the push of %s", heard, tip)
	}
}

// onEOF calls f when the reader has come to its end.
type onEOF struct {
	io.ReadCloser
	f func()
}

func (o *onEOF) Read(p []byte) (int, error) {
	n, err := o.ReadCloser.Read(p)
	if err == io.EOF {
		o.f()
	}
	return n, err
}

// A connection that breaks within the pack changes nothing.
func TestConnectionBreaksWithinThePack(t *testing.T) {
	t.Parallel()
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("site")
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.http.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	command := fmt.Sprintf("%040d %s refs/heads/main\x00report-status side-band-64k", 0, strings.Repeat("a", 40))
	body := fmt.Sprintf("%04x%s0000PACK\x00\x00\x00\x02\x00\x00\x00\x09", len(command)+4, command)
	fmt.Fprintf(conn, "POST /v1/repos/site/git-receive-pack HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRhOnNlY3JldA==\r\nContent-Length: 100000\r\n\r\n%s", body)
	conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, conn) // until the server has given up
	conn.Close()
	if events, err := s.repos.Pushes(t.Context(), "site", 0, 10); err != nil || len(events) != 0 {
		t.Errorf("recorded %v, %v", events, err)
	}
	if branches, err := s.repos.Branches(t.Context(), "site"); err != nil || len(branches) != 0 {
		t.Errorf("branches %v, %v", branches, err)
	}
}

// Clients compress what they ask for when it is long.
func TestGzipRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("site")
	dir := worktree(t)
	git(t, dir, "push", "-q", s.url("site"), "main")
	var body bytes.Buffer
	z := gzip.NewWriter(&body)
	want := "want " + git(t, dir, "rev-parse", "HEAD") + "\n"
	fmt.Fprintf(z, "%04x%s00000009done\n", len(want)+4, want)
	z.Close()
	req, _ := http.NewRequest(http.MethodPost, s.url("site")+"/git-upload-pack", &body)
	req.Header.Set("Content-Encoding", "gzip")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte("PACK")) {
		t.Errorf("%s, %.60q, %v", res.Status, answer, err)
	}
}

// oneKey knows one access key.
type oneKey iam.AccessKey

func (k oneKey) AccessKey(_ context.Context, id string) (iam.AccessKey, error) {
	if id != k.ID {
		return iam.AccessKey{}, iam.ErrNoAccessKey
	}
	return iam.AccessKey(k), nil
}

// The AWS CLI's credential helper signs a user in, as AWS's guide says, and so do an access key and its secret.
func TestCredentialHelper(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("aws"); err != nil {
		t.Skip("the aws CLI is not installed")
	}
	s := serve(t, sqltest.SQLite(t), githost.Options{})
	s.create("site")
	key := oneKey{ID: "AKIAIOSFODNN7EXAMPLE", Secret: "not/a+real=secret", Principal: iam.Principal{Arn: ada}}
	server := httptest.NewServer(githost.New(s.repos, awsapi.NewVerifier(key, awsapi.Place{}), githost.Options{}))
	defer server.Close()
	dir := worktree(t)
	url := server.URL + "/v1/repos/site"

	push := gitCommand(dir, "-c", "credential.UseHttpPath=true", "-c", "credential.helper=!aws codecommit credential-helper --ignore-host-check $@",
		"push", url, "main")
	push.Env = append(push.Env, "AWS_ACCESS_KEY_ID="+key.ID, "AWS_SECRET_ACCESS_KEY="+key.Secret, "AWS_DEFAULT_REGION=us-east-1", "AWS_CONFIG_FILE="+os.DevNull)
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("push with the credential helper: %v\n%s", err, out)
	}
	basic := strings.Replace(server.URL, "http://", "http://"+key.ID+":not%2Fa%2Breal%3Dsecret@", 1) + "/v1/repos/site"
	git(t, dir, "push", basic, "main:refs/heads/basic")
	if said := gitFails(t, dir, "push", strings.Replace(basic, "secret@", "guess@", 1), "main:refs/heads/wrong"); !strings.Contains(said, "Authentication failed") {
		t.Errorf("git said %s", said)
	}
	if heard := s.heard(); len(heard) != 2 || heard[0].PusherArn != ada {
		t.Errorf("heard %+v", heard)
	}
}
