package topic

import (
	"context"
	"encoding/json"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// MaxMessage is how many bytes a message may have with its attributes.
const MaxMessage = 256 << 10

// Publish sends a message to a topic's subscribers, in a transaction of its own, and returns the message's id.
func (s *Store) Publish(ctx context.Context, arn string, m Message) (id string, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		id, err = s.PublishTx(ctx, tx, arn, m)
		return err
	})
	return id, err
}

// PublishTx is Publish in the caller's transaction: the message is sent if that commits. It reports ErrNoTopic.
func (s *Store) PublishTx(ctx context.Context, tx store.Tx, arn string, m Message) (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	t, err := s.find(ctx, tx, arn)
	if err != nil {
		return "", err
	}
	subs, err := s.readSubscriptions(ctx, tx, `WHERE s.topic_id = $1 AND s.confirmed > 0 AND s.ended = 0 ORDER BY s.seq`, t.id)
	if err != nil {
		return "", err
	}
	var to []string
	for _, sub := range subs {
		wants, err := sub.wants(&m)
		if err != nil {
			return "", err
		}
		if wants {
			to = append(to, sub.ID)
		}
	}
	return s.send(ctx, tx, t, &m, to)
}

func (m *Message) check() error {
	size := len(m.Body)
	for name, a := range m.Attributes {
		size += len(name) + len(a.Type) + len(a.Value)
	}
	for _, body := range m.Bodies {
		size += len(body)
	}
	switch {
	case size > MaxMessage:
		return invalid("Message too long: a message has at most %d bytes, this one %d", MaxMessage, size)
	case !utf8.ValidString(m.Body):
		return invalid("Invalid parameter: Message: it is not UTF-8")
	}
	return nil
}

// send stores a message and what brings it to subscribers. Nobody to bring it to is fine.
func (s *Store) send(ctx context.Context, tx store.Tx, t Topic, m *Message, to []string) (string, error) {
	id := uuid.NewString()
	if len(to) == 0 {
		return id, nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO topic_messages (id, topic_id, published, content) VALUES ($1, $2, $3, $4)`,
		id, t.id, store.Micros(tx.Now()), text(m))
	if err != nil {
		return "", err
	}
	for _, subscription := range to {
		delivery := uuid.NewString()
		_, err := tx.Exec(ctx, `INSERT INTO topic_deliveries (id, message, subscription, failures, problem, dead) VALUES ($1, $2, $3, 0, '', 0)`,
			delivery, id, subscription)
		if err != nil {
			return "", err
		}
		if err := s.enqueue(ctx, tx, queue.Job{Group: subscription}, delivery); err != nil {
			return "", err
		}
	}
	return id, nil
}

// deliveryRef is the payload of a job.
type deliveryRef struct {
	ID string `json:"id"`
}

func (s *Store) enqueue(ctx context.Context, tx store.Tx, job queue.Job, delivery string) error {
	payload, err := json.Marshal(deliveryRef{ID: delivery})
	if err != nil {
		return err
	}
	job.Kind, job.Key, job.Payload = jobDeliver, delivery, payload
	_, err = s.jobs.Enqueue(ctx, tx, job)
	return err
}
