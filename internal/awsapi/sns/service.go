// Package sns answers SNS's API for topics: making them, subscribing to them, and publishing.
package sns

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Users finds IAM users; *iam.Directory is one.
type Users interface {
	FindUser(ctx context.Context, nameOrArn string) (iam.Entity, error)
	ByID(ctx context.Context, id string) (iam.Entity, error)
}

// Service is the operations.
type Service struct {
	topics     *topic.Store
	users      Users
	authorizer awsapi.Authorizer
}

// New makes a Service.
func New(topics *topic.Store, users Users, authorizer awsapi.Authorizer) *Service {
	return &Service{topics: topics, users: users, authorizer: authorizer}
}

const instead = "It has topics with the protocols http, https, email and email-json; there are no text messages, push notifications and phone numbers."

// API lists the operations.
func (s *Service) API() awsapi.QueryAPI {
	return awsapi.NewQuery("sns", "2010-03-31",
		awsapi.Handle(s.CreateTopic),
		awsapi.Handle(s.DeleteTopic),
		awsapi.Handle(s.ListTopics),
		awsapi.Handle(s.GetTopicAttributes),
		awsapi.Handle(s.SetTopicAttributes),
		awsapi.Handle(s.Subscribe),
		awsapi.Handle(s.ConfirmSubscription),
		awsapi.Handle(s.Unsubscribe),
		awsapi.Handle(s.ListSubscriptions),
		awsapi.Handle(s.ListSubscriptionsByTopic),
		awsapi.Handle(s.GetSubscriptionAttributes),
		awsapi.Handle(s.SetSubscriptionAttributes),
		awsapi.Handle(s.Publish),
		awsapi.Handle(s.PublishBatch),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
		awsapi.Handle(s.GetDataProtectionPolicy),
	).Instead(instead)
}

// exception is what an error of the room is called on the wire.
func exception(err error) error {
	if mistake, ok := errors.AsType[*topic.Invalid](err); ok {
		return invalid("%s", strings.TrimPrefix(mistake.Text, prefix))
	}
	switch {
	case errors.Is(err, topic.ErrNoTopic):
		return &types.NotFoundException{Message: aws.String("Topic does not exist")}
	case errors.Is(err, topic.ErrNoSubscription):
		return &types.NotFoundException{Message: aws.String("Subscription does not exist")}
	case errors.Is(err, topic.ErrToken):
		return invalid("Token: it is wrong or has expired; subscribe again to be sent a new one")
	case errors.Is(err, topic.ErrTopicLimit):
		return &types.TopicLimitExceededException{Message: aws.String("Topic limit exceeded: " + err.Error())}
	case errors.Is(err, topic.ErrLimit):
		return &types.SubscriptionLimitExceededException{Message: aws.String("Subscription limit exceeded: " + err.Error())}
	}
	return err
}

// prefix begins SNS's message about a bad parameter.
const prefix = "Invalid parameter: "

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(prefix + fmt.Sprintf(format, args...))}
}

func parseToken(kind string, token *string) (string, error) {
	after, ok := awsapi.ReadPageToken(kind, token)
	if !ok {
		return "", invalid("NextToken Reason: it is not one that this operation has given")
	}
	return after, nil
}
