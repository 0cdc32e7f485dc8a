package build_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
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
	if _, err := e.Open(s.ctx, bucket, "in/other.zip", ""); err == nil {
		t.Error("another object can be read")
	}
	if _, err := e.Repository(s.ctx, "secret"); err == nil {
		t.Error("a repository that is no source can be read")
	}
	var may []string
	for _, key := range []string{"out/a", "out/a/b", "outside", "in/src.zip", "out"} {
		if e.Writes(bucket, key) {
			may = append(may, key)
		}
	}
	if !slices.Equal(may, []string{"out/a", "out/a/b"}) || e.Writes("elsewhere", "out/a") {
		t.Errorf("it may write %q", may)
	}
	if _, _, err := e.List(s.ctx, bucket, "in/", ""); err == nil {
		t.Error("the objects beside its source can be listed")
	}
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
	for key, may := range map[string]bool{"out/" + a.ID + "/f": true, "s3-prefix/" + a.ID + "/f": true, "out/f": false, "out/x" + a.ID + "/f": false, a.ID: false} {
		if e.Writes(bucket, key) != may {
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
		if got := [2]bool{errors.Is(err, build.ErrNoObject), e.Writes(bucket, key)}; got != may {
			t.Errorf("%s may be read and written: %t", key, got)
		}
	}
}
