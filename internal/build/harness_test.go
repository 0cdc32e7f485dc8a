package build_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/backing"
	"github.com/conveyor-cd/conveyor/internal/build/host"
	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/objectstore"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const bucket = "artifacts"

// server is a build service on real parts: database, queue, object store, logs, git, host runner.
type server struct {
	t       testing.TB
	ctx     context.Context
	st      store.Store
	queue   *queue.Queue
	objects *objectstore.Store
	logs    *logstore.Store
	builds  *build.Service
	runner  *host.Runner
	dir     string
	keys    int

	mu       sync.Mutex
	batches  []string // what was told of batches
	finished []string // payloads of OnFinish jobs
}

type options struct {
	slots  int
	minute time.Duration
	disk   int64
	keep   build.Keeping
	st     store.Store
	wrap   func(build.Runner) build.Runner
	// objects, when set, replaces the object store.
	objects func(build.Objects) build.Objects
	caches  *build.Shelf
	roles   build.Roles
	remotes build.Remotes
	secrets build.Secrets
	// loopback is Config.Loopback.
	loopback bool
}

// gitDir is the hosted repositories of a test: bare repositories in one directory.
type gitDir string

func (g gitDir) Path(_ context.Context, name string) (string, error) {
	path := filepath.Join(string(g), name+".git")
	if _, err := os.Stat(path); err != nil {
		return "", build.ErrNoRepository
	}
	return path, nil
}

func (g gitDir) CloneRef(doc []byte) (build.CloneRef, bool, error) {
	return backing.Repositories(nil).CloneRef(doc)
}

func serve(t testing.TB, o options) *server {
	t.Helper()
	return serveIn(t, t.TempDir(), o)
}

func serveIn(t testing.TB, dir string, o options) *server {
	t.Helper()
	ctx := context.Background()
	s := &server{t: t, ctx: ctx, dir: dir, st: o.st}
	if s.st == nil {
		s.st = sqltest.SQLite(t)
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	if s.objects, err = objectstore.Open(ctx, s.st, filepath.Join(s.dir, "objects"), objectstore.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.logs, err = logstore.New(s.st, logstore.Options{Delay: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if s.runner, err = host.New(filepath.Join(s.dir, "builds"), log); err != nil {
		t.Fatal(err)
	}
	var runner build.Runner = s.runner
	if o.wrap != nil {
		runner = o.wrap(runner)
	}
	objects := backing.Objects(s.objects)
	if o.objects != nil {
		objects = o.objects(objects)
	}
	s.queue = queue.New(s.st, queue.Config{Backoff: func(int) time.Duration { return time.Millisecond }})
	s.builds = build.New(build.Config{
		Store: s.st, Queue: s.queue, Runner: runner, Objects: objects,
		Repositories: gitDir(filepath.Join(s.dir, "git")), Remotes: o.remotes, Secrets: o.secrets, Logs: backing.Logs(s.logs), WorkerLogs: s.logs,
		Place: build.Place{Region: "us-east-1", Account: "000000000000"}, Log: log, Slots: o.slots, Disk: o.disk, Keep: o.keep,
		OnBatch: func(_ context.Context, tx store.Tx, b types.BuildBatch) error {
			tx.AfterCommit(func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.batches = append(s.batches, string(b.BuildBatchStatus)+" in "+*b.CurrentPhase)
			})
			return nil
		},
		Caches: o.caches, Roles: o.roles, Endpoint: "http://conveyor.test", Loopback: o.loopback,
	})
	s.builds.SetDiskEvery(10 * time.Millisecond)
	if o.minute > 0 {
		s.builds.SetMinute(o.minute)
	}
	s.builds.Register(s.queue)
	s.queue.Handle("test.finished", func(_ context.Context, job queue.Job) (queue.Completion, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.finished = append(s.finished, string(job.Payload))
		return nil, nil
	}, queue.Options{})
	if err := s.builds.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	watch, stopWatching := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); s.builds.Watch(watch) }()
	if err := s.queue.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopWatching()
		<-done
		if err := s.queue.Stop(ctx); err != nil {
			t.Errorf("stop the queue: %v", err)
		}
		if err := s.builds.DropKept(); err != nil {
			t.Errorf("drop what is kept: %v", err)
		}
		s.runner.Wait()
		if err := s.logs.Close(ctx); err != nil {
			t.Errorf("close the logs: %v", err)
		}
	})
	if err := s.objects.EnsureBucket(ctx, bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

// project makes a NO_SOURCE project with that buildspec, changed by change.
func (s *server) project(name, spec string, change ...func(*types.Project)) {
	s.t.Helper()
	p := types.Project{
		Name:        aws.String(name),
		Source:      &types.ProjectSource{Type: types.SourceTypeNoSource, Buildspec: aws.String(spec)},
		Artifacts:   &types.ProjectArtifacts{Type: types.ArtifactsTypeNoArtifacts},
		Environment: &types.ProjectEnvironment{Type: types.EnvironmentTypeLinuxContainer, Image: aws.String("aws/codebuild/standard:7.0"), ComputeType: types.ComputeTypeBuildGeneral1Small},
		ServiceRole: aws.String("arn:aws:iam::000000000000:role/build"),
	}
	for _, c := range change {
		c(&p)
	}
	if _, err := s.builds.CreateProject(s.ctx, p); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) start(r build.Request) types.Build {
	s.t.Helper()
	b, err := s.tryStart(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *server) tryStart(r build.Request) (b types.Build, err error) {
	err = s.st.InTx(s.ctx, func(tx store.Tx) error {
		b, err = s.builds.Start(s.ctx, tx, r)
		return err
	})
	return b, err
}

func request(project string) build.Request {
	return build.Request{Input: codebuild.StartBuildInput{ProjectName: aws.String(project)}, Initiator: "tester"}
}

func (s *server) get(id string) types.Build {
	s.t.Helper()
	b, err := s.builds.Get(s.ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

const patience = 20 * time.Second

func (s *server) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("timed out waiting for: %s", what)
		}
	}
}

// wait returns the build once its end is stored.
func (s *server) wait(id string) types.Build {
	s.t.Helper()
	var b types.Build
	s.eventually("the end of build "+id, func() bool {
		b = s.get(id)
		return b.BuildComplete
	})
	return b
}

// run runs a spec as a build of a project of its own.
func (s *server) run(spec string, change ...func(*types.Project)) types.Build {
	s.t.Helper()
	s.keys++
	name := fmt.Sprintf("project-%d", s.keys)
	s.project(name, spec, change...)
	return s.wait(*s.start(request(name)).Id)
}

// log is the build's log, one line per event.
func (s *server) log(b types.Build) string {
	s.t.Helper()
	var out strings.Builder
	var from int64
	for {
		page, err := s.logs.Get(s.ctx, *b.Logs.GroupName, *b.Logs.StreamName, logstore.GetOptions{From: from})
		if err != nil {
			s.t.Fatal(err)
		}
		for _, e := range page.Events {
			out.WriteString(e.Message)
		}
		if len(page.Events) == 0 {
			return out.String()
		}
		from = page.Next
	}
}

// said is what commands printed: the log without the service's own lines.
func (s *server) said(b types.Build) string {
	var out strings.Builder
	for line := range strings.Lines(s.log(b)) {
		if !strings.HasPrefix(line, "[Container] ") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func (s *server) expect(b types.Build, status types.StatusType) types.Build {
	s.t.Helper()
	if b.BuildStatus != status {
		s.t.Fatalf("build ended %s, want %s: %s\n%s", b.BuildStatus, status, build.FailureReason(&b), s.log(b))
	}
	return b
}

// phases writes a build's phases as "PHASE STATUS code: message".
func phases(b types.Build) []string {
	var out []string
	for _, p := range b.Phases {
		line := string(p.PhaseType)
		if p.PhaseStatus != "" {
			line += " " + string(p.PhaseStatus)
		}
		for _, c := range p.Contexts {
			if aws.ToString(c.StatusCode) != "" {
				line += " " + *c.StatusCode + ": " + *c.Message
			}
		}
		out = append(out, line)
	}
	return out
}

func expectFailure(t testing.TB, b types.Build, phase, text string) {
	t.Helper()
	for _, line := range phases(b) {
		if strings.HasPrefix(line, phase+" FAILED") && strings.Contains(line, text) {
			return
		}
	}
	t.Errorf("no failure of %s with %q in\n%s", phase, text, strings.Join(phases(b), "\n"))
}

// putZip stores a zip with these files as an artifact and returns it.
func (s *server) putZip(name string, files map[string]string) pipeline.Artifact {
	s.t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, n := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(n)
		if err == nil {
			_, err = f.Write([]byte(files[n]))
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		s.t.Fatal(err)
	}
	return s.put(name, buf.Bytes())
}

func (s *server) put(name string, body []byte) pipeline.Artifact {
	s.t.Helper()
	s.keys++
	a := pipeline.Artifact{Name: name, Bucket: bucket, Key: fmt.Sprintf("pipe/%s/%d", name, s.keys)}
	if _, err := s.objects.Put(s.ctx, a.Bucket, a.Key, bytes.NewReader(body), objectstore.Attributes{}); err != nil {
		s.t.Fatal(err)
	}
	return a
}

func (s *server) out(name string) pipeline.Artifact {
	s.keys++
	return pipeline.Artifact{Name: name, Bucket: bucket, Key: fmt.Sprintf("pipe/%s/%d", name, s.keys)}
}

func (s *server) object(key string) []byte {
	s.t.Helper()
	r, err := s.objects.Get(s.ctx, bucket, key, "")
	if errors.Is(err, objectstore.ErrNoSuchKey) {
		return nil
	}
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// unzip reads a zip as "name" -> content; links become "-> target".
func (s *server) unzip(key string) map[string]string {
	s.t.Helper()
	b := s.object(key)
	if b == nil {
		return nil
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			s.t.Fatal(err)
		}
		c, err := io.ReadAll(r)
		if err != nil {
			s.t.Fatal(err)
		}
		files[f.Name] = string(c)
		if f.Mode()&os.ModeSymlink != 0 {
			files[f.Name] = "-> " + string(c)
		}
	}
	return files
}

// inPipeline runs a project as a pipeline's action would.
func (s *server) inPipeline(spec string, inputs, outputs []pipeline.Artifact) types.Build {
	s.t.Helper()
	s.keys++
	name := fmt.Sprintf("project-%d", s.keys)
	s.project(name, spec, func(p *types.Project) {
		p.Source.Type = types.SourceTypeCodepipeline
		p.Artifacts.Type = types.ArtifactsTypeCodepipeline
	})
	payload, err := json.Marshal(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.wait(*s.start(build.Request{
		Input:     codebuild.StartBuildInput{ProjectName: aws.String(name)},
		Initiator: "codepipeline/pipe",
		Key:       name,
		OnFinish:  &queue.Job{Kind: "test.finished", Payload: payload},
		Pipeline:  &build.Pipeline{Name: "pipe", Inputs: inputs, Primary: inputs[0].Name, Outputs: outputs},
	}).Id)
}

// repository makes a bare repository with two commits on main, a branch and a tag; it returns the commits.
func (s *server) repository(name string) (first, second string) {
	s.t.Helper()
	work := s.t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@b", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@b")
		out, err := cmd.CombinedOutput()
		if err != nil {
			s.t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(work, "file"), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	git("init", "-q", "-b", "main")
	write("one")
	git("add", "file")
	git("commit", "-q", "-m", "first")
	git("tag", "v1")
	first = git("rev-parse", "HEAD")
	write("two")
	git("commit", "-q", "-a", "-m", "second")
	second = git("rev-parse", "HEAD")
	git("branch", "feature/x", first)
	git("clone", "-q", "--bare", ".", filepath.Join(s.dir, "git", name+".git"))
	return first, second
}
