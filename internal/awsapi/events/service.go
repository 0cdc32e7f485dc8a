// Package events answers EventBridge's API: rules, their targets, custom events, connections and API destinations. There is
// one event bus, the default one.
package events

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Service is the operations.
type Service struct {
	db     store.Store
	events *event.Service
	place  awsapi.Place
}

// New makes a Service.
func New(db store.Store, events *event.Service, place awsapi.Place) *Service {
	return &Service{db: db, events: events, place: place.WithDefaults()}
}

const instead = "It has the default event bus, with rules, targets, connections and API destinations; archives, replays, endpoints, partner " +
	"event sources and other buses are not here."

// API lists the operations.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON("events", "AWSEvents",
		awsapi.Handle(s.PutRule),
		awsapi.Handle(s.DescribeRule),
		awsapi.Handle(s.ListRules),
		awsapi.Handle(s.ListRuleNamesByTarget),
		awsapi.Handle(s.EnableRule),
		awsapi.Handle(s.DisableRule),
		awsapi.Handle(s.DeleteRule),
		awsapi.Handle(s.PutTargets),
		awsapi.Handle(s.RemoveTargets),
		awsapi.Handle(s.ListTargetsByRule),
		awsapi.Handle(s.PutEvents),
		awsapi.Handle(s.TestEventPattern),
		awsapi.Handle(s.DescribeEventBus),
		awsapi.Handle(s.ListEventBuses),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
		awsapi.Handle(s.CreateConnection),
		awsapi.Handle(s.UpdateConnection),
		awsapi.Handle(s.DescribeConnection),
		awsapi.Handle(s.ListConnections),
		awsapi.Handle(s.DeleteConnection),
		awsapi.Handle(s.CreateApiDestination),
		awsapi.Handle(s.UpdateApiDestination),
		awsapi.Handle(s.DescribeApiDestination),
		awsapi.Handle(s.ListApiDestinations),
		awsapi.Handle(s.DeleteApiDestination),
	).Instead(instead)
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", format, args...)
}

func notFound(format string, args ...any) error {
	return &types.ResourceNotFoundException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// defaultBus is the name of the only event bus.
const defaultBus = "default"

func (s *Service) busARN() string { return s.place.ARN("events", "event-bus/"+defaultBus) }

// checkBus refuses every bus but the default one, which may be left out.
func (s *Service) checkBus(name *string) error {
	if name == nil || *name == defaultBus || *name == s.busARN() {
		return nil
	}
	return notFound("Event bus %s does not exist. This server has the event bus default only.", *name)
}

// failed turns the room's errors about a rule into AWS's exceptions.
func failed(err error, rule string) error {
	switch {
	case errors.Is(err, event.ErrNoRule):
		return notFound("Rule %s does not exist on EventBus default.", rule)
	case errors.Is(err, event.ErrHasTargets):
		return invalid("Rule can't be deleted since it has targets.")
	case errors.Is(err, event.ErrLimit):
		return &types.LimitExceededException{Message: aws.String("The requested resource exceeds the maximum number allowed: " + err.Error())}
	}
	return err
}

func parseToken(kind string, token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(kind, token)
	if !ok {
		return "", invalid("Parameter NextToken is not valid. Reason: it is not one that this operation has given.")
	}
	return after, nil
}

const page = 100

func limit(n *int32) int {
	if n == nil {
		return page
	}
	return int(*n)
}

// cut takes the extra item from a list that was read with one more than a page has.
func cut[T any](list []T, n int, kind string, name func(T) string) ([]T, *string) {
	if len(list) <= n {
		return list, nil
	}
	return list[:n], awsapi.PageToken(kind, name(list[n-1]))
}

// optional is nil for what is empty: members that were not put are left out.
func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
