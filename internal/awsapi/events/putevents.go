package events

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// maxEntries bounds the size of all entries of a request together, as on AWS.
const maxEntries = 1 << 20

// PutEvents publishes custom events. Those that are in order are published together, in their order.
func (s *Service) PutEvents(ctx context.Context, in *sdk.PutEventsInput) (*sdk.PutEventsOutput, error) {
	if in.EndpointId != nil {
		return nil, invalid("Parameter EndpointId is not supported: there are no global endpoints on this server.")
	}
	size := 0
	out := &sdk.PutEventsOutput{Entries: make([]types.PutEventsResultEntry, len(in.Entries))}
	var list []event.Event
	var places []int
	for i := range in.Entries {
		e := &in.Entries[i]
		size += len(aws.ToString(e.Detail)) + len(aws.ToString(e.Source)) + len(aws.ToString(e.DetailType))
		if code, message := s.checkEntry(e); code != "" {
			out.Entries[i] = types.PutEventsResultEntry{ErrorCode: &code, ErrorMessage: &message}
			out.FailedEntryCount++
			continue
		}
		list = append(list, event.Event{
			Source: *e.Source, DetailType: *e.DetailType, Time: aws.ToTime(e.Time), Resources: e.Resources, Detail: json.RawMessage(*e.Detail),
		})
		places = append(places, i)
	}
	if size > maxEntries {
		return nil, invalid("Total size of the entries in the request is over the limit.")
	}
	if len(list) == 0 {
		return out, nil
	}
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		ids, err := s.events.PublishWithIDs(ctx, tx, list...)
		for k, id := range ids {
			out.Entries[places[k]].EventId = aws.String(id)
		}
		return err
	})
	return out, err
}

func (s *Service) checkEntry(e *types.PutEventsRequestEntry) (code, message string) {
	for _, m := range []struct {
		name  string
		value *string
	}{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if aws.ToString(m.value) == "" {
			return "InvalidArgument", "Parameter " + m.name + " is not valid. Reason: " + m.name + " is a required argument."
		}
	}
	var object map[string]json.RawMessage
	switch {
	case len(*e.DetailType) > 128:
		return "InvalidArgument", "Parameter DetailType is not valid. Reason: it is longer than 128 characters."
	case len(*e.Source) > 256:
		return "InvalidArgument", "Parameter Source is not valid. Reason: it is longer than 256 characters."
	case strings.HasPrefix(*e.Source, "aws."):
		return "NotAuthorizedForSourceException", "Not authorized for the source."
	case json.Unmarshal([]byte(*e.Detail), &object) != nil || object == nil:
		return "MalformedDetail", "Detail is malformed."
	case s.checkBus(e.EventBusName) != nil:
		return "InvalidArgument", "Parameter EventBusName is not valid. Reason: this server has the event bus default only."
	}
	return "", ""
}

// DescribeEventBus describes the only bus.
func (s *Service) DescribeEventBus(_ context.Context, in *sdk.DescribeEventBusInput) (*sdk.DescribeEventBusOutput, error) {
	if err := s.checkBus(in.Name); err != nil {
		return nil, err
	}
	return &sdk.DescribeEventBusOutput{Name: aws.String(defaultBus), Arn: aws.String(s.busARN())}, nil
}

// ListEventBuses lists the only bus.
func (s *Service) ListEventBuses(_ context.Context, in *sdk.ListEventBusesInput) (*sdk.ListEventBusesOutput, error) {
	out := &sdk.ListEventBusesOutput{EventBuses: []types.EventBus{}}
	if strings.HasPrefix(defaultBus, aws.ToString(in.NamePrefix)) {
		out.EventBuses = append(out.EventBuses, types.EventBus{Name: aws.String(defaultBus), Arn: aws.String(s.busARN())})
	}
	return out, nil
}
