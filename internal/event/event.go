// Package event keeps what happened, in the documents of EventBridge, and brings it to whoever asked for it: the targets
// of rules, through queued deliveries, and listeners, who follow the log.
//
// An event is stored in the transaction of the change it tells of, together with one delivery for each target of each
// rule it matches. So an event is there if and only if the change is, and whatever happens to the server afterwards, it
// will be delivered.
package event

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Event is what happened. The rest of the document is filled in by Publish.
type Event struct {
	Source     string // "aws.codepipeline"
	DetailType string
	Time       time.Time // zero: the transaction's
	Region     string    // "": the server's
	Resources  []string  // ARNs
	// Detail is what marshals to a JSON object; a json.RawMessage is taken as it is.
	Detail any
	// Pipeline is the name of the pipeline the event is about, if any, for listeners that ask for one.
	Pipeline string
}

// Jobs is what events need of the queue. Implemented by *queue.Queue.
type Jobs interface {
	queue.Enqueuer
	Handle(kind string, h queue.Handler, o queue.Options)
	Cancel(ctx context.Context, tx store.Tx, kind, key string) error
}

// Sealer keeps the secrets of connections. Implemented by *secret.Box.
type Sealer interface {
	Seal(plain []byte, purpose string) (string, error)
	Open(sealed, purpose string) ([]byte, error)
}

// Options configure a Service. Store, Jobs and Sealer are required.
type Options struct {
	Store           store.Store
	Jobs            Jobs
	Sealer          Sealer
	Region, Account string       // default us-east-1, 000000000000
	Logger          *slog.Logger // nil discards
	// Backoff is the pause before a delivery's attempt after the n-th failure; default a quarter of a second, doubling up
	// to two minutes.
	Backoff func(failures int) time.Duration
}

// Service is the room. Make one per process with New, register the targets, then start the queue. All methods may be
// called from many goroutines, on any number of servers that share the store.
type Service struct {
	store           store.Store
	jobs            Jobs
	sealer          Sealer
	region, account string
	log             *slog.Logger
	backoff         func(int) time.Duration
	targets         map[string]Target
	hub             *hub

	wanted sync.Map // wanting -> bool, of the transactions under way

	mu       sync.Mutex
	compiled *book
}

// The kinds of jobs events are made of.
const (
	jobDeliver  = "event.deliver"
	jobSchedule = "event.schedule"
)

// forever is for jobs that only the database can fail.
const forever = 1 << 30

// New makes a Service and registers its job handlers.
func New(o Options) *Service {
	s := &Service{
		store: o.Store, jobs: o.Jobs, sealer: o.Sealer, region: o.Region, account: o.Account, log: o.Logger, backoff: o.Backoff,
		targets: map[string]Target{},
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	if s.account == "" {
		s.account = "000000000000"
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.backoff == nil {
		s.backoff = backoff
	}
	s.hub = newHub(s)
	s.jobs.Handle(jobDeliver, s.deliver, queue.Options{Workers: 16, MaxAttempts: forever})
	s.jobs.Handle(jobSchedule, s.fire, queue.Options{Workers: 2, MaxAttempts: forever})
	return s
}

// document is an event as EventBridge sends it.
type document struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     any      `json:"detail"`
}

// stored is an event on its way into the log.
type stored struct {
	Event
	id   string // of the document
	body []byte
}

func (s *Service) encode(e Event, now time.Time) (stored, error) {
	if e.Time.IsZero() {
		e.Time = now
	}
	if e.Region == "" {
		e.Region = s.region
	}
	if e.Resources == nil {
		e.Resources = []string{}
	}
	id := uuid.NewString()
	body, err := json.Marshal(document{
		Version: "0", ID: id, DetailType: e.DetailType, Source: e.Source, Account: s.account,
		Time: e.Time.UTC().Format("2006-01-02T15:04:05Z"), Region: e.Region, Resources: e.Resources, Detail: e.Detail,
	})
	if err != nil {
		return stored{}, fmt.Errorf("the event %q of %s cannot be written as JSON: %w", e.DetailType, e.Source, err)
	}
	return stored{e, id, body}, nil
}

// Publish stores events in the caller's transaction, and a delivery for each target of each rule that matches.
func (s *Service) Publish(ctx context.Context, tx store.Tx, events ...Event) error {
	_, err := s.publish(ctx, tx, events, nil)
	return err
}

// PublishWithIDs is Publish for those who must tell the ids of the documents.
func (s *Service) PublishWithIDs(ctx context.Context, tx store.Tx, events ...Event) ([]string, error) {
	list, err := s.publish(ctx, tx, events, nil)
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.id
	}
	return ids, err
}

// publish stores events. They go to the targets of only, when that is given, instead of those of the rules they match.
func (s *Service) publish(ctx context.Context, tx store.Tx, events []Event, only *compiledRule) ([]stored, error) {
	if len(events) == 0 {
		return nil, nil
	}
	list := make([]stored, len(events))
	for i, e := range events {
		var err error
		if list[i], err = s.encode(e, tx.Now()); err != nil {
			return nil, err
		}
	}
	if err := s.writeLog(ctx, tx, list); err != nil {
		return nil, err
	}
	rules := []*compiledRule{only}
	if only == nil {
		b, err := s.book(ctx, tx)
		if err != nil {
			return nil, err
		}
		rules = b.rules
	}
	if err := s.deliverTo(ctx, tx, rules, list, only != nil); err != nil {
		return nil, err
	}
	tx.AfterCommit(s.hub.wake)
	return list, s.store.Notify(ctx, tx, logChannel)
}

// logRows bounds the parameters of one statement.
const logRows = 50

func (s *Service) writeLog(ctx context.Context, tx store.Tx, list []stored) error {
	if err := announceWriting(ctx, tx); err != nil {
		return err
	}
	for len(list) > 0 {
		batch := list[:min(len(list), logRows)]
		list = list[len(batch):]
		var values strings.Builder
		args := make([]any, 0, 5*len(batch))
		for i, e := range batch {
			if i > 0 {
				values.WriteString(", ")
			}
			n := len(args)
			fmt.Fprintf(&values, "($%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5)
			args = append(args, store.Micros(tx.Now()), e.Source, e.DetailType, e.Pipeline, string(e.body))
		}
		if _, err := tx.Exec(ctx, `INSERT INTO events (at, source, detail_type, pipeline, body) VALUES `+values.String(), args...); err != nil {
			return err
		}
	}
	return nil
}

// WantsInTx is Wants for whoever asks again and again in one transaction, such as a release of many objects: the rules are
// looked at once.
func (s *Service) WantsInTx(ctx context.Context, tx store.Tx, source string) (bool, error) {
	key := wanting{tx, source}
	if known, ok := s.wanted.Load(key); ok {
		return known.(bool), nil
	}
	yes, err := s.Wants(ctx, tx, source)
	if err != nil {
		return false, err
	}
	s.wanted.Store(key, yes)
	forget := func() { s.wanted.Delete(key) }
	tx.AfterCommit(forget)
	tx.AfterRollback(forget)
	return yes, nil
}

// wanting is what a transaction has asked.
type wanting struct {
	tx     store.Tx
	source string
}

// Wants reports whether some enabled rule could match events of source: for events that are published only when somebody
// asks for them.
func (s *Service) Wants(ctx context.Context, r store.Reader, source string) (bool, error) {
	b, err := s.book(ctx, r)
	if err != nil {
		return false, err
	}
	for _, rule := range b.rules {
		if len(rule.targets) > 0 && rule.pattern.Could(source) {
			return true, nil
		}
	}
	return false, nil
}

// Prune forgets the log before a time, and the dead letters.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	for _, table := range []string{"events", "event_dead_letters"} {
		for {
			var n int64
			err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
				n, err = tx.Exec(ctx, `DELETE FROM `+table+` WHERE at < $1 AND id IN (SELECT id FROM `+table+` ORDER BY id LIMIT 1000)`, store.Micros(before))
				return err
			})
			if err != nil {
				return err
			}
			if n < 1000 {
				break
			}
		}
	}
	return nil
}

// RuleARN is the name of a rule for policies and triggers.
func (s *Service) RuleARN(name string) string { return s.arn("rule/" + name) }

func (s *Service) arn(resource string) string {
	return "arn:aws:events:" + s.region + ":" + s.account + ":" + resource
}
