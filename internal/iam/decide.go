package iam

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/versity/versitygw/iamapi/policy"
	"github.com/versity/versitygw/iamapi/types"
)

// Decision is what the policies of a principal say about an action.
type Decision int

// The decisions. All but Allowed refuse; they differ in why.
const (
	NotAllowed    Decision = iota // no statement matches
	Allowed                       // by a policy of its own, and by its boundary and its session's policies where there are any
	Denied                        // a Deny statement matches, or a policy cannot be understood
	NotInBoundary                 // its permissions boundary does not allow it
	NotInSession                  // the policies its session was made with do not allow it
)

// AnyResource stands for a resource that is not known: an Allow must then be for all resources, and a Deny for any
// resource counts.
const AnyResource = ""

type conditionsKey struct{}

// WithConditions gives decisions made in the context what is known of the request: values of the condition keys that do
// not follow from who asks (aws:SourceIp, aws:CurrentTime, s3:prefix, ...). A Deny that depends on a key which is not
// given never matches. What the context had before stays, unless it is given anew.
func WithConditions(ctx context.Context, values map[string][]string) context.Context {
	all := maps.Clone(values)
	if given, _ := ctx.Value(conditionsKey{}).(map[string][]string); len(given) > 0 {
		all = maps.Clone(given)
		maps.Copy(all, values)
	}
	return context.WithValue(ctx, conditionsKey{}, all)
}

// conditions are those of the context and those of p, of which the context can change nothing.
func (d *Directory) conditions(ctx context.Context, p Principal, set *policySet) map[string][]string {
	all := map[string][]string{}
	given, _ := ctx.Value(conditionsKey{}).(map[string][]string)
	for key, values := range given {
		if !ownKey(key) {
			all[key] = values
		}
	}
	all["aws:userid"] = []string{p.UserID}
	all["aws:PrincipalArn"] = []string{p.PolicyArn()}
	all["aws:PrincipalAccount"] = []string{d.account}
	all["aws:PrincipalType"] = []string{p.kind()}
	if set.kind == User {
		all["aws:username"] = []string{set.name}
	}
	for _, t := range set.tags {
		all["aws:PrincipalTag/"+t.Key] = []string{t.Value}
	}
	return all
}

// TagsOf finds the tags of a resource by its ARN, none when there is no such resource. Give it before the first decision.
func (d *Directory) TagsOf(f func(ctx context.Context, arn string) (map[string]string, error)) {
	d.tagsOf = f
}

const resourceTag = "aws:ResourceTag/"

// addTags adds the tags of a resource to conditions when a policy asks for them.
func (d *Directory) addTags(ctx context.Context, conditions map[string][]string, resource string, set *policySet, grant string) error {
	if d.tagsOf == nil || resource == AnyResource || !set.asksTags && !asksTags(grant) {
		return nil
	}
	tags, err := d.tagsOf(ctx, resource)
	if err != nil {
		return fmt.Errorf("read the tags of %s, which a policy asks for: %w", resource, err)
	}
	for key, value := range tags {
		conditions[resourceTag+key] = []string{value}
	}
	return nil
}

// asksTags tells whether a policy may depend on the tags of resources. A backslash may hide anything.
func asksTags(text string) bool {
	return strings.Contains(strings.ToLower(text), "resourcetag") || strings.Contains(text, `\`)
}

// ownKey tells the condition keys that follow from who asks. Keys are compared without case.
func ownKey(key string) bool {
	key = strings.ToLower(key)
	switch key {
	case "aws:username", "aws:userid", "aws:principalarn", "aws:principalaccount", "aws:principaltype":
		return true
	}
	return strings.HasPrefix(key, "aws:principaltag/")
}

// PolicyArn is what policies call p: the role where p is a session of one.
func (p Principal) PolicyArn() string {
	if p.RoleArn != "" {
		return p.RoleArn
	}
	return p.Arn
}

// kind is aws:PrincipalType.
func (p Principal) kind() string {
	switch {
	case p.Root:
		return "Account"
	case p.RoleArn != "":
		return "AssumedRole"
	case strings.Contains(p.Arn, ":federated-user/"):
		return "FederatedUser"
	default:
		return "User"
	}
}

// Decide asks the policies of p, its boundary and its session whether it may perform action ("codebuild:StartBuild") on
// resource (an ARN, "*" for actions on nothing in particular, or AnyResource). Root may do everything, unless its session
// was made with less.
func (d *Directory) Decide(ctx context.Context, p Principal, action, resource string) (Decision, error) {
	if p.Root && p.Grant == "" {
		return Allowed, nil
	}
	set, err := d.policiesOf(ctx, p)
	if err != nil {
		return NotAllowed, err
	}
	if !set.plain || p.Grant != "" {
		conditions := d.conditions(ctx, p, set)
		if err := d.addTags(ctx, conditions, resource, set, p.Grant); err != nil {
			return NotAllowed, err
		}
		return set.decide(policy.RequestContext{Action: action, Resource: resource, Condition: conditions}, grants(p.Grant), p.Grant != ""), nil
	}
	return set.decided.get(action+"\x00"+resource, func() Decision {
		return set.decide(policy.RequestContext{Action: action, Resource: resource}, nil, false)
	}), nil
}

// policiesOf are what binds p; of a session, the policies of the user or role it is one of.
func (d *Directory) policiesOf(ctx context.Context, p Principal) (*policySet, error) {
	switch {
	case p.Root:
		return everything, nil
	case p.Owner != "":
		return d.documents(ctx, p.Owner)
	case p.Grant != "":
		return &policySet{name: p.Name, own: everything.own}, nil // what it was made with is all it has
	default:
		return d.documents(ctx, p.UserID)
	}
}

// everything allows everything.
var everything = &policySet{own: []document{{text: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}}}

// decide combines what the policies of a principal, its boundary and its session say: a Deny anywhere wins, and what is
// allowed must be allowed by each of them that is there.
func (s *policySet) decide(r policy.RequestContext, limits []string, limited bool) Decision {
	own := evaluate(s.own, r)
	boundary, session := policy.DecisionAllow, policy.DecisionAllow
	if s.bounded {
		boundary = evaluate(s.boundary, r)
	}
	if limited {
		session = evaluate(unnamed(limits), r)
	}
	switch {
	case own == policy.DecisionDeny || boundary == policy.DecisionDeny || session == policy.DecisionDeny:
		return Denied
	case session != policy.DecisionAllow:
		return NotInSession
	case boundary != policy.DecisionAllow:
		return NotInBoundary
	case own == policy.DecisionAllow:
		return Allowed
	default:
		return NotAllowed
	}
}

// evaluate is what documents say together.
func evaluate(documents []document, r policy.RequestContext) policy.Decision {
	entries := make([]types.PolicyEntry, len(documents))
	for i, doc := range documents {
		text := doc.text
		if r.Resource == AnyResource {
			text = denyAnywhere(text)
		}
		entries[i] = types.PolicyEntry{PolicyDocument: text}
	}
	if r.Resource == AnyResource {
		r.Resource = "*"
	}
	return policy.EvaluateIdentityPolicies(entries, r)
}

// decisions remembers those of a principal whose policies depend on nothing but action and resource. It is forgotten with
// the policies.
type decisions struct {
	mu   sync.RWMutex
	made map[string]Decision
}

// mostDecisions bounds what is remembered of one principal.
const mostDecisions = 4096

func (c *decisions) get(key string, decide func() Decision) Decision {
	c.mu.RLock()
	made, ok := c.made[key]
	c.mu.RUnlock()
	if ok {
		return made
	}
	made = decide()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.made == nil || len(c.made) >= mostDecisions {
		c.made = map[string]Decision{}
	}
	c.made[key] = made
	return made
}

// plain tells whether documents say the same whatever the conditions of a request are. A backslash may hide anything.
func plain(documents []document) bool {
	for _, doc := range documents {
		if strings.Contains(doc.text, "Condition") || strings.ContainsAny(doc.text, `\$`) {
			return false
		}
	}
	return true
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
			if condition, err := json.Marshal(statement["Condition"]); err != nil || asksTags(string(condition)) {
				delete(statement, "Condition") // some resource has such tags
			}
		}
	}
	doc["Statement"] = statements
	wide, err := json.Marshal(doc)
	if err != nil {
		return document
	}
	return string(wide)
}
