package topic

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	jobDeliver = "topic.deliver"
	// deliverers is how many deliveries run at once on a server; subscriptions take turns.
	deliverers = 16
	// patience bounds one try.
	patience = time.Minute
	// longestProblem bounds what is kept of a failure.
	longestProblem = 500
)

// ConfirmPath is what follows the server's URL where links in messages lead people to.
const ConfirmPath = "/conveyor/topics/"

// delivery is a delivery as it is read: what to send, and how to go on when it fails.
type delivery struct {
	Delivery
	message  Message
	failures int
	retries  Retries
}

// deliver is the job of one delivery: one try. What comes after it is decided in the transaction that ends the job.
func (s *Store) deliver(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var ref deliveryRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	d, err := s.read(ctx, ref.ID)
	if err != nil || d == nil {
		return nil, err
	}
	err = s.try(ctx, d)
	if cause := context.Cause(ctx); cause != nil { // the server stops: this was no try
		return nil, cause
	}
	if err != nil {
		s.log.Warn("a message could not be delivered", "topic", d.Topic.Arn, "subscription", d.Subscription.ID, "protocol", d.Subscription.Protocol,
			"message", d.MessageID, "try", d.failures+1, "error", err)
		return s.failed(d, err), nil
	}
	s.log.Debug("a message was delivered", "topic", d.Topic.Arn, "subscription", d.Subscription.ID, "message", d.MessageID)
	return s.delivered(d), nil
}

// read is nil when there is nothing to deliver any more.
func (s *Store) read(ctx context.Context, id string) (*delivery, error) {
	d := &delivery{Delivery: Delivery{ID: id}}
	err := s.db.Read(ctx, func(r store.Reader) error {
		var subscription, content string
		var published int64
		err := r.QueryRow(ctx, `SELECT d.subscription, d.failures, m.id, m.published, m.content FROM topic_deliveries d
			JOIN topic_messages m ON m.id = d.message WHERE d.id = $1 AND d.dead = 0`, id).
			Scan(&subscription, &d.failures, &d.MessageID, &published, &content)
		if err != nil {
			return err
		}
		d.Published = store.FromMicros(published)
		if err := json.Unmarshal([]byte(content), &d.message); err != nil {
			return fmt.Errorf("the message %s is unreadable: %w", d.MessageID, err)
		}
		if d.Subscription, err = s.scanSubscription(r.QueryRow(ctx, selectSubscription+`WHERE s.id = $1`, subscription)); err != nil {
			return err
		}
		d.Topic, err = s.find(ctx, r, d.Subscription.TopicArn)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) || errors.Is(err, ErrNoSubscription) || errors.Is(err, ErrNoTopic) {
		return nil, nil
	}
	d.retries = s.retriesOf(d.Topic, d.Subscription)
	return d, err
}

// try brings a message to its endpoint once.
func (s *Store) try(ctx context.Context, d *delivery) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport, err := s.transport(d.Subscription.Protocol)
	if err != nil {
		return err // a server that was started with other settings may know how
	}
	if err := s.address(ctx, d); err != nil {
		return err
	}
	return transport.Deliver(ctx, d.Delivery)
}

// address fills in what is for this subscriber alone.
func (s *Store) address(ctx context.Context, d *delivery) error {
	m, sub := &d.message, d.Subscription
	d.Type, d.Subject, d.Body, d.Attributes = m.Type, m.Subject, m.BodyFor(sub), m.Attributes
	if d.Type == "" {
		d.Type = Notification
	}
	if m.Kind != "" {
		render, ok := s.renderers[m.Kind]
		if !ok {
			return fmt.Errorf("this server does not know messages of the kind %s", m.Kind)
		}
		var err error
		if d.Subject, d.Body, err = render(ctx, *m, sub); err != nil {
			return err
		}
	}
	confirm, err := s.token(ctx, keyConfirm, sub.ID)
	if err != nil {
		return err
	}
	leave, err := s.token(ctx, keyUnsubscribe, sub.ID)
	if err != nil {
		return err
	}
	if d.Type != Notification {
		d.Token = confirm
		d.ConfirmURL = s.link("/?", "Action", "ConfirmSubscription", "TopicArn", d.Topic.Arn, "Token", confirm)
		d.AskURL = s.link(ConfirmPath+"confirm?", "TopicArn", d.Topic.Arn, "Token", confirm)
		return nil
	}
	d.UnsubscribeURL = s.link("/?", "Action", "Unsubscribe", "SubscriptionArn", sub.Arn, "Token", leave)
	d.AskURL = s.link(ConfirmPath+"unsubscribe?", "SubscriptionArn", sub.Arn, "Token", leave)
	return nil
}

// link is an address of this server with parameters, in the order they are given.
func (s *Store) link(path string, parameters ...string) string {
	query := ""
	for i := 0; i < len(parameters); i += 2 {
		if i > 0 {
			query += "&"
		}
		query += parameters[i] + "=" + url.QueryEscape(parameters[i+1])
	}
	return s.o.PublicURL + path + query
}

// delivered forgets a delivery, and its message when it was the last one's.
func (s *Store) delivered(d *delivery) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM topic_deliveries WHERE id = $1`, d.ID); err != nil {
			return err
		}
		if d.Type == UnsubscribeConfirmation {
			return nil // the subscription can be taken up again until it is pruned
		}
		// Of two deliveries that end at the same time neither may see itself as the last; Prune finds what they leave.
		_, err := tx.Exec(ctx, `DELETE FROM topic_messages WHERE id = $1
			AND NOT EXISTS (SELECT 1 FROM topic_deliveries d WHERE d.message = $1)`, d.MessageID)
		return err
	}
}

// failed schedules the next try, or makes the delivery a dead letter.
func (s *Store) failed(d *delivery, cause error) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		failures := d.failures + 1
		pause, again := d.retries.Pause(failures)
		again = again && !isPermanent(cause)
		dead := int64(0)
		if !again {
			dead = store.Micros(tx.Now())
		}
		n, err := tx.Exec(ctx, `UPDATE topic_deliveries SET failures = $1, problem = $2, dead = $3 WHERE id = $4`,
			failures, clip(cause.Error(), longestProblem), dead, d.ID)
		if err != nil || n == 0 || !again {
			return err
		}
		return s.enqueue(ctx, tx, queue.Job{Group: d.Subscription.ID, RunAt: tx.Now().Add(pause)}, d.ID)
	}
}
