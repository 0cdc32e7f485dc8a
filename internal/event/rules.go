package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/conveyor-cd/conveyor/internal/cron"
	"github.com/conveyor-cd/conveyor/internal/eventpattern"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// The ways operations on rules fail.
var (
	ErrNoRule     = errors.New("there is no such rule")
	ErrHasTargets = errors.New("the rule has targets")
	ErrLimit      = errors.New("there are as many as there may be")
)

// The quotas, as on AWS, but for the targets: five there, by default.
const (
	MaxRules   = 300
	MaxTargets = 100
)

// Rule is which events, or which moments, go to its targets.
type Rule struct {
	Name        string
	Pattern     string // JSON, or ""
	Schedule    string // or ""
	Enabled     bool
	Description string
	Role        string
	Creator     string // ARN or account of who made it
	Tags        map[string]string

	id         int64
	generation int64
	since      time.Time
}

const selectRule = `SELECT id, name, pattern, schedule, enabled, description, role, creator, tags, generation, since FROM event_rules `

func scanRule(row interface{ Scan(...any) error }) (Rule, error) {
	var r Rule
	var enabled, since int64
	var tags string
	err := row.Scan(&r.id, &r.Name, &r.Pattern, &r.Schedule, &enabled, &r.Description, &r.Role, &r.Creator, &tags, &r.generation, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return r, ErrNoRule
	}
	if err != nil {
		return r, err
	}
	r.Enabled, r.since = enabled == 1, store.FromMicros(since)
	if err := json.Unmarshal([]byte(tags), &r.Tags); err != nil {
		return r, fmt.Errorf("the tags of rule %s are unreadable: %w", r.Name, err)
	}
	return r, nil
}

func rule(ctx context.Context, r store.Reader, name string) (Rule, error) {
	return scanRule(r.QueryRow(ctx, selectRule+`WHERE name = $1`, name))
}

// Rule reads a rule.
func (s *Service) Rule(ctx context.Context, name string) (found Rule, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		found, err = rule(ctx, r, name)
		return err
	})
	return found, err
}

// PutRule makes a rule, or changes everything but the tags of the one of that name.
func (s *Service) PutRule(ctx context.Context, r Rule) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		before, err := rule(ctx, tx, r.Name)
		switch {
		case errors.Is(err, ErrNoRule):
			return s.addRule(ctx, tx, r)
		case err != nil:
			return err
		}
		r.id, r.generation, r.since = before.id, before.generation, before.since
		return s.saveRule(ctx, tx, before, r)
	})
}

// changeRules runs a change and tells every server that what it knows about rules is old. The common row also makes
// changes exclude each other.
func (s *Service) changeRules(ctx context.Context, f func(store.Tx) error) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE event_rules_version SET version = version + 1`); err != nil {
			return err
		}
		return f(tx)
	})
}

func (s *Service) addRule(ctx context.Context, tx store.Tx, r Rule) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM event_rules`).Scan(&n); err != nil {
		return err
	}
	if n >= MaxRules {
		return fmt.Errorf("%w: %d rules", ErrLimit, n)
	}
	if r.Tags == nil {
		r.Tags = map[string]string{}
	}
	tags, err := json.Marshal(r.Tags)
	if err != nil {
		return err
	}
	r.generation, r.since = 1, tx.Now()
	err = tx.QueryRow(ctx, `
		INSERT INTO event_rules (name, pattern, schedule, enabled, description, role, creator, tags, generation, since)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id`,
		r.Name, r.Pattern, r.Schedule, flag(r.Enabled), r.Description, r.Role, r.Creator, string(tags), r.generation, store.Micros(r.since)).Scan(&r.id)
	if err != nil {
		return err
	}
	return s.schedule(ctx, tx, r)
}

// saveRule stores a changed rule. A schedule that stays the same keeps its step.
func (s *Service) saveRule(ctx context.Context, tx store.Tx, before, r Rule) error {
	again := r.Schedule != before.Schedule || r.Enabled != before.Enabled
	if again {
		r.generation, r.since = before.generation+1, tx.Now()
		if err := s.jobs.Cancel(ctx, tx, jobSchedule, before.scheduleKey()); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `
		UPDATE event_rules SET pattern = $2, schedule = $3, enabled = $4, description = $5, role = $6, generation = $7, since = $8 WHERE id = $1`,
		r.id, r.Pattern, r.Schedule, flag(r.Enabled), r.Description, r.Role, r.generation, store.Micros(r.since))
	if err != nil || !again {
		return err
	}
	return s.schedule(ctx, tx, r)
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// SetEnabled turns a rule on or off.
func (s *Service) SetEnabled(ctx context.Context, name string, on bool) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		before, err := rule(ctx, tx, name)
		if err != nil {
			return err
		}
		after := before
		after.Enabled = on
		return s.saveRule(ctx, tx, before, after)
	})
}

// DeleteRule deletes a rule without targets. One that does not exist is fine.
func (s *Service) DeleteRule(ctx context.Context, name string) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		r, err := rule(ctx, tx, name)
		if errors.Is(err, ErrNoRule) {
			return nil
		}
		if err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM event_targets WHERE rule_id = $1`, r.id).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return ErrHasTargets
		}
		if err := s.jobs.Cancel(ctx, tx, jobSchedule, r.scheduleKey()); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM event_rules WHERE id = $1`, r.id)
		return err
	})
}

// Rules lists the rules whose names begin with prefix and come after a name, in order. target, when set, asks for rules with
// that target.
func (s *Service) Rules(ctx context.Context, prefix, after, target string, limit int) (list []Rule, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectRule+`
			WHERE name > $1 AND substr(name, 1, length($2)) = $2
			AND ($3 = '' OR id IN (SELECT rule_id FROM event_targets WHERE arn = $3)) ORDER BY name LIMIT $4`, after, prefix, target, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			found, err := scanRule(rows)
			if err != nil {
				return err
			}
			list = append(list, found)
		}
		return rows.Err()
	})
	return list, err
}

// Tag changes the tags of a rule with f, which may refuse.
func (s *Service) Tag(ctx context.Context, name string, f func(tags map[string]string) error) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		r, err := rule(ctx, tx, name)
		if err != nil {
			return err
		}
		if err := f(r.Tags); err != nil {
			return err
		}
		tags, err := json.Marshal(r.Tags)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE event_rules SET tags = $2 WHERE id = $1`, r.id, string(tags))
		return err
	})
}

// scheduleKey is the key of the job that fires the rule.
func (r Rule) scheduleKey() string {
	return strconv.FormatInt(r.id, 10) + ":" + strconv.FormatInt(r.generation, 10)
}

// firing is the payload of that job.
type firing struct {
	Rule       int64     `json:"rule"`
	Generation int64     `json:"generation"`
	At         time.Time `json:"at"` // the moment it is for
}

// schedule enqueues the next firing of a rule, if there is one.
func (s *Service) schedule(ctx context.Context, tx store.Tx, r Rule) error {
	if r.Schedule == "" || !r.Enabled {
		return nil
	}
	sc, err := cron.ParseSchedule(r.Schedule)
	if err != nil {
		return fmt.Errorf("the schedule of rule %s: %w", r.Name, err)
	}
	at, ok := sc.Next(tx.Now(), r.since)
	if !ok {
		return nil
	}
	payload, err := json.Marshal(firing{r.id, r.generation, at})
	if err != nil {
		return err
	}
	_, err = s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobSchedule, Group: r.Name, Key: r.scheduleKey(), RunAt: at, Payload: payload})
	return err
}

// fire publishes the event of a schedule's moment and enqueues the next firing, in the transaction that ends the job. The
// next one is the first after now: of the moments a server was down for, only the one that was due first is made up for.
func (s *Service) fire(_ context.Context, job queue.Job) (queue.Completion, error) {
	var f firing
	if err := json.Unmarshal(job.Payload, &f); err != nil {
		return nil, queue.Permanent(err)
	}
	return func(ctx context.Context, tx store.Tx) error {
		r, err := scanRule(tx.QueryRow(ctx, selectRule+`WHERE id = $1`, f.Rule))
		if errors.Is(err, ErrNoRule) || err == nil && (r.generation != f.Generation || !r.Enabled) {
			return nil
		}
		if err != nil {
			return err
		}
		targets, err := targetsOf(ctx, tx, r.id)
		if err != nil {
			return err
		}
		_, err = s.publish(ctx, tx, []Event{{
			Source: "aws.events", DetailType: "Scheduled Event", Time: f.At, Resources: []string{s.RuleARN(r.Name)}, Detail: struct{}{},
		}}, &compiledRule{name: r.Name, targets: targets})
		if err != nil {
			return err
		}
		return s.schedule(ctx, tx, r)
	}, nil
}

// book is every enabled rule with a pattern, compiled, as of a version.
type book struct {
	version int64
	rules   []*compiledRule
}

type compiledRule struct {
	name    string
	pattern *eventpattern.Pattern
	targets []target
}

// book is what is true in r. It is read again only when a rule or a target has changed.
func (s *Service) book(ctx context.Context, r store.Reader) (*book, error) {
	var version int64
	if err := r.QueryRow(ctx, `SELECT version FROM event_rules_version`).Scan(&version); err != nil {
		return nil, err
	}
	s.mu.Lock()
	b := s.compiled
	s.mu.Unlock()
	if b != nil && b.version == version {
		return b, nil
	}
	b = &book{version: version}
	if err := s.fill(ctx, r, b); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.compiled = b
	return b, nil
}

func (s *Service) fill(ctx context.Context, r store.Reader, b *book) error {
	rows, err := r.Query(ctx, selectRule+`WHERE enabled = 1 AND pattern <> '' ORDER BY id`)
	if err != nil {
		return err
	}
	defer rows.Close()
	byID := map[int64]*compiledRule{}
	for rows.Next() {
		found, err := scanRule(rows)
		if err != nil {
			return err
		}
		p, err := eventpattern.Parse(found.Pattern)
		if err != nil { // checked when it was put
			s.log.ErrorContext(ctx, "the pattern of a rule is unreadable; the rule matches nothing", "rule", found.Name, "error", err)
			continue
		}
		c := &compiledRule{name: found.Name, pattern: p}
		byID[found.id] = c
		b.rules = append(b.rules, c)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	_ = rows.Close()
	all, err := readTargets(ctx, r, `ORDER BY id`)
	for _, t := range all {
		if c := byID[t.rule]; c != nil {
			c.targets = append(c.targets, t)
		}
	}
	return err
}
