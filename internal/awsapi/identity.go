package awsapi

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// DefaultRegion and DefaultAccount are what a server says it is when its configuration does not say otherwise.
const (
	DefaultRegion  = "us-east-1"
	DefaultAccount = "000000000000"
)

// Place is where a server claims to be: the region and account in every ARN it makes.
type Place struct {
	Region  string
	Account string
}

// WithDefaults is p with empty members filled in.
func (p Place) WithDefaults() Place {
	if p.Region == "" {
		p.Region = DefaultRegion
	}
	if p.Account == "" {
		p.Account = DefaultAccount
	}
	return p
}

// ARN names a resource of service in this place: arn:aws:<service>:<region>:<account>:<resource>.
func (p Place) ARN(service, resource string) string {
	return "arn:aws:" + service + ":" + p.Region + ":" + p.Account + ":" + resource
}

// GlobalARN names a resource of a service without regions, such as iam.
func (p Place) GlobalARN(service, resource string) string {
	return "arn:aws:" + service + "::" + p.Account + ":" + resource
}

// Identity is who sent a request, as proved by its signature.
type Identity struct {
	AccessKeyID string
	Arn         string
	UserID      string
	Account     string
	Root        bool

	session iam.Principal // of temporary credentials: what binds them
}

// Principal is who id is to the policies.
func (id Identity) Principal() iam.Principal {
	if id.session.Arn != "" {
		return id.session
	}
	return iam.Principal{Arn: id.Arn, UserID: id.UserID, Root: id.Root}
}

type callerKey struct{}

// WithCaller returns a context in which id is the caller.
func WithCaller(ctx context.Context, id Identity) context.Context {
	return context.WithValue(ctx, callerKey{}, id)
}

// Caller is who sent the request being served. Outside a request (a timer, a push inside the server) it is the zero
// Identity.
func Caller(ctx context.Context) Identity {
	id, _ := ctx.Value(callerKey{}).(Identity)
	return id
}

// Temporary tells credentials that end from a user's or root's lasting ones.
func (id Identity) Temporary() bool { return id.session.Arn != "" }
