package iam

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// Decision is what the policies of a principal say about an action.
type Decision int

// The decisions. NotAllowed and Denied both refuse; they differ in why.
const (
	NotAllowed Decision = iota // no statement matches
	Allowed
	Denied // a Deny statement matches, or a policy cannot be understood
)

// AnyResource stands for a resource that is not known: an Allow must then be for all resources, and a Deny for any
// resource counts.
const AnyResource = ""

type conditionsKey struct{}

// WithConditions gives decisions made in the context what is known of the request: values of the condition keys that do
// not follow from who asks (aws:SourceIp, aws:CurrentTime, s3:prefix, ...). A Deny that depends on a key which is not
// given never matches.
func WithConditions(ctx context.Context, values map[string][]string) context.Context {
	return context.WithValue(ctx, conditionsKey{}, values)
}

// conditions are those of the context and those of p, of which the context can change nothing.
func (d *Directory) conditions(ctx context.Context, p Principal, name string) map[string][]string {
	all := map[string][]string{}
	given, _ := ctx.Value(conditionsKey{}).(map[string][]string)
	maps.Copy(all, given)
	maps.Copy(all, map[string][]string{
		"aws:username":         {name},
		"aws:userid":           {p.UserID},
		"aws:PrincipalArn":     {p.Arn},
		"aws:PrincipalAccount": {d.account},
	})
	return all
}

// Decide asks the inline policies of p whether it may perform action ("codebuild:StartBuild") on resource (an ARN, "*"
// for actions on nothing in particular, or AnyResource). Root may do everything.
func (d *Directory) Decide(ctx context.Context, p Principal, action, resource string) (Decision, error) {
	if p.Root {
		return Allowed, nil
	}
	set, err := d.policiesOf(ctx, p)
	if err != nil {
		return NotAllowed, err
	}
	entries := make([]types.PolicyEntry, len(set.documents))
	for i, doc := range set.documents {
		if resource == AnyResource {
			doc = denyAnywhere(doc)
		}
		entries[i] = types.PolicyEntry{PolicyDocument: doc}
	}
	if resource == AnyResource {
		resource = "*"
	}
	request := policy.RequestContext{Action: action, Resource: resource, Condition: d.conditions(ctx, p, set.name)}
	switch policy.EvaluateIdentityPolicies(entries, request) {
	case policy.DecisionAllow:
		return Allowed, nil
	case policy.DecisionDeny:
		return Denied, nil
	default:
		return p.unmatched(), nil
	}
}

// unmatched is the decision where no statement matches. What a bucket's policy says may still allow it, except to a
// session: a policy that is for the role it stands for must not widen what it was made for.
func (p Principal) unmatched() Decision {
	if p.Grant != "" {
		return Denied
	}
	return NotAllowed
}

// policiesOf are what binds p: a session has what it was made with, and nothing else.
func (d *Directory) policiesOf(ctx context.Context, p Principal) (policySet, error) {
	if p.Grant != "" {
		return policySet{name: p.Name, documents: []string{p.Grant}}, nil
	}
	return d.documents(ctx, p.UserID)
}

// denyAnywhere widens the Deny statements of a policy to all resources. What cannot be read is returned as it is: the
// evaluation denies it.
func denyAnywhere(document string) string {
	var doc map[string]any
	if json.Unmarshal([]byte(document), &doc) != nil {
		return document
	}
	statements, ok := doc["Statement"].([]any)
	if !ok {
		statements = []any{doc["Statement"]}
	}
	for _, s := range statements {
		if statement, ok := s.(map[string]any); ok && statement["Effect"] == "Deny" {
			delete(statement, "NotResource")
			statement["Resource"] = "*"
		}
	}
	doc["Statement"] = statements
	wide, err := json.Marshal(doc)
	if err != nil {
		return document
	}
	return string(wide)
}
