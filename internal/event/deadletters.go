package event

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The ways redelivering fails.
var (
	ErrNoLetter = errors.New("there is no such dead letter")
	ErrNoTarget = errors.New("the rule does not have that target any more")
)

// DeadLetter is a delivery that was given up.
type DeadLetter struct {
	ID       int64           `json:"id"`
	Time     time.Time       `json:"time"`
	Rule     string          `json:"rule"`
	Target   string          `json:"target"` // its id within the rule
	ARN      string          `json:"arn"`
	Attempts int             `json:"attempts"`
	Code     string          `json:"code"`
	Message  string          `json:"message"`
	Event    json.RawMessage `json:"event"`

	token string
}

const selectLetter = `SELECT id, at, rule, target, arn, token, attempts, code, message, body FROM event_dead_letters `

// DeadLetters lists them, oldest first, after an id.
func (s *Service) DeadLetters(ctx context.Context, after int64, limit int) (list []DeadLetter, err error) {
	err = s.store.Read(ctx, func(r store.Reader) error {
		list, err = letters(ctx, r, `WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
		return err
	})
	return list, err
}

func letters(ctx context.Context, r store.Reader, where string, args ...any) ([]DeadLetter, error) {
	rows, err := r.Query(ctx, selectLetter+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []DeadLetter
	for rows.Next() {
		var l DeadLetter
		var at int64
		var body string
		if err := rows.Scan(&l.ID, &at, &l.Rule, &l.Target, &l.ARN, &l.token, &l.Attempts, &l.Code, &l.Message, &body); err != nil {
			return nil, err
		}
		l.Time, l.Event = store.FromMicros(at), json.RawMessage(body)
		list = append(list, l)
	}
	return list, rows.Err()
}

// Redeliver takes a dead letter from the list and gives it to its target anew, behind what the target has yet to get.
func (s *Service) Redeliver(ctx context.Context, id int64) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		list, err := letters(ctx, tx, `WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return fmt.Errorf("%w: %d", ErrNoLetter, id)
		}
		l := list[0]
		targets, err := readTargets(ctx, tx, `WHERE name = $1 AND rule_id IN (SELECT id FROM event_rules WHERE name = $2)`, l.Target, l.Rule)
		if err != nil {
			return err
		}
		if len(targets) == 0 {
			return fmt.Errorf("%w: target %s of rule %s", ErrNoTarget, l.Target, l.Rule)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM event_dead_letters WHERE id = $1`, id); err != nil {
			return err
		}
		if err := addDelivery(ctx, tx, targets[0].id, l.token, string(l.Event)); err != nil {
			return err
		}
		return s.enqueueDelivery(ctx, tx, targets[0], l.Rule, time.Time{})
	})
}

// valid makes a text of strangers fit for every database.
func valid(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "") }
