package build_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func limit(n int32) func(*types.Project) {
	return func(p *types.Project) { p.ConcurrentBuildLimit = aws.Int32(n) }
}

// gated is a command that notes its build in a file when it begins, and ends once the gate is there.
func gated(notes, gate string) string {
	return fmt.Sprintf("echo $CODEBUILD_BUILD_ID >>%s; until test -e %s; do sleep 0.01; done", notes, gate)
}

func lines(path string) []string {
	text, _ := os.ReadFile(path) // nothing is noted yet
	return strings.Fields(string(text))
}

// queuedBecause is why a build waits.
func queuedBecause(b types.Build) string {
	last := b.Phases[len(b.Phases)-1]
	if last.PhaseType != types.BuildPhaseTypeQueued || len(last.Contexts) == 0 {
		return fmt.Sprintf("it is in %s", last.PhaseType)
	}
	return *last.Contexts[0].Message
}

func TestProjectLimit(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := serve(t, options{st: st})
		notes, gate := filepath.Join(s.dir, "notes"), filepath.Join(s.dir, "gate")
		s.project("limited", spec(gated(notes, gate)), limit(1))
		var ids []string
		for range 5 {
			ids = append(ids, *s.start(request("limited")).Id)
		}
		s.eventually("the first to run", func() bool { return len(lines(notes)) == 1 })
		if got := queuedBecause(s.get(ids[2])); got != "Waiting for 2 other builds of this project; its concurrentBuildLimit is 1" {
			t.Errorf("the third: %s", got)
		}
		if _, err := s.builds.Stop(s.ctx, ids[1]); err != nil {
			t.Fatal(err)
		}
		s.expect(s.wait(ids[1]), types.StatusTypeStopped)
		if got := queuedBecause(s.get(ids[2])); got != "Waiting for 1 other build of this project; its concurrentBuildLimit is 1" {
			t.Errorf("the third, once the second is stopped: %s", got)
		}
		if _, err := s.builds.Stop(s.ctx, ids[0]); err != nil {
			t.Fatal(err)
		}
		s.eventually("the third to run", func() bool { return len(lines(notes)) == 2 })
		if _, err := s.builds.UpdateProject(s.ctx, "limited", func(p *types.Project) error { limit(2)(p); return nil }); err != nil {
			t.Fatal(err)
		}
		s.eventually("another to run under the new limit", func() bool { return len(lines(notes)) == 3 })
		if err := s.builds.DeleteProject(s.ctx, "limited"); err != nil {
			t.Fatal(err)
		}
		s.eventually("the last to run without a project", func() bool { return len(lines(notes)) == 4 })
		if got := lines(notes); got[1] != ids[2] || got[2] != ids[3] || got[3] != ids[4] {
			t.Errorf("they ran in the order %q of %q", got, ids)
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids[2:] {
			s.expect(s.wait(id), types.StatusTypeSucceeded)
		}
	})
}

// A limit counts for all servers together, and none of them forgets a build that waits.
func TestProjectLimitOfTwoServers(t *testing.T) {
	t.Parallel()
	dsn := sqltest.PostgresDSN(t)
	one := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	two := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	dir := t.TempDir()
	counting := fmt.Sprintf("mkdir %[1]s/run.$$; ls -d %[1]s/run.* | wc -l >>%[1]s/counts; sleep 0.05; rmdir %[1]s/run.$$", dir)
	one.project("shared", spec(counting), limit(2))
	var ids []string
	for i := range 16 {
		s := one
		if i%2 == 1 {
			s = two
		}
		ids = append(ids, *s.start(request("shared")).Id)
	}
	for _, id := range ids {
		one.expect(one.wait(id), types.StatusTypeSucceeded)
	}
	counts := lines(filepath.Join(dir, "counts"))
	if len(counts) != len(ids) {
		t.Errorf("%d builds ran %d times", len(ids), len(counts))
	}
	for _, c := range counts {
		if n, err := strconv.Atoi(c); err != nil || n > 2 {
			t.Errorf("%s builds ran at once", c)
		}
	}
}

// A project with many builds does not keep another waiting for all of them.
func TestProjectsTakeTurns(t *testing.T) {
	t.Parallel()
	s := serve(t, options{slots: 1})
	notes, gate := filepath.Join(s.dir, "notes"), filepath.Join(s.dir, "gate")
	s.project("busy", spec(gated(notes, gate)))
	s.project("quiet", spec(gated(notes, gate)))
	for range 6 {
		s.start(request("busy"))
	}
	s.eventually("the first to run", func() bool { return len(lines(notes)) == 1 })
	quiet := s.start(request("quiet"))
	s.eventually("the reason why it waits", func() bool {
		return queuedBecause(s.get(*quiet.Id)) == "Waiting for a free build slot, as are 5 other builds of all projects, which take turns; each server runs up to 1 at once (build-slots)"
	})
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.wait(*quiet.Id)
	if got := lines(notes); slices.Index(got, *quiet.Id) > 2 {
		t.Errorf("it did not get its turn: %q", got)
	}
}
