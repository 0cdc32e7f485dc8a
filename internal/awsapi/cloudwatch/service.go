// Package cloudwatch answers the part of CloudWatch's API that alarms are made, set and read with.
//
// Nobody can put metrics here, so nothing evaluates them: an alarm changes its state by SetAlarmState.
package cloudwatch

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/conveyor-cd/conveyor/internal/alarm"
	"github.com/conveyor-cd/conveyor/internal/awsapi"
)

// Service is the operations.
type Service struct {
	alarms *alarm.Store
	place  awsapi.Place
}

// New makes a Service.
func New(alarms *alarm.Store, place awsapi.Place) *Service {
	return &Service{alarms: alarms, place: place.WithDefaults()}
}

// instead tells those who look for the rest of CloudWatch how alarms work here.
const instead = "It keeps metric alarms and evaluates no metrics: set an alarm's state with SetAlarmState, or let the CloudWatchAlarm rule " +
	"of a stage condition ask Prometheus (ConveyorPrometheusUrl, ConveyorPrometheusQuery) or probe a URL (ConveyorProbeUrl)."

func (s *Service) operations() []awsapi.Operation {
	return []awsapi.Operation{
		awsapi.Handle(s.PutMetricAlarm),
		awsapi.Handle(s.DescribeAlarms),
		awsapi.Handle(s.SetAlarmState),
		awsapi.Handle(s.DeleteAlarms),
		awsapi.Handle(s.DescribeAlarmHistory),
		awsapi.Handle(s.EnableAlarmActions),
		awsapi.Handle(s.DisableAlarmActions),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
	}
}

// API lists the operations for the JSON protocol and for CBOR.
func (s *Service) API() awsapi.API {
	return awsapi.NewJSON("cloudwatch", "GraniteServiceVersion20100801", s.operations()...).Instead(instead)
}

// QueryAPI lists them for the query protocol.
func (s *Service) QueryAPI() awsapi.QueryAPI {
	return awsapi.NewQuery("cloudwatch", "2010-08-01", s.operations()...).Instead(instead)
}

func invalid(format string, args ...any) error {
	return &types.InvalidParameterValueException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func contradictory(format string, args ...any) error {
	return &types.InvalidParameterCombinationException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func missing(format string, args ...any) error {
	return &types.MissingRequiredParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// alarmName is the name in an alarm's ARN. An alarm of another place does not exist here.
func (s *Service) alarmName(arn string) (string, error) {
	if name, ok := strings.CutPrefix(arn, s.place.ARN("cloudwatch", "alarm:")); ok {
		return name, nil
	}
	if !strings.HasPrefix(arn, "arn:") || !strings.Contains(arn, ":alarm:") {
		return "", invalid("%s is not the ARN of an alarm. One is like %s.", arn, s.place.ARN("cloudwatch", "alarm:NAME"))
	}
	return "", noResource(arn, alarm.ErrNotFound)
}

// noResource is the exception of the operations on tags for a resource that does not exist; other errors pass through.
func noResource(arn string, err error) error {
	if !errors.Is(err, alarm.ErrNotFound) {
		return err
	}
	return &types.ResourceNotFoundException{
		Message: aws.String("The alarm " + arn + " does not exist."), ResourceType: aws.String("alarm"), ResourceId: aws.String(arn),
	}
}

func parseToken(kind string, token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(kind, token)
	if !ok {
		return "", &types.InvalidNextToken{Message: aws.String("The specified NextToken is not one that this operation has given.")}
	}
	return after, nil
}

// limit is a page size.
func limit(n *int32, normal int) int {
	if n == nil {
		return normal
	}
	return int(*n)
}
