package sns_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/awsapi/sns"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

// mailbox is an endpoint that has to confirm and takes what is delivered.
type mailbox chan topic.Delivery

func (m mailbox) Check(endpoint string, _ map[string]string) string {
	if !strings.HasPrefix(endpoint, "https://") {
		return "it must begin with https://"
	}
	return ""
}
func (m mailbox) Confirms(map[string]string) bool { return true }
func (m mailbox) Deliver(ctx context.Context, d topic.Delivery) error {
	select {
	case m <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// next is what comes next.
func (m mailbox) next(t *testing.T) topic.Delivery {
	t.Helper()
	select {
	case d := <-m:
		return d
	case <-time.After(time.Minute):
		t.Fatal("nothing was delivered")
		return topic.Delivery{}
	}
}

// desk is a fresh service: its client, and the mailbox that its subscribers of the protocol https have.
type desk struct {
	*sdk.Client
	mail mailbox
}

// TestConformance runs every test at one desk, first in process and then over HTTP: each has topics of its own.
func TestConformance(t *testing.T) {
	var mail mailbox
	awsapitest.Each(t, func(t *testing.T) (any, func(*awsapi.Mux)) {
		mail = make(mailbox, 10)
		s := fresh(t, mail)
		return s, func(m *awsapi.Mux) { m.AddQuery(s.API()) }
	}, func(t *testing.T, clients aws.Config) {
		c := desk{sdk.NewFromConfig(clients), mail}
		for _, test := range []struct {
			name string
			run  func(*testing.T, desk)
		}{
			{"topics are listed page by page", topicsAreListedPageByPage}, // while there are no others
			{"a topic's life", aTopicsLife},
			{"tags", tags},
			{"a subscription's life", aSubscriptionsLife},
			{"subscriptions that are refused", subscriptionsThatAreRefused},
			{"what is published is delivered", whatIsPublishedIsDelivered},
			{"messages that are refused", messagesThatAreRefused},
			{"batches", batches},
		} {
			t.Run(test.name, func(t *testing.T) { test.run(t, c) })
		}
	})
}

func fresh(t *testing.T, mail mailbox) *sns.Service {
	t.Helper()
	st := sqltest.SQLite(t)
	box, err := secret.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(st, queue.Config{})
	topics := topic.New(st, q, keyring.New(st, box), topic.Options{})
	topics.Register("https", mail)
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := q.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return sns.New(topics, iam.New(st), nil)
}

// topic makes a topic and returns its ARN.
func (c desk) topic(t *testing.T, name string) *string {
	t.Helper()
	out, err := c.CreateTopic(t.Context(), &sdk.CreateTopicInput{Name: &name})
	if err != nil {
		t.Fatal(err)
	}
	return out.TopicArn
}

// subscribe makes a subscription and confirms it with what its endpoint was sent.
func (c desk) subscribe(t *testing.T, topicArn *string, attributes map[string]string) *string {
	t.Helper()
	out, err := c.Subscribe(t.Context(), &sdk.SubscribeInput{
		TopicArn: topicArn, Protocol: aws.String("https"), Endpoint: aws.String("https://example.com/in"), Attributes: attributes,
	})
	if err != nil || *out.SubscriptionArn != "pending confirmation" {
		t.Fatalf("%+v, %v", out, err)
	}
	asked := c.mail.next(t)
	if asked.Type != topic.SubscriptionConfirmation {
		t.Fatalf("%+v", asked)
	}
	confirmed, err := c.ConfirmSubscription(t.Context(), &sdk.ConfirmSubscriptionInput{TopicArn: topicArn, Token: &asked.Token})
	if err != nil {
		t.Fatal(err)
	}
	return confirmed.SubscriptionArn
}

const unknown = "arn:aws:sns:us-east-1:000000000000:unknown"

func aTopicsLife(t *testing.T, c desk) {
	ctx := t.Context()
	create := func(display string) (*sdk.CreateTopicOutput, error) {
		return c.CreateTopic(ctx, &sdk.CreateTopicInput{
			Name: aws.String("news"), Attributes: map[string]string{"DisplayName": display}, Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("web")}},
		})
	}
	var arn *string
	for range 2 { // a second time is fine
		made, err := create("News")
		if err != nil || *made.TopicArn != "arn:aws:sns:us-east-1:000000000000:news" {
			t.Fatalf("%+v, %v", made, err)
		}
		arn = made.TopicArn
	}
	_, err := create("Other")
	awsapitest.Refused(t, err, "InvalidParameter", "already exists with different attributes")
	_, err = c.CreateTopic(ctx, &sdk.CreateTopicInput{Name: aws.String("news.fifo")})
	awsapitest.Refused(t, err, "InvalidParameter", "FIFO")

	if _, err := c.SetTopicAttributes(ctx, &sdk.SetTopicAttributesInput{TopicArn: arn, AttributeName: aws.String("DisplayName"), AttributeValue: aws.String("Latest")}); err != nil {
		t.Fatal(err)
	}
	_, err = c.SetTopicAttributes(ctx, &sdk.SetTopicAttributesInput{TopicArn: arn, AttributeName: aws.String("KmsMasterKeyId"), AttributeValue: aws.String("k")})
	awsapitest.Refused(t, err, "InvalidParameter", "encrypted disk")
	seen, err := c.GetTopicAttributes(ctx, &sdk.GetTopicAttributesInput{TopicArn: arn})
	if err != nil || seen.Attributes["DisplayName"] != "Latest" || seen.Attributes["SubscriptionsConfirmed"] != "0" || seen.Attributes["Policy"] == "" {
		t.Errorf("%+v, %v", seen, err)
	}
	if _, err := c.DeleteTopic(ctx, &sdk.DeleteTopicInput{TopicArn: arn}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetTopicAttributes(ctx, &sdk.GetTopicAttributesInput{TopicArn: arn})
	awsapitest.Refused(t, err, "NotFound", "Topic does not exist")
}

func topicsAreListedPageByPage(t *testing.T, c desk) {
	for i := range 101 {
		c.topic(t, fmt.Sprintf("t%03d", i))
	}
	first, err := c.ListTopics(t.Context(), &sdk.ListTopicsInput{})
	if err != nil || len(first.Topics) != 100 || first.NextToken == nil {
		t.Fatalf("%d topics, %v", len(first.Topics), err)
	}
	rest, err := c.ListTopics(t.Context(), &sdk.ListTopicsInput{NextToken: first.NextToken})
	if err != nil || len(rest.Topics) != 1 || !strings.HasSuffix(*rest.Topics[0].TopicArn, ":t100") || rest.NextToken != nil {
		t.Errorf("%+v, %v", rest, err)
	}
	_, err = c.ListTopics(t.Context(), &sdk.ListTopicsInput{NextToken: aws.String("mine")})
	awsapitest.Refused(t, err, "InvalidParameter", "NextToken")
}

func tags(t *testing.T, c desk) {
	ctx, arn := t.Context(), c.topic(t, "tagged")
	_, err := c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{
		{Key: aws.String("b"), Value: aws.String("2")}, {Key: aws.String("a"), Value: aws.String("1")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"b", "none"}}); err != nil {
		t.Fatal(err)
	}
	list, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil || len(list.Tags) != 1 || *list.Tags[0].Key != "a" || *list.Tags[0].Value != "1" {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: aws.String(unknown)})
	awsapitest.Refused(t, err, "ResourceNotFound", "Topic does not exist")
}

func aSubscriptionsLife(t *testing.T, c desk) {
	ctx, topicArn := t.Context(), c.topic(t, "subscribed")
	arn := c.subscribe(t, topicArn, map[string]string{"RawMessageDelivery": "true"})
	list, err := c.ListSubscriptionsByTopic(ctx, &sdk.ListSubscriptionsByTopicInput{TopicArn: topicArn})
	if err != nil || len(list.Subscriptions) != 1 || *list.Subscriptions[0].SubscriptionArn != *arn || *list.Subscriptions[0].Protocol != "https" {
		t.Fatalf("%+v, %v", list, err)
	}
	set := func(name, value string) error {
		_, err := c.SetSubscriptionAttributes(ctx, &sdk.SetSubscriptionAttributesInput{SubscriptionArn: arn, AttributeName: &name, AttributeValue: &value})
		return err
	}
	if err := set("FilterPolicy", `{"kind":["good"]}`); err != nil {
		t.Fatal(err)
	}
	awsapitest.Refused(t, set("FilterPolicy", `{"kind":`), "InvalidParameter", "FilterPolicy")
	awsapitest.Refused(t, set("RawMessageDelivery", "perhaps"), "InvalidParameter", "true or false")
	seen, err := c.GetSubscriptionAttributes(ctx, &sdk.GetSubscriptionAttributesInput{SubscriptionArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"PendingConfirmation": "false", "RawMessageDelivery": "true", "FilterPolicy": `{"kind":["good"]}`, "FilterPolicyScope": "MessageAttributes",
		"TopicArn": *topicArn, "Owner": "000000000000",
	} {
		if got := seen.Attributes[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if _, err := c.Unsubscribe(ctx, &sdk.UnsubscribeInput{SubscriptionArn: arn}); err != nil {
		t.Fatal(err)
	}
	if told := c.mail.next(t); told.Type != topic.UnsubscribeConfirmation {
		t.Errorf("%+v", told)
	}
	if all, err := c.ListSubscriptions(ctx, &sdk.ListSubscriptionsInput{}); err != nil || len(all.Subscriptions) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = c.GetSubscriptionAttributes(ctx, &sdk.GetSubscriptionAttributesInput{SubscriptionArn: arn})
	awsapitest.Refused(t, err, "NotFound", "Subscription does not exist")
}

func subscriptionsThatAreRefused(t *testing.T, c desk) {
	arn := c.topic(t, "refusing")
	for _, r := range []struct{ arn, protocol, endpoint, exception, says string }{
		{*arn, "https", "http://example.com", "InvalidParameter", "must begin with https://"},
		{*arn, "https", "", "InvalidParameter", "Endpoint"},
		{*arn, "sms", "+1", "InvalidParameter", "sends no text messages"},
		{*arn, "pigeon", "x", "InvalidParameter", "does not support this protocol string: pigeon"},
		{unknown, "https", "https://example.com", "NotFound", "Topic does not exist"},
	} {
		_, err := c.Subscribe(t.Context(), &sdk.SubscribeInput{TopicArn: &r.arn, Protocol: &r.protocol, Endpoint: &r.endpoint})
		awsapitest.Refused(t, err, r.exception, r.says)
	}
	_, err := c.ConfirmSubscription(t.Context(), &sdk.ConfirmSubscriptionInput{TopicArn: arn, Token: aws.String("forged")})
	awsapitest.Refused(t, err, "InvalidParameter", "Token")
}
