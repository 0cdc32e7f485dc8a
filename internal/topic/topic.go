// Package topic keeps topics and their subscriptions, and brings what is published to every subscriber.
//
// Publishing is part of the caller's transaction: when it commits, each subscriber whose filter lets the message through
// has a delivery and a queued job, so the message arrives at least once, whatever happens to this server. A delivery that
// fails is tried again with growing pauses. When its retries are used up, or the receiver says that it will never take
// it, it becomes a dead letter, to be looked at and sent again.
//
// How a message travels is the business of Transports, one for each protocol.
package topic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/keyring"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// What may be wrong.
var (
	ErrNoTopic        = errors.New("there is no such topic")
	ErrNoSubscription = errors.New("there is no such subscription")
	ErrNoDelivery     = errors.New("there is no such dead letter")
	ErrTopicLimit     = errors.New("there are as many topics as there may be")
	ErrLimit          = errors.New("the topic has as many subscriptions as it may have")
	ErrToken          = errors.New("the token is wrong or has expired")
)

// Invalid is a user's mistake. Its text says what is wrong and what would be right.
type Invalid struct{ Text string }

func (e *Invalid) Error() string { return e.Text }

func invalid(format string, args ...any) error { return &Invalid{fmt.Sprintf(format, args...)} }

// Topic is what is published to.
type Topic struct {
	Name       string
	Arn        string
	Attributes map[string]string // those that were set
	Tags       map[string]string
	Created    time.Time

	id int64
}

// Subscription is somebody who wants to hear what is published to a topic.
type Subscription struct {
	ID         string
	Arn        string
	TopicArn   string
	Protocol   string
	Endpoint   string
	Attributes map[string]string
	Confirmed  bool
	// Authenticated: confirmed by a signed request. Guarded: only such a request may end it.
	Authenticated bool
	Guarded       bool

	seq     int64
	topicID int64
	ended   bool
	asked   time.Time
}

// Options tune a Store.
type Options struct {
	Region, Account string // in ARNs
	// PublicURL is where subscribers reach this server, for the links in what they get.
	PublicURL string
	Logger    *slog.Logger // nil discards
	// MaxTopics and MaxSubscriptions (of one topic) bound what there may be; defaults 10000 and 1000.
	MaxTopics, MaxSubscriptions int
	// KeepDead is how long dead letters are kept; default 14 days.
	KeepDead time.Duration
	// Retries is the policy of subscriptions that have none of their own; nil is DefaultRetries.
	Retries *Retries
}

// Jobs is what the room needs of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
}

// Store keeps topics. Its methods may be called from many goroutines, once all Transports and Renderers are registered.
type Store struct {
	db         store.Store
	jobs       Jobs
	keys       *keyring.Ring
	log        *slog.Logger
	o          Options
	transports map[string]Transport
	renderers  map[string]Renderer
}

// New makes a Store and registers its job handler.
func New(db store.Store, jobs Jobs, keys *keyring.Ring, o Options) *Store {
	setDefault(&o.Region, "us-east-1")
	setDefault(&o.Account, "000000000000")
	setDefault(&o.MaxTopics, 10_000)
	setDefault(&o.MaxSubscriptions, 1000)
	setDefault(&o.KeepDead, 14*24*time.Hour)
	setDefault(&o.Logger, slog.New(slog.DiscardHandler))
	setDefault(&o.Retries, &DefaultRetries)
	s := &Store{db: db, jobs: jobs, keys: keys, log: o.Logger, o: o, transports: map[string]Transport{}, renderers: map[string]Renderer{}}
	jobs.Handle(jobDeliver, s.deliver, queue.Options{Workers: deliverers, MaxAttempts: 1 << 30})
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Register makes subscriptions with a protocol possible. Call it before the queue starts.
func (s *Store) Register(protocol string, t Transport) { s.transports[protocol] = t }

// RegisterRenderer makes the messages of a kind possible. Call it before the queue starts.
func (s *Store) RegisterRenderer(kind string, r Renderer) { s.renderers[kind] = r }

// ARN is the Amazon resource name of a topic.
func (s *Store) ARN(name string) string {
	return "arn:aws:sns:" + s.o.Region + ":" + s.o.Account + ":" + name
}

// Account owns every topic and subscription.
func (s *Store) Account() string { return s.o.Account }

// nameOf is the name in a topic's ARN. A topic of another place is not here.
func (s *Store) nameOf(arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, s.ARN(""))
	if !ok {
		if parts := strings.Split(arn, ":"); len(parts) == 6 && parts[0] == "arn" && parts[2] == "sns" {
			return "", ErrNoTopic
		}
		return "", invalid("%q is not the ARN of a topic. One is like %s.", arn, s.ARN("NAME"))
	}
	if problem := nameProblem(name); problem != "" {
		return "", invalid("%q is not the ARN of a topic: %s", arn, problem)
	}
	return name, nil
}

// longestName is AWS's.
const longestName = 256

func nameProblem(name string) string {
	switch {
	case strings.HasSuffix(name, ".fifo"):
		return "FIFO topics are not supported; leave .fifo and the attribute FifoTopic away."
	case name == "" || len(name) > longestName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
		return fmt.Sprintf("a topic's name has 1 to %d letters, digits, hyphens and underscores.", longestName)
	}
	return ""
}

// splitSubscription takes a subscription's ARN apart: the topic's ARN and the subscription's id.
func splitSubscription(arn string) (topicArn, id string, ok bool) {
	i := strings.LastIndexByte(arn, ':')
	if i < 0 || strings.Count(arn, ":") != 6 || !strings.HasPrefix(arn, "arn:") {
		return "", "", false
	}
	return arn[:i], arn[i+1:], true
}

// Prune forgets dead letters and unconfirmed subscriptions that are too old, and messages that everybody has.
func (s *Store) Prune(ctx context.Context) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		now := tx.Now()
		dead, unconfirmed := store.Micros(now.Add(-s.o.KeepDead)), store.Micros(now.Add(-confirmWithin))
		for _, q := range []struct {
			statement string
			args      []any
		}{
			{`DELETE FROM topic_deliveries WHERE dead > 0 AND dead < $1`, []any{dead}},
			{`DELETE FROM topic_subscriptions WHERE confirmed = 0 AND asked < $1`, []any{unconfirmed}},
			{`DELETE FROM topic_subscriptions WHERE ended > 0 AND ended < $1`, []any{unconfirmed}},
			{`DELETE FROM topic_messages WHERE NOT EXISTS (SELECT 1 FROM topic_deliveries d WHERE d.message = topic_messages.id)`, nil},
		} {
			if _, err := tx.Exec(ctx, q.statement, q.args...); err != nil {
				return err
			}
		}
		return nil
	})
}
