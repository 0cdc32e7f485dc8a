package alarm

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Kind is what an item of the history is about.
type Kind string

// The kinds.
const (
	ConfigurationUpdate Kind = "ConfigurationUpdate"
	StateUpdate         Kind = "StateUpdate"
	Action              Kind = "Action"
)

// Item is a line of an alarm's history.
type Item struct {
	ID      int64 // grows
	Alarm   string
	At      time.Time
	Kind    Kind
	Summary string
	Data    string // JSON
}

// Clients expect no more than this.
const (
	maxSummary = 255
	maxData    = 4095
)

func (s *Store) note(ctx context.Context, tx store.Tx, i Item) error {
	if runes := []rune(i.Summary); len(runes) > maxSummary {
		i.Summary = string(runes[:maxSummary-1]) + "…"
	}
	_, err := tx.Exec(ctx, `INSERT INTO alarm_history (alarm, at, kind, summary, data) VALUES ($1, $2, $3, $4, $5)`,
		i.Alarm, store.Micros(tx.Now()), string(i.Kind), i.Summary, i.Data)
	return err
}

// configured is the item about a definition.
func configured(a Alarm, verb, kind string) Item {
	i := Item{Alarm: a.Name, Kind: ConfigurationUpdate, Summary: fmt.Sprintf("Alarm %q %s", a.Name, verb)}
	short := map[string]any{"version": "1.0", "type": kind}
	i.Data = fits(map[string]any{"version": "1.0", "type": kind, verb + "Alarm": a.Definition}, short)
	return i
}

// fits is the first of values whose JSON is not too long.
func fits(values ...any) string {
	var text []byte
	for _, v := range values {
		var err error
		if text, err = json.Marshal(v); err == nil && len(text) <= maxData {
			return string(text)
		}
	}
	return "{}"
}

// noteTransition tells that a state has become another, and that what the owner wants done then was not done.
func (s *Store) noteTransition(ctx context.Context, tx store.Tx, before, after Alarm) error {
	err := s.note(ctx, tx, Item{
		Alarm: after.Name, Kind: StateUpdate, Summary: fmt.Sprintf("Alarm updated from %s to %s", before.State, after.State),
		Data: fits(transition(before, after, true), transition(before, after, false)),
	})
	if err != nil || !after.ActionsEnabled {
		return err
	}
	for _, action := range after.Actions[after.State] {
		err := s.note(ctx, tx, Item{
			Alarm: after.Name, Kind: Action, Summary: "Failed to execute action " + action,
			Data: fits(map[string]any{
				"actionState": "Failed", "notificationResource": action, "stateUpdateTimestamp": after.Updated.UnixMilli(),
				"error": "This server does not carry out the actions of alarms. Rules of stage conditions see the new state.",
			}),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func transition(before, after Alarm, withData bool) any {
	state := func(a Alarm) map[string]any {
		m := map[string]any{"stateValue": a.State, "stateReason": a.Reason}
		if withData && a.ReasonData != "" {
			m["stateReasonData"] = json.RawMessage(a.ReasonData)
		}
		return m
	}
	return map[string]any{"version": "1.0", "oldState": state(before), "newState": state(after)}
}

// HistoryQuery chooses items of the history, in the order of time.
type HistoryQuery struct {
	Alarm     string // "": of all
	Kind      Kind   // "": any
	From, To  time.Time
	After     int64 // only items beyond this one
	Ascending bool
	Limit     int
}

// History lists what happened to alarms, also to those that were deleted.
func (s *Store) History(ctx context.Context, q HistoryQuery) ([]Item, error) {
	beyond, order := `($5 = 0 OR id < $5)`, `DESC`
	if q.Ascending {
		beyond, order = `id > $5`, `ASC`
	}
	to := store.Micros(q.To)
	if to == 0 {
		to = 1<<63 - 1
	}
	var items []Item
	err := s.db.Read(ctx, func(r store.Reader) error {
		items = nil
		rows, err := r.Query(ctx, `SELECT id, alarm, at, kind, summary, data FROM alarm_history
			WHERE ($1 = '' OR alarm = $1) AND ($2 = '' OR kind = $2) AND at >= $3 AND at <= $4 AND `+beyond+`
			ORDER BY id `+order+` LIMIT $6`, q.Alarm, string(q.Kind), store.Micros(q.From), to, q.After, q.Limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var i Item
			var at int64
			if err := rows.Scan(&i.ID, &i.Alarm, &at, &i.Kind, &i.Summary, &i.Data); err != nil {
				return err
			}
			i.At = store.FromMicros(at)
			items = append(items, i)
		}
		return rows.Err()
	})
	return items, err
}

// Prune forgets what happened before a time.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM alarm_history WHERE at < $1`, store.Micros(before))
		return err
	})
}
