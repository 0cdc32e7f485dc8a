package build_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// labelled starts a build that is for workers with these labels.
func (s *server) labelled(labels string, change ...func(*types.Project)) types.Build {
	s.t.Helper()
	s.project("away-"+strings.ReplaceAll(labels, ",", "-"), "version: 0.2\nphases: {build: {commands: [\"true\"]}}", append(change, func(p *types.Project) {
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String(build.LabelsVariable), Value: aws.String(labels)}}
	})...)
	return s.start(request("away-" + strings.ReplaceAll(labels, ",", "-")))
}

func (s *server) take(labels ...string) (build.Assignment, bool) {
	s.t.Helper()
	a, ok, err := s.builds.Take(s.ctx, "worker", labels)
	if err != nil {
		s.t.Fatal(err)
	}
	return a, ok
}

func onBoth(t *testing.T, test func(t *testing.T, s *server)) {
	sqltest.Each(t, func(t *testing.T, db store.Store) { test(t, serve(t, options{st: db})) })
}

func TestBuildsGoToWorkersWithTheirLabels(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		b := s.labelled("arm64,gpu")
		for _, labels := range [][]string{{"arm64"}, {"gpu", "x"}, {"arm64,gpu"}} {
			if _, ok := s.take(labels...); ok {
				t.Errorf("a worker with %q got the build", labels)
			}
		}
		a, ok := s.take("x", "gpu", "arm64")
		if !ok || !strings.HasSuffix(*b.Id, a.ID) || strings.Contains(string(a.Settings), "onFinish") {
			t.Fatalf("the assignment is %+v", a)
		}
		if _, ok := s.take("gpu", "arm64"); ok {
			t.Error("two workers have the build")
		}
		if err := s.builds.FinishRemote(s.ctx, a.ID, "guessed", end(t, a, types.StatusTypeSucceeded)); !errors.Is(err, build.ErrNotLeased) {
			t.Errorf("a worker without the token: %v", err)
		}
		if err := s.builds.FinishRemote(s.ctx, a.ID, a.Token, end(t, a, types.StatusTypeFailed)); err != nil {
			t.Fatal(err)
		}
		if now := s.get(*b.Id); now.BuildStatus != types.StatusTypeFailed || *now.Arn != *b.Arn {
			t.Errorf("the build is %s, %s", now.BuildStatus, *now.Arn)
		}
		if _, err := s.builds.Errand(s.ctx, a.ID, a.Token); !errors.Is(err, build.ErrNotLeased) {
			t.Errorf("the token is good after the end: %v", err)
		}
	})
}

// A fleet's name is a label of workers, beside those that the project names; a build says which workers it waits for.
func TestBuildsOfFleets(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		const fleet = "arn:aws:codebuild:us-east-1:000000000000:fleet/big-ones"
		b := s.labelled("gpu", func(p *types.Project) {
			p.Environment.Fleet = &types.ProjectFleet{FleetArn: aws.String(fleet + ":0a1b-2c")}
		})
		waitsFor := func(want string) {
			t.Helper()
			for _, p := range s.get(*b.Id).Phases {
				if p.PhaseType == types.BuildPhaseTypeQueued && len(p.Contexts) == 1 && strings.Contains(*p.Contexts[0].Message, want) {
					return
				}
			}
			t.Errorf("it does not wait for %q: %s", want, phases(s.get(*b.Id)))
		}
		seen := func(worker string, labels ...string) {
			t.Helper()
			if err := s.builds.Seen(s.ctx, worker, labels); err != nil {
				t.Fatal(err)
			}
		}
		waitsFor("No worker with the labels big-ones, gpu has asked for a build lately; start one: conveyor worker --server URL --label big-ones --label gpu")
		seen("one", "gpu")
		seen("two", "big-ones", "small-ones")
		waitsFor("No worker with")
		seen("one", "gpu", "big-ones")
		waitsFor("the only worker with the labels big-ones, gpu")
		seen("two", "gpu", "big-ones", "x")
		waitsFor("one of 2 workers")
		if _, ok := s.take("gpu"); ok {
			t.Error("a worker outside the fleet got the build")
		}
		if a, ok := s.take("gpu", "big-ones"); !ok || !strings.HasSuffix(*b.Id, a.ID) {
			t.Errorf("the fleet's worker got %+v", a)
		}
		one := func(arn string) *types.ProjectFleet { return &types.ProjectFleet{FleetArn: aws.String(arn)} }
		for arn, right := range map[string]bool{fleet: true, "": true, "big-ones": false, fleet + "/x": false, "arn:aws:codebuild:us-east-1:0:fleet/a,b": false, strings.Replace(fleet, "big-ones", strings.Repeat("n", 65), 1): false} {
			if err := build.CheckFleet("fleet", one(arn)); (err == nil) != right {
				t.Errorf("%q: %v", arn, err)
			}
		}
	})
}

// end is the assignment's build as a worker reports its end; what a worker may not change is changed, too.
func end(t *testing.T, a build.Assignment, status types.StatusType) *types.Build {
	t.Helper()
	var b types.Build
	if err := json.Unmarshal(a.Build, &b); err != nil {
		t.Fatal(err)
	}
	b.BuildStatus, b.BuildComplete, b.Arn = status, true, aws.String("arn:aws:codebuild:elsewhere")
	return &b
}

func TestALostWorkersBuildIsTakenAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		s.builds.SetLease(-time.Second) // workers are lost as soon as they have a build
		b := s.labelled("x")
		first, _ := s.take("x")
		for attempt := 2; attempt <= 3; attempt++ {
			if err := s.builds.WatchOnce(s.ctx); err != nil {
				t.Fatal(err)
			}
			if now := s.get(*b.Id); *now.CurrentPhase != "QUEUED" {
				t.Errorf("the lost build is in %s", *now.CurrentPhase)
			}
			a, ok := s.take("x")
			if !ok || a.Attempt != attempt || a.Token == first.Token {
				t.Fatalf("the build was taken again: %t, %+v", ok, a)
			}
		}
		if _, err := s.builds.Renew(s.ctx, first.ID, first.Token, nil); !errors.Is(err, build.ErrNotLeased) {
			t.Errorf("the first worker is back: %v", err)
		}
		if err := s.builds.WatchOnce(s.ctx); err != nil {
			t.Fatal(err)
		}
		now := s.get(*b.Id)
		if reason := build.FailureReason(&now); now.BuildStatus != types.StatusTypeFault || !strings.Contains(reason, "3 workers") {
			t.Errorf("the build is %s: %s", now.BuildStatus, reason)
		}
	})
}

func TestAWorkersBuildIsStoppedAndGivenBack(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		b := s.labelled("x")
		a, _ := s.take("x")
		if err := s.builds.GiveBack(s.ctx, a.ID, a.Token); err != nil {
			t.Fatal(err)
		}
		again, ok := s.take("x")
		if !ok || again.Attempt != 1 {
			t.Fatalf("what was given back is attempt %d, %t", again.Attempt, ok)
		}
		if _, err := s.builds.Stop(s.ctx, *b.Id); err != nil {
			t.Fatal(err)
		}
		if stop, err := s.builds.Renew(s.ctx, again.ID, again.Token, nil); !stop || err != nil {
			t.Errorf("the worker hears stop=%t, %v", stop, err)
		}
		if err := s.builds.FinishRemote(s.ctx, again.ID, again.Token, end(t, again, types.StatusTypeStopped)); err != nil {
			t.Fatal(err)
		}

		waiting := s.labelled("y")
		if _, err := s.builds.Stop(s.ctx, *waiting.Id); err != nil {
			t.Fatal(err)
		}
		if now := s.get(*waiting.Id); now.BuildStatus != types.StatusTypeStopped {
			t.Errorf("a build that nobody has taken is %s", now.BuildStatus)
		}
		if _, ok := s.take("y"); ok {
			t.Error("a build that was stopped is given to a worker")
		}
	})
}

// A worker can touch the sources and artifacts of its own build, and nothing else.
func TestWhatAWorkerMayTouch(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("errand", "", func(p *types.Project) {
		p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/in/src.zip")}
		p.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String(bucket), Path: aws.String("out"), Name: aws.String("a")}
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String(build.LabelsVariable), Value: aws.String("x")}}
	})
	s.putZip("in/src.zip", map[string]string{"f": "1"})
	s.putZip("in/other.zip", map[string]string{"f": "1"})
	s.start(request("errand"))
	a, _ := s.take("x")
	e, err := s.builds.Errand(s.ctx, a.ID, a.Token)
	if err != nil {
		t.Fatal(err)
	}
	mayWrite := func(bucket, key string) bool { return e.MayWrite(s.ctx, bucket, key) == nil }
	if _, err := e.Open(s.ctx, bucket, "in/other.zip", ""); err == nil {
		t.Error("another object can be read")
	}
	if _, err := e.Repository(s.ctx, "secret"); err == nil {
		t.Error("a repository that is no source can be read")
	}
	var may []string
	for _, key := range []string{"out/a", "out/a/b", "outside", "in/src.zip", "out"} {
		if mayWrite(bucket, key) {
			may = append(may, key)
		}
	}
	if !slices.Equal(may, []string{"out/a", "out/a/b"}) || mayWrite("elsewhere", "out/a") {
		t.Errorf("it may write %q", may)
	}
	if _, _, err := e.List(s.ctx, bucket, "in/", ""); err == nil {
		t.Error("the objects beside its source can be listed")
	}
}

// mortal is a store on a server that dies, once, before it commits a transaction that runs a certain statement.
type mortal struct {
	store.Store
	at string // part of the statement; "": it lives on
}

var errDied = errors.New("the server died")

func (m *mortal) InTx(ctx context.Context, f func(store.Tx) error) error {
	var last bool
	err := m.Store.InTx(ctx, func(tx store.Tx) error {
		if err := f(watchedTx{tx, func(query string) { last = last || m.at != "" && strings.Contains(query, m.at) }}); err != nil {
			return err
		}
		if last {
			return errDied
		}
		return nil
	})
	if last {
		m.at = ""
	}
	return err
}

type watchedTx struct {
	store.Tx
	seen func(query string)
}

func (t watchedTx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.seen(query)
	return t.Tx.Exec(ctx, query, args...)
}

// Lines that a worker hands in are written once, whatever happens to the server, and to its answers.
func TestLinesOfWorkersAreWrittenOnce(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		dying := &mortal{Store: db}
		s := serve(t, options{st: db})
		b := s.labelled("x")
		a, _ := s.take("x")
		logs, err := logstore.New(dying, logstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		// Another server on the same database, which does nothing but this.
		other := build.New(build.Config{Store: dying, WorkerLogs: logs, Place: build.Place{Region: "us-east-1", Account: "000000000000"}, Log: slog.New(slog.DiscardHandler)})
		e, err := other.Errand(s.ctx, a.ID, a.Token)
		if err != nil {
			t.Fatal(err)
		}
		hand := func(first int64, want error, lines ...string) {
			t.Helper()
			if err := e.AppendLog(s.ctx, first, lines); !errors.Is(err, want) {
				t.Fatalf("handing in %q: %v, want %v", lines, err, want)
			}
		}
		hand(0, nil, "one", "two")
		dying.at = "SET log_lines"
		hand(2, errDied, "three", "four")
		hand(2, nil, "three", "four")
		hand(2, nil, "three", "four") // the answer was lost
		dying.at = "INSERT INTO log_chunks"
		hand(3, errDied, "four", "five")
		hand(3, nil, "four", "five", "bad \xff")
		if got := s.log(b); got != "one\ntwo\nthree\nfour\nfive\nbad \uFFFD\n" {
			t.Errorf("the log is %q", got)
		}
		if err := s.builds.GiveBack(s.ctx, a.ID, a.Token); err != nil {
			t.Fatal(err)
		}
		hand(6, build.ErrNotLeased, "late")
	})
}

// What lies elsewhere a worker may have fetched when it is a source of its build, or the submodule of one that it got.
func TestWhatAWorkerMayHaveFetched(t *testing.T) {
	t.Parallel()
	remotes := remoteDirs{}
	s := serve(t, options{remotes: remotes})
	s.repository("library")
	s.repository("hosted")
	dir := filepath.Join(s.dir, "git")
	for _, name := range []string{"library", "site", "private"} {
		remotes[name+".git"] = filepath.Join(dir, name+".git")
	}
	cmd := exec.Command("sh", "-ec", `cp -r library.git private.git; git init -q -b main work; cd work; git -c protocol.file.allow=always submodule --quiet add ../library.git lib
		git config -f .gitmodules submodule.lib.url ../library.git; git add -A; git commit -q -m site; git clone -q --bare . ../site.git`)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const forge = "https://github.com/acme/"
	s.labelled("x", func(p *types.Project) {
		p.Source = &types.ProjectSource{Type: types.SourceTypeGithub, Location: aws.String(forge + "site.git"), GitSubmodulesConfig: &types.GitSubmodulesConfig{FetchSubmodules: aws.Bool(true)}}
	})
	a, _ := s.take("x")
	e, err := s.builds.Errand(s.ctx, a.ID, a.Token)
	if err != nil {
		t.Fatal(err)
	}
	library, err := remotes.Fetch(s.ctx, types.ProjectSource{Location: aws.String("library.git")}, "main")
	if err != nil {
		t.Fatal(err)
	}
	fetch := func(name, version string) error {
		_, err := e.Fetch(s.ctx, "", forge+name+".git", version)
		return err
	}
	if fetch("library", library.Commit) == nil {
		t.Error("a submodule is fetched before its repository is known")
	}
	if err := fetch("site", "main"); err != nil {
		t.Fatal(err)
	}
	if err := fetch("library", library.Commit); err != nil {
		t.Errorf("the submodule: %v", err)
	}
	if fetch("library", "v1") == nil || fetch("private", library.Commit) == nil {
		t.Error("another version of the submodule, or another repository, is fetched")
	}
	if err := s.builds.FinishRemote(s.ctx, a.ID, a.Token, end(t, a, types.StatusTypeSucceeded)); err != nil {
		t.Fatal(err)
	}
}

// A worker's reports are of its own build, in groups of its project or of the role's, and say nothing but their results.
func TestWhatAWorkerMayReport(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		b := s.labelled("x")
		a, _ := s.take("x")
		e, err := s.builds.Errand(s.ctx, a.ID, a.Token)
		if err != nil {
			t.Fatal(err)
		}
		add := func(group string, change func(*types.Report)) error {
			r := &types.Report{Type: types.ReportTypeTest, Status: types.ReportStatusTypeFailed, ExecutionId: aws.String("another"), Arn: aws.String("made up")}
			if change != nil {
				change(r)
			}
			return e.AddReport(s.ctx, group, r, build.Details{Cases: []types.TestCase{{ReportArn: aws.String("made up"), Name: aws.String("c")}}})
		}
		for range 2 { // the answer to the first was lost
			if err := add("away-x-unit", nil); err != nil {
				t.Fatal(err)
			}
		}
		if add("other-unit", nil) == nil || add("../x", nil) == nil || add("away-x-unit", func(r *types.Report) { r.Status = "FINE" }) == nil ||
			add("away-x-unit", func(r *types.Report) { r.Type = types.ReportTypeCodeCoverage }) == nil {
			t.Error("a report is accepted that is none of the build's")
		}
		if err := s.builds.FinishRemote(s.ctx, a.ID, a.Token, end(t, a, types.StatusTypeSucceeded)); err != nil {
			t.Fatal(err)
		}
		now := s.get(*b.Id)
		if len(now.ReportArns) != 1 {
			t.Fatalf("the build's reports are %q", now.ReportArns)
		}
		r, err := s.builds.Report(s.ctx, now.ReportArns[0])
		if err != nil || *r.ExecutionId != *b.Arn || *r.Arn != now.ReportArns[0] || r.Status != types.ReportStatusTypeFailed {
			t.Errorf("the report is %+v, %v", r, err)
		}
		d, err := s.builds.ReportDetails(s.ctx, *r.Arn)
		if err != nil || *d.Cases[0].ReportArn != *r.Arn {
			t.Errorf("its cases are %+v, %v", d, err)
		}
		if err := add("away-x-unit", nil); !errors.Is(err, build.ErrNotLeased) {
			t.Errorf("after its end: %v", err)
		}
	})
}

// Artifacts in the name space of a build may lie below a path of the buildspec, and never without the build's id.
func TestWhereAWorkerMayStore(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.labelled("x", func(p *types.Project) {
		p.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String(bucket), Path: aws.String("out"), NamespaceType: types.ArtifactNamespaceBuildId}
	})
	a, _ := s.take("x")
	e, err := s.builds.Errand(s.ctx, a.ID, a.Token)
	if err != nil {
		t.Fatal(err)
	}
	mayWrite := func(bucket, key string) bool { return e.MayWrite(s.ctx, bucket, key) == nil }
	for key, may := range map[string]bool{"out/" + a.ID + "/f": true, "s3-prefix/" + a.ID + "/f": true, "out/f": false, "out/x" + a.ID + "/f": false, a.ID: false} {
		if mayWrite(bucket, key) != may {
			t.Errorf("%s may be written: %t", key, !may)
		}
	}
}

// A worker reads a folder that is a source, and the caches of its build's project, whose folder is nobody else's.
func TestWhatAWorkerMayList(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("errand", "version: 0.2\nphases: {}", func(p *types.Project) {
		p.Source = &types.ProjectSource{Type: types.SourceTypeS3, Location: aws.String(bucket + "/in/src/")}
		p.Cache = &types.ProjectCache{Type: types.CacheTypeS3, Location: aws.String(bucket + "/caches")}
		p.LogsConfig = &types.LogsConfig{S3Logs: &types.S3LogsConfig{Status: types.LogsConfigStatusTypeEnabled, Location: aws.String(bucket + "/logs")}}
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String(build.LabelsVariable), Value: aws.String("x")}}
	})
	s.start(request("errand"))
	a, _ := s.take("x")
	e, err := s.builds.Errand(s.ctx, a.ID, a.Token)
	if err != nil {
		t.Fatal(err)
	}
	mayWrite := func(bucket, key string) bool { return e.MayWrite(s.ctx, bucket, key) == nil }
	for prefix, may := range map[string]bool{
		"in/src/": true, "in/src/deep/": true, "in/src": false, "in/": false, "": false,
		"caches/errand/": true, "caches/errand/k-": true, "caches/errand": false, "caches/other/": false, "caches/": false,
	} {
		if _, _, err := e.List(s.ctx, bucket, prefix, ""); (err == nil) != may {
			t.Errorf("below %q: %v", prefix, err)
		}
		if _, _, err := e.List(s.ctx, "elsewhere", prefix, ""); err == nil {
			t.Errorf("below %q of another bucket", prefix)
		}
	}
	for key, may := range map[string][2]bool{
		"in/src/f": {true, false}, "in/other": {}, "caches/errand/k-1.zip": {true, true}, "caches/other/k-1.zip": {}, "logs/" + a.ID + ".gz": {false, true}, "logs/other.gz": {},
	} {
		_, err := e.Open(s.ctx, bucket, key, "")
		if got := [2]bool{errors.Is(err, build.ErrNoObject), mayWrite(bucket, key)}; got != may {
			t.Errorf("%s may be read and written: %t", key, got)
		}
	}
}
