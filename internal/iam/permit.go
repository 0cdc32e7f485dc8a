package iam

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Service is what works for a user under a role of theirs: an action of a pipeline, a build.
type Service struct {
	// Role is the ARN of the role the work is done under.
	Role string
	// Name is the service that assumes it, such as codepipeline.amazonaws.com.
	Name string
	// Through is the ARN of a role that assumes Role when Name does not: that of the pipeline for an action with its own.
	Through string
}

type serviceKey struct{}

// ActingFor is a context in which Permit asks the policies of s.Role.
func ActingFor(ctx context.Context, s Service) context.Context {
	return context.WithValue(ctx, serviceKey{}, s)
}

// NotPermitted says that a role does not allow what is done under it.
type NotPermitted struct{ Message string }

func (e *NotPermitted) Error() string { return e.Message }

// Permit is nil when the work of this context may do action on resource, and a *NotPermitted when its role says that it
// may not. A role limits work once it exists and has policies: what is done outside any role, under one that does not
// exist, or under one without policies and boundary, may do everything.
func (d *Directory) Permit(ctx context.Context, action, resource string) error {
	s, ok := ctx.Value(serviceKey{}).(Service)
	if !ok || s.Role == "" {
		return nil
	}
	role, limits, err := d.limits(ctx, s)
	if err != nil || !limits {
		return err
	}
	decision, err := d.Decide(ctx, role, action, resource)
	if err != nil {
		return err
	}
	return refusal(decision, role, action, resource)
}

// Require is Permit for what no work may do unasked, such as reading secrets: a role that does not exist, or that has neither
// policies nor boundary, allows nothing.
func (d *Directory) Require(ctx context.Context, action, resource string) error {
	limits, err := d.Limits(ctx)
	if err != nil {
		return err
	}
	if !limits {
		s, _ := ctx.Value(serviceKey{}).(Service)
		return &NotPermitted{fmt.Sprintf("The role %q is not authorized to perform: %s on resource: %s because it does not exist or has no policies. "+
			"Create it with a trust policy for %s and a policy that allows the action, then retry.", s.Role, action, resource, cmp.Or(s.Name, "the service"))}
	}
	return d.Permit(ctx, action, resource)
}

func refusal(decision Decision, role Principal, action, resource string) error {
	if decision == Allowed {
		return nil
	}
	return &NotPermitted{fmt.Sprintf("The role %s is not authorized to perform: %s on resource: %s because %s. "+
		"Allow it in a policy of the role, then retry.", role.RoleArn, action, resource, decision.Why(action))}
}

// limits finds the role that work is done under, and tells whether it limits the work.
func (d *Directory) limits(ctx context.Context, s Service) (Principal, bool, error) {
	role, err := d.roles.get(s.Role, func() (Entity, error) {
		e, err := d.RoleByArn(ctx, s.Role)
		if errors.Is(err, ErrNoSuchEntity) {
			return Entity{}, nil // cached: work under roles that do not exist is common
		}
		return e, err
	})
	if err != nil || role.ID == "" {
		return Principal{}, false, err
	}
	set, err := d.documents(ctx, role.ID)
	if err != nil || len(set.own) == 0 && !set.bounded {
		return Principal{}, false, err
	}
	if err := d.mayAssume(ctx, s); err != nil {
		return Principal{}, false, err
	}
	if !trustsService(role, s.Name, nil) && !d.trustsThrough(role, s.Through) {
		return Principal{}, false, &NotPermitted{fmt.Sprintf("%s is not authorized to perform: %s on resource: %s because the trust policy of the role does not name it. "+
			"Add the service to the role's trust policy, then retry.", s.Name, AssumeRoleAction, role.Arn)}
	}
	return d.sessionOf(role, strings.TrimSuffix(s.Name, ".amazonaws.com")), true, nil
}

// mayAssume asks the role that assumes s.Role, where there is one in between.
func (d *Directory) mayAssume(ctx context.Context, s Service) error {
	if s.Through == "" || s.Through == s.Role {
		return nil
	}
	return d.Permit(ActingFor(ctx, Service{Role: s.Through, Name: s.Name}), AssumeRoleAction, s.Role)
}

// Limits tells whether the work of this context is limited by its role.
func (d *Directory) Limits(ctx context.Context) (bool, error) {
	s, ok := ctx.Value(serviceKey{}).(Service)
	if !ok || s.Role == "" {
		return false, nil
	}
	_, limits, err := d.limits(ctx, s)
	return limits, err
}

func (d *Directory) trustsThrough(role Entity, through string) bool {
	if through == "" || through == role.Arn {
		return false
	}
	trust := trusts(role, "AWS", []string{through}, []string{d.account, "arn:aws:iam::" + d.account + ":root"}, nil)
	return trust == Trusted || trust == TrustedAccount
}

// sessionOf is who a session of a role with this name is.
func (d *Directory) sessionOf(role Entity, name string) Principal {
	return Principal{
		Arn: "arn:aws:sts::" + d.account + ":assumed-role/" + role.Name + "/" + name, Name: role.Name,
		UserID: role.ID + ":" + name, Owner: role.ID, RoleArn: role.Arn,
	}
}

// AssumeRole makes temporary credentials of a role, with fewer permissions where limits (policies) are given. Whether
// whoever asks may have them is for the caller to decide: see Trust.
func (d *Directory) AssumeRole(ctx context.Context, role Entity, name string, limits []string, life time.Duration) (AccessKey, error) {
	return d.StartSession(ctx, Session{Principal: d.sessionOf(role, name), Limits: limits, Life: life})
}

// ServiceCredentials are temporary credentials for work under a role: the zero AccessKey when no role limits it, since
// then nothing says what they could be for.
func (d *Directory) ServiceCredentials(ctx context.Context, s Service, name string, life time.Duration) (AccessKey, error) {
	role, limits, err := d.limits(ctx, s)
	if err != nil || !limits {
		return AccessKey{}, err
	}
	p := role
	p.Arn, p.UserID = strings.TrimSuffix(p.Arn, p.Arn[strings.LastIndex(p.Arn, "/")+1:])+name, p.Owner+":"+name
	return d.StartSession(ctx, Session{Principal: p, Life: life})
}

// Why is the reason of a refusal, to follow "because".
func (d Decision) Why(action string) string {
	switch d {
	case Denied:
		return "an explicit deny in an identity-based policy forbids it"
	case NotInBoundary:
		return "no permissions boundary allows the " + action + " action"
	case NotInSession:
		return "no session policy allows the " + action + " action"
	default:
		return "no identity-based policy allows the " + action + " action"
	}
}
