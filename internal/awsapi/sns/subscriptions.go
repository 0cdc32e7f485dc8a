package sns

import (
	"context"
	"errors"
	"maps"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/topic"
	"github.com/conveyor-cd/conveyor/internal/topic/post"
)

// pending stands for the ARN of a subscription that is not confirmed.
const pending = "pending confirmation"

// Subscribe makes a subscription.
func (s *Service) Subscribe(ctx context.Context, in *sdk.SubscribeInput) (*sdk.SubscribeOutput, error) {
	if aws.ToString(in.Endpoint) == "" {
		return nil, invalid("Endpoint: it is needed")
	}
	if user := in.Attributes[topic.Approver]; user != "" {
		id, err := s.approver(ctx, user)
		if err != nil {
			return nil, err
		}
		in.Attributes[topic.Approver] = id
	}
	sub, err := s.topics.Subscribe(ctx, topic.Request{TopicArn: *in.TopicArn, Protocol: *in.Protocol, Endpoint: *in.Endpoint, Attributes: in.Attributes})
	if err != nil {
		return nil, exception(err)
	}
	if sub.Confirmed || in.ReturnSubscriptionArn {
		return &sdk.SubscribeOutput{SubscriptionArn: aws.String(sub.Arn)}, nil
	}
	return &sdk.SubscribeOutput{SubscriptionArn: aws.String(pending)}, nil
}

// approver is the id of the user, given by name or ARN, whom a subscription is bound to: approval messages bring links
// that act with that user's rights. It keeps callers from having the links of others sent to themselves. A user may have
// its own, wherever it likes; and whoever may make access keys for users has their rights anyway.
func (s *Service) approver(ctx context.Context, user string) (string, error) {
	e, err := s.users.FindUser(ctx, user)
	if errors.Is(err, iam.ErrNoSuchEntity) {
		return "", invalid("Attributes Reason: %s names the IAM user %s, who does not exist; give a user's name or ARN", topic.Approver, user)
	}
	if err != nil {
		return "", err
	}
	caller := awsapi.Caller(ctx)
	if caller.Root || caller.Arn == e.Arn {
		return e.ID, nil
	}
	return e.ID, s.authorizer.Authorize(ctx, caller, "iam:CreateAccessKey", []string{e.Arn})
}

// ConfirmSubscription confirms a subscription with the token its endpoint was sent.
func (s *Service) ConfirmSubscription(ctx context.Context, in *sdk.ConfirmSubscriptionInput) (*sdk.ConfirmSubscriptionOutput, error) {
	guard, err := strconv.ParseBool(aws.ToString(in.AuthenticateOnUnsubscribe))
	if err != nil && aws.ToString(in.AuthenticateOnUnsubscribe) != "" {
		return nil, invalid("AuthenticateOnUnsubscribe: it must be true or false")
	}
	sub, err := s.topics.Confirm(ctx, *in.TopicArn, *in.Token, true, guard)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.ConfirmSubscriptionOutput{SubscriptionArn: aws.String(sub.Arn)}, nil
}

// Unsubscribe ends a subscription.
func (s *Service) Unsubscribe(ctx context.Context, in *sdk.UnsubscribeInput) (*sdk.UnsubscribeOutput, error) {
	return &sdk.UnsubscribeOutput{}, exception(s.topics.Unsubscribe(ctx, *in.SubscriptionArn))
}

// ListSubscriptions lists all subscriptions.
func (s *Service) ListSubscriptions(ctx context.Context, in *sdk.ListSubscriptionsInput) (*sdk.ListSubscriptionsOutput, error) {
	list, next, err := s.subscriptions(ctx, "", in.NextToken)
	return &sdk.ListSubscriptionsOutput{Subscriptions: list, NextToken: next}, err
}

// ListSubscriptionsByTopic lists the subscriptions of one topic.
func (s *Service) ListSubscriptionsByTopic(ctx context.Context, in *sdk.ListSubscriptionsByTopicInput) (*sdk.ListSubscriptionsByTopicOutput, error) {
	list, next, err := s.subscriptions(ctx, *in.TopicArn, in.NextToken)
	return &sdk.ListSubscriptionsByTopicOutput{Subscriptions: list, NextToken: next}, err
}

func (s *Service) subscriptions(ctx context.Context, topicArn string, from *string) ([]types.Subscription, *string, error) {
	kind := "subscriptions " + topicArn
	after, err := parseToken(kind, from)
	if err != nil {
		return nil, nil, err
	}
	seq := int64(0)
	if after != "" {
		if seq, err = strconv.ParseInt(after, 10, 64); err != nil {
			return nil, nil, invalid("NextToken Reason: it is not one that this operation has given")
		}
	}
	list, next, err := s.topics.Subscriptions(ctx, topicArn, seq)
	if err != nil {
		return nil, nil, exception(err)
	}
	out := []types.Subscription{}
	for _, sub := range list {
		shown := types.Subscription{
			SubscriptionArn: aws.String(sub.Arn), TopicArn: aws.String(sub.TopicArn), Owner: aws.String(s.topics.Account()),
			Protocol: aws.String(sub.Protocol), Endpoint: aws.String(post.Redacted(sub.Endpoint)),
		}
		if !sub.Confirmed {
			shown.SubscriptionArn = aws.String("PendingConfirmation")
		}
		out = append(out, shown)
	}
	if next == 0 {
		return out, nil, nil
	}
	return out, awsapi.PageToken(kind, strconv.FormatInt(next, 10)), nil
}

// GetSubscriptionAttributes tells all about a subscription.
func (s *Service) GetSubscriptionAttributes(ctx context.Context, in *sdk.GetSubscriptionAttributesInput) (*sdk.GetSubscriptionAttributesOutput, error) {
	sub, t, err := s.topics.Subscription(ctx, *in.SubscriptionArn)
	if err != nil {
		return nil, exception(err)
	}
	all := map[string]string{
		"SubscriptionArn": sub.Arn, "TopicArn": sub.TopicArn, "Owner": s.topics.Account(),
		"Protocol": sub.Protocol, "Endpoint": post.Redacted(sub.Endpoint),
		"PendingConfirmation":          strconv.FormatBool(!sub.Confirmed),
		"ConfirmationWasAuthenticated": strconv.FormatBool(sub.Authenticated),
		topic.RawMessageDelivery:       "false",
		"EffectiveDeliveryPolicy":      s.topics.EffectiveSubscriptionPolicy(t, sub),
		"SubscriptionPrincipal":        awsapi.Place{Account: s.topics.Account()}.GlobalARN("iam", "root"),
	}
	if sub.Attributes[topic.FilterPolicy] != "" {
		all[topic.FilterPolicyScope] = "MessageAttributes"
	}
	maps.Copy(all, sub.Attributes)
	if id := all[topic.Approver]; id != "" {
		e, err := s.users.ByID(ctx, id)
		switch {
		case err == nil:
			all[topic.Approver] = e.Arn
		case !errors.Is(err, iam.ErrNoSuchEntity): // of a user who is gone the id is shown, as IAM does in policies
			return nil, err
		}
	}
	return &sdk.GetSubscriptionAttributesOutput{Attributes: all}, nil
}

// SetSubscriptionAttributes changes one attribute of a subscription.
func (s *Service) SetSubscriptionAttributes(ctx context.Context, in *sdk.SetSubscriptionAttributesInput) (*sdk.SetSubscriptionAttributesOutput, error) {
	value := aws.ToString(in.AttributeValue)
	var err error
	if *in.AttributeName == topic.Approver && value != "" {
		if value, err = s.approver(ctx, value); err != nil {
			return nil, err
		}
	}
	err = s.topics.SetSubscriptionAttribute(ctx, *in.SubscriptionArn, *in.AttributeName, value)
	return &sdk.SetSubscriptionAttributesOutput{}, exception(err)
}
