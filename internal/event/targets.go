package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/eventpattern"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// target is a row of a rule's targets.
type target struct {
	id, rule int64
	name     string
	arn      string
	spec     string
	view     view
}

// view is what this room itself needs to know of a target.
type view struct {
	Input            *string
	InputPath        *string
	InputTransformer *struct {
		InputPathsMap map[string]string
		InputTemplate string
	}
	RetryPolicy *struct {
		MaximumRetryAttempts     *int
		MaximumEventAgeInSeconds *int
	}
}

// The defaults of a RetryPolicy, as on AWS.
const (
	defaultAttempts = 185
	defaultAge      = 24 * time.Hour
)

func (v view) attempts() int {
	if v.RetryPolicy != nil && v.RetryPolicy.MaximumRetryAttempts != nil {
		return *v.RetryPolicy.MaximumRetryAttempts
	}
	return defaultAttempts
}

func (v view) age() time.Duration {
	if v.RetryPolicy != nil && v.RetryPolicy.MaximumEventAgeInSeconds != nil {
		return time.Duration(*v.RetryPolicy.MaximumEventAgeInSeconds) * time.Second
	}
	return defaultAge
}

func (v view) check() error {
	given := 0
	for _, there := range []bool{v.Input != nil, v.InputPath != nil, v.InputTransformer != nil} {
		if there {
			given++
		}
	}
	switch {
	case given > 1:
		return errors.New("only one of Input, InputPath and InputTransformer must be provided")
	case v.Input != nil && !json.Valid([]byte(*v.Input)):
		return errors.New("the Input is not valid JSON")
	case v.InputPath != nil:
		if err := eventpattern.CheckPath(*v.InputPath); err != nil {
			return fmt.Errorf("InputPath: %w", err)
		}
	case v.InputTransformer != nil:
		if _, err := eventpattern.NewTransformer(v.InputTransformer.InputPathsMap, v.InputTransformer.InputTemplate); err != nil {
			return fmt.Errorf("InputTransformer: %w", err)
		}
	}
	return nil
}

// input makes what the target gets of an event.
func (v view) input(event []byte, given eventpattern.Predefined) (json.RawMessage, error) {
	switch {
	case v.Input != nil:
		return json.RawMessage(*v.Input), nil
	case v.InputPath != nil:
		return eventpattern.Select(*v.InputPath, event)
	case v.InputTransformer != nil:
		t, err := eventpattern.NewTransformer(v.InputTransformer.InputPathsMap, v.InputTransformer.InputTemplate)
		if err != nil {
			return nil, err
		}
		return t.Apply(event, given)
	}
	return event, nil
}

func (t target) public() TargetSpec {
	spec := TargetSpec{Name: t.name, ARN: t.arn, Wire: json.RawMessage(t.spec)}
	if t.view.Input != nil {
		spec.Input = *t.view.Input
	}
	return spec
}

func newTarget(name, arn string, wire json.RawMessage) (target, error) {
	t := target{name: name, arn: arn, spec: string(wire)}
	if err := json.Unmarshal(wire, &t.view); err != nil {
		return t, fmt.Errorf("target %s is unreadable: %w", name, err)
	}
	return t, nil
}

func readTargets(ctx context.Context, r store.Reader, where string, args ...any) ([]target, error) {
	rows, err := r.Query(ctx, `SELECT id, rule_id, name, arn, spec FROM event_targets `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []target
	for rows.Next() {
		var id, rule int64
		var name, arn, spec string
		if err := rows.Scan(&id, &rule, &name, &arn, &spec); err != nil {
			return nil, err
		}
		t, err := newTarget(name, arn, json.RawMessage(spec))
		if err != nil {
			return nil, err
		}
		t.id, t.rule = id, rule
		list = append(list, t)
	}
	return list, rows.Err()
}

func targetsOf(ctx context.Context, r store.Reader, ruleID int64) ([]target, error) {
	return readTargets(ctx, r, `WHERE rule_id = $1 ORDER BY id`, ruleID)
}

// CheckTarget tells why a target cannot be put on a rule.
func (s *Service) CheckTarget(ctx context.Context, spec TargetSpec) error {
	t, err := newTarget(spec.Name, spec.ARN, spec.Wire)
	if err != nil {
		return err
	}
	if err := t.view.check(); err != nil {
		return err
	}
	to, err := s.target(spec.ARN)
	if err != nil {
		return err
	}
	return to.Check(ctx, t.public())
}

// PutTargets adds checked targets to a rule, or changes those of the same names. What a changed target has yet to get, it
// gets as it is now.
func (s *Service) PutTargets(ctx context.Context, ruleName string, specs []TargetSpec) error {
	return s.changeRules(ctx, func(tx store.Tx) error {
		r, err := rule(ctx, tx, ruleName)
		if err != nil {
			return err
		}
		for _, spec := range specs {
			_, err := tx.Exec(ctx, `INSERT INTO event_targets (rule_id, name, arn, spec) VALUES ($1, $2, $3, $4)
				ON CONFLICT (rule_id, name) DO UPDATE SET arn = excluded.arn, spec = excluded.spec`, r.id, spec.Name, spec.ARN, string(spec.Wire))
			if err != nil {
				return err
			}
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM event_targets WHERE rule_id = $1`, r.id).Scan(&n); err != nil {
			return err
		}
		if n > MaxTargets {
			return fmt.Errorf("%w: %d targets of rule %s", ErrLimit, MaxTargets, ruleName)
		}
		return nil
	})
}

// RemoveTargets takes targets from a rule, and names those it did not have. What they have yet to get is dropped.
func (s *Service) RemoveTargets(ctx context.Context, ruleName string, names []string) (missing []string, err error) {
	err = s.changeRules(ctx, func(tx store.Tx) error {
		missing = nil
		r, err := rule(ctx, tx, ruleName)
		if err != nil {
			return err
		}
		for _, name := range names {
			list, err := readTargets(ctx, tx, `WHERE rule_id = $1 AND name = $2`, r.id, name)
			if err != nil {
				return err
			}
			if len(list) == 0 {
				missing = append(missing, name)
				continue
			}
			if err := s.removeTarget(ctx, tx, list[0]); err != nil {
				return err
			}
		}
		return nil
	})
	return missing, err
}

func (s *Service) removeTarget(ctx context.Context, tx store.Tx, t target) error {
	for _, statement := range []string{`DELETE FROM event_deliveries WHERE target_id = $1`, `DELETE FROM event_targets WHERE id = $1`} {
		if _, err := tx.Exec(ctx, statement, t.id); err != nil {
			return err
		}
	}
	return s.jobs.Cancel(ctx, tx, jobDeliver, t.key())
}

// Targets lists the targets of a rule, in the order of their names, after a name.
func (s *Service) Targets(ctx context.Context, ruleName, after string, limit int) (list []TargetSpec, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		list = nil
		found, err := rule(ctx, r, ruleName)
		if err != nil {
			return err
		}
		all, err := readTargets(ctx, r, `WHERE rule_id = $1 AND name > $2 ORDER BY name LIMIT $3`, found.id, after, limit)
		for _, t := range all {
			list = append(list, t.public())
		}
		return err
	})
	return list, err
}

// key is the key of the job that brings a target what it has yet to get.
func (t target) key() string { return strconv.FormatInt(t.id, 10) }

// delivering is the payload of that job.
type delivering struct {
	Target int64 `json:"target"`
}

func (s *Service) enqueueDelivery(ctx context.Context, tx store.Tx, t target, rule string, at time.Time) error {
	payload, err := json.Marshal(delivering{t.id})
	if err != nil {
		return err
	}
	_, err = s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobDeliver, Group: rule, Key: t.key(), RunAt: at, Payload: payload})
	return err
}

// deliverTo stores a delivery of each event for each target of the rules it matches (of all rules, when all is set), and
// one job per target.
func (s *Service) deliverTo(ctx context.Context, tx store.Tx, rules []*compiledRule, list []stored, all bool) error {
	decoded := make([]any, len(list))
	for _, rule := range rules {
		var matching []stored
		for i, e := range list {
			ok := all
			if !ok && len(rule.targets) > 0 && rule.pattern.Could(e.Source) {
				var err error
				if decoded[i] == nil {
					if decoded[i], err = eventpattern.Decode(e.body); err != nil {
						return err
					}
				}
				ok = rule.pattern.MatchValue(decoded[i])
			}
			if ok {
				matching = append(matching, e)
			}
		}
		if len(matching) == 0 {
			continue
		}
		for _, t := range rule.targets {
			if err := s.addDeliveries(ctx, tx, rule.name, t, matching); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) addDeliveries(ctx context.Context, tx store.Tx, rule string, t target, list []stored) error {
	for _, e := range list {
		token := e.id + "-" + t.key()
		if err := addDelivery(ctx, tx, t.id, token, string(e.body)); err != nil {
			return err
		}
	}
	return s.enqueueDelivery(ctx, tx, t, rule, time.Time{})
}

func addDelivery(ctx context.Context, tx store.Tx, targetID int64, token, body string) error {
	_, err := tx.Exec(ctx, `INSERT INTO event_deliveries (target_id, token, at, attempts, body) VALUES ($1, $2, $3, 0, $4)`,
		targetID, token, store.Micros(tx.Now()), body)
	return err
}

// ARNName is what an ARN of this place calls a resource of a service: the pipeline in
// arn:aws:codepipeline:REGION:ACCOUNT:PIPELINE. ok is false for ARNs of other services and of other kinds of resources.
func ARNName(arn, service, kind string) (name string, ok bool) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != service {
		return "", false
	}
	name, ok = strings.CutPrefix(parts[5], kind)
	return name, ok && name != ""
}
