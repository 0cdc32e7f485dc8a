// Package logs answers CloudWatch Logs' API from the log store.
package logs

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/logstore"
)

// Options tune a Service.
type Options struct {
	Place awsapi.Place
	Now   func() time.Time // default time.Now
}

// Service is the operations.
type Service struct {
	store *logstore.Store
	place awsapi.Place
	now   func() time.Time
}

// New makes a Service.
func New(store *logstore.Store, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{store: store, place: o.Place.WithDefaults(), now: o.Now}
}

// API lists the operations for the wire.
func (s *Service) API() awsapi.API {
	const eventsLimit = 8 << 20 // 1 MiB of messages, every byte escaped
	return awsapi.NewJSON("logs", "Logs_20140328",
		awsapi.Handle(s.CreateLogGroup),
		awsapi.Handle(s.DeleteLogGroup),
		awsapi.Handle(s.DescribeLogGroups),
		awsapi.Handle(s.PutRetentionPolicy),
		awsapi.Handle(s.DeleteRetentionPolicy),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
		awsapi.Handle(s.CreateLogStream),
		awsapi.Handle(s.DeleteLogStream),
		awsapi.Handle(s.DescribeLogStreams),
		awsapi.Handle(s.PutLogEvents).MaxBody(eventsLimit),
		awsapi.Handle(s.GetLogEvents),
		awsapi.Handle(s.FilterLogEvents),
		awsapi.Handle(s.StartLiveTail),
	)
}

// exception is the SDK's exception for an error of the store; other errors pass through and count as the server's fault.
func exception(err error) error {
	switch {
	case errors.Is(err, logstore.ErrNoGroup):
		return &types.ResourceNotFoundException{Message: aws.String("The specified log group does not exist.")}
	case errors.Is(err, logstore.ErrNoStream):
		return &types.ResourceNotFoundException{Message: aws.String("The specified log stream does not exist.")}
	case errors.Is(err, logstore.ErrToken):
		return invalid("The specified nextToken is invalid.")
	case errors.Is(err, logstore.ErrPattern):
		return invalid("%s", upperFirst(err.Error()))
	}
	return err
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// group tells which log group a request means: its name, or an identifier that is a name or an ARN.
func (s *Service) group(name, identifier *string) (string, error) {
	switch {
	case name != nil && identifier != nil:
		return "", invalid("Only one of logGroupName and logGroupIdentifier may be given.")
	case name != nil:
		return *name, nil
	case identifier == nil:
		return "", invalid("Either logGroupName or logGroupIdentifier must be given.")
	case strings.HasPrefix(*identifier, "arn:"):
		return s.groupOfARN(*identifier)
	default:
		return *identifier, nil
	}
}

// groupOfARN is the name in a log group's ARN, with or without the ":*" at its end. A group of another place does not
// exist here.
func (s *Service) groupOfARN(arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s.place.ARN("logs", "log-group:"))
	if !ok && !strings.Contains(arn, ":log-group:") {
		return "", invalid("%s is not the ARN of a log group.", arn)
	}
	if !ok {
		return "", exception(logstore.ErrNoGroup)
	}
	return strings.TrimSuffix(name, ":*"), nil
}

func (s *Service) groupARN(name string) string { return s.place.ARN("logs", "log-group:"+name) }

// listTokens is the kind of the tokens of lists.
const listTokens = "l"

func parseListToken(token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(listTokens, token)
	if !ok {
		return "", exception(logstore.ErrToken)
	}
	return after, nil
}

// limit is a page size, 50 at most and by default.
func limit(n *int32) int {
	const most = 50
	if n == nil || *n > most {
		return most
	}
	return int(*n)
}
