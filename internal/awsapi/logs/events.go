package logs

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// Rules of PutLogEvents, from its documentation.
const (
	maxBatchBytes = 1 << 20
	eventOverhead = 26
	maxSpan       = 24 * time.Hour
	maxAge        = 14 * 24 * time.Hour
	maxFuture     = 2 * time.Hour
)

// sequenceToken is what clients that still ask for one get. It has been without meaning since 2023.
const sequenceToken = "49039859602390000000000000000000000000000000000000000000"

// PutLogEvents appends events to a stream. They are durable when it answers.
func (s *Service) PutLogEvents(ctx context.Context, in *sdk.PutLogEventsInput) (*sdk.PutLogEventsOutput, error) {
	events, err := batch(in.LogEvents)
	if err != nil {
		return nil, err
	}
	g, err := s.store.GroupByName(ctx, *in.LogGroupName)
	if err != nil {
		return nil, exception(err)
	}
	first, end, rejected := s.acceptable(events, g.RetentionDays)
	if err := s.store.Append(ctx, *in.LogGroupName, *in.LogStreamName, events[first:end]); err != nil {
		return nil, exception(err)
	}
	return &sdk.PutLogEventsOutput{NextSequenceToken: aws.String(sequenceToken), RejectedLogEventsInfo: rejected}, nil
}

// batch checks the rules that reject a request as a whole.
func batch(in []types.InputLogEvent) ([]logstore.Event, error) {
	events := make([]logstore.Event, len(in))
	size := 0
	for i, e := range in {
		events[i] = logstore.Event{Time: aws.ToInt64(e.Timestamp), Message: aws.ToString(e.Message)}
		size += len(events[i].Message) + eventOverhead
		if i > 0 && events[i].Time < events[i-1].Time {
			return nil, invalid("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	switch {
	case size > maxBatchBytes:
		return nil, invalid("Upload too large: %d bytes exceed limit of %d", size, maxBatchBytes)
	case events[len(events)-1].Time-events[0].Time > maxSpan.Milliseconds():
		return nil, invalid("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	return events, nil
}

// acceptable finds the events that are neither too old nor too new, which is a run because they are in order.
func (s *Service) acceptable(events []logstore.Event, retentionDays int) (first, end int, rejected *types.RejectedLogEventsInfo) {
	now := s.now()
	count := func(before time.Time) (n int) {
		for n < len(events) && events[n].Time < before.UnixMilli() {
			n++
		}
		return n
	}
	info := types.RejectedLogEventsInfo{}
	if n := count(now.Add(-maxAge)); n > 0 {
		info.TooOldLogEventEndIndex, first = aws.Int32(int32(n)), n
	}
	if retentionDays > 0 {
		if n := count(now.AddDate(0, 0, -retentionDays)); n > first {
			info.ExpiredLogEventEndIndex, first = aws.Int32(int32(n)), n
		}
	}
	end = len(events)
	if n := count(now.Add(maxFuture)); n < end {
		info.TooNewLogEventStartIndex, end = aws.Int32(int32(n)), max(n, first)
	}
	if first == 0 && end == len(events) {
		return first, end, nil
	}
	return first, end, &info
}

// GetLogEvents reads a page of one stream, the newest one unless told otherwise. Both tokens are always there; reading
// on in a direction in which nothing is left returns the token that was given.
func (s *Service) GetLogEvents(ctx context.Context, in *sdk.GetLogEventsInput) (*sdk.GetLogEventsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	o := logstore.GetOptions{
		Start: aws.ToInt64(in.StartTime), End: aws.ToInt64(in.EndTime), Limit: int(aws.ToInt32(in.Limit)),
		From: logstore.End, Backward: true,
	}
	if aws.ToBool(in.StartFromHead) {
		o.From, o.Backward = 0, false
	}
	if in.NextToken != nil {
		if o.From, o.Backward, err = parseEventToken(*in.NextToken); err != nil {
			return nil, err
		}
	}
	page, err := s.store.Get(ctx, group, *in.LogStreamName, o)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.GetLogEventsOutput{
		Events:           make([]types.OutputLogEvent, len(page.Events)),
		NextForwardToken: eventToken('f', page.Next), NextBackwardToken: eventToken('b', page.Prev),
	}
	for i, e := range page.Events {
		out.Events[i] = types.OutputLogEvent{Timestamp: aws.Int64(e.Time), IngestionTime: aws.Int64(e.Ingestion), Message: aws.String(e.Message)}
	}
	return out, nil
}

// eventToken looks like CloudWatch's: a direction and 56 digits.
func eventToken(direction byte, position int64) *string {
	return aws.String(fmt.Sprintf("%c/%056d/s", direction, position))
}

func parseEventToken(token string) (position int64, backward bool, err error) {
	rest, forward := strings.CutPrefix(token, "f/")
	if !forward {
		rest, backward = strings.CutPrefix(token, "b/")
	}
	digits, ended := strings.CutSuffix(rest, "/s")
	position, err = strconv.ParseInt(digits, 10, 64)
	if (!forward && !backward) || !ended || err != nil || position < 0 {
		return 0, false, exception(logstore.ErrToken)
	}
	return position, backward, nil
}

// FilterLogEvents searches the streams of a log group and merges what it finds by time. `aws logs tail` is made of it.
func (s *Service) FilterLogEvents(ctx context.Context, in *sdk.FilterLogEventsInput) (*sdk.FilterLogEventsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	switch {
	case len(in.LogStreamNames) > 0 && in.LogStreamNamePrefix != nil:
		return nil, invalid("Only one of logStreamNames and logStreamNamePrefix may be given.")
	case in.StartFromHead != nil && !*in.StartFromHead:
		return nil, invalid("startFromHead must be true: returning the latest events first is not supported.")
	case in.StartTime != nil && in.EndTime != nil && *in.EndTime < *in.StartTime:
		return nil, invalid("endTime must not be before startTime.")
	}
	pattern, err := logstore.ParsePattern(aws.ToString(in.FilterPattern))
	if err != nil {
		return nil, exception(err)
	}
	end := aws.ToInt64(in.EndTime)
	if end != 0 {
		end++ // unlike GetLogEvents, the end is included
	}
	page, err := s.store.Filter(ctx, group, logstore.FilterOptions{
		Streams: in.LogStreamNames, StreamPrefix: aws.ToString(in.LogStreamNamePrefix), Pattern: pattern,
		Start: aws.ToInt64(in.StartTime), End: end, Limit: int(aws.ToInt32(in.Limit)), Token: aws.ToString(in.NextToken),
	})
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.FilterLogEventsOutput{Events: make([]types.FilteredLogEvent, len(page.Events)), SearchedLogStreams: []types.SearchedLogStream{}}
	for i, e := range page.Events {
		out.Events[i] = types.FilteredLogEvent{
			EventId: aws.String(e.ID), LogStreamName: aws.String(e.Stream),
			Timestamp: aws.Int64(e.Time), IngestionTime: aws.Int64(e.Ingestion), Message: aws.String(e.Message),
		}
	}
	if page.Token != "" {
		out.NextToken = aws.String(page.Token)
	}
	return out, nil
}

// StartLiveTail is not offered: its answer is a stream of another protocol.
func (s *Service) StartLiveTail(context.Context, *sdk.StartLiveTailInput) (*sdk.StartLiveTailOutput, error) {
	return nil, &types.InvalidOperationException{Message: aws.String("Live Tail is not supported: follow a log with FilterLogEvents, " +
		"for example `aws logs tail --follow`.")}
}
