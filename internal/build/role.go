package build

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/buildspec"
	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Roles gives builds what their service role allows. *iam.Directory is one.
type Roles interface {
	// ServiceCredentials are temporary; the zero AccessKey when no role limits the work.
	ServiceCredentials(ctx context.Context, s iam.Service, name string, life time.Duration) (iam.AccessKey, error)
	// Permit is nil when the work of ctx may do action on resource, else an *iam.NotPermitted.
	Permit(ctx context.Context, action, resource string) error
	// EndSession ends them before their time.
	EndSession(ctx context.Context, id string) error
}

// role is what the build works under: the project's service role, or, for a pipeline's commands, that of their action.
func (r *run) role() iam.Service { return roleOf(r.s.cfg.Place, r.rec) }

func roleOf(place Place, rec record) iam.Service {
	s := iam.Service{Role: aws.ToString(rec.Build.ServiceRole), Name: "codebuild.amazonaws.com"}
	if OfPipeline(aws.ToString(rec.Build.Id)) {
		s.Name = "codepipeline.amazonaws.com"
	}
	if s.Role != "" && !strings.HasPrefix(s.Role, "arn:") {
		s.Role = "arn:aws:iam::" + place.Account + ":role/" + s.Role
	}
	return s
}

// afterwards is how much longer than the build its credentials could last, should the server not end them.
const afterwards = 5 * time.Minute

// credentials are variables with which the build's commands can use this server as its role: none when no role limits
// the build. They end with the build, and its log does not show them.
func (r *run) credentials(ctx context.Context) ([]buildspec.Variable, error) {
	if r.s.cfg.Roles == nil {
		return nil, nil
	}
	life := time.Duration(aws.ToInt32(r.rec.Build.TimeoutInMinutes))*time.Minute + afterwards
	name, _, _ := strings.Cut(strings.ReplaceAll(r.rec.ID, ":", "-"), "/")
	key, err := r.s.cfg.Roles.ServiceCredentials(ctx, r.role(), "AWSCodeBuild-"+name, life)
	if err != nil || key.ID == "" {
		return nil, denied(err)
	}
	r.access = key.ID
	r.log.hide(key.Secret, key.SessionToken)
	endpoint := r.ws.Reach(r.s.cfg.Endpoint)
	if endpoint != r.s.cfg.Endpoint && r.s.cfg.Loopback && !offline(r.rec.Build.Environment) {
		r.log.Printf("Warning: this build's commands do not reach this server at %s, because it listens on its machine's loopback only; "+
			"should they use aws or git with it, start it with --listen 0.0.0.0:PORT, behind a firewall that lets containers in", endpoint)
	}
	return []buildspec.Variable{
		{Name: "AWS_ACCESS_KEY_ID", Value: key.ID},
		{Name: "AWS_SECRET_ACCESS_KEY", Value: key.Secret},
		{Name: "AWS_SESSION_TOKEN", Value: key.SessionToken},
		{Name: "AWS_ENDPOINT_URL", Value: endpoint},
	}, nil
}

// endCredentials ends them; should that fail they end by themselves.
func (r *run) endCredentials(ctx context.Context) {
	if r.access == "" {
		return
	}
	if err := r.s.cfg.Roles.EndSession(ctx, r.access); err != nil {
		r.s.cfg.Log.Warn("the credentials of a build could not be ended; they expire by themselves", "build", r.rec.ID, "error", err)
	}
}

// denied makes what a role refuses the build's own failure.
func denied(err error) error {
	if n, ok := errors.AsType[*iam.NotPermitted](err); ok {
		return clientFailure("AccessDenied: %s", n.Message)
	}
	return err
}
