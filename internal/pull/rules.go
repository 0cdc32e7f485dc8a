package pull

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// maxRules is how many approval rules a pull request can have.
const maxRules = 30

// Rule is an approval rule of a pull request.
type Rule struct {
	ID, Name, Content        string
	TemplateID, TemplateName string // of the template it was made from; "" when it was made for this pull request
	ModifiedBy               string
	Created, Modified        time.Time
}

// SHA256 is the hash of a content by which clients recognise it.
func SHA256(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// rules reads the rules of a pull request, by name.
func rules(ctx context.Context, r store.Reader, id int64) ([]Rule, error) {
	rows, err := r.Query(ctx, `SELECT id, name, content, template_id, template_name, modified_by, created_at, modified_at
		FROM pull_rules WHERE pull_id = $1 ORDER BY name`, id)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Rule
	for rows.Next() {
		var u Rule
		var created, modified int64
		if err := rows.Scan(&u.ID, &u.Name, &u.Content, &u.TemplateID, &u.TemplateName, &u.ModifiedBy, &created, &modified); err != nil {
			return nil, err
		}
		u.Created, u.Modified = store.FromMicros(created), store.FromMicros(modified)
		list = append(list, u)
	}
	return list, rows.Err()
}

func insertRule(ctx context.Context, tx store.Tx, id int64, u Rule) (Rule, error) {
	u.ID, u.Created, u.Modified = uuid.NewString(), tx.Now(), tx.Now()
	_, err := tx.Exec(ctx, `INSERT INTO pull_rules (id, pull_id, name, content, template_id, template_name, modified_by, created_at, modified_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)`, u.ID, id, u.Name, u.Content, u.TemplateID, u.TemplateName, u.ModifiedBy, store.Micros(u.Created))
	return u, err
}

// AddRule gives an open pull request a rule. ErrNoRequest, ErrClosed, ErrRuleExists, ErrTooManyRules.
func (s *Service) AddRule(ctx context.Context, id int64, name, content, by string) (Rule, error) {
	return s.changeRule(ctx, id, by, EventRuleCreated, func(tx store.Tx, p Request) (Rule, error) {
		switch {
		case slices.ContainsFunc(p.Rules, func(u Rule) bool { return u.Name == name }):
			return Rule{}, fmt.Errorf("approval rule %s: %w", name, ErrRuleExists)
		case len(p.Rules) >= maxRules:
			return Rule{}, ErrTooManyRules
		}
		return insertRule(ctx, tx, id, Rule{Name: name, Content: content, ModifiedBy: by})
	})
}

// UpdateRule replaces the content of a rule; was, unless it is "", must be the hash of the content so far. ErrNoRequest,
// ErrClosed, ErrNoRule, ErrFromTemplate, ErrOtherContent.
func (s *Service) UpdateRule(ctx context.Context, id int64, name, content, was, by string) (Rule, error) {
	return s.changeRule(ctx, id, by, EventRuleUpdated, func(tx store.Tx, p Request) (Rule, error) {
		u, err := p.ownRule(name)
		if err == nil && was != "" && was != SHA256(u.Content) {
			err = ErrOtherContent
		}
		if err != nil {
			return Rule{}, err
		}
		u.Content, u.ModifiedBy, u.Modified = content, by, tx.Now()
		_, err = tx.Exec(ctx, `UPDATE pull_rules SET content = $2, modified_by = $3, modified_at = $4 WHERE id = $1`,
			u.ID, u.Content, u.ModifiedBy, store.Micros(u.Modified))
		return u, err
	})
}

// DeleteRule removes a rule. ErrNoRequest, ErrClosed, ErrNoRule, ErrFromTemplate.
func (s *Service) DeleteRule(ctx context.Context, id int64, name, by string) (Rule, error) {
	return s.changeRule(ctx, id, by, EventRuleDeleted, func(tx store.Tx, p Request) (Rule, error) {
		u, err := p.ownRule(name)
		if err != nil {
			return Rule{}, err
		}
		_, err = tx.Exec(ctx, `DELETE FROM pull_rules WHERE id = $1`, u.ID)
		return u, err
	})
}

// ownRule finds a rule that was made for this pull request.
func (p Request) ownRule(name string) (Rule, error) {
	at := slices.IndexFunc(p.Rules, func(u Rule) bool { return u.Name == name })
	switch {
	case at < 0:
		return Rule{}, fmt.Errorf("approval rule %s: %w", name, ErrNoRule)
	case p.Rules[at].TemplateID != "":
		return Rule{}, fmt.Errorf("approval rule %s: %w", name, ErrFromTemplate)
	}
	return p.Rules[at], nil
}

func (s *Service) changeRule(ctx context.Context, id int64, by string, kind EventKind, change func(store.Tx, Request) (Rule, error)) (Rule, error) {
	var u Rule
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		p, err := lockOpen(ctx, tx, id)
		if err != nil {
			return err
		}
		if u, err = change(tx, p); err != nil {
			return err
		}
		if p.Rules, err = rules(ctx, tx, id); err != nil {
			return err
		}
		return s.note(ctx, tx, p, Event{Kind: kind, Actor: by, EventBody: EventBody{RuleID: u.ID, RuleName: u.Name, RuleContent: u.Content}}, "")
	})
	return u, err
}

// Approval is what somebody, or a pipeline, thinks of a revision.
type Approval struct {
	Who      string // ARN
	Approved bool   // false: no more
}

// Approve gives or takes back an approval of the current revision. ErrNoRequest, ErrClosed, ErrAuthor, ErrNotCurrent.
func (s *Service) Approve(ctx context.Context, id int64, revision, who string, approve bool) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		p, err := lockOpen(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case p.Author == who:
			return ErrAuthor
		case p.Revision != revision:
			return ErrNotCurrent
		}
		state := "REVOKE"
		if approve {
			state = "APPROVE"
		}
		var before string
		err = tx.QueryRow(ctx, `SELECT state FROM pull_approvals WHERE pull_id = $1 AND revision = $2 AND who = $3`, id, revision, who).Scan(&before)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if before == state || before == "" && !approve {
			return nil
		}
		if _, err := tx.Exec(ctx, `INSERT INTO pull_approvals (pull_id, revision, who, state, at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (pull_id, revision, who) DO UPDATE SET state = excluded.state, at = excluded.at`,
			id, revision, who, state, store.Micros(tx.Now())); err != nil {
			return err
		}
		return s.note(ctx, tx, p, Event{Kind: EventApproval, Actor: who, EventBody: EventBody{Revision: revision, State: state}}, "")
	})
}

// Approvals lists the approvals of a revision, by ARN; those of pipelines are about the source commit of the current one.
// ErrNoRequest.
func (s *Service) Approvals(ctx context.Context, id int64, revision string) ([]Approval, error) {
	var list []Approval
	err := s.db.Read(ctx, func(r store.Reader) error {
		p, err := request(ctx, r, id)
		if err != nil {
			return err
		}
		if list, err = approvals(ctx, r, id, revision); err != nil || p.Revision != revision {
			return err
		}
		statuses, err := statuses(ctx, r, p)
		for _, st := range statuses {
			if st.State == Succeeded {
				list = append(list, Approval{Who: st.Pipeline, Approved: true})
			}
		}
		slices.SortFunc(list, func(a, b Approval) int { return strings.Compare(a.Who, b.Who) })
		return err
	})
	return list, err
}

// approvals reads what people think of a revision.
func approvals(ctx context.Context, r store.Reader, id int64, revision string) ([]Approval, error) {
	rows, err := r.Query(ctx, `SELECT who, state FROM pull_approvals WHERE pull_id = $1 AND revision = $2 ORDER BY who`, id, revision)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Approval
	for rows.Next() {
		var a Approval
		var state string
		if err := rows.Scan(&a.Who, &state); err != nil {
			return nil, err
		}
		a.Approved = state == "APPROVE"
		list = append(list, a)
	}
	return list, rows.Err()
}

// Override sets the rules aside for the current revision, or no longer. ErrNoRequest, ErrClosed, ErrNotCurrent,
// ErrOverridden.
func (s *Service) Override(ctx context.Context, id int64, revision, who string, override bool) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		p, err := lockOpen(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case p.Revision != revision:
			return ErrNotCurrent
		case override && p.OverriddenBy != "":
			return ErrOverridden
		case !override && p.OverriddenBy == "":
			return nil
		}
		state := "REVOKE"
		p.OverriddenBy = ""
		if override {
			state, p.OverriddenBy = "OVERRIDE", who
		}
		if _, err := tx.Exec(ctx, `UPDATE pull_requests SET overridden_by = $2 WHERE id = $1`, id, p.OverriddenBy); err != nil {
			return err
		}
		return s.note(ctx, tx, p, Event{Kind: EventRulesOverridden, Actor: who, EventBody: EventBody{Revision: revision, State: state}}, "")
	})
}

// Evaluation is whether the rules of a pull request let it be merged.
type Evaluation struct {
	Overridden      bool
	Satisfied, Open []string // names of rules
	missing         []string // what is missing, in words
}

// Approved tells whether nothing stands in the way.
func (e Evaluation) Approved() bool { return len(e.Open) == 0 }

// MayMerge tells whether the request can be merged: what is open may have been set aside.
func (e Evaluation) MayMerge() bool { return e.Overridden || e.Approved() }

// Evaluate asks the rules. ErrNoRequest, ErrNotCurrent.
func (s *Service) Evaluate(ctx context.Context, id int64, revision string) (Evaluation, error) {
	var e Evaluation
	err := s.db.Read(ctx, func(r store.Reader) error {
		p, err := request(ctx, r, id)
		if err == nil && p.Revision != revision {
			err = ErrNotCurrent
		}
		if err != nil {
			return err
		}
		e, err = evaluate(ctx, r, p)
		return err
	})
	return e, err
}

func evaluate(ctx context.Context, r store.Reader, p Request) (Evaluation, error) {
	e := Evaluation{Overridden: p.OverriddenBy != ""}
	if len(p.Rules) == 0 {
		return e, nil
	}
	given, err := approvals(ctx, r, p.ID, p.Revision)
	if err != nil {
		return e, err
	}
	said, err := statuses(ctx, r, p)
	if err != nil {
		return e, err
	}
	var who []string
	for _, a := range given {
		if a.Approved {
			who = append(who, a.Who)
		}
	}
	for _, st := range said {
		if st.State == Succeeded {
			who = append(who, st.Pipeline)
		}
	}
	for _, u := range p.Rules {
		c, err := ParseContent(u.Content, true)
		if err != nil {
			return e, fmt.Errorf("approval rule %s of pull request %d is unreadable: %w", u.Name, p.ID, err)
		}
		if c.satisfied(who) {
			e.Satisfied = append(e.Satisfied, u.Name)
			continue
		}
		e.Open = append(e.Open, u.Name)
		e.missing = append(e.missing, c.missing(u.Name, p.SourceCommit, who, said))
	}
	return e, nil
}

// missing says in words what a rule waits for.
func (c Content) missing(rule, commit string, who []string, said []Status) string {
	var parts []string
	for _, s := range c.Statements {
		n := s.count(who)
		if n >= s.NumberOfApprovalsNeeded {
			continue
		}
		part := fmt.Sprintf("%d of %d approvals are there", n, s.NumberOfApprovalsNeeded)
		for _, m := range s.ApprovalPoolMembers {
			if strings.HasPrefix(m, pipelineMember) {
				part += "; " + pipelineSays(m, commit, said)
			}
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("rule %s: %s", rule, strings.Join(parts, ", and "))
}

// pipelineSays is what the pipelines that a member of a pool stands for say of a commit.
func pipelineSays(member, commit string, said []Status) string {
	var parts []string
	for _, st := range said {
		if wild(member, st.Pipeline) {
			text := fmt.Sprintf("pipeline %s is %s on commit %.7s (execution %s)", pipelineName(st.Pipeline), st.State, commit, st.Execution)
			if st.State != Succeeded && st.Reason != "" {
				text += ": " + st.Reason
			}
			parts = append(parts, text)
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("pipeline %s has not run on commit %.7s", pipelineName(member), commit)
	}
	return strings.Join(parts, "; ")
}

func pipelineName(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// RulesError says which rules keep a pull request from being merged, and what they wait for.
type RulesError struct{ Missing []string }

func (e *RulesError) Error() string {
	return "approval rules are not satisfied: " + strings.Join(e.Missing, "; ")
}
