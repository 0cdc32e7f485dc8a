package build_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// beating is a command that starts a daemon in a session of its own and then waits; the daemon appends to a file.
func beating(file string) string {
	return fmt.Sprintf("setsid sh -c 'while :; do echo x >>%s; sleep 0.005; done' >/dev/null 2>&1 & sleep 60", file)
}

func size(file string) int64 {
	st, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return st.Size()
}

func expectStill(t *testing.T, file string) {
	t.Helper()
	before := size(file)
	time.Sleep(60 * time.Millisecond) // a dozen beats: the absence of something needs time to show
	if size(file) != before {
		t.Error("a process outlived its build")
	}
}

func spec(command string) string {
	text, err := json.Marshal(command) // JSON is YAML
	if err != nil {
		panic(err)
	}
	return "version: 0.2\nphases: {build: {commands: [" + string(text) + "], finally: [echo finally]}, post_build: {commands: [echo post]}}\n"
}

func TestStopRunningBuild(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	beat := filepath.Join(s.dir, "beat")
	s.project("stop", spec(beating(beat)))
	r := request("stop")
	r.OnFinish = &queue.Job{Kind: "test.finished", Payload: []byte(`"x"`)}
	b := s.start(r)
	s.eventually("the daemon", func() bool { return size(beat) > 0 })
	now := s.get(*b.Id)
	if *now.CurrentPhase != "BUILD" || now.BuildComplete || now.BuildStatus != types.StatusTypeInProgress {
		t.Errorf("while it runs it is %s in %s", now.BuildStatus, *now.CurrentPhase)
	}
	if last := now.Phases[len(now.Phases)-1]; last.PhaseStatus != "" || last.EndTime != nil {
		t.Errorf("the running phase is %+v", last)
	}
	if _, err := s.builds.Stop(s.ctx, *b.Arn); err != nil {
		t.Fatal(err)
	}
	b = s.expect(s.wait(*b.Id), types.StatusTypeStopped)
	expectStill(t, beat)
	want := []string{
		"SUBMITTED SUCCEEDED", "QUEUED SUCCEEDED", "PROVISIONING SUCCEEDED", "DOWNLOAD_SOURCE SUCCEEDED", "INSTALL SUCCEEDED",
		"PRE_BUILD SUCCEEDED", "BUILD STOPPED", "FINALIZING SUCCEEDED", "COMPLETED",
	}
	if got := phases(b); !slices.Equal(got, want) {
		t.Errorf("phases %q", got)
	}
	if strings.Contains(s.said(b), "finally") {
		t.Error("a stopped build ran more commands")
	}
	again, err := s.builds.Stop(s.ctx, *b.Id)
	if err != nil || again.BuildStatus != types.StatusTypeStopped {
		t.Errorf("stopping it again: %v %v", again.BuildStatus, err)
	}
	s.eventually("the workspace to go", func() bool {
		left, err := filepath.Glob(filepath.Join(s.dir, "builds", "*", "*-*"))
		return err == nil && len(left) == 0
	})
	s.eventually("the report of the end", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.finished) == 1 })
}

func TestStopWaitingBuild(t *testing.T) {
	t.Parallel()
	s := serve(t, options{slots: 1})
	s.project("first", spec("sleep 60"))
	s.project("second", spec("echo never"))
	first := s.start(request("first"))
	s.eventually("the first build to run", func() bool { return *s.get(*first.Id).CurrentPhase == "BUILD" })
	r := request("second")
	r.OnFinish = &queue.Job{Kind: "test.finished", Payload: []byte(`"second"`)}
	second := s.start(r)
	b, err := s.builds.Stop(s.ctx, *second.Id)
	if err != nil {
		t.Fatal(err)
	}
	s.expect(b, types.StatusTypeStopped)
	if got := phases(b); !slices.Equal(got, []string{"SUBMITTED SUCCEEDED", "QUEUED STOPPED", "COMPLETED"}) {
		t.Errorf("phases %q", got)
	}
	s.eventually("the report of the end", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.finished) == 1 })
	if _, err := s.builds.Stop(s.ctx, *first.Id); err != nil {
		t.Fatal(err)
	}
	s.expect(s.wait(*first.Id), types.StatusTypeStopped)
	if again := s.get(*second.Id); again.BuildStatus != types.StatusTypeStopped {
		t.Errorf("the waiting build became %s", again.BuildStatus)
	}
}

func TestBuildTimesOut(t *testing.T) {
	t.Parallel()
	s := serve(t, options{minute: 60 * time.Millisecond})
	beat := filepath.Join(s.dir, "beat")
	b := s.expect(s.run(spec(beating(beat)), func(p *types.Project) { p.TimeoutInMinutes = aws.Int32(5) }), types.StatusTypeTimedOut)
	expectStill(t, beat)
	if got := phases(b); !slices.Contains(got, "BUILD TIMED_OUT BUILD_TIMED_OUT: Build has timed out.") || got[len(got)-2] != "FINALIZING SUCCEEDED" {
		t.Errorf("phases %q", got)
	}
}

func TestQueueTimesOut(t *testing.T) {
	t.Parallel()
	s := serve(t, options{slots: 1})
	s.project("first", spec("sleep 60"))
	s.project("second", spec("echo never"))
	first := s.start(request("first"))
	s.eventually("the first build to run", func() bool { return *s.get(*first.Id).CurrentPhase == "BUILD" })
	r := request("second")
	r.Input.QueuedTimeoutInMinutesOverride = aws.Int32(-1)
	second := s.start(r)
	if err := s.builds.WatchOnce(s.ctx); err != nil {
		t.Fatal(err)
	}
	b := s.expect(s.get(*second.Id), types.StatusTypeTimedOut)
	if got := phases(b); !strings.HasPrefix(got[1], "QUEUED TIMED_OUT BUILD_TIMED_OUT: Build has timed out in the queue after -1 minutes. Waiting for a free build slot") {
		t.Errorf("phases %q", got)
	}
	if _, err := s.builds.Stop(s.ctx, *first.Id); err != nil {
		t.Fatal(err)
	}
	s.wait(*first.Id)
}

func TestStopFromAnotherServer(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("far", spec("sleep 60"))
	b := s.start(request("far"))
	s.eventually("the build to run", func() bool { return *s.get(*b.Id).CurrentPhase == "BUILD" })
	other := build.New(build.Config{Store: s.st, Queue: s.queue, Log: slog.New(slog.DiscardHandler)})
	s.eventually("the running build to be saved", func() bool {
		far, err := other.Get(s.ctx, *b.Id)
		return err == nil && *far.CurrentPhase == "BUILD"
	})
	if _, err := other.Stop(s.ctx, *b.Id); err != nil {
		t.Fatal(err)
	}
	s.expect(s.wait(*b.Id), types.StatusTypeStopped)
}

// brokenRunner fails to prepare anything.
type brokenRunner struct{ build.Runner }

func (brokenRunner) Prepare(context.Context, build.Needs) (build.Workspace, error) {
	return nil, errors.New("no space left on device")
}

func TestRunnerFails(t *testing.T) {
	t.Parallel()
	s := serve(t, options{wrap: func(r build.Runner) build.Runner { return brokenRunner{r} }})
	b := s.expect(s.run(spec("true")), types.StatusTypeFault)
	if got := phases(b); !slices.Contains(got, "PROVISIONING FAULT INTERNAL_SERVICE_ERROR: no space left on device") {
		t.Errorf("phases %q", got)
	}
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("same", spec("true"))
	keyed := request("same")
	keyed.Key = "action-1"
	one, two := s.start(keyed), s.start(keyed)
	if *one.Id != *two.Id {
		t.Error("the same key started two builds")
	}
	if found, err := s.builds.Find(s.ctx, "action-1"); err != nil || *found.Id != *one.Id {
		t.Errorf("Find: %v", err)
	}
	if _, err := s.builds.Find(s.ctx, "action-2"); !errors.Is(err, build.ErrNoBuild) {
		t.Errorf("Find of nothing: %v", err)
	}
	token := request("same")
	token.Input.IdempotencyToken = aws.String("t")
	three, four := s.start(token), s.start(token)
	if *three.Id != *four.Id || *three.BuildNumber != 2 {
		t.Errorf("the same token started two builds, or a number was lost: %d", *three.BuildNumber)
	}
	token.Input.SourceVersion = aws.String("other")
	if _, err := s.tryStart(token); err == nil || !strings.Contains(err.Error(), "other parameters") {
		t.Errorf("the token with other parameters: %v", err)
	}
	if five := s.start(request("same")); *five.BuildNumber != 3 {
		t.Errorf("build number %d", *five.BuildNumber)
	}
	for _, b := range []types.Build{one, three} {
		s.wait(*b.Id)
	}
}

func TestRetryAndDelete(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(spec("exit 1")), types.StatusTypeFailed)
	var again types.Build
	err := s.st.InTx(s.ctx, func(tx store.Tx) (err error) {
		again, err = s.builds.Retry(s.ctx, tx, *b.Id, "me", "tok")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if *again.Id == *b.Id || *again.BuildNumber != 2 || *again.Initiator != "me" {
		t.Errorf("the retry is %s number %d", *again.Id, *again.BuildNumber)
	}
	again = s.expect(s.wait(*again.Id), types.StatusTypeFailed)
	expectFailure(t, again, "BUILD", "exit status 1")
	if deleted, err := s.builds.Delete(s.ctx, *b.Id); err != nil || !deleted {
		t.Errorf("Delete: %v %v", deleted, err)
	}
	if _, err := s.builds.Get(s.ctx, *b.Id); !errors.Is(err, build.ErrNoBuild) {
		t.Errorf("after Delete: %v", err)
	}
	for _, id := range []string{"", "x", "p:q", ":" + strings.Repeat("0", 36), "other:" + (*again.Id)[len(*again.ProjectName)+1:]} {
		if _, err := s.builds.Get(s.ctx, id); !errors.Is(err, build.ErrNoBuild) {
			t.Errorf("Get(%q): %v", id, err)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		// Nothing runs here: the queue is never started.
		q := queue.New(st, queue.Config{})
		s := &server{t: t, ctx: context.Background(), st: st, queue: q}
		s.builds = build.New(build.Config{Store: st, Queue: q, Log: slog.New(slog.DiscardHandler)})
		for i := range 3 {
			s.project(fmt.Sprintf("p%d", i), spec("true"))
		}
		const n = 205
		for range n {
			s.start(request("p1"))
		}
		s.start(request("p2"))
		for _, ascending := range []bool{false, true} {
			var numbers []int64
			for after, pages := "", 0; pages == 0 || after != ""; pages++ {
				ids, next, err := s.builds.ListForProject(s.ctx, "p1", ascending, after)
				if err != nil {
					t.Fatal(err)
				}
				for _, id := range ids {
					numbers = append(numbers, *s.get(id).BuildNumber)
				}
				after = next
			}
			if !ascending {
				slices.Reverse(numbers)
			}
			if len(numbers) != n || !slices.IsSorted(numbers) || numbers[0] != 1 || numbers[n-1] != n {
				t.Errorf("ascending %v: %d builds from %d to %d", ascending, len(numbers), numbers[0], numbers[len(numbers)-1])
			}
		}
		all := map[string]bool{}
		for after, pages := "", 0; pages == 0 || after != ""; pages++ {
			ids, next, err := s.builds.List(s.ctx, false, after)
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range ids {
				all[id] = true
			}
			after = next
		}
		if len(all) != n+1 {
			t.Errorf("List shows %d builds", len(all))
		}
		for _, by := range []build.ProjectOrder{build.ByName, build.ByCreated, build.ByModified} {
			names, _, err := s.builds.ListProjects(s.ctx, by, true, "")
			if err != nil || !slices.Equal(names, []string{"p2", "p1", "p0"}) {
				t.Errorf("projects by %s: %q %v", by, names, err)
			}
		}
		if _, _, err := s.builds.List(s.ctx, false, "garbage!"); err == nil {
			t.Error("a made-up token was accepted")
		}
	})
}

// TestServerStops stops a server in the middle of a build: the build's processes end with it, and the next server runs
// the build again from the start.
func TestServerStops(t *testing.T) {
	t.Parallel()
	dsn, dir := sqltest.SQLiteDSN(t), t.TempDir()
	beat, count := filepath.Join(dir, "beat"), filepath.Join(dir, "count")
	var id string
	t.Run("first", func(t *testing.T) {
		s := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off"})})
		s.project("again", spec("echo x >>"+count+"; test $(wc -l <"+count+") -gt 1 || { "+beating(beat)+"; }"))
		id = *s.start(request("again")).Id
		s.eventually("the build to run", func() bool { return size(beat) > 0 })
	})
	expectStill(t, beat)
	t.Run("second", func(t *testing.T) {
		s := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off"})})
		b := s.expect(s.wait(id), types.StatusTypeSucceeded)
		if log := s.log(b); !strings.Contains(log, "The server is stopping") || !strings.Contains(log, "the build starts again from the beginning") {
			t.Errorf("the log does not tell of the restart:\n%s", log)
		}
		if got := phases(b); len(got) != 11 || size(count) != 4 {
			t.Errorf("phases %q, command ran %d times", got, size(count)/2)
		}
	})
}

// TestServerKilled kills a server process in the middle of a build, daemon and all.
func TestServerKilled(t *testing.T) {
	t.Parallel()
	for _, of := range []string{"project", "pipeline"} {
		t.Run(of, func(t *testing.T) {
			t.Parallel()
			testServerKilled(t, of)
		})
	}
}

func testServerKilled(t *testing.T, of string) {
	dir := t.TempDir()
	dsn := "sqlite:" + filepath.Join(dir, "db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestServerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), "BUILD_TEST_DIR="+dir, "BUILD_TEST_DSN="+dsn, "BUILD_TEST_OF="+of)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	id := ""
	for lines := bufio.NewScanner(out); id == "" && lines.Scan(); {
		id, _ = strings.CutPrefix(lines.Text(), "build ")
		if !strings.HasPrefix(lines.Text(), "build ") {
			id = ""
		}
	}
	beat := filepath.Join(dir, "beat")
	for end := time.Now().Add(patience); size(beat) == 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if before := size(beat); id == "" || before == 0 {
		t.Fatalf("the build %q did not run", id)
	}
	s := serveIn(t, dir, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	expectStill(t, beat) // Recover has ended the daemon of the dead server
	b := s.expect(s.wait(id), types.StatusTypeSucceeded)
	if log := s.log(b); !strings.Contains(log, "the build starts again from the beginning (attempt 2)") {
		t.Errorf("the log does not tell of the restart:\n%s", log)
	}
	if n := size(filepath.Join(dir, "count")); n != 4 {
		t.Errorf("the command ran %d times", n/2)
	}
	if got := phases(b); len(got) != 11 {
		t.Errorf("phases %q", got)
	}
}

// TestServerProcess is the server that TestServerKilled kills.
func TestServerProcess(t *testing.T) {
	dir, dsn := os.Getenv("BUILD_TEST_DIR"), os.Getenv("BUILD_TEST_DSN")
	if dir == "" {
		t.Skip("run by TestServerKilled")
	}
	s := serveIn(t, dir, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	count := filepath.Join(dir, "count")
	command := "echo x >>" + count + "; test $(wc -l <" + count + ") -gt 1 || { " + beating(filepath.Join(dir, "beat")) + "; }"
	r := s.commands(build.Commands{Lines: []string{command}}, nil, nil)
	if os.Getenv("BUILD_TEST_OF") == "project" {
		s.project("killed", spec(command))
		r = request("killed")
	}
	id := *s.start(r).Id
	fmt.Println("build " + id)
	s.wait(id)
}

// countingRunner counts workspaces.
type countingRunner struct {
	build.Runner
	prepared *atomic.Int64
}

func (c countingRunner) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	c.prepared.Add(1)
	return c.Runner.Prepare(ctx, n)
}

func TestManyBuilds(t *testing.T) {
	t.Parallel()
	var prepared atomic.Int64
	s := serve(t, options{slots: 2, wrap: func(r build.Runner) build.Runner { return countingRunner{r, &prepared} }})
	s.project("many", spec("echo $CODEBUILD_BUILD_NUMBER"))
	var ids []string
	for range 20 {
		ids = append(ids, *s.start(request("many")).Id)
	}
	for i, id := range ids {
		b := s.expect(s.wait(id), types.StatusTypeSucceeded)
		if got := s.said(b); !strings.HasPrefix(got, fmt.Sprintf("%d\n", i+1)) {
			t.Errorf("build %d printed %q", i+1, got)
		}
	}
	if n := prepared.Load(); n != 20 {
		t.Errorf("20 builds were prepared %d times", n)
	}
}
