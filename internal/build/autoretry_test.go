package build_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

func retrying(n int32) func(*types.Project) {
	return func(p *types.Project) { p.AutoRetryLimit = aws.Int32(n) }
}

// retries writes what a build shows of its retries.
func retries(b types.Build) string {
	c := b.AutoRetryConfig
	if c == nil {
		return "none"
	}
	return fmt.Sprintf("%d of %d, after %q, before %q", *c.AutoRetryNumber, *c.AutoRetryLimit, aws.ToString(c.PreviousAutoRetry), aws.ToString(c.NextAutoRetry))
}

func expectRetries(t *testing.T, b types.Build, want string, args ...any) {
	t.Helper()
	if got := retries(b); got != fmt.Sprintf(want, args...) {
		t.Errorf("%s is %s; want %s", *b.Id, got, fmt.Sprintf(want, args...))
	}
}

func TestFailedBuildIsRetriedUpToItsLimit(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, st store.Store) {
		s := serve(t, options{st: st})
		s.project("flaky", spec(`test "$V" = given && exit 1`), retrying(2), limit(1))
		r := request("flaky")
		r.Input.EnvironmentVariablesOverride = []types.EnvironmentVariable{{Name: aws.String("V"), Value: aws.String("given")}}
		first := s.start(r)
		expectRetries(t, first, `0 of 2, after "", before ""`)
		first = s.expect(s.wait(*first.Id), types.StatusTypeFailed)
		if first.AutoRetryConfig.NextAutoRetry == nil {
			t.Fatal("the end of the build is stored without its retry")
		}
		second := s.expect(s.wait(*first.AutoRetryConfig.NextAutoRetry), types.StatusTypeFailed)
		expectRetries(t, first, `0 of 2, after "", before %q`, *second.Arn)
		if *second.BuildNumber != 2 || *second.Initiator != "tester" || *second.Logs.StreamName == *first.Logs.StreamName {
			t.Errorf("the retry is number %d of %s with the log %s", *second.BuildNumber, *second.Initiator, *second.Logs.StreamName)
		}
		third := s.expect(s.wait(*second.AutoRetryConfig.NextAutoRetry), types.StatusTypeFailed)
		expectRetries(t, second, `1 of 2, after %q, before %q`, *first.Arn, *third.Arn)
		expectRetries(t, third, `2 of 2, after %q, before ""`, *second.Arn)
		err := s.st.InTx(s.ctx, func(tx store.Tx) error {
			again, err := s.builds.Retry(s.ctx, tx, *third.Id, "me", "")
			expectRetries(t, again, `0 of 2, after "", before ""`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestRequestSaysHowOftenABuildIsRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	s.project("never", spec("exit 1"), retrying(3))
	s.project("once", spec("exit 1"))
	r := request("never")
	r.Input.AutoRetryLimitOverride = aws.Int32(0)
	expectRetries(t, s.wait(*s.start(r).Id), "none")
	r = request("once")
	r.Input.AutoRetryLimitOverride = aws.Int32(1)
	b := s.wait(*s.start(r).Id)
	expectRetries(t, s.wait(*b.AutoRetryConfig.NextAutoRetry), `1 of 1, after %q, before ""`, *b.Arn)
}

func TestBuildThatDidNotFailByItselfIsNotRetried(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	expectRetries(t, s.run(spec("true"), retrying(1)), `0 of 1, after "", before ""`)
	s.project("stop", spec("sleep 60"), retrying(1))
	b := s.start(request("stop"))
	if _, err := s.builds.Stop(s.ctx, *b.Id); err != nil {
		t.Fatal(err)
	}
	expectRetries(t, s.expect(s.wait(*b.Id), types.StatusTypeStopped), `0 of 1, after "", before ""`)

	gate := filepath.Join(s.dir, "gate")
	s.project("gone", spec(fmt.Sprintf("until test -e %s; do sleep 0.01; done; exit 1", gate)), retrying(1))
	b = s.start(request("gone"))
	if err := s.builds.DeleteProject(s.ctx, "gone"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expectRetries(t, s.expect(s.wait(*b.Id), types.StatusTypeFailed), `0 of 1, after "", before ""`)
}

// What waits for a build of a pipeline or a batch follows that very build.
func TestBuildsOfPipelinesAndBatchesHaveOtherRetries(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	in := s.putZip("src", map[string]string{"a": "1"})
	s.project("piped", spec("exit 1"), retrying(1), func(p *types.Project) {
		p.Source.Type, p.Artifacts.Type = types.SourceTypeCodepipeline, types.ArtifactsTypeCodepipeline
	})
	r := request("piped")
	r.Pipeline = &build.Pipeline{Name: "pipe", Inputs: []pipeline.Artifact{in}, Primary: in.Name}
	expectRetries(t, s.wait(*s.start(r).Id), "none")
	bb := s.batch("version: 0.2\nbatch: {build-list: [{identifier: one}]}\nphases: {build: {commands: ['exit 1']}}", retrying(1))
	expectRetries(t, s.group(bb, "one"), "none")
}

// A worker knows nothing of retries: the server starts them with what the worker reports.
func TestWorkersBuildIsRetried(t *testing.T) {
	onBoth(t, func(t *testing.T, s *server) {
		first := s.labelled("x", retrying(2))
		a, _ := s.take("x")
		if err := s.builds.FinishRemote(s.ctx, a.ID, a.Token, end(t, a, types.StatusTypeFault)); err != nil {
			t.Fatal(err)
		}
		second, ok := s.take("x")
		if !ok || second.ID == a.ID {
			t.Fatalf("the retry is offered: %t, %s", ok, second.ID)
		}
		first = s.get(*first.Id)
		b := s.get(*first.AutoRetryConfig.NextAutoRetry)
		if _, err := s.builds.Stop(s.ctx, *b.Id); err != nil {
			t.Fatal(err)
		}
		if err := s.builds.FinishRemote(s.ctx, second.ID, second.Token, end(t, second, types.StatusTypeFailed)); err != nil {
			t.Fatal(err)
		}
		expectRetries(t, s.get(*b.Id), `1 of 2, after %q, before ""`, *first.Arn) // somebody wanted it to stop
	})
}
