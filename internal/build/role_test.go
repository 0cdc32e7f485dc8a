package build_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// registrar lends like lender, and remembers for whom.
type registrar struct {
	lender
	mu       sync.Mutex
	services []string
}

func (r *registrar) ServiceCredentials(ctx context.Context, s iam.Service, name string, life time.Duration) (iam.AccessKey, error) {
	r.mu.Lock()
	r.services = append(r.services, s.Name)
	r.mu.Unlock()
	return r.lender.ServiceCredentials(ctx, s, name, life)
}

func (r *registrar) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.services[len(r.services)-1]
}

// A role trusts services by name: a pipeline's own commands are the pipeline's work, a project's builds CodeBuild's.
func TestBuildsUseTheirRoleAsTheServiceTheyBelongTo(t *testing.T) {
	t.Parallel()
	roles := &registrar{}
	s := serve(t, options{roles: roles})
	s.expect(s.run("version: 0.2\nphases: {build: {commands: ['true']}}"), types.StatusTypeSucceeded)
	if got := roles.last(); got != "codebuild.amazonaws.com" {
		t.Errorf("a project's build: %s", got)
	}
	in := s.putZip("App", map[string]string{"f": "text"})
	r := s.commands(build.Commands{Lines: []string{"true"}}, []pipeline.Artifact{in}, nil)
	s.expect(s.wait(*s.start(r).Id), types.StatusTypeSucceeded)
	if got := roles.last(); got != "codepipeline.amazonaws.com" {
		t.Errorf("a pipeline's commands: %s", got)
	}
}

// boxed is a runner whose builds reach this machine by another name, as those in containers do.
type boxed struct{ build.Runner }

func (r boxed) Prepare(ctx context.Context, n build.Needs) (build.Workspace, error) {
	ws, err := r.Runner.Prepare(ctx, n)
	return inBox{ws}, err
}

type inBox struct{ build.Workspace }

func (inBox) Reach(string) string { return "http://host.containers.internal" }

// A build that is given credentials for a server which it cannot reach hears so before its commands find out.
func TestABuildThatCannotReachItsServer(t *testing.T) {
	t.Parallel()
	inBoxes := func(r build.Runner) build.Runner { return boxed{r} }
	offline := types.EnvironmentVariable{Name: aws.String("ConveyorNetwork"), Value: aws.String("none")}
	for what, c := range map[string]struct {
		options
		variables []types.EnvironmentVariable
		warned    bool
	}{
		"in a container": {options{roles: &registrar{}, wrap: inBoxes, loopback: true}, nil, true},
		"in a container, the server listens there": {options{roles: &registrar{}, wrap: inBoxes}, nil, false},
		"in a container without a network":         {options{roles: &registrar{}, wrap: inBoxes, loopback: true}, []types.EnvironmentVariable{offline}, false},
		"on the host":                              {options{roles: &registrar{}, loopback: true}, nil, false},
	} {
		s := serve(t, c.options)
		b := s.run("version: 0.2\nphases: {build: {commands: ['echo $AWS_ENDPOINT_URL']}}", func(p *types.Project) { p.Environment.EnvironmentVariables = c.variables })
		if log := s.log(b); strings.Contains(log, "Warning: this build's commands do not reach this server at http://host.containers.internal") != c.warned {
			t.Errorf("%s: warned: %t\n%s", what, !c.warned, log)
		}
	}
}
