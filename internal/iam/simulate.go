package iam

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/versity/versitygw/iamapi/policy"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Simulation asks what policies would say.
type Simulation struct {
	// Principal is the ARN of the user, role or group whose policies are asked; empty asks Documents alone.
	Principal string
	// Documents are policies beside those of Principal.
	Documents []string
	// Boundary replaces the permissions boundary when it is not empty.
	Boundary []string
	// Caller is the ARN of the user that the request would come from, for conditions and variables; empty: Principal.
	Caller     string
	Conditions map[string][]string
}

// Verdict is what policies would say about one action on one resource.
type Verdict struct {
	Action   string
	Resource string
	Decision Decision
	Matched  []MatchedStatement
	// Missing are condition keys that statements about this action and resource ask for and the simulation did not have.
	Missing []string
	// InBoundary is whether the permissions boundary allows it; Bounded whether there is one.
	Bounded, InBoundary bool
}

// MatchedStatement is a statement that decided something, and where it stands.
type MatchedStatement struct {
	Policy, Source string
	Start, End     Position
}

// Position is a place in a document, from 1.
type Position struct{ Line, Column int }

// Simulate decides every action on every resource as Decide would for a request with these conditions.
func (d *Directory) Simulate(ctx context.Context, q Simulation, actions, resources []string) ([]Verdict, error) {
	set, p, err := d.simulated(ctx, q)
	if err != nil {
		return nil, err
	}
	conditions := d.conditions(WithConditions(ctx, q.Conditions), p, set)
	if p.Arn == "" { // nobody in particular
		for key := range conditions {
			if ownKey(key) {
				delete(conditions, key)
			}
		}
		maps.Copy(conditions, q.Conditions)
	}
	verdicts := make([]Verdict, 0, len(actions)*len(resources))
	for _, action := range actions {
		for _, resource := range resources {
			verdicts = append(verdicts, set.verdict(policy.RequestContext{Action: action, Resource: resource, Condition: conditions}))
		}
	}
	return verdicts, nil
}

// simulated are the policies a simulation is about, and whom they bind.
func (d *Directory) simulated(ctx context.Context, q Simulation) (*policySet, Principal, error) {
	set, p := &policySet{}, Principal{}
	for _, text := range slices.Concat(q.Documents, q.Boundary) {
		if err := parse(text); err != nil {
			return nil, p, err
		}
	}
	err := d.st.Read(ctx, func(r store.Reader) error {
		for _, arn := range []string{q.Principal, q.Caller} {
			if arn == "" {
				continue
			}
			e, err := d.byArn(ctx, r, arn)
			if err != nil {
				return err
			}
			bound := &policySet{}
			if err := d.collect(ctx, r, e, bound); err != nil {
				return err
			}
			if arn == q.Principal {
				set = bound
			}
			set.kind, set.name, set.tags = bound.kind, bound.name, bound.tags
			if p = (Principal{Arn: e.Arn, Name: e.Name, UserID: e.ID}); e.Kind == Role {
				p.RoleArn = e.Arn
			}
		}
		return nil
	})
	if err != nil {
		return nil, p, wrap(err, "simulate %s", q.Principal)
	}
	for i, text := range q.Documents {
		set.own = append(set.own, document{name: "PolicyInputList." + itoa(i+1), text: text})
	}
	if len(q.Boundary) > 0 {
		set.bounded, set.boundary = true, nil
		for i, text := range q.Boundary {
			set.boundary = append(set.boundary, document{name: "PermissionsBoundaryPolicyInputList." + itoa(i+1), text: text})
		}
	}
	return set, p, nil
}

func itoa(n int) string { return strings.TrimPrefix(VersionID(n), "v") }

// byArn finds a user, role or group.
func (d *Directory) byArn(ctx context.Context, r store.Reader, arn string) (Entity, error) {
	none := mistake(ErrNoSuchEntity, "The principal %s cannot be found.", arn)
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::"+d.account+":")
	kind, name, both := strings.Cut(rest, "/")
	if !ok || !both || !slices.Contains([]Kind{User, Role, Group}, Kind(kind)) {
		return Entity{}, mistake(ErrInvalidInput, "Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
	}
	e, err := d.get(ctx, r, Kind(kind), name[strings.LastIndex(name, "/")+1:])
	if errors.Is(err, ErrNoSuchEntity) || err == nil && e.Arn != arn {
		return Entity{}, none
	}
	return e, err
}

// verdict is decide with its reasons.
func (s *policySet) verdict(r policy.RequestContext) Verdict {
	v := Verdict{Action: r.Action, Resource: r.Resource, Decision: s.decide(r, nil, false), Bounded: s.bounded}
	v.InBoundary = s.bounded && evaluate(s.boundary, r) == policy.DecisionAllow
	missing := map[string]bool{}
	for _, doc := range s.own {
		for _, st := range statements(doc.text) {
			st.miss(r, missing)
			if d := st.evaluate(r); d == policy.DecisionDeny || d == policy.DecisionAllow && v.Decision != Denied {
				v.Matched = append(v.Matched, MatchedStatement{doc.name, doc.source, st.start, st.end})
			}
		}
	}
	for _, doc := range s.boundary {
		for _, st := range statements(doc.text) {
			st.miss(r, missing)
		}
	}
	v.Missing = slices.Sorted(maps.Keys(missing))
	return v
}

// aStatement is one statement of a document, to be asked alone.
type aStatement struct {
	version    string
	raw        json.RawMessage
	start, end Position
}

// statements cuts a document up. One that cannot be read has none.
func statements(text string) []aStatement {
	var doc struct {
		Version   string
		Statement json.RawMessage
	}
	if json.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(doc.Statement, &list) != nil {
		list = []json.RawMessage{doc.Statement}
	}
	out := make([]aStatement, len(list))
	from := max(strings.Index(text, `"Statement"`), 0)
	for i, raw := range list {
		out[i] = aStatement{version: doc.Version, raw: raw}
		if at := strings.Index(text[from:], string(raw)); at >= 0 {
			begin := from + at
			from = begin + len(raw)
			out[i].start.Line, out[i].start.Column = position(text, begin+1)
			out[i].end.Line, out[i].end.Column = position(text, from+1)
		}
	}
	return out
}

// alone is the statement as a document.
func (s aStatement) alone(raw json.RawMessage) []document {
	var b bytes.Buffer
	b.WriteString(`{`)
	if s.version != "" {
		b.WriteString(`"Version":"` + s.version + `",`)
	}
	b.WriteString(`"Statement":`)
	b.Write(raw)
	b.WriteString(`}`)
	return []document{{text: b.String()}}
}

func (s aStatement) evaluate(r policy.RequestContext) policy.Decision {
	return evaluate(s.alone(s.raw), r)
}

var variable = regexp.MustCompile(`\$\{([^}*?$,]+)`)

// miss notes the condition keys which the statement asks for and r does not have, if the statement is about r otherwise.
func (s aStatement) miss(r policy.RequestContext, missing map[string]bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(s.raw, &members) != nil {
		return
	}
	block := members["Condition"]
	delete(members, "Condition")
	bare, err := json.Marshal(members)
	if err != nil || evaluate(s.alone(bare), r) == policy.DecisionNoMatch {
		return
	}
	for _, key := range keysOf(block) {
		if !hasKey(r.Condition, key) {
			missing[key] = true
		}
	}
}

func hasKey(conditions map[string][]string, key string) bool {
	for have := range conditions {
		if strings.EqualFold(have, key) {
			return true
		}
	}
	return false
}

// keysOf are the keys a Condition element asks for, itself and by variables.
func keysOf(block json.RawMessage) []string {
	var operators map[string]map[string]json.RawMessage
	if len(block) == 0 || json.Unmarshal(block, &operators) != nil {
		return nil
	}
	var keys []string
	for _, of := range operators {
		keys = append(keys, slices.Collect(maps.Keys(of))...)
	}
	return append(keys, variables(string(block))...)
}

func variables(text string) []string {
	var names []string
	for _, m := range variable.FindAllStringSubmatch(text, -1) {
		names = append(names, strings.TrimSpace(m[1]))
	}
	return names
}

// ContextKeys lists the condition keys that policies ask for, sorted.
func ContextKeys(documents []string) ([]string, error) {
	keys := map[string]bool{}
	for _, text := range documents {
		if err := parse(text); err != nil {
			return nil, err
		}
		for _, key := range variables(text) {
			keys[key] = true
		}
		for _, s := range statements(text) {
			var members struct{ Condition json.RawMessage }
			if json.Unmarshal(s.raw, &members) == nil {
				for _, key := range keysOf(members.Condition) {
					keys[key] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(keys)), nil
}

// DocumentsOf are all policies that bind a user, role or group.
func (d *Directory) DocumentsOf(ctx context.Context, arn string) ([]string, error) {
	set, _, err := d.simulated(ctx, Simulation{Principal: arn})
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(set.own))
	for i, doc := range set.own {
		texts[i] = doc.text
	}
	return texts, nil
}
