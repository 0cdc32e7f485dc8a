package event

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/conveyor-cd/conveyor/internal/eventpattern"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// turn is how long one job serves a target before others have their turn.
const turn = 20 * time.Second

// backoff doubles from a quarter of a second to two minutes; a quarter of it is left to chance.
func backoff(failures int) time.Duration {
	d := 2 * time.Minute
	if failures < 11 {
		d = min(d, 250*time.Millisecond<<max(0, failures-1))
	}
	return d - rand.N(d/4)
}

// delivery is a row of what is yet to be delivered.
type delivery struct {
	id       int64
	token    string
	at       time.Time
	attempts int
	body     string
}

// recipient is a target as it is now, and the rule it belongs to.
type recipient struct {
	target
	ruleName string
}

func (s *Service) recipient(ctx context.Context, r store.Reader, id int64) (to recipient, found bool, err error) {
	list, err := readTargets(ctx, r, `WHERE id = $1`, id)
	if err != nil || len(list) == 0 {
		return to, false, err
	}
	to.target = list[0]
	err = r.QueryRow(ctx, `SELECT name FROM event_rules WHERE id = $1`, to.rule).Scan(&to.ruleName)
	return to, err == nil, err
}

func nextDelivery(ctx context.Context, r store.Reader, targetID int64) (d delivery, found bool, err error) {
	var at int64
	err = r.QueryRow(ctx, `SELECT id, token, at, attempts, body FROM event_deliveries WHERE target_id = $1 ORDER BY id LIMIT 1`, targetID).
		Scan(&d.id, &d.token, &at, &d.attempts, &d.body)
	if errors.Is(err, sql.ErrNoRows) {
		return d, false, nil
	}
	d.at = store.FromMicros(at)
	return d, err == nil, err
}

// deliver brings a target what it has yet to get, one after the other and in order. One that fails is tried again later,
// before those behind it; when its time is over it becomes a dead letter and the next has its turn.
func (s *Service) deliver(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var p delivering
	if err := json.Unmarshal(job.Payload, &p); err != nil {
		return nil, queue.Permanent(err)
	}
	began := time.Now()
	for time.Since(began) < turn {
		to, d, found, err := s.head(ctx, p.Target)
		if err != nil {
			return nil, err
		}
		if !found {
			break
		}
		again, err := s.deliverOne(ctx, to, d)
		if off, ok := errors.AsType[later](err); ok {
			return s.putOff(to, off.after), nil
		}
		if err != nil {
			return nil, err
		}
		if again > 0 {
			return s.tryAgain(to, d, again), nil
		}
	}
	return s.goOn(p.Target), nil
}

func (s *Service) head(ctx context.Context, targetID int64) (to recipient, d delivery, found bool, err error) {
	err = s.store.Read(ctx, func(r store.Reader) (err error) {
		if to, found, err = s.recipient(ctx, r, targetID); err != nil || !found {
			return err
		}
		d, found, err = nextDelivery(ctx, r, targetID)
		return err
	})
	return to, d, found, err
}

// goOn enqueues the next job when something came while this one ended.
func (s *Service) goOn(targetID int64) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		to, found, err := s.recipient(ctx, tx, targetID)
		if err != nil || !found {
			return err
		}
		if _, found, err = nextDelivery(ctx, tx, targetID); err != nil || !found {
			return err
		}
		return s.enqueueDelivery(ctx, tx, to.target, to.ruleName, time.Time{})
	}
}

// tryAgain keeps the failed attempt in mind and enqueues the next one.
func (s *Service) tryAgain(to recipient, d delivery, after time.Duration) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE event_deliveries SET attempts = $2 WHERE id = $1`, d.id, d.attempts+1); err != nil {
			return err
		}
		return s.enqueueDelivery(ctx, tx, to.target, to.ruleName, tx.Now().Add(after))
	}
}

// putOff enqueues the next job for later. What was not tried is no attempt.
func (s *Service) putOff(to recipient, after time.Duration) queue.Completion {
	return func(ctx context.Context, tx store.Tx) error {
		return s.enqueueDelivery(ctx, tx, to.target, to.ruleName, tx.Now().Add(max(after, time.Millisecond)))
	}
}

// deliverOne tries one delivery. It returns how long to wait before it is tried again, 0 when it is over. Later is passed on.
func (s *Service) deliverOne(ctx context.Context, to recipient, d delivery) (again time.Duration, err error) {
	failure := s.attempt(ctx, to, d)
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	if _, ok := errors.AsType[later](failure); ok {
		return 0, failure
	}
	if failure == nil {
		return 0, s.store.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM event_deliveries WHERE id = $1`, d.id)
			return err
		})
	}
	var code string
	err = s.store.InTx(ctx, func(tx store.Tx) error {
		if code = to.over(d, failure, tx.Now()); code == "" {
			return nil
		}
		return bury(ctx, tx, to, d, code, failure)
	})
	log := s.log.With("rule", to.ruleName, "target", to.name, "event", d.token, "attempt", d.attempts+1, "error", failure)
	switch {
	case err != nil:
		return 0, err
	case code != "":
		log.WarnContext(ctx, "an event could not be delivered and is a dead letter now: conveyor events dead-letters")
		return 0, nil
	}
	again = max(s.backoff(d.attempts+1), time.Millisecond)
	log.InfoContext(ctx, "an event could not be delivered; it is tried again", "after", again)
	return again, nil
}

func (s *Service) attempt(ctx context.Context, to recipient, d delivery) error {
	deliverer, err := s.target(to.arn)
	if err != nil {
		return Permanent(err)
	}
	var doc struct {
		Time string `json:"time"`
	}
	if err := json.Unmarshal([]byte(d.body), &doc); err != nil {
		return Permanent(fmt.Errorf("the event is unreadable: %w", err))
	}
	input, err := to.view.input([]byte(d.body), eventpattern.Predefined{
		RuleARN: s.RuleARN(to.ruleName), RuleName: to.ruleName, IngestionTime: doc.Time,
	})
	if err != nil {
		return Permanent(fmt.Errorf("the input cannot be made of the event: %w", err))
	}
	return deliverer.Deliver(ctx, Delivery{
		ID: d.token, RuleARN: s.RuleARN(to.ruleName), Target: to.public(), Input: input, Event: json.RawMessage(d.body), Attempt: d.attempts + 1,
	})
}

// The reasons for which a delivery is given up, in the words of AWS's dead-letter queues where it has them.
const (
	codePermanent = "NO_PERMISSIONS_OR_GONE"
	codeAttempts  = "RETRIES_EXHAUSTED"
	codeAge       = "EVENT_TOO_OLD"
)

// over says why a failed delivery is not tried again, "" when it is.
func (t target) over(d delivery, failure error, now time.Time) string {
	switch {
	case isPermanent(failure):
		return codePermanent
	case d.attempts >= t.view.attempts():
		return codeAttempts
	case now.Sub(d.at) >= t.view.age():
		return codeAge
	}
	return ""
}

// longestReason bounds what is kept of an error: it may quote what a stranger answered.
const longestReason = 1000

func bury(ctx context.Context, tx store.Tx, to recipient, d delivery, code string, failure error) error {
	n, err := tx.Exec(ctx, `DELETE FROM event_deliveries WHERE id = $1`, d.id)
	if err != nil || n == 0 { // its target was removed meanwhile
		return err
	}
	message := failure.Error()
	if len(message) > longestReason {
		message = message[:longestReason]
	}
	_, err = tx.Exec(ctx, `INSERT INTO event_dead_letters (at, rule, target, arn, token, attempts, code, message, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		store.Micros(tx.Now()), to.ruleName, to.name, to.arn, d.token, d.attempts+1, code, valid(message), d.body)
	return err
}
