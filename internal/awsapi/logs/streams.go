package logs

import (
	"context"
	"errors"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// CreateLogStream makes a stream in a log group.
func (s *Service) CreateLogStream(ctx context.Context, in *sdk.CreateLogStreamInput) (*sdk.CreateLogStreamOutput, error) {
	err := s.store.CreateStream(ctx, *in.LogGroupName, *in.LogStreamName)
	if errors.Is(err, logstore.ErrExists) {
		return nil, &types.ResourceAlreadyExistsException{Message: aws.String("The specified log stream already exists")}
	}
	return &sdk.CreateLogStreamOutput{}, exception(err)
}

// DeleteLogStream deletes a stream with its events.
func (s *Service) DeleteLogStream(ctx context.Context, in *sdk.DeleteLogStreamInput) (*sdk.DeleteLogStreamOutput, error) {
	return &sdk.DeleteLogStreamOutput{}, exception(s.store.DeleteStream(ctx, *in.LogGroupName, *in.LogStreamName))
}

// DescribeLogStreams lists a log group's streams by name or by the time of their last event.
func (s *Service) DescribeLogStreams(ctx context.Context, in *sdk.DescribeLogStreamsInput) (*sdk.DescribeLogStreamsOutput, error) {
	group, err := s.group(in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	byTime := in.OrderBy == types.OrderByLastEventTime
	if byTime && in.LogStreamNamePrefix != nil {
		return nil, invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
	}
	offset, err := parseOffset(in.NextToken)
	if err != nil {
		return nil, err
	}
	n := limit(in.Limit)
	streams, err := s.store.Streams(ctx, group, logstore.StreamQuery{
		Prefix: aws.ToString(in.LogStreamNamePrefix), ByTime: byTime, Descending: aws.ToBool(in.Descending), Offset: offset, Limit: n + 1,
	})
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.DescribeLogStreamsOutput{LogStreams: []types.LogStream{}}
	if len(streams) > n {
		streams = streams[:n]
		out.NextToken = awsapi.PageToken(listTokens, strconv.Itoa(offset+n))
	}
	for _, st := range streams {
		out.LogStreams = append(out.LogStreams, s.logStream(st))
	}
	return out, nil
}

func parseOffset(token *string) (int, error) {
	text, err := parseListToken(token)
	if err != nil || text == "" {
		return 0, err
	}
	offset, err := strconv.Atoi(text)
	if err != nil || offset < 0 {
		return 0, exception(logstore.ErrToken)
	}
	return offset, nil
}

func (s *Service) logStream(st logstore.Stream) types.LogStream {
	out := types.LogStream{
		LogStreamName: aws.String(st.Name), CreationTime: aws.Int64(st.Created.UnixMilli()),
		Arn: aws.String(s.groupARN(st.Group) + ":log-stream:" + st.Name), UploadSequenceToken: aws.String(sequenceToken),
	}
	if st.Events > 0 {
		out.FirstEventTimestamp, out.LastEventTimestamp = aws.Int64(st.First), aws.Int64(st.Last)
		out.LastIngestionTime = aws.Int64(st.LastIngestion)
	}
	return out
}
