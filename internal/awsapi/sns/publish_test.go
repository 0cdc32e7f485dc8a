package sns_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/conveyor-cd/conveyor/internal/awsapi/awsapitest"
	"github.com/conveyor-cd/conveyor/internal/topic"
)

func whatIsPublishedIsDelivered(t *testing.T, c desk) {
	arn := c.topic(t, "published")
	c.subscribe(t, arn, map[string]string{"FilterPolicy": `{"kind":["good"]}`})
	publish := func(kind, message string) *string {
		out, err := c.Publish(t.Context(), &sdk.PublishInput{
			TopicArn: arn, Subject: aws.String("Today"), Message: &message, MessageStructure: aws.String("json"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"kind": {DataType: aws.String("String"), StringValue: &kind}, "raw": {DataType: aws.String("Binary"), BinaryValue: []byte{1, 2}},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.MessageId
	}
	publish("bad", `{"default":"to nobody"}`)
	id := publish("good", `{"default":"to all","https":"to the web"}`)
	got := c.mail.next(t)
	if got.MessageID != *id || got.Subject != "Today" || got.Body != "to the web" || got.Attributes["raw"].Value != "AQI=" {
		t.Errorf("%+v", got)
	}
}

func messagesThatAreRefused(t *testing.T, c desk) {
	arn := c.topic(t, "refused")
	for says, change := range map[string]func(*sdk.PublishInput){
		"Empty message":                    func(in *sdk.PublishInput) { in.Message = aws.String("") },
		"Message too long":                 func(in *sdk.PublishInput) { in.Message = aws.String(strings.Repeat("x", topic.MaxMessage+1)) },
		"No default entry":                 func(in *sdk.PublishInput) { in.MessageStructure = aws.String("json") },
		"has no line breaks":               func(in *sdk.PublishInput) { in.Subject = aws.String("a\nb") },
		"FIFO topics":                      func(in *sdk.PublishInput) { in.MessageGroupId = aws.String("g") },
		"sends no text messages":           func(in *sdk.PublishInput) { in.PhoneNumber = aws.String("+1") },
		"no value for required parameter":  func(in *sdk.PublishInput) { in.TopicArn = nil },
		"only one of them can be given":    func(in *sdk.PublishInput) { in.TargetArn = arn },
		"is not the ARN of a topic":        func(in *sdk.PublishInput) { in.TopicArn = aws.String("news") },
		"MessageStructure: it can only be": func(in *sdk.PublishInput) { in.MessageStructure = aws.String("xml") },
	} {
		in := &sdk.PublishInput{TopicArn: arn, Message: aws.String("{}")}
		change(in)
		_, err := c.Publish(t.Context(), in)
		awsapitest.Refused(t, err, "InvalidParameter", says)
	}
	_, err := c.Publish(t.Context(), &sdk.PublishInput{TopicArn: aws.String(unknown), Message: aws.String("x")})
	awsapitest.Refused(t, err, "NotFound", "Topic does not exist")
	_, err = c.Publish(t.Context(), &sdk.PublishInput{TopicArn: arn, Message: aws.String("x"), MessageAttributes: map[string]types.MessageAttributeValue{
		"n": {DataType: aws.String("Number"), StringValue: aws.String("many")},
	}})
	awsapitest.Refused(t, err, "ParameterValueInvalid", "must be a number")
}

// Each message of a batch is sent or refused by itself; a batch that is none is refused whole.
func batches(t *testing.T, c desk) {
	arn := c.topic(t, "batches")
	c.subscribe(t, arn, nil)
	batch := func(ids ...string) (*sdk.PublishBatchOutput, error) {
		in := &sdk.PublishBatchInput{TopicArn: arn, PublishBatchRequestEntries: []types.PublishBatchRequestEntry{}}
		for _, id := range ids {
			in.PublishBatchRequestEntries = append(in.PublishBatchRequestEntries, types.PublishBatchRequestEntry{
				Id: &id, Message: aws.String("message " + id), Subject: aws.String(strings.TrimPrefix(id, "bad")),
			})
		}
		return c.PublishBatch(t.Context(), in)
	}
	out, err := batch("one", "bad")
	if err != nil || len(out.Successful) != 1 || *out.Successful[0].Id != "one" || len(out.Failed) != 1 || *out.Failed[0].Id != "bad" ||
		*out.Failed[0].Code != "InvalidParameter" || !out.Failed[0].SenderFault {
		t.Fatalf("%+v, %v", out, err)
	}
	if got := c.mail.next(t); got.Body != "message one" || got.MessageID != *out.Successful[0].MessageId {
		t.Errorf("%+v", got)
	}
	for exception, ids := range map[string][]string{
		"EmptyBatchRequest": {}, "BatchEntryIdsNotDistinct": {"a", "a"}, "InvalidBatchEntryId": {"a b"}, "TooManyEntriesInBatchRequest": strings.Fields("a b c d e f g h i j k"),
	} {
		_, err := batch(ids...)
		awsapitest.Refused(t, err, exception, "")
	}
}
