package iam

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/versity/versitygw/iamapi/policy"
)

// Trust is what a role's trust policy says about one who wants to assume it.
type Trust int

// The kinds of trust.
const (
	NotTrusted     Trust = iota // nothing names the caller
	Trusted                     // a statement names the caller
	TrustedAccount              // a statement names the caller's account: the caller's own policies must allow it, too
	Distrusted                  // a Deny statement names the caller
)

// AssumeRoleAction is what a trust policy allows.
const AssumeRoleAction = "sts:AssumeRole"

// Trust evaluates the trust policy of a role for p. What the context has of conditions counts.
func (d *Directory) Trust(ctx context.Context, role Entity, p Principal) (Trust, error) {
	set, err := d.policiesOf(ctx, p)
	if err != nil {
		return NotTrusted, err
	}
	names := []string{p.Arn, p.PolicyArn(), p.UserID}
	accounts := []string{d.account, "arn:aws:iam::" + d.account + ":root"}
	return trusts(role, "AWS", names, accounts, d.conditions(ctx, p, set)), nil
}

// trustsService evaluates the trust policy of a role for a service, such as codepipeline.amazonaws.com.
func trustsService(role Entity, service string, conditions map[string][]string) bool {
	return trusts(role, "Service", []string{service}, nil, conditions) == Trusted
}

func trusts(role Entity, kind string, names, accounts []string, conditions map[string][]string) Trust {
	var doc policy.Document
	if json.Unmarshal([]byte(role.Trust), &doc) != nil {
		return Distrusted
	}
	says := func(among []string) policy.Decision {
		return evaluate(unnamed(trustFor(doc, kind, among)), policy.RequestContext{Action: AssumeRoleAction, Resource: role.Arn, Condition: conditions})
	}
	all, direct := says(slices.Concat(names, accounts)), says(names)
	switch {
	case all == policy.DecisionDeny:
		return Distrusted
	case direct == policy.DecisionAllow:
		return Trusted
	case all == policy.DecisionAllow:
		return TrustedAccount
	default:
		return NotTrusted
	}
}

// trustFor turns the statements of a trust policy that name one of names into a policy of their own, so that one evaluation
// serves both: none when there are none.
func trustFor(doc policy.Document, kind string, names []string) []string {
	type plainStatement struct {
		Effect    string
		Action    []string
		Resource  string
		Condition json.RawMessage `json:",omitempty"`
	}
	var kept []plainStatement
	for _, s := range doc.Statement {
		if namesOne(s.Principal, kind, names) {
			kept = append(kept, plainStatement{s.Effect, s.Action, "*", s.Condition})
		}
	}
	if len(kept) == 0 {
		return nil
	}
	text, err := json.Marshal(map[string]any{"Version": policy.Version2012, "Statement": kept})
	if err != nil {
		return []string{""} // evaluates to a Deny
	}
	return []string{string(text)}
}

// namesOne tells whether a Principal element names one of names. "*" names everybody of the kind AWS.
func namesOne(raw json.RawMessage, kind string, names []string) bool {
	var everybody string
	if json.Unmarshal(raw, &everybody) == nil {
		return everybody == "*"
	}
	var who map[string]policy.StringOrSlice
	if json.Unmarshal(raw, &who) != nil {
		return false
	}
	return slices.ContainsFunc(who[kind], func(name string) bool {
		return name == "*" && kind == "AWS" || slices.Contains(names, name)
	})
}

// RoleByArn finds a role by its ARN.
func (d *Directory) RoleByArn(ctx context.Context, arn string) (Entity, error) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::"+d.account+":role/")
	if !ok {
		return Entity{}, mistake(ErrNoSuchEntity, "The role %s is not one of this account.", arn)
	}
	e, err := d.Get(ctx, Role, rest[strings.LastIndex(rest, "/")+1:])
	if err == nil && e.Arn != arn {
		return Entity{}, mistake(ErrNoSuchEntity, "The role %s cannot be found.", arn)
	}
	return e, err
}
