package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Target delivers to one kind of resource.
type Target interface {
	// Check refuses, when a target is put on a rule, what could never be delivered to. Users see the message.
	Check(ctx context.Context, t TargetSpec) error
	// Deliver hands one delivery over. It runs at least once: Delivery.ID is the idempotency token. An error is tried again
	// with back-off, unless it is wrapped with Permanent: then the delivery becomes a dead letter. Later is no attempt.
	Deliver(ctx context.Context, d Delivery) error
}

// TargetSpec is a target as it was put on a rule.
type TargetSpec struct {
	Name  string // its id within the rule
	ARN   string
	Input string          // the constant input, or ""
	Wire  json.RawMessage // all of it, with EventBridge's JSON names
}

// Delivery is one event for one target.
type Delivery struct {
	ID      string // the same at every attempt
	RuleARN string
	Target  TargetSpec
	// Input is what the target is to get: the document, or what Input, InputPath or InputTransformer make of it.
	Input   json.RawMessage
	Event   json.RawMessage // the document
	Attempt int             // 1 is the first
}

// permanent marks an error that no further attempt would mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent wraps an error of Deliver that trying again would not mend.
func Permanent(err error) error { return permanent{err} }

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

// later says that nothing was tried.
type later struct{ after time.Duration }

func (l later) Error() string {
	return fmt.Sprintf("it is not time to deliver before %s have gone by", l.after)
}

// Later is what Deliver returns when it has not tried, and what is to be delivered should come again after a while.
func Later(after time.Duration) error { return later{after} }

// Register names the target for ARNs of a service ("sns"). Call it before the queue starts.
func (s *Service) Register(service string, t Target) {
	if _, twice := s.targets[service]; twice {
		panic("event: a second target for " + service)
	}
	s.targets[service] = t
}

// target finds who delivers to an ARN.
func (s *Service) target(arn string) (Target, error) {
	service := serviceOf(arn)
	if t, ok := s.targets[service]; ok {
		return t, nil
	}
	return nil, fmt.Errorf("this server cannot deliver to %s; it delivers to pipelines, build projects, API destinations and whatever else "+
		"docs/differences.md names", arn)
}

// serviceOf is the service in an ARN. API destinations are the events service's own; a plain URL counts as one.
func serviceOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[0] == "arn" {
		return parts[2]
	}
	return ""
}
