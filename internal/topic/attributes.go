package topic

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The attributes of topics and subscriptions that this room knows the meaning of.
const (
	DisplayName      = "DisplayName"
	Policy           = "Policy"
	DeliveryPolicy   = "DeliveryPolicy"
	SignatureVersion = "SignatureVersion"
	TracingConfig    = "TracingConfig"

	RawMessageDelivery = "RawMessageDelivery"
	FilterPolicy       = "FilterPolicy"
	FilterPolicyScope  = "FilterPolicyScope"
	// Format is additive: "slack" makes an http or https subscription a Slack-compatible incoming webhook.
	Format = "ConveyorFormat"
	// Approver is additive: the IAM user whom the endpoint belongs to, here by the id that nobody else is ever given.
	Approver = "ConveyorApprover"
)

// FormatSlack is a value of Format.
const FormatSlack = "slack"

// topicDefaults are attributes that may be asked for because they change nothing.
var topicDefaults = map[string]string{"FifoTopic": "false", "ContentBasedDeduplication": "false", TracingConfig: "PassThrough"}

// longestAttribute bounds policies.
const longestAttribute = 30 << 10

// checkTopicAttributes refuses what cannot be honoured, and returns the attributes to store: without those that are as if
// they were not there.
func checkTopicAttributes(in map[string]string) (map[string]string, error) {
	out := map[string]string{}
	for name, value := range in {
		if len(value) > longestAttribute || !utf8.ValidString(value) {
			return nil, invalid("Attributes Reason: %s is longer than %d bytes or no UTF-8", name, longestAttribute)
		}
		if problem := topicAttributeProblem(name, value); problem != "" {
			return nil, invalid("Attributes Reason: %s", problem)
		}
		if value != "" {
			out[name] = value
		}
	}
	return out, nil
}

func topicAttributeProblem(name, value string) string {
	switch name {
	case DisplayName:
		if utf8.RuneCountInString(value) > 100 || strings.ContainsFunc(value, isControl) {
			return "DisplayName has at most 100 characters, none of them a control character"
		}
	case Policy:
		if value != "" && !isObject(value) {
			return "Policy must be a JSON document"
		}
	case DeliveryPolicy:
		_, err := topicRetries(value)
		return errorText(err)
	case SignatureVersion:
		if value != "" && value != "1" && value != "2" {
			return "SignatureVersion must be 1 or 2"
		}
	case "FifoTopic", "ContentBasedDeduplication", TracingConfig:
		if value != "" && value != topicDefaults[name] {
			return name + " " + value + " is not supported by this server; it can only be " + topicDefaults[name]
		}
	case "KmsMasterKeyId":
		if value != "" {
			return "KmsMasterKeyId is not supported: this server does not encrypt messages; put its data on an encrypted disk"
		}
	default:
		// Nothing samples deliveries; Terraform says so of every topic.
		if strings.HasSuffix(name, "SuccessFeedbackSampleRate") && (value == "0" || value == "") {
			return ""
		}
		return "This server does not support the topic attribute " + name
	}
	return ""
}

// subscriptionAttributeProblem says what is wrong with an attribute of a subscription, or "".
func subscriptionAttributeProblem(protocol, name, value string) string {
	web := protocol == "http" || protocol == "https"
	switch name {
	case RawMessageDelivery:
		if value != "true" && value != "false" && value != "" {
			return "RawMessageDelivery must be true or false"
		}
		if value == "true" && !web {
			return "Delivery protocol [" + protocol + "] does not support raw message delivery"
		}
	case FilterPolicy:
		_, err := parseFilter(value)
		return errorText(err)
	case FilterPolicyScope:
		if !slices.Contains([]string{"", scopeAttributes, scopeBody}, value) {
			return "FilterPolicyScope must be MessageAttributes or MessageBody"
		}
	case DeliveryPolicy:
		_, err := subscriptionRetries(value)
		return errorText(err)
	case Format:
		if value != "" && (value != FormatSlack || !web) {
			return "ConveyorFormat can only be slack, with the protocols http and https"
		}
	case Approver:
		// The service has found the user.
	case "RedrivePolicy":
		return "RedrivePolicy is not supported: this server has no queues. It keeps what could not be delivered itself: GET /conveyor/topics/dead-letters?TopicArn=..."
	default:
		return "This server does not support the subscription attribute " + name
	}
	return ""
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func isObject(value string) bool {
	var object map[string]any
	return json.Unmarshal([]byte(value), &object) == nil && object != nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) }

// Raw tells whether the subscription wants messages without SNS's envelope.
func (s Subscription) Raw() bool { return s.Attributes[RawMessageDelivery] == "true" }

// IsSlack tells whether the subscription is a Slack-compatible webhook.
func (s Subscription) IsSlack() bool { return s.Attributes[Format] == FormatSlack }

// atoi is a number in a policy, which JSON may have as a text.
func atoi(v any) (int, bool) {
	switch v := v.(type) {
	case json.Number:
		n, err := strconv.Atoi(v.String())
		return n, err == nil
	case string:
		n, err := strconv.Atoi(v)
		return n, err == nil
	}
	return 0, false
}
