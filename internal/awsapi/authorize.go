package awsapi

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// Authorizer decides whether a caller may do something.
type Authorizer interface {
	// Authorize returns nil when id may perform action ("codepipeline:StartPipelineExecution") on every one of the
	// resources (ARNs, or "*" for actions on nothing in particular). No resources means that they are not known
	// beforehand; then a Deny of the action on any resource counts. A refusal is an *Error with the code
	// AccessDeniedException.
	Authorize(ctx context.Context, id Identity, action string, resources []string) error
}

// Decider knows the policies; *iam.Directory is one.
type Decider interface {
	Decide(ctx context.Context, p iam.Principal, action, resource string) (iam.Decision, error)
}

// NewAuthorizer makes an Authorizer of the policies of users and roles: whatever no policy allows is
// denied, and a Deny wins. Root may do everything.
func NewAuthorizer(d Decider) Authorizer { return policies{d} }

type policies struct{ decider Decider }

func (p policies) Authorize(ctx context.Context, id Identity, action string, resources []string) error {
	if id.Root {
		return nil
	}
	if len(resources) == 0 {
		resources = []string{iam.AnyResource}
	}
	who := id.Principal()
	for _, resource := range resources {
		d, err := p.decider.Decide(ctx, who, action, resource)
		if err != nil {
			return fmt.Errorf("decide %s of %s: %w", action, id.Arn, err)
		}
		if d != iam.Allowed {
			return denied(id, action, resource, d)
		}
	}
	return nil
}

// WithConditions gives the authorisation of r in ctx the values of the condition keys that AWS offers everywhere.
func WithConditions(ctx context.Context, r *http.Request) context.Context {
	now := time.Now().UTC()
	values := map[string][]string{
		"aws:CurrentTime":     {now.Format(time.RFC3339)},
		"aws:EpochTime":       {strconv.FormatInt(now.Unix(), 10)},
		"aws:SecureTransport": {strconv.FormatBool(r.TLS != nil)},
	}
	if address, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		values["aws:SourceIp"] = []string{address}
	}
	if agent := r.UserAgent(); agent != "" {
		values["aws:UserAgent"] = []string{agent}
	}
	return iam.WithConditions(ctx, values)
}

func denied(id Identity, action, resource string, d iam.Decision) *Error {
	on := ""
	if resource != iam.AnyResource && resource != "*" {
		on = " on resource: " + resource
	}
	return Errorf("AccessDeniedException", "User: %s is not authorized to perform: %s%s because %s", id.Arn, action, on, d.Why(action))
}

// rootOnly is what a Mux without an Authorizer does.
type rootOnly struct{}

func (rootOnly) Authorize(_ context.Context, id Identity, action string, _ []string) error {
	if id.Root {
		return nil
	}
	return denied(id, action, iam.AnyResource, iam.NotAllowed)
}
