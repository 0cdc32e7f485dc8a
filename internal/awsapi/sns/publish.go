package sns

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"github.com/conveyor-cd/conveyor/internal/topic"
)

// Publish sends a message to a topic's subscribers.
func (s *Service) Publish(ctx context.Context, in *sdk.PublishInput) (*sdk.PublishOutput, error) {
	arn := aws.ToString(in.TopicArn)
	switch {
	case aws.ToString(in.PhoneNumber) != "":
		return nil, invalid("PhoneNumber: this server sends no text messages")
	case arn == "":
		arn = aws.ToString(in.TargetArn)
	case in.TargetArn != nil:
		return nil, invalid("TopicArn or TargetArn Reason: only one of them can be given")
	}
	if arn == "" {
		return nil, invalid("TopicArn or TargetArn Reason: no value for required parameter")
	}
	m, err := message(published{in.Message, in.Subject, in.MessageStructure, in.MessageDeduplicationId, in.MessageGroupId, in.MessageAttributes})
	if err != nil {
		return nil, err
	}
	id, err := s.topics.Publish(ctx, arn, m)
	if err != nil {
		return nil, exception(err)
	}
	return &sdk.PublishOutput{MessageId: aws.String(id)}, nil
}

// maxBatch is how many messages a batch has at most.
const maxBatch = 10

var entryID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// PublishBatch sends several messages; each may fail alone.
func (s *Service) PublishBatch(ctx context.Context, in *sdk.PublishBatchInput) (*sdk.PublishBatchOutput, error) {
	if err := checkBatch(in.PublishBatchRequestEntries); err != nil {
		return nil, err
	}
	if _, err := s.topics.Get(ctx, *in.TopicArn); err != nil {
		return nil, exception(err)
	}
	out := &sdk.PublishBatchOutput{Successful: []types.PublishBatchResultEntry{}, Failed: []types.BatchResultErrorEntry{}}
	for _, e := range in.PublishBatchRequestEntries {
		m, err := message(published{e.Message, e.Subject, e.MessageStructure, e.MessageDeduplicationId, e.MessageGroupId, e.MessageAttributes})
		var id string
		if err == nil {
			id, err = s.topics.Publish(ctx, *in.TopicArn, m)
			err = exception(err)
		}
		api, isMistake := errors.AsType[smithy.APIError](err)
		switch {
		case err == nil:
			out.Successful = append(out.Successful, types.PublishBatchResultEntry{Id: e.Id, MessageId: aws.String(id)})
		case isMistake:
			out.Failed = append(out.Failed, types.BatchResultErrorEntry{
				Id: e.Id, Code: aws.String(api.ErrorCode()), Message: aws.String(api.ErrorMessage()), SenderFault: true,
			})
		default:
			return nil, err
		}
	}
	return out, nil
}

func checkBatch(entries []types.PublishBatchRequestEntry) error {
	if len(entries) == 0 {
		return &types.EmptyBatchRequestException{Message: aws.String("The batch request doesn't contain any entries.")}
	}
	if len(entries) > maxBatch {
		return &types.TooManyEntriesInBatchRequestException{Message: aws.String("The batch request contains more entries than permissible.")}
	}
	seen, size := map[string]bool{}, 0
	for _, e := range entries {
		if !entryID.MatchString(aws.ToString(e.Id)) {
			return &types.InvalidBatchEntryIdException{Message: aws.String("The Id of a batch entry in a batch request doesn't abide by the specification.")}
		}
		if seen[*e.Id] {
			return &types.BatchEntryIdsNotDistinctException{Message: aws.String("Two or more batch entries in the request have the same Id.")}
		}
		seen[*e.Id] = true
		size += len(aws.ToString(e.Message))
	}
	if size > topic.MaxMessage {
		return &types.BatchRequestTooLongException{Message: aws.String("The length of all the batch messages put together is more than the limit.")}
	}
	return nil
}

// published are the members that Publish and the entries of a batch share.
type published struct {
	message, subject, structure, deduplication, group *string
	attributes                                        map[string]types.MessageAttributeValue
}

func message(p published) (topic.Message, error) {
	m := topic.Message{Body: aws.ToString(p.message), Subject: aws.ToString(p.subject)}
	switch {
	case m.Body == "":
		return m, invalid("Empty message")
	case p.deduplication != nil || p.group != nil:
		return m, invalid("MessageGroupId, MessageDeduplicationId: The request includes parameters of FIFO topics, which this server does not have")
	case p.subject != nil && !subjectFits(m.Subject):
		return m, invalid("Subject: it has 1 to 100 printable ASCII characters, begins with a letter, a digit or a punctuation mark, and has no line breaks")
	}
	if err := structure(&m, aws.ToString(p.structure)); err != nil {
		return m, err
	}
	var err error
	m.Attributes, err = attributes(p.attributes)
	return m, err
}

func subjectFits(s string) bool {
	return s != "" && len(s) <= 100 && s[0] != ' ' && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// structure takes a message apart that has another text for some protocols.
func structure(m *topic.Message, kind string) error {
	switch kind {
	case "":
		return nil
	case "json":
	default:
		return invalid("MessageStructure: it can only be json")
	}
	var bodies map[string]any
	if json.Unmarshal([]byte(m.Body), &bodies) != nil {
		return invalid("Message Structure - JSON message body failed to parse")
	}
	m.Bodies = map[string]string{}
	for protocol, body := range bodies {
		if text, ok := body.(string); ok { // others are passed over, as on AWS
			m.Bodies[protocol] = text
		}
	}
	text, ok := m.Bodies["default"]
	if !ok {
		return invalid("Message Structure - No default entry in JSON message body")
	}
	delete(m.Bodies, "default")
	m.Body = text
	return nil
}

var attributeName = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`)

// maxAttributes and longestName bound the attributes of a message.
const (
	maxAttributes = 100
	longestName   = 256
)

func attributes(in map[string]types.MessageAttributeValue) (map[string]topic.Attribute, error) {
	if len(in) > maxAttributes {
		return nil, invalid("MessageAttributes: a message has at most %d attributes", maxAttributes)
	}
	var out map[string]topic.Attribute
	for name, v := range in {
		lower := strings.ToLower(name)
		if len(name) > longestName || !attributeName.MatchString(name) || strings.HasPrefix(lower, "aws.") || strings.HasPrefix(lower, "amazon.") {
			return nil, invalid("MessageAttributes: the name %q is not one of letters, digits, '_', '-' and '.', or is reserved", name)
		}
		a, problem := attribute(v)
		if problem != "" {
			return nil, &types.InvalidParameterValueException{Message: aws.String("The message attribute '" + name + "' " + problem)}
		}
		if out == nil {
			out = map[string]topic.Attribute{}
		}
		out[name] = a
	}
	return out, nil
}

func attribute(v types.MessageAttributeValue) (topic.Attribute, string) {
	a := topic.Attribute{Type: aws.ToString(v.DataType), Value: aws.ToString(v.StringValue)}
	kind, _, _ := strings.Cut(a.Type, ".")
	switch {
	case kind == "Binary":
		a.Value = base64.StdEncoding.EncodeToString(v.BinaryValue)
		if len(v.BinaryValue) == 0 {
			return a, "must contain a non-empty binary value"
		}
		return a, ""
	case kind != "String" && kind != "Number":
		return a, "has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
	case a.Value == "" || !utf8.ValidString(a.Value):
		return a, "must contain a non-empty message attribute value of type " + kind
	case kind == "Number":
		if _, err := strconv.ParseFloat(a.Value, 64); err != nil {
			return a, "must be a number"
		}
	case a.Type == "String.Array":
		var list []any
		if json.Unmarshal([]byte(a.Value), &list) != nil {
			return a, "must be a JSON array"
		}
	}
	return a, ""
}
