package topic

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// DeadLetter is a message that did not reach a subscriber.
type DeadLetter struct {
	ID              string    `json:"id"`
	TopicArn        string    `json:"topicArn"`
	SubscriptionArn string    `json:"subscriptionArn"`
	Protocol        string    `json:"protocol"`
	Endpoint        string    `json:"endpoint"`
	MessageID       string    `json:"messageId"`
	Subject         string    `json:"subject,omitempty"`
	Published       time.Time `json:"published"`
	Failures        int       `json:"failures"`
	Problem         string    `json:"problem"`
	GivenUp         time.Time `json:"givenUp"`
}

// maxDeadLetters bounds a list.
const maxDeadLetters = 1000

// DeadLetters lists what could not be delivered to a topic's subscribers, the newest first.
func (s *Store) DeadLetters(ctx context.Context, topicArn string) (list []DeadLetter, err error) {
	err = s.db.Read(ctx, func(r store.Reader) error {
		list = []DeadLetter{}
		t, err := s.find(ctx, r, topicArn)
		if err != nil {
			return err
		}
		rows, err := r.Query(ctx, `SELECT d.id, d.failures, d.problem, d.dead, m.id, m.published, m.content, s.id, s.protocol, s.endpoint
			FROM topic_deliveries d JOIN topic_messages m ON m.id = d.message JOIN topic_subscriptions s ON s.id = d.subscription
			WHERE d.dead > 0 AND m.topic_id = $1 ORDER BY d.dead DESC, d.id LIMIT $2`, t.id, maxDeadLetters)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			l := DeadLetter{TopicArn: t.Arn}
			var dead, published int64
			var content, subscription string
			if err := rows.Scan(&l.ID, &l.Failures, &l.Problem, &dead, &l.MessageID, &published, &content, &subscription, &l.Protocol, &l.Endpoint); err != nil {
				return err
			}
			var m Message
			if err := json.Unmarshal([]byte(content), &m); err != nil {
				return err
			}
			l.Subject, l.SubscriptionArn = m.Subject, t.Arn+":"+subscription
			l.Published, l.GivenUp = store.FromMicros(published), store.FromMicros(dead)
			list = append(list, l)
		}
		return rows.Err()
	})
	return list, err
}

// Redeliver sends a topic's dead letter again, with all its retries, or every one of the topic when id is empty, and
// returns how many.
func (s *Store) Redeliver(ctx context.Context, topicArn, id string) (n int, err error) {
	letters, err := s.DeadLetters(ctx, topicArn)
	if err != nil {
		return 0, err
	}
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		n = 0
		for _, l := range letters {
			if id != "" && l.ID != id {
				continue
			}
			changed, err := tx.Exec(ctx, `UPDATE topic_deliveries SET dead = 0, failures = 0 WHERE id = $1 AND dead > 0`, l.ID)
			if err != nil {
				return err
			}
			if changed == 0 {
				continue // somebody else has just sent it
			}
			_, subscription, _ := splitSubscription(l.SubscriptionArn)
			if err := s.enqueue(ctx, tx, queue.Job{Group: subscription}, l.ID); err != nil {
				return err
			}
			n++
		}
		if n == 0 && id != "" {
			return ErrNoDelivery
		}
		return nil
	})
	return n, err
}

// clip is at most n bytes of s, on one line.
func clip(s string, n int) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
