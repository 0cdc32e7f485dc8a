package build_test

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// A red build says with which words its command ended: the command's own, not those of the ones before and after.
func TestFailedCommandsLastWords(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	b := s.run(`{version: 0.2, phases: {build: {
		commands: [echo before, "for i in $(seq 20); do echo line $i; done; echo; printf unfinished; exit 5"],
		finally: [echo after]}}}`)
	s.expect(b, types.StatusTypeFailed)
	reason := build.FailureReason(&b)
	_, words, _ := strings.Cut(reason, "output:\n")
	lines := strings.Split(words, "\n")
	if len(lines) != 10 || lines[0] != "line 12" || lines[9] != "unfinished" {
		t.Errorf("the reason is %q", reason)
	}
	if said := s.said(b); strings.Count(said, "line 20") != 1 {
		t.Errorf("the log repeats the last lines:\n%s", said)
	}
}

// starving is a runner whose builds the kernel has ended processes of, for want of memory.
type starving struct{ build.Runner }

type starvingWorkspace struct{ build.Workspace }

func (r starving) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	ws, err := r.Runner.Prepare(ctx, n)
	return starvingWorkspace{ws}, err
}

func (starvingWorkspace) OutOfMemory() bool { return true }

func TestABuildWithoutMemorySaysSo(t *testing.T) {
	t.Parallel()
	s := serve(t, options{wrap: func(r build.Runner) build.Runner { return starving{r} }})
	expectFailure(t, s.run("{version: 0.2, phases: {build: {commands: [exit 137]}}}"), "BUILD",
		"exit status 137. The build used more than the 4 GB of memory of its compute type BUILD_GENERAL1_SMALL")
}
