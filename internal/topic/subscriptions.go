package topic

import (
	"context"
	"crypto/hmac"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// confirmWithin is how long the token of a subscription is good, and how long one that nobody confirms is kept.
const confirmWithin = 3 * 24 * time.Hour

const selectSubscription = `SELECT s.seq, s.id, s.topic_id, t.name, s.protocol, s.endpoint, s.attributes, s.asked, s.confirmed, s.authenticated, s.ended
	FROM topic_subscriptions s JOIN topics t ON t.id = s.topic_id `

func (s *Store) scanSubscription(row interface{ Scan(...any) error }) (Subscription, error) {
	var sub Subscription
	var name, attributes string
	var asked, confirmed, authenticated, ended int64
	err := row.Scan(&sub.seq, &sub.ID, &sub.topicID, &name, &sub.Protocol, &sub.Endpoint, &attributes, &asked, &confirmed, &authenticated, &ended)
	if errors.Is(err, sql.ErrNoRows) {
		return sub, ErrNoSubscription
	}
	if err != nil {
		return sub, err
	}
	if err := json.Unmarshal([]byte(attributes), &sub.Attributes); err != nil {
		return sub, fmt.Errorf("the subscription %s is unreadable: %w", sub.ID, err)
	}
	sub.TopicArn = s.ARN(name)
	sub.Arn = sub.TopicArn + ":" + sub.ID
	sub.Confirmed, sub.ended, sub.asked = confirmed > 0, ended > 0, store.FromMicros(asked)
	sub.Authenticated, sub.Guarded = authenticated > 0, authenticated == guarded
	return sub, nil
}

// The values of the column authenticated.
const (
	unauthenticated = 0
	authenticated   = 1
	guarded         = 2
)

// findSubscription reads a subscription by its ARN, one that has ended included.
func (s *Store) findSubscription(ctx context.Context, r store.Reader, arn string) (Subscription, error) {
	topicArn, id, ok := splitSubscription(arn)
	if !ok {
		return Subscription{}, invalid("%q is not the ARN of a subscription. One is like %s:ID.", arn, s.ARN("TOPIC"))
	}
	sub, err := s.scanSubscription(r.QueryRow(ctx, selectSubscription+`WHERE s.id = $1`, id))
	if err == nil && sub.TopicArn != topicArn {
		return Subscription{}, ErrNoSubscription
	}
	return sub, err
}

// Request asks for a subscription.
type Request struct {
	TopicArn   string
	Protocol   string
	Endpoint   string
	Attributes map[string]string
}

// unsupported says what there is instead of protocols that SNS has and this server has not.
var unsupported = map[string]string{
	"sqs":         "this server has no queues; subscribe an https endpoint",
	"sms":         "this server sends no text messages; subscribe an https endpoint of a service that does",
	"application": "this server has no push notifications; subscribe an https endpoint of a service that does",
	"firehose":    "this server has no delivery streams; subscribe an https endpoint",
	"lambda":      "this server runs no functions here",
	"email":       noMail,
	"email-json":  noMail,
}

const noMail = "this server does not know how to send mail; its operator has to set smtp-host and smtp-from (see docs/operating.md)"

func (s *Store) transport(protocol string) (Transport, error) {
	if t, ok := s.transports[protocol]; ok {
		return t, nil
	}
	if why, ok := unsupported[protocol]; ok {
		return nil, invalid("The protocol %s is not supported: %s", protocol, why)
	}
	return nil, invalid("Invalid parameter: Amazon SNS does not support this protocol string: %s", protocol)
}

// Subscribe makes a subscription. An endpoint that has to confirm is sent what it needs for that; asked for again while
// that is open, it is sent again. A subscription that is there with the same attributes is returned as it is.
func (s *Store) Subscribe(ctx context.Context, q Request) (Subscription, error) {
	transport, err := s.check(&q)
	if err != nil {
		return Subscription{}, err
	}
	var sub Subscription
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := s.hold(ctx, tx, q.TopicArn)
		if err != nil {
			return err
		}
		before, err := s.scanSubscription(tx.QueryRow(ctx, selectSubscription+`WHERE s.topic_id = $1 AND s.protocol = $2 AND s.endpoint = $3`,
			t.id, q.Protocol, q.Endpoint))
		switch {
		case errors.Is(err, ErrNoSubscription):
		case err != nil:
			return err
		case before.ended:
			if err := s.remove(ctx, tx, before); err != nil {
				return err
			}
		default:
			sub = before
			return s.askAgain(ctx, tx, t, before, q)
		}
		sub, err = s.add(ctx, tx, t, q, transport.Confirms(q.Attributes))
		return err
	})
	return sub, err
}

// check refuses what cannot be honoured.
func (s *Store) check(q *Request) (Transport, error) {
	transport, err := s.transport(q.Protocol)
	if err != nil {
		return nil, err
	}
	attributes := map[string]string{}
	for name, value := range q.Attributes {
		if problem := s.attributeProblem(q.Protocol, name, value); problem != "" {
			return nil, invalid("Attributes Reason: %s", problem)
		}
		if value != "" {
			attributes[name] = value
		}
	}
	q.Attributes = attributes
	if problem := transport.Check(q.Endpoint, q.Attributes); problem != "" {
		return nil, invalid("Endpoint: %s", problem)
	}
	return transport, nil
}

func (s *Store) attributeProblem(protocol, name, value string) string {
	if len(value) > longestAttribute {
		return fmt.Sprintf("%s is longer than %d bytes", name, longestAttribute)
	}
	return subscriptionAttributeProblem(protocol, name, value)
}

// askAgain answers a request for what is there already.
func (s *Store) askAgain(ctx context.Context, tx store.Tx, t Topic, sub Subscription, q Request) error {
	if len(q.Attributes) > 0 && !maps.Equal(q.Attributes, sub.Attributes) {
		return invalid("Attributes Reason: Subscription already exists with different attributes")
	}
	if sub.Confirmed {
		return nil
	}
	if _, err := tx.Exec(ctx, `UPDATE topic_subscriptions SET asked = $1 WHERE seq = $2`, store.Micros(tx.Now()), sub.seq); err != nil {
		return err
	}
	return s.ask(ctx, tx, t, sub.ID)
}

func (s *Store) add(ctx context.Context, tx store.Tx, t Topic, q Request, confirms bool) (Subscription, error) {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM topic_subscriptions WHERE topic_id = $1`, t.id).Scan(&n); err != nil {
		return Subscription{}, err
	}
	if n >= s.o.MaxSubscriptions {
		return Subscription{}, fmt.Errorf("%w: %d", ErrLimit, n)
	}
	id, now := uuid.NewString(), store.Micros(tx.Now())
	confirmed, how := now, authenticated
	if confirms {
		confirmed, how = 0, unauthenticated
	}
	_, err := tx.Exec(ctx, `INSERT INTO topic_subscriptions (id, topic_id, protocol, endpoint, attributes, asked, confirmed, authenticated, ended)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`, id, t.id, q.Protocol, q.Endpoint, text(q.Attributes), now, confirmed, how)
	if err != nil {
		return Subscription{}, err
	}
	if confirms {
		if err := s.ask(ctx, tx, t, id); err != nil {
			return Subscription{}, err
		}
	}
	return s.findSubscription(ctx, tx, t.Arn+":"+id)
}

// ask sends an endpoint what it needs to confirm.
func (s *Store) ask(ctx context.Context, tx store.Tx, t Topic, id string) error {
	_, err := s.send(ctx, tx, t, &Message{Type: SubscriptionConfirmation, Body: "You have chosen to subscribe to the topic " + t.Arn +
		".\nTo confirm the subscription, visit the SubscribeURL included in this message."}, []string{id})
	return err
}

// The names of the keys that tokens are made with.
const (
	keyConfirm     = "topic.confirm"
	keyUnsubscribe = "topic.unsubscribe"
)

// token proves that its holder was sent it: a subscription's id, and a MAC of it.
func (s *Store) token(ctx context.Context, key, id string) (string, error) {
	mac, err := s.keys.MAC(ctx, key, id)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(id, "-", "") + hex.EncodeToString(mac), nil
}

// holder is whose token this is, or ErrToken.
func (s *Store) holder(ctx context.Context, key, token string) (string, error) {
	const idDigits = 32
	if len(token) < idDigits {
		return "", ErrToken
	}
	id, err := uuid.Parse(token[:idDigits])
	if err != nil {
		return "", ErrToken
	}
	right, err := s.token(ctx, key, id.String())
	if err != nil {
		return "", err
	}
	if !hmac.Equal([]byte(right), []byte(token)) {
		return "", ErrToken
	}
	return id.String(), nil
}

// Confirm confirms a subscription with the token its endpoint was sent. signed tells that the request was; guard then
// that only such a one may end the subscription. Confirming again is fine.
func (s *Store) Confirm(ctx context.Context, topicArn, token string, signed, guard bool) (Subscription, error) {
	id, err := s.holder(ctx, keyConfirm, token)
	if err != nil {
		return Subscription{}, err
	}
	how := unauthenticated
	switch {
	case signed && guard:
		how = guarded
	case signed:
		how = authenticated
	}
	var sub Subscription
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		t, err := s.hold(ctx, tx, topicArn)
		if err != nil {
			return err
		}
		if sub, err = s.findSubscription(ctx, tx, t.Arn+":"+id); err != nil {
			return s.orToken(err)
		}
		if sub.Confirmed && !sub.ended {
			return nil
		}
		if tx.Now().Sub(sub.asked) > confirmWithin {
			return ErrToken
		}
		_, err = tx.Exec(ctx, `UPDATE topic_subscriptions SET confirmed = $1, authenticated = $2, ended = 0 WHERE seq = $3`,
			store.Micros(tx.Now()), how, sub.seq)
		sub.Confirmed, sub.ended, sub.Authenticated, sub.Guarded = true, false, how > 0, how == guarded
		return err
	})
	return sub, err
}

// orToken does not tell strangers which subscriptions there were.
func (s *Store) orToken(err error) error {
	if errors.Is(err, ErrNoSubscription) {
		return ErrToken
	}
	return err
}

// Unsubscribe ends a subscription. One that does not exist is fine.
func (s *Store) Unsubscribe(ctx context.Context, arn string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		sub, err := s.findSubscription(ctx, tx, arn)
		if errors.Is(err, ErrNoSubscription) || (err == nil && sub.ended) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.end(ctx, tx, sub)
	})
}

// UnsubscribeWith ends a subscription for whoever holds the token from a message's UnsubscribeURL.
func (s *Store) UnsubscribeWith(ctx context.Context, arn, token string) error {
	id, err := s.holder(ctx, keyUnsubscribe, token)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		sub, err := s.findSubscription(ctx, tx, arn)
		if errors.Is(err, ErrNoSubscription) || (err == nil && sub.ended) {
			return nil
		}
		if err != nil {
			return err
		}
		if sub.ID != id || sub.Guarded {
			return ErrToken
		}
		return s.end(ctx, tx, sub)
	})
}

// end takes a subscription off its topic. An endpoint that had to confirm hears that it was unsubscribed, and how to come
// back, as on AWS.
func (s *Store) end(ctx context.Context, tx store.Tx, sub Subscription) error {
	t, err := s.hold(ctx, tx, sub.TopicArn)
	if err != nil {
		return err
	}
	transport, ok := s.transports[sub.Protocol]
	if !sub.Confirmed || !ok || !transport.Confirms(sub.Attributes) {
		return s.remove(ctx, tx, sub)
	}
	now := store.Micros(tx.Now())
	if _, err := tx.Exec(ctx, `DELETE FROM topic_deliveries WHERE subscription = $1`, sub.ID); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE topic_subscriptions SET ended = $1, asked = $1 WHERE seq = $2`, now, sub.seq); err != nil {
		return err
	}
	_, err = s.send(ctx, tx, t, &Message{Type: UnsubscribeConfirmation, Body: "You have chosen to deactivate subscription " + sub.Arn +
		".\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."}, []string{sub.ID})
	return err
}

func (s *Store) remove(ctx context.Context, tx store.Tx, sub Subscription) error {
	if _, err := tx.Exec(ctx, `DELETE FROM topic_deliveries WHERE subscription = $1`, sub.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM topic_subscriptions WHERE seq = $1`, sub.seq)
	return err
}

// Subscription reads a subscription and its topic.
func (s *Store) Subscription(ctx context.Context, arn string) (sub Subscription, t Topic, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		if sub, err = s.findSubscription(ctx, r, arn); err != nil {
			return err
		}
		if sub.ended {
			return ErrNoSubscription
		}
		t, err = s.find(ctx, r, sub.TopicArn)
		return err
	})
	return sub, t, err
}

// SetSubscriptionAttribute changes one attribute of a subscription; an empty value takes it away.
func (s *Store) SetSubscriptionAttribute(ctx context.Context, arn, name, value string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		sub, err := s.findSubscription(ctx, tx, arn)
		if err == nil && sub.ended {
			err = ErrNoSubscription
		}
		if err != nil {
			return err
		}
		if problem := s.attributeProblem(sub.Protocol, name, value); problem != "" {
			return invalid("AttributeName Reason: %s", problem)
		}
		if name == Format && value != sub.Attributes[Format] {
			return invalid("AttributeName Reason: ConveyorFormat is chosen when the subscription is made; subscribe the endpoint anew")
		}
		if _, err := s.hold(ctx, tx, sub.TopicArn); err != nil {
			return err
		}
		setOrDrop(&sub.Attributes, name, value)
		_, err = tx.Exec(ctx, `UPDATE topic_subscriptions SET attributes = $1 WHERE seq = $2`, text(sub.Attributes), sub.seq)
		return err
	})
}

// Subscriptions lists subscriptions, of one topic or of all, in the order they were made, a page at a time.
func (s *Store) Subscriptions(ctx context.Context, topicArn string, after int64) (list []Subscription, next int64, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		list, next = nil, 0
		where, args := `WHERE s.ended = 0 AND s.seq > $1`, []any{after, page + 1}
		if topicArn != "" {
			t, err := s.find(ctx, r, topicArn)
			if err != nil {
				return err
			}
			where, args = where+` AND s.topic_id = $3`, append(args, t.id)
		}
		var err error
		list, err = s.readSubscriptions(ctx, r, where+` ORDER BY s.seq LIMIT $2`, args...)
		return err
	})
	if len(list) > page {
		list = slices.Clip(list[:page])
		next = list[page-1].seq
	}
	return list, next, err
}

func (s *Store) readSubscriptions(ctx context.Context, r store.Reader, where string, args ...any) ([]Subscription, error) {
	rows, err := r.Query(ctx, selectSubscription+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Subscription
	for rows.Next() {
		sub, err := s.scanSubscription(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, sub)
	}
	return list, rows.Err()
}
