package build_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// batching lets a project run batches.
func batching(p *types.Project) {
	p.BuildBatchConfig = &types.ProjectBuildBatchConfig{ServiceRole: aws.String("arn:aws:iam::000000000000:role/batch")}
}

func (s *server) startBatch(r build.BatchRequest) types.BuildBatch {
	s.t.Helper()
	b, err := s.tryBatch(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *server) tryBatch(r build.BatchRequest) (b types.BuildBatch, err error) {
	err = s.st.InTx(s.ctx, func(tx store.Tx) error {
		b, err = s.builds.StartBatch(s.ctx, tx, r)
		return err
	})
	return b, err
}

func (s *server) getBatch(id string) types.BuildBatch {
	s.t.Helper()
	b, err := s.builds.GetBatch(s.ctx, id)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

func (s *server) waitBatch(id string) (b types.BuildBatch) {
	s.t.Helper()
	s.eventually("the end of batch "+id, func() bool {
		b = s.getBatch(id)
		return b.Complete
	})
	return b
}

// batch runs a spec as a batch of a project of its own.
func (s *server) batch(spec string, change ...func(*types.Project)) types.BuildBatch {
	s.t.Helper()
	s.keys++
	name := fmt.Sprintf("batch-%d", s.keys)
	s.project(name, spec, append([]func(*types.Project){batching}, change...)...)
	return s.waitBatch(*s.startBatch(build.BatchRequest{Request: request(name)}).Id)
}

// groups writes the builds of a batch as "IDENTIFIER STATUS", "-" for one that never ran.
func groups(b types.BuildBatch) string {
	var out []string
	for _, g := range b.BuildGroups {
		status := "-"
		if g.CurrentBuildSummary != nil {
			status = string(g.CurrentBuildSummary.BuildStatus)
		}
		out = append(out, *g.Identifier+" "+status)
	}
	return strings.Join(out, ", ")
}

// stages writes the phases of a batch as "PHASE STATUS message".
func stages(b types.BuildBatch) string {
	var out []string
	for _, p := range b.Phases {
		line := string(p.PhaseType) + " " + string(p.PhaseStatus)
		for _, c := range p.Contexts {
			line += " " + *c.StatusCode + ": " + *c.Message
		}
		out = append(out, line)
	}
	return strings.Join(out, "; ")
}

func (s *server) expectBatch(b types.BuildBatch, status types.StatusType, want string) types.BuildBatch {
	s.t.Helper()
	if got := groups(b); b.BuildBatchStatus != status || got != want {
		s.t.Fatalf("the batch is %s with %q, want %s with %q: %s", b.BuildBatchStatus, got, status, want, stages(b))
	}
	return b
}

// group is the build of a batch with that identifier.
func (s *server) group(b types.BuildBatch, identifier string) types.Build {
	s.t.Helper()
	i := slices.IndexFunc(b.BuildGroups, func(g types.BuildGroup) bool { return *g.Identifier == identifier })
	if i < 0 || b.BuildGroups[i].CurrentBuildSummary == nil {
		s.t.Fatalf("no build %s in %s", identifier, groups(b))
	}
	return s.get(*b.BuildGroups[i].CurrentBuildSummary.Arn)
}

const graph = `version: 0.2
batch:
  build-graph:
    - {identifier: compile, env: {variables: {WHO: compiler}}}
    - {identifier: test, depend-on: [compile], env: {compute-type: BUILD_GENERAL1_LARGE}}
    - {identifier: lint}
phases: {build: {commands: ['echo "$WHO $CODEBUILD_BATCH_BUILD_IDENTIFIER"; [ "$CODEBUILD_BATCH_BUILD_IDENTIFIER" != "$FAIL" ]']}}
`

func TestBatchGraph(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := serve(t, options{st: st})
		b := s.expectBatch(s.batch(graph), types.StatusTypeSucceeded, "compile SUCCEEDED, test SUCCEEDED, lint SUCCEEDED")
		if got, want := stages(b), "SUBMITTED SUCCEEDED; DOWNLOAD_BATCHSPEC SUCCEEDED; IN_PROGRESS SUCCEEDED; SUCCEEDED SUCCEEDED"; got != want {
			t.Errorf("the phases are %s, want %s", got, want)
		}
		s.eventually("every step to be told of", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			told := slices.Compact(slices.Clone(s.batches))
			return slices.Equal(told, []string{"IN_PROGRESS in DOWNLOAD_BATCHSPEC", "IN_PROGRESS in IN_PROGRESS", "SUCCEEDED in SUCCEEDED"})
		})
		compile, test := s.group(b, "compile"), s.group(b, "test")
		if got := s.said(compile) + s.said(test); got != "compiler compile\n test\n" {
			t.Errorf("the builds said %q", got)
		}
		if test.StartTime.Before(*compile.EndTime) || *test.BuildBatchArn != *b.Arn || test.Environment.ComputeType != types.ComputeTypeBuildGeneral1Large || *b.BuildBatchNumber != 1 {
			t.Errorf("%+v", test)
		}
		if err := s.st.InTx(s.ctx, func(tx store.Tx) error {
			_, err := s.builds.Retry(s.ctx, tx, *test.Id, "x", "")
			return err
		}); err == nil || !strings.Contains(err.Error(), "retry the batch") {
			t.Errorf("a build of a batch was retried: %v", err)
		}
	})
}

func TestBatchFails(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	failing := func(p *types.Project) {
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("FAIL"), Value: aws.String("compile")}}
	}
	b := s.expectBatch(s.batch(graph, failing), types.StatusTypeFailed, "compile FAILED, test -, lint SUCCEEDED")
	if got := build.BatchFailureReason(&b); got != "build compile: FAILED" {
		t.Errorf("the reason is %q", got)
	}
	forgiving := strings.Replace(graph, "identifier: compile,", "identifier: compile, ignore-failure: true,", 1)
	s.expectBatch(s.batch(forgiving, failing), types.StatusTypeSucceeded, "compile FAILED, test SUCCEEDED, lint SUCCEEDED")
	fast := "version: 0.2\nbatch: {fast-fail: true, build-list: [{identifier: slow}, {identifier: bad}]}\nphases: {build: {commands: ['[ $CODEBUILD_BATCH_BUILD_IDENTIFIER = slow ] && sleep 600; false']}}"
	s.expectBatch(s.batch(fast), types.StatusTypeFailed, "slow STOPPED, bad FAILED")
}

func TestBatchMistakes(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	restricted := func(r types.BatchRestrictions) func(*types.Project) {
		return func(p *types.Project) { p.BuildBatchConfig.Restrictions = &r }
	}
	for want, c := range map[string]struct {
		spec   string
		change func(*types.Project)
	}{
		"YAML_FILE_ERROR: the buildspec has no batch section": {plain, nil},
		"line 1: batch.build-graph: builds depend on each":    {"version: 0.2\nbatch: {build-graph: [{identifier: a, depend-on: [a]}]}", nil},
		"the batch has 3 builds; the project's restrictions":  {graph, restricted(types.BatchRestrictions{MaximumBuildsAllowed: aws.Int32(2)})},
		"do not allow the compute type BUILD_GENERAL1_LARGE":  {graph, restricted(types.BatchRestrictions{ComputeTypesAllowed: []string{"BUILD_GENERAL1_SMALL"}})},
		"build a: the project's restrictions do not allow the fleet big, only small, other": {
			"version: 0.2\nbatch: {build-list: [{identifier: a, env: {fleet: big}}]}", restricted(types.BatchRestrictions{FleetsAllowed: []string{"small", "other"}}),
		},
		`build a: fleet: "arn:aws:codebuild:us-east-1:000000000000:fleet/*" is not the ARN of a fleet`: {
			"version: 0.2\nbatch: {build-list: [{identifier: a, env: {fleet: '*'}}]}", nil,
		},
		`build a: "HUGE" is not a compute type`: {"version: 0.2\nbatch: {build-list: [{identifier: a, env: {compute-type: HUGE}}]}", nil},
	} {
		change := c.change
		if change == nil {
			change = func(*types.Project) {}
		}
		b := s.expectBatch(s.batch(c.spec, change), types.StatusTypeFailed, "")
		if got := stages(b); !strings.Contains(strings.Replace(got, "line 2", "line 1", 1), want) || b.Phases[1].PhaseStatus != types.StatusTypeFailed {
			t.Errorf("the phases are %s, want %q", got, want)
		}
	}
	s.project("single", graph)
	if _, err := s.tryBatch(build.BatchRequest{Request: request("single")}); err == nil || !strings.Contains(err.Error(), "give it a buildBatchConfig") {
		t.Errorf("a project without configuration: %v", err)
	}
}

func TestBatchIsStoppedAndRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, options{slots: 2})
	gate := filepath.Join(s.dir, "gate")
	spec := fmt.Sprintf("version: 0.2\nbatch: {build-list: [{identifier: quick}, {identifier: long}]}\nphases: {build: {commands: ['[ $CODEBUILD_BATCH_BUILD_IDENTIFIER = quick ] || [ -e %s ] || sleep 600']}}", gate)
	s.project("p", spec, batching)
	id := *s.startBatch(build.BatchRequest{Request: request("p")}).Id
	s.eventually("the quick build to end and the long one to run", func() bool {
		b := s.getBatch(id)
		return groups(b) == "quick SUCCEEDED, long IN_PROGRESS" && *s.group(b, "long").CurrentPhase == "BUILD"
	})
	if _, err := s.builds.StopBatch(s.ctx, id); err != nil {
		t.Fatal(err)
	}
	stopped := s.expectBatch(s.waitBatch(id), types.StatusTypeStopped, "quick SUCCEEDED, long STOPPED")
	if _, err := s.builds.DeleteBatch(s.ctx, *s.startBatch(build.BatchRequest{Request: request("p")}).Id); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("a batch that runs was deleted: %v", err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	retry := func() (b types.BuildBatch, err error) {
		err = s.st.InTx(s.ctx, func(tx store.Tx) error {
			b, err = s.builds.RetryBatch(s.ctx, tx, id, false, "once")
			return err
		})
		return b, err
	}
	if _, err := retry(); err != nil {
		t.Fatal(err)
	}
	b := s.expectBatch(s.waitBatch(id), types.StatusTypeSucceeded, "quick SUCCEEDED, long SUCCEEDED")
	if *s.group(b, "quick").Id != *s.group(stopped, "quick").Id || len(b.BuildGroups[1].PriorBuildSummaryList) != 1 {
		t.Errorf("%+v", b.BuildGroups)
	}
	if again, err := retry(); err != nil || !again.Complete {
		t.Errorf("the same retry again: %s, %v", again.BuildBatchStatus, err)
	}
	builds, err := s.builds.DeleteBatch(s.ctx, id)
	if err != nil || len(builds) != 3 {
		t.Errorf("deleted %q, %v", builds, err)
	}
	if _, err := s.builds.GetBatch(s.ctx, id); err == nil {
		t.Error("it is still there")
	}
}

func TestBatchOfHostedRepository(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	_, second := s.repository("site")
	hosted := func(p *types.Project) {
		p.Source.Type, p.Source.Location = types.SourceTypeCodecommit, aws.String("https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site")
	}
	b := s.expectBatch(s.batch("version: 0.2\nbatch: {build-fanout: {parallelism: 2}}\nphases: {build: {commands: ['git rev-parse HEAD']}}", hosted), types.StatusTypeSucceeded, "build_1 SUCCEEDED, build_2 SUCCEEDED")
	if *b.ResolvedSourceVersion != second || s.said(s.group(b, "build_2")) != second+"\n" {
		t.Errorf("%s was built, %s announced", s.said(s.group(b, "build_2")), *b.ResolvedSourceVersion)
	}
	missing := s.batch("nested/build.yml", hosted)
	if got := stages(missing); !strings.Contains(got, "there is no nested/build.yml in the source") {
		t.Errorf("%s", got)
	}
}

// Branches move on while a batch runs: all its builds, also those that start late, are of the commits from its start.
func TestBatchIsOfTheCommitsOfItsStart(t *testing.T) {
	t.Parallel()
	remotes := remoteDirs{}
	s := serve(t, options{remotes: remotes})
	first, second := s.repository("site")
	_, tip := s.repository("library")
	remotes["library.git"] = filepath.Join(s.dir, "git", "library.git")
	const spec = `
version: 0.2
batch: {build-graph: [{identifier: early}, {identifier: late, depend-on: [early]}]}
phases: {build: {commands: ['for d in "$CODEBUILD_SRC_DIR_hosted" "$CODEBUILD_SRC_DIR_far"; do git -C "$d" rev-parse HEAD; done', 'git -C "$REPOSITORIES/site.git" branch -f feature/x main; git -C "$REPOSITORIES/library.git" branch -f main v1']}}
`
	b := s.expectBatch(s.batch(spec, func(p *types.Project) {
		p.SecondarySources = []types.ProjectSource{
			{SourceIdentifier: aws.String("hosted"), Type: types.SourceTypeCodecommit, Location: aws.String("https://git-codecommit.us-east-1.amazonaws.com/v1/repos/site")},
			{SourceIdentifier: aws.String("far"), Type: types.SourceTypeGithub, Location: aws.String("https://github.com/acme/library.git")},
		}
		p.SecondarySourceVersions = []types.ProjectSourceVersion{{SourceIdentifier: aws.String("hosted"), SourceVersion: aws.String("feature/x")}}
		p.Environment.EnvironmentVariables = []types.EnvironmentVariable{{Name: aws.String("REPOSITORIES"), Value: aws.String(filepath.Join(s.dir, "git"))}}
	}), types.StatusTypeSucceeded, "early SUCCEEDED, late SUCCEEDED")
	for _, name := range []string{"early", "late"} {
		if got := s.said(s.group(b, name)); got != first+"\n"+tip+"\n" {
			t.Errorf("%s is of\n%snot of %s and %s (the other commit is %s)", name, got, first, tip, second)
		}
	}
	gone := s.batch(spec, func(p *types.Project) {
		p.SecondarySources = []types.ProjectSource{{SourceIdentifier: aws.String("far"), Type: types.SourceTypeGithub, Location: aws.String("https://github.com/acme/gone.git")}}
	})
	if got := stages(gone); !strings.Contains(got, "source far: no such repository") {
		t.Errorf("%s", got)
	}
}

// inPipeline runs a batch as a pipeline's action would.
func (s *server) batchInPipeline(spec string, combine bool, input pipeline.Artifact, outputs ...pipeline.Artifact) types.BuildBatch {
	s.t.Helper()
	s.keys++
	name := fmt.Sprintf("piped-%d", s.keys)
	s.project(name, spec, batching, func(p *types.Project) {
		p.Source.Type, p.Artifacts.Type = types.SourceTypeCodepipeline, types.ArtifactsTypeCodepipeline
	})
	r := request(name)
	r.Key, r.OnFinish = name, &queue.Job{Kind: "test.finished", Payload: []byte(`"` + name + `"`)}
	r.Pipeline = &build.Pipeline{Name: "pipe", Inputs: []pipeline.Artifact{input}, Primary: input.Name, Outputs: outputs}
	first := s.startBatch(build.BatchRequest{Request: r, Combine: &combine})
	again := s.startBatch(build.BatchRequest{Request: r, Combine: &combine})
	if *first.Id != *again.Id {
		s.t.Errorf("asked twice, started twice: %s, %s", *first.Id, *again.Id)
	}
	b := s.waitBatch(*first.Id)
	s.eventually("the news of the end", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return slices.Contains(s.finished, `"`+name+`"`)
	})
	return b
}

func TestBatchArtifactsInPipeline(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	const spec = `version: 0.2
batch: {build-list: [{identifier: a}, {identifier: b}]}
phases: {build: {commands: ['echo $CODEBUILD_BATCH_BUILD_IDENTIFIER > same; cp same only-$CODEBUILD_BATCH_BUILD_IDENTIFIER; echo docs > docs']}}
artifacts:
  files: [same, only-*]
  secondary-artifacts: {docs: {files: [docs]}}
`
	input := s.putZip("src", map[string]string{"buildspec.yml": spec})
	a, docs := s.out("a"), s.out("b_docs")
	s.expectBatch(s.batchInPipeline("", false, input, a, docs), types.StatusTypeSucceeded, "a SUCCEEDED, b SUCCEEDED")
	if got := s.unzip(a.Key); !maps.Equal(got, map[string]string{"same": "a\n", "only-a": "a\n"}) {
		t.Errorf("a holds %v", got)
	}
	if got := s.unzip(docs.Key); !maps.Equal(got, map[string]string{"docs": "docs\n"}) {
		t.Errorf("b_docs holds %v", got)
	}
	one := s.out("everything")
	b := s.expectBatch(s.batchInPipeline("", true, input, one), types.StatusTypeSucceeded, "a SUCCEEDED, b SUCCEEDED")
	if got := s.unzip(one.Key); !maps.Equal(got, map[string]string{"same": "b\n", "only-a": "a\n", "only-b": "b\n"}) || !strings.HasSuffix(*b.Artifacts.Location, one.Key) {
		t.Errorf("the combined artifact %s holds %v", *b.Artifacts.Location, got)
	}
	const some = `version: 0.2
batch: {build-list: [{identifier: a}, {identifier: b, ignore-failure: true}, {identifier: c, buildspec: "{version: 0.2, phases: {build: {commands: [true]}}}"}]}
phases: {build: {commands: ['[ $CODEBUILD_BATCH_BUILD_IDENTIFIER != b ] && echo $CODEBUILD_BATCH_BUILD_IDENTIFIER > same']}}
artifacts: {files: [same]}
`
	part := s.out("part")
	s.expectBatch(s.batchInPipeline(some, true, input, part), types.StatusTypeSucceeded, "a SUCCEEDED, b FAILED, c SUCCEEDED")
	if got := s.unzip(part.Key); !maps.Equal(got, map[string]string{"same": "a\n"}) {
		t.Errorf("of what some builds made there is %v", got)
	}
	none := s.batchInPipeline(strings.Replace(some, "artifacts: {files: [same]}", "", 1), true, input, s.out("none"))
	if got := stages(none); none.BuildBatchStatus != types.StatusTypeFailed || !strings.Contains(got, "no build of the batch has made a part of the output artifact none") {
		t.Errorf("%s", got)
	}
	if got := stages(s.batchInPipeline("", false, input, s.out("other"))); !strings.Contains(got, "no build of the batch makes the output artifact other") {
		t.Errorf("%s", got)
	}
}

func TestBatchArtifactsInBuckets(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	const spec = "version: 0.2\nbatch: {build-list: [{identifier: a}, {identifier: b}]}\nphases: {build: {commands: ['echo x > $CODEBUILD_BATCH_BUILD_IDENTIFIER']}}\nartifacts: {files: ['[ab]']}"
	to := func(packaging types.ArtifactPackaging, combine bool) func(*types.Project) {
		return func(p *types.Project) {
			p.Artifacts = &types.ProjectArtifacts{Type: types.ArtifactsTypeS3, Location: aws.String(bucket), Path: p.Name, Name: aws.String("out"), Packaging: packaging}
			p.BuildBatchConfig.CombineArtifacts = aws.Bool(combine)
		}
	}
	run := func(packaging types.ArtifactPackaging, combine bool) string {
		b := s.expectBatch(s.batch(spec, to(packaging, combine)), types.StatusTypeSucceeded, "a SUCCEEDED, b SUCCEEDED")
		return *b.ProjectName
	}
	name := run(types.ArtifactPackagingNone, false)
	if s.object(name+"/a/out/a") == nil || s.object(name+"/b/out/b") == nil {
		t.Error("the builds of a batch have no folders of their own")
	}
	if name = run(types.ArtifactPackagingNone, true); s.object(name+"/out/a") == nil || s.object(name+"/out/b") == nil {
		t.Error("the folder is not combined")
	}
	if name = run(types.ArtifactPackagingZip, true); len(s.unzip(name+"/out")) != 2 {
		t.Errorf("the combined zip holds %v", s.unzip(name+"/out"))
	}
}

// A server that stops leaves a batch to the next one, in the middle of anything.
func TestBatchOutlivesItsServer(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		first := serve(t, options{st: st, slots: 1})
		gate := filepath.Join(first.dir, "gate")
		spec := fmt.Sprintf("version: 0.2\nbatch: {build-graph: [{identifier: a}, {identifier: b, depend-on: [a]}]}\nphases: {build: {commands: ['[ -e %s ] || sleep 600']}}", gate)
		first.project("p", spec, batching)
		id := *first.startBatch(build.BatchRequest{Request: request("p")}).Id
		first.eventually("the first build to run", func() bool {
			b := first.getBatch(id)
			return groups(b) == "a IN_PROGRESS, b -" && *first.group(b, "a").CurrentPhase == "BUILD"
		})
		if err := first.queue.Stop(first.ctx); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		second := serve(t, options{st: st})
		second.expectBatch(second.waitBatch(id), types.StatusTypeSucceeded, "a SUCCEEDED, b SUCCEEDED")
	})
}

func TestBatchWaitsForItsLimitAndItsTime(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	one := func(p *types.Project) { p.ConcurrentBuildLimit = aws.Int32(1) }
	s.expectBatch(s.batch(graph, one), types.StatusTypeSucceeded, "compile SUCCEEDED, test SUCCEEDED, lint SUCCEEDED")
	s = serve(t, options{minute: 50 * time.Millisecond})
	soon := func(p *types.Project) { p.BuildBatchConfig.TimeoutInMins = aws.Int32(5) }
	b := s.batch("version: 0.2\nbatch: {build-list: [{identifier: a}]}\nphases: {build: {commands: ['sleep 600']}}", soon, func(p *types.Project) { p.TimeoutInMinutes = aws.Int32(100000) })
	if b.BuildBatchStatus != types.StatusTypeTimedOut || !strings.Contains(stages(b), "BUILD_TIMED_OUT: The batch has timed out.") {
		t.Errorf("%s: %s", b.BuildBatchStatus, stages(b))
	}
}

func TestFanOutSharesTheTests(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	const spec = `version: 0.2
batch: {build-fanout: {parallelism: 2}}
phases:
  build:
    commands:
      - mkdir -p t/deep; touch t/a_test t/b_test "t/c'd e_test" t/deep/f_test t/other
      - %s
`
	said := func(options string) []string {
		b := s.expectBatch(s.batch(fmt.Sprintf(spec, "codebuild-tests-run --files-search \"codebuild-glob-search 't/**/*_test'\" "+options)), types.StatusTypeSucceeded, "build_1 SUCCEEDED, build_2 SUCCEEDED")
		return []string{s.said(s.group(b, "build_1")), s.said(s.group(b, "build_2"))}
	}
	got := said(`--test-command 'printf "<%s>"'`)
	if want := []string{"<t/a_test><t/c'd e_test>\n", "<t/b_test><t/deep/f_test>\n"}; !slices.Equal(got, want) {
		t.Errorf("the builds tested %q, want %q", got, want)
	}
	got = said(`--sharding-strategy=stability --test-command='echo "$CODEBUILD_CURRENT_SHARD_FILES"'`)
	all := strings.Split(strings.TrimSpace(strings.Join(got, "")), "\n")
	slices.Sort(all)
	if want := []string{"t/a_test", "t/b_test", "t/c'd e_test", "t/deep/f_test"}; !slices.Equal(all, want) {
		t.Errorf("the builds tested %q, want %q", got, want)
	}
	alone := s.expect(s.run("version: 0.2\nphases: {build: {commands: [\"codebuild-tests-run --files-search 'echo one; echo two' --test-command echo\"]}}"), types.StatusTypeSucceeded)
	if got := s.said(alone); got != "one two\n" {
		t.Errorf("a build alone tested %q", got)
	}
	s.expect(s.run("version: 0.2\nphases: {build: {commands: ['codebuild-tests-run --test-command x']}}"), types.StatusTypeFailed)
}

// Two servers bring the same batches on side by side: every build starts once, and none before what it depends on.
func TestBatchesOfTwoServers(t *testing.T) {
	t.Parallel()
	dsn := sqltest.PostgresDSN(t)
	one := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	two := serve(t, options{st: sqltest.Open(t, dsn, sqlstore.Options{})})
	notes := filepath.Join(t.TempDir(), "notes")
	one.project("shared", `version: 0.2
batch:
  build-graph:
    - {identifier: compile}
    - {identifier: unit, depend-on: [compile]}
    - {identifier: lint, depend-on: [compile]}
    - {identifier: pack, depend-on: [unit, lint]}
phases: {build: {commands: ['echo "$CODEBUILD_BATCH_BUILD_IDENTIFIER" >>`+notes+`.$BATCH']}}
`, batching)
	var ids []string
	for i := range 8 {
		r := build.BatchRequest{Request: request("shared")}
		r.Input.EnvironmentVariablesOverride = []types.EnvironmentVariable{{Name: aws.String("BATCH"), Value: aws.String(fmt.Sprint(i))}}
		ids = append(ids, *[]*server{one, two}[i%2].startBatch(r).Id)
	}
	for i, id := range ids {
		one.expectBatch(one.waitBatch(id), types.StatusTypeSucceeded, "compile SUCCEEDED, unit SUCCEEDED, lint SUCCEEDED, pack SUCCEEDED")
		ran := lines(fmt.Sprintf("%s.%d", notes, i))
		if len(ran) == 4 && ran[1] == "lint" {
			ran[1], ran[2] = ran[2], ran[1]
		}
		if got := strings.Join(ran, " "); got != "compile unit lint pack" {
			t.Errorf("batch %d ran %s", i, got)
		}
	}
}
