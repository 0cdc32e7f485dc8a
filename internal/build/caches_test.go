package build_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

func inBucket(p *types.Project) {
	p.Cache = &types.ProjectCache{Type: types.CacheTypeS3, Location: aws.String(bucket + "/caches")}
}

func onThisMachine(p *types.Project) {
	p.Cache = &types.ProjectCache{Type: types.CacheTypeLocal, Modes: []types.CacheMode{types.CacheModeLocalCustomCache}}
}

// withCaches is a server that keeps local caches of so many bytes together.
func withCaches(t *testing.T, most int64) (s *server, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "caches")
	shelf, err := build.OpenShelf(dir, most)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, options{caches: shelf}), dir
}

// builds runs a project once more.
func (s *server) again(project string, status types.StatusType) types.Build {
	s.t.Helper()
	return s.expect(s.wait(*s.start(request(project)).Id), status)
}

func TestCachesAreFoundAgain(t *testing.T) {
	t.Parallel()
	s, _ := withCaches(t, 1<<20)
	for name, where := range map[string]func(*types.Project){"bucket": inBucket, "machine": onThisMachine} {
		s.project(name, `
version: 0.2
phases:
  install: {commands: ["cat deps/a deps/link ~/.tool/b 2>/dev/null || echo cold", "test ! -e elsewhere"]}
  build: {commands: ["mkdir -p deps ~/.tool elsewhere; echo one >deps/a; ln -sf a deps/link; echo two >~/.tool/b; echo x >elsewhere/c"]}
cache: {paths: ["deps/**/*", "/root/.tool/**/*", "missing/*"]}
`, where)
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "cold\n" {
			t.Errorf("%s: the first build said %q", name, said)
		}
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "one\none\ntwo\n" {
			t.Errorf("%s: the second build said %q", name, said)
		}
	}
}

func TestKeysOfCaches(t *testing.T) {
	t.Parallel()
	s, _ := withCaches(t, 1<<20)
	for name, where := range map[string]func(*types.Project){"bucket": inBucket, "machine": onThisMachine} {
		spec := func(lock string) string {
			return `
version: 0.2
env: {variables: {OS: "linux/x"}}
phases:
  install: {commands: ["cat deps/a 2>/dev/null || echo cold"]}
  build: {commands: ["mkdir -p deps; echo ` + lock + ` >deps/a"]}
cache:
  paths: [deps]
  key: $OS-$(codebuild-hash-files file) ` + lock + `
  fallback-keys: [nothing-, $OS-]
`
		}
		s.repository(name)
		change := func(p *types.Project) {
			p.Source.Type, p.Source.Location = types.SourceTypeCodecommit, aws.String("https://git-codecommit.us-east-1.amazonaws.com/v1/repos/"+name)
			where(p)
		}
		s.project(name, spec("1"), change)
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "cold\n" {
			t.Errorf("%s: without a cache: %q", name, said)
		}
		log := s.log(s.again(name, types.StatusTypeSucceeded))
		if !strings.Contains(log, "\n1\n") || !strings.Contains(log, "already") {
			t.Errorf("%s: with that key:\n%s", name, log)
		}
		if _, err := s.builds.UpdateProject(s.ctx, name, func(p *types.Project) error {
			p.Source.Buildspec = aws.String(spec("2"))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "1\n" {
			t.Errorf("%s: with a key that begins alike: %q", name, said)
		}
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "2\n" {
			t.Errorf("%s: with the new key: %q", name, said)
		}
	}
}

func TestCachesAreInvalidated(t *testing.T) {
	t.Parallel()
	s, dir := withCaches(t, 1<<20)
	for name, where := range map[string]func(*types.Project){"bucket": inBucket, "machine": onThisMachine} {
		s.project(name, `
version: 0.2
phases:
  install: {commands: ["cat deps/a 2>/dev/null || echo cold"]}
  build: {commands: ["mkdir -p deps; echo warm >deps/a"]}
cache: {paths: [deps], key: "$CODEBUILD_BUILD_NUMBER", fallback-keys: ["1", "2", "3"]}
`, where)
		s.again(name, types.StatusTypeSucceeded)
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "warm\n" {
			t.Errorf("%s: before: %q", name, said)
		}
		if err := s.builds.InvalidateCaches(s.ctx, name); err != nil {
			t.Fatal(err)
		}
		if left, err := filepath.Glob(filepath.Join(dir, name, "*")); err != nil || len(left) > 0 {
			t.Errorf("%s: %q are left, %v", name, left, err)
		}
		if said := s.said(s.again(name, types.StatusTypeSucceeded)); said != "cold\n" {
			t.Errorf("%s: after it: %q", name, said)
		}
		b := s.again(name, types.StatusTypeSucceeded)
		if said, log := s.said(b), s.log(b); said != "warm\n" || !strings.Contains(log, "from the cache 3 in") {
			t.Errorf("%s: after the next build:\n%s", name, log)
		}
	}
	if err := s.builds.InvalidateCaches(s.ctx, "nobody"); !errors.Is(err, build.ErrNoProject) {
		t.Errorf("of no project: %v", err)
	}
}

// A build that began before brings nothing back.
func TestRunningBuildKeepsItsEpoch(t *testing.T) {
	t.Parallel()
	s, dir := withCaches(t, 1<<20)
	gate := filepath.Join(dir, "gate")
	s.project("slow", `
version: 0.2
phases:
  install: {commands: ["cat deps/a 2>/dev/null || echo cold"]}
  build: {commands: ["until test -e `+gate+`; do sleep 0.01; done; mkdir -p deps; echo stale >deps/a"]}
cache: {paths: [deps]}
`, onThisMachine)
	b := s.start(request("slow"))
	if err := s.builds.InvalidateCaches(s.ctx, "slow"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.expect(s.wait(*b.Id), types.StatusTypeSucceeded)
	if said := s.said(s.again("slow", types.StatusTypeSucceeded)); said != "cold\n" {
		t.Errorf("the next build found %q", said)
	}
}

// Where the home of a build lies outside of its workspace, as in a container, what the cache keeps of it is linked there.
func TestCachesOfAHomeElsewhere(t *testing.T) {
	t.Parallel()
	s, _ := withCaches(t, 1<<20)
	home := t.TempDir()
	s.project("p", `
version: 0.2
phases:
  install: {commands: ["cat ~/.tool/b 2>/dev/null || echo cold"]}
  build: {commands: ["echo two >~/.tool/b"]}
cache: {paths: ["/root/.tool/**/*"]}
`, onThisMachine, func(p *types.Project) {
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("HOME"), Value: aws.String(home)}}
	})
	for _, want := range []string{"cold\n", "two\n"} {
		if said := s.said(s.again("p", types.StatusTypeSucceeded)); said != want {
			t.Errorf("a build said %q, want %q", said, want)
		}
		if to, err := os.Readlink(filepath.Join(home, ".tool")); err != nil || !strings.HasSuffix(to, "/home/.tool") {
			t.Errorf("the home has %s, %v", to, err)
		}
		if err := os.Remove(filepath.Join(home, ".tool")); err != nil { // another container has a home of its own
			t.Fatal(err)
		}
	}
}

func TestABuildThatFailsSavesNoCache(t *testing.T) {
	t.Parallel()
	s, dir := withCaches(t, 1<<20)
	b := s.expect(s.run("version: 0.2\nphases: {build: {commands: [mkdir d, echo x >d/f, \"false\"]}}\ncache: {paths: [d]}", onThisMachine), types.StatusTypeFailed)
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("there is %v, %v\n%s", left, err, s.log(b))
	}
}

// What goes wrong with a cache is said in the log and does no harm.
func TestCachesDoNoHarm(t *testing.T) {
	t.Parallel()
	s, dir := withCaches(t, 1<<20)
	s.repository("repo")
	for _, tc := range []struct {
		name, spec, want string
		where            func(*types.Project)
	}{
		{"outside", "{build: {commands: ['true']}}\ncache: {paths: [/etc/passwd]}", "lies neither in the source nor", onThisMachine},
		{"climbing", "{build: {commands: ['true']}}\ncache: {paths: [../x]}", `contains ".."`, onThisMachine},
		{"a link out", "{build: {commands: [mkdir d, ln -s /etc/passwd d/l]}}\ncache: {paths: [d]}", "the cache is not saved", onThisMachine},
		{"no bucket", "{build: {commands: [mkdir d, echo x >d/f]}}\ncache: {paths: [d]}", "the bucket nowhere", func(p *types.Project) {
			p.Cache = &types.ProjectCache{Type: types.CacheTypeS3, Location: aws.String("nowhere")}
		}},
		{"a bad key", "{build: {commands: ['true']}}\ncache: {paths: [d], key: \"$(codebuild-hash-files)\"}", "write $(codebuild-hash-files PATTERN)", onThisMachine},
		{"a long key", "{build: {commands: ['true']}}\ncache: {paths: [d], key: " + strings.Repeat("k", 300) + "}", "is longer than", onThisMachine},
		{"a large cache", "{build: {commands: [mkdir d, head -c 3000000 /dev/urandom >d/f]}}\ncache: {paths: [d]}", "build-cache-size", onThisMachine},
	} {
		b := s.expect(s.run("version: 0.2\nphases: "+tc.spec, tc.where), types.StatusTypeSucceeded)
		if log := s.log(b); !strings.Contains(log, tc.want) {
			t.Errorf("%s: the log says nothing of %q:\n%s", tc.name, tc.want, log)
		}
	}
	damaged := filepath.Join(dir, "damaged")
	if err := os.MkdirAll(damaged, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "cache.zip"), []byte("PK half a cache"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.project("damaged", "version: 0.2\nphases: {build: {commands: [mkdir -p d, echo x >d/f]}}\ncache: {paths: [d]}", onThisMachine)
	if log := s.log(s.again("damaged", types.StatusTypeSucceeded)); !strings.Contains(log, "cannot be restored") {
		t.Errorf("a damaged cache:\n%s", log)
	}
	if log := s.log(s.again("damaged", types.StatusTypeSucceeded)); !strings.Contains(log, "Restored 1 file(s)") {
		t.Errorf("after it was saved anew:\n%s", log)
	}
}

// A source wins over what a cache has in its place.
func TestCachesGiveWayToSources(t *testing.T) {
	t.Parallel()
	s, _ := withCaches(t, 1<<20)
	source := s.putZip("src", map[string]string{"file": "new\n"})
	spec := `
version: 0.2
phases:
  install: {commands: ["cat file d/f 2>/dev/null; true"]}
  build: {commands: ["rm -rf d file; echo old >file; mkdir d; echo x >d/f"]}
cache: {paths: [file, d]}
`
	s.project("p", spec, onThisMachine, func(p *types.Project) {
		p.Source.Type, p.Source.Location = types.SourceTypeS3, aws.String(source.Bucket+"/"+source.Key)
	})
	s.again("p", types.StatusTypeSucceeded)
	if said := s.said(s.again("p", types.StatusTypeSucceeded)); said != "new\nx\n" {
		t.Errorf("the second build said %q", said)
	}
}

func TestTheCacheUsedLeastRecentlyGoes(t *testing.T) {
	t.Parallel()
	s, dir := withCaches(t, 2_500_000)
	spec := "version: 0.2\nphases: {build: {commands: [mkdir -p d, head -c 1000000 /dev/urandom >d/f]}}\ncache: {paths: [d]}"
	for _, name := range []string{"one", "two"} {
		s.project(name, spec, onThisMachine)
		s.again(name, types.StatusTypeSucceeded)
	}
	s.project("one-again", spec, onThisMachine)
	s.again("one", types.StatusTypeSucceeded)
	s.again("one-again", types.StatusTypeSucceeded)
	for name, want := range map[string]bool{"one": true, "two": false, "one-again": true} {
		if _, err := os.Stat(filepath.Join(dir, name, "cache.zip")); (err == nil) != want {
			t.Errorf("the cache of %s is there: %v, want %v", name, err == nil, want)
		}
	}
}

// Builds of one project at the same time each find a whole cache.
func TestCachesOfBuildsAtTheSameTime(t *testing.T) {
	t.Parallel()
	s, _ := withCaches(t, 1<<30)
	s.project("p", `
version: 0.2
phases:
  install: {commands: ["test ! -e d || test $(cat d/* | wc -l) = 200"]}
  build: {commands: ["mkdir -p d; for i in $(seq 200); do echo $i >d/$i; done"]}
cache: {paths: [d]}
`, onThisMachine)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3 {
				b, err := s.tryStart(request("p"))
				if err != nil {
					t.Error(err)
					return
				}
				if b = s.wait(*b.Id); b.BuildStatus != types.StatusTypeSucceeded {
					t.Errorf("a build ended %s: %s", b.BuildStatus, build.FailureReason(&b))
				}
			}
		})
	}
	all.Wait()
}

func TestRetries(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.expect(s.run(`
version: 0.2
phases:
  install:
    on-failure: RETRY
    commands: ["mkdir -p in; cd in; echo x >>../tries; pwd | sed 's|.*/||'", "test $(wc -l <../tries) = 3"]
    finally: [echo tidy]
  build: {commands: ["echo $CODEBUILD_BUILD_SUCCEEDING"]}
`), types.StatusTypeSucceeded)
	if said := s.said(b); said != strings.Repeat("in\ntidy\n", 3)+"1\n" {
		t.Errorf("the build said %q", said)
	}
	for policy, tries := range map[string]int{
		"RETRY": 4, "RETRY-0": 1, "RETRY-2": 3, "RETRY-1-exit status 7": 2, "RETRY-exit status 8": 1, "ABORT": 1,
	} {
		b := s.expect(s.run("version: 0.2\nphases: {build: {on-failure: '"+policy+"', commands: [echo try, exit 7]}}"), types.StatusTypeFailed)
		if got := strings.Count(s.said(b), "try"); got != tries {
			t.Errorf("%s: %d tries, want %d", policy, got, tries)
		}
	}
}

// lender is a role that lends credentials and allows everything.
type lender struct{}

func (lender) ServiceCredentials(context.Context, iam.Service, string, time.Duration) (iam.AccessKey, error) {
	return iam.AccessKey{ID: "AKIDLOAN", Secret: "secret.of.loan", SessionToken: "token.of.loan"}, nil
}

func (lender) Permit(context.Context, string, string) error { return nil }

func (lender) EndSession(context.Context, string) error { return nil }

func TestGitUsesTheBuildsCredentials(t *testing.T) {
	t.Parallel()
	s := serve(t, options{roles: lender{}})
	b := s.expect(s.run(`
version: 0.2
env: {git-credential-helper: yes}
phases:
  build:
    commands:
      - printf 'protocol=http\nhost=conveyor.test\n\n' | git credential fill | tee filled
      - test "$(grep -c 'AKIDLOAN%token.of.loan' filled)" = 1 && grep -q password=secret.of.loan filled
      - "! printf 'protocol=http\\nhost=elsewhere.test\\n\\n' | GIT_TERMINAL_PROMPT=0 git credential fill"
      - git ls-remote --get-url https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site
`), types.StatusTypeSucceeded)
	log := s.log(b)
	if strings.Contains(log, "secret.of.loan") || strings.Contains(log, "token.of.loan") || !strings.Contains(log, "http://conveyor.test/v1/repos/site") {
		t.Error(log)
	}
}
