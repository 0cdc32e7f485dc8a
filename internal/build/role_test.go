package build_test

import (
	"context"
	"sync"
	"testing"
	"time"

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
