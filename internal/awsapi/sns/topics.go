package sns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// CreateTopic makes a topic, or returns the one of that name.
func (s *Service) CreateTopic(ctx context.Context, in *sdk.CreateTopicInput) (*sdk.CreateTopicOutput, error) {
	if aws.ToString(in.DataProtectionPolicy) != "" {
		return nil, invalid("DataProtectionPolicy is not supported by this server")
	}
	t, err := s.topics.Create(ctx, *in.Name, in.Attributes, tagsOf(in.Tags))
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.CreateTopicOutput{TopicArn: aws.String(t.Arn)}, nil
}

// DeleteTopic deletes a topic and its subscriptions.
func (s *Service) DeleteTopic(ctx context.Context, in *sdk.DeleteTopicInput) (*sdk.DeleteTopicOutput, error) {
	return &sdk.DeleteTopicOutput{}, exception(s.topics.Delete(ctx, *in.TopicArn))
}

// ListTopics lists topics by name.
func (s *Service) ListTopics(ctx context.Context, in *sdk.ListTopicsInput) (*sdk.ListTopicsOutput, error) {
	after, err := parseToken("topics", in.NextToken)
	if err != nil {
		return nil, err
	}
	list, more, err := s.topics.List(ctx, after)
	if err != nil {
		return nil, exception(err)
	}
	out := &sdk.ListTopicsOutput{Topics: []types.Topic{}}
	for _, t := range list {
		out.Topics = append(out.Topics, types.Topic{TopicArn: aws.String(t.Arn)})
	}
	if more {
		out.NextToken = awsapi.PageToken("topics", list[len(list)-1].Name)
	}
	return out, nil
}

// GetTopicAttributes tells all about a topic.
func (s *Service) GetTopicAttributes(ctx context.Context, in *sdk.GetTopicAttributesInput) (*sdk.GetTopicAttributesOutput, error) {
	t, err := s.topics.Get(ctx, *in.TopicArn)
	if err != nil {
		return nil, exception(err)
	}
	n, err := s.topics.Count(ctx, t)
	if err != nil {
		return nil, err
	}
	all := map[string]string{
		"TopicArn": t.Arn, "Owner": s.topics.Account(), topic.DisplayName: "", topic.Policy: s.defaultPolicy(t),
		"SubscriptionsConfirmed": fmt.Sprint(n.Confirmed), "SubscriptionsPending": fmt.Sprint(n.Pending), "SubscriptionsDeleted": fmt.Sprint(n.Deleted),
		"EffectiveDeliveryPolicy": s.topics.EffectivePolicy(t),
	}
	maps.Copy(all, t.Attributes)
	return &sdk.GetTopicAttributesOutput{Attributes: all}, nil
}

// defaultPolicy is what AWS shows for a topic whose policy was never set.
func (s *Service) defaultPolicy(t topic.Topic) string {
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",` +
		`"Principal":{"AWS":"*"},"Action":["SNS:GetTopicAttributes","SNS:SetTopicAttributes","SNS:AddPermission","SNS:RemovePermission",` +
		`"SNS:DeleteTopic","SNS:Subscribe","SNS:ListSubscriptionsByTopic","SNS:Publish"],"Resource":"` + t.Arn +
		`","Condition":{"StringEquals":{"AWS:SourceOwner":"` + s.topics.Account() + `"}}}]}`
}

// SetTopicAttributes changes one attribute of a topic.
func (s *Service) SetTopicAttributes(ctx context.Context, in *sdk.SetTopicAttributesInput) (*sdk.SetTopicAttributesOutput, error) {
	err := s.topics.SetAttribute(ctx, *in.TopicArn, *in.AttributeName, aws.ToString(in.AttributeValue))
	return &sdk.SetTopicAttributesOutput{}, exception(err)
}

// GetDataProtectionPolicy says that a topic has none; Terraform asks.
func (s *Service) GetDataProtectionPolicy(ctx context.Context, in *sdk.GetDataProtectionPolicyInput) (*sdk.GetDataProtectionPolicyOutput, error) {
	_, err := s.topics.Get(ctx, *in.ResourceArn)
	return &sdk.GetDataProtectionPolicyOutput{}, exception(err)
}

func tagsOf(list []types.Tag) map[string]string {
	tags := make(map[string]string, len(list))
	for _, t := range list {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags
}

// TagResource sets tags of a topic.
func (s *Service) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	return &sdk.TagResourceOutput{}, missing(s.topics.Tag(ctx, *in.ResourceArn, tagsOf(in.Tags), nil))
}

// UntagResource removes tags of a topic.
func (s *Service) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return &sdk.UntagResourceOutput{}, missing(s.topics.Tag(ctx, *in.ResourceArn, nil, in.TagKeys))
}

// ListTagsForResource lists a topic's tags.
func (s *Service) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	t, err := s.topics.Get(ctx, *in.ResourceArn)
	if err != nil {
		return nil, missing(err)
	}
	out := &sdk.ListTagsForResourceOutput{Tags: []types.Tag{}}
	for _, key := range slices.Sorted(maps.Keys(t.Tags)) {
		out.Tags = append(out.Tags, types.Tag{Key: aws.String(key), Value: aws.String(t.Tags[key])})
	}
	return out, nil
}

// missing is the exception of the operations on tags, which have names of their own for two of them.
func missing(err error) error {
	if errors.Is(err, topic.ErrNoTopic) {
		return &types.ResourceNotFoundException{Message: aws.String("Topic does not exist")}
	}
	if mistake, ok := errors.AsType[*topic.Invalid](err); ok && strings.Contains(mistake.Text, "can have at most") {
		return &types.TagLimitExceededException{Message: aws.String(mistake.Text)}
	}
	return exception(err)
}
