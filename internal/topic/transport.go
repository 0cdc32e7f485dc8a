package topic

import (
	"context"
	"errors"
	"time"
)

// Transport brings messages to the endpoints of one protocol.
type Transport interface {
	// Check says what is wrong with an endpoint, with those attributes of its subscription, or "" when it is fine.
	Check(endpoint string, attributes map[string]string) string
	// Confirms tells whether such an endpoint is asked first whether it wants to subscribe. It is then sent a Delivery of
	// the type SubscriptionConfirmation, and nothing else until somebody has shown its token.
	Confirms(attributes map[string]string) bool
	// Deliver brings one message to its endpoint, within a minute. It may be called again with the same Delivery, also
	// after it succeeded and the server crashed. An error is tried again later, as the subscription's policy says, unless
	// it is a Permanent one; its text is shown to whoever looks at dead letters and must not hold secrets.
	Deliver(ctx context.Context, d Delivery) error
}

// Type says what a Delivery is, in SNS's words.
type Type string

// The types.
const (
	Notification             Type = "Notification"
	SubscriptionConfirmation Type = "SubscriptionConfirmation"
	UnsubscribeConfirmation  Type = "UnsubscribeConfirmation"
)

// Delivery is one message on its way to one subscriber.
type Delivery struct {
	ID           string // the same on every try
	Type         Type
	MessageID    string
	Published    time.Time
	Topic        Topic
	Subscription Subscription
	Subject      string
	Body         string
	Attributes   map[string]Attribute
	// Token confirms the subscription; of confirmations only. ConfirmURL does so when it is opened.
	Token      string
	ConfirmURL string
	// UnsubscribeURL ends the subscription when it is opened.
	UnsubscribeURL string
	// AskURL shows a person a page with a button for either. Programs that look into mail open every link in it.
	AskURL string
}

// permanent marks errors that another try would only repeat.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Permanent marks an error of Deliver: the receiver will never take this message.
func Permanent(err error) error { return permanent{err} }

func isPermanent(err error) bool {
	_, ok := errors.AsType[permanent](err)
	return ok
}

// Attribute is an attribute of a message; the Value of a Binary one is in base64.
type Attribute struct {
	Type  string `json:"Type"`
	Value string `json:"Value"`
}

// Message is what is published.
type Message struct {
	Subject    string
	Body       string
	Attributes map[string]Attribute `json:",omitempty"`
	// Bodies are for the subscribers of some protocols instead of Body, by protocol; "slack" is for Slack webhooks.
	Bodies map[string]string `json:",omitempty"`
	// Kind, when set, names a Renderer that writes Subject and body anew for each subscriber, from Data.
	Kind string `json:",omitempty"`
	Data string `json:",omitempty"`

	// kind of envelope; "" is Notification.
	Type Type `json:",omitempty"`
}

// Renderer writes a message of its kind for one subscriber, at the time it is delivered. Secrets that are made here, such
// as a link that only this subscriber may use, are nowhere stored.
type Renderer func(ctx context.Context, m Message, to Subscription) (subject, body string, err error)

// BodyFor is the body for a subscriber.
func (m *Message) BodyFor(sub Subscription) string {
	protocol := sub.Protocol
	if sub.IsSlack() {
		protocol = FormatSlack
	}
	if body, ok := m.Bodies[protocol]; ok {
		return body
	}
	return m.Body
}
