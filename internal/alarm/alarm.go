// Package alarm keeps alarms: what their owners said they are for, the state they are in, and how they came to be in it.
//
// Nothing here measures anything. An alarm changes its state when somebody who does measure says so (SetState), and
// whoever waits for that is told in the same transaction (Options.OnChange).
package alarm

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// State is the state of an alarm.
type State string

// The states.
const (
	OK               State = "OK"
	Alarming         State = "ALARM"
	InsufficientData State = "INSUFFICIENT_DATA"
)

// ErrNotFound says that there is no alarm of a name. ErrLimit says that there are as many as there may be.
var (
	ErrNotFound = errors.New("there is no such alarm")
	ErrLimit    = errors.New("there are as many alarms as there may be")
)

// firstReason is why a new alarm has no data yet.
const firstReason = "Unchecked: Initial alarm creation"

// Alarm is an alarm as it is stored.
type Alarm struct {
	Name string
	// Definition is what was put, in the words of the protocol. It is kept and given back, never evaluated.
	Definition json.RawMessage
	// Actions are what the owner wants done on each state. This server does none of it, and says so in the history.
	Actions        map[State][]string
	ActionsEnabled bool

	State      State
	Reason     string
	ReasonData string // JSON, or ""

	Configured   time.Time // when it was put
	Updated      time.Time // when its state was set, be it to the same
	Transitioned time.Time // when its state became another
}

// Change is news of an alarm.
type Change struct {
	Alarm   string
	State   State
	Reason  string
	Deleted bool
}

// Options tune a Store.
type Options struct {
	// OnChange is called in the transaction in which the state of an alarm was set or an alarm was deleted.
	OnChange func(ctx context.Context, tx store.Tx, c Change) error
	// OnTransition is called in the transaction in which the state of an alarm became another.
	OnTransition func(ctx context.Context, tx store.Tx, before, after Alarm) error
	// MaxAlarms is how many there may be; default 5000, as on AWS.
	MaxAlarms int
}

// Store keeps alarms. Its methods may be called from many goroutines.
type Store struct {
	db           store.Store
	onChange     func(ctx context.Context, tx store.Tx, c Change) error
	onTransition func(ctx context.Context, tx store.Tx, before, after Alarm) error
	most         int
}

// New makes a Store.
func New(db store.Store, o Options) *Store {
	if o.OnChange == nil {
		o.OnChange = func(context.Context, store.Tx, Change) error { return nil }
	}
	if o.OnTransition == nil {
		o.OnTransition = func(context.Context, store.Tx, Alarm, Alarm) error { return nil }
	}
	if o.MaxAlarms <= 0 {
		o.MaxAlarms = 5000
	}
	return &Store{db: db, onChange: o.OnChange, onTransition: o.OnTransition, most: o.MaxAlarms}
}

const selectAlarm = `SELECT id, name, definition, actions, enabled, state, reason, reason_data, configured, updated, transitioned FROM alarms `

func scan(row interface{ Scan(...any) error }) (int64, Alarm, error) {
	var a Alarm
	var id, configured, updated, transitioned int64
	var definition, actions string
	var enabled int
	err := row.Scan(&id, &a.Name, &definition, &actions, &enabled, &a.State, &a.Reason, &a.ReasonData, &configured, &updated, &transitioned)
	if err != nil {
		return 0, a, err
	}
	if err := json.Unmarshal([]byte(actions), &a.Actions); err != nil {
		return 0, a, fmt.Errorf("the actions of alarm %q are unreadable: %w", a.Name, err)
	}
	a.Definition, a.ActionsEnabled = json.RawMessage(definition), enabled == 1
	a.Configured, a.Updated, a.Transitioned = store.FromMicros(configured), store.FromMicros(updated), store.FromMicros(transitioned)
	return id, a, nil
}

// find reads an alarm, or reports ErrNotFound.
func find(ctx context.Context, r store.Reader, name string) (int64, Alarm, error) {
	id, a, err := scan(r.QueryRow(ctx, selectAlarm+`WHERE name = $1`, name))
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return id, a, err
}

// Find reads an alarm inside a transaction and makes that transaction exclude every change of the alarm: what the caller
// decides on its state and writes down is seen by the next change. It reports ErrNotFound.
func (s *Store) Find(ctx context.Context, tx store.Tx, name string) (Alarm, error) {
	if _, err := tx.Exec(ctx, `UPDATE alarms SET enabled = enabled WHERE name = $1`, name); err != nil {
		return Alarm{}, err
	}
	_, a, err := find(ctx, tx, name)
	return a, err
}

// Put makes an alarm, or gives one of that name another definition; its state then stays as it is, and so do its tags.
// Of a, the members up to ActionsEnabled count.
func (s *Store) Put(ctx context.Context, a Alarm, tags map[string]string) error {
	actions, err := json.Marshal(a.Actions)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(tx store.Tx) error {
		now := store.Micros(tx.Now())
		n, err := tx.Exec(ctx, `UPDATE alarms SET definition = $2, actions = $3, enabled = $4, configured = $5 WHERE name = $1`,
			a.Name, string(a.Definition), string(actions), flag(a.ActionsEnabled), now)
		if err != nil {
			return err
		}
		if n > 0 {
			return s.note(ctx, tx, configured(a, "updated", "Update"))
		}
		return s.create(ctx, tx, a, string(actions), tags)
	})
}

func (s *Store) create(ctx context.Context, tx store.Tx, a Alarm, actions string, tags map[string]string) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM alarms`).Scan(&n); err != nil {
		return err
	}
	if n >= s.most {
		return fmt.Errorf("%w: %d", ErrLimit, n)
	}
	var id int64
	// There is a conflict only with an alarm that appeared meanwhile: the transaction then runs again and updates it.
	err := tx.QueryRow(ctx, `
		INSERT INTO alarms (name, definition, actions, enabled, state, reason, reason_data, configured, updated, transitioned)
		VALUES ($1, $2, $3, $4, $5, $6, '', $7, $7, $7)
		ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id`,
		a.Name, string(a.Definition), actions, flag(a.ActionsEnabled), string(InsufficientData), firstReason, store.Micros(tx.Now())).Scan(&id)
	if err != nil {
		return err
	}
	if err := setTags(ctx, tx, id, tags); err != nil {
		return err
	}
	return s.note(ctx, tx, configured(a, "created", "Create"))
}

func flag(on bool) int {
	if on {
		return 1
	}
	return 0
}

// SetState says which state an alarm is in, or reports ErrNotFound.
func (s *Store) SetState(ctx context.Context, name string, state State, reason, reasonData string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		before, err := s.Find(ctx, tx, name)
		if err != nil {
			return err
		}
		after := before
		after.State, after.Reason, after.ReasonData, after.Updated = state, reason, reasonData, tx.Now()
		if before.State != state {
			after.Transitioned = tx.Now()
		}
		_, err = tx.Exec(ctx, `UPDATE alarms SET state = $2, reason = $3, reason_data = $4, updated = $5, transitioned = $6 WHERE name = $1`,
			name, string(state), reason, reasonData, store.Micros(after.Updated), store.Micros(after.Transitioned))
		if err != nil {
			return err
		}
		if before.State != state {
			if err := s.noteTransition(ctx, tx, before, after); err != nil {
				return err
			}
			if err := s.onTransition(ctx, tx, before, after); err != nil {
				return err
			}
		}
		return s.onChange(ctx, tx, Change{Alarm: name, State: state, Reason: reason})
	})
}

// Delete deletes the alarms of these names and returns those that do not exist. Their history stays.
func (s *Store) Delete(ctx context.Context, names []string) (missing []string, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		missing = nil
		for _, name := range names {
			id, a, err := find(ctx, tx, name)
			if errors.Is(err, ErrNotFound) {
				missing = append(missing, name)
				continue
			}
			if err != nil {
				return err
			}
			if err := s.delete(ctx, tx, id, a); err != nil {
				return err
			}
		}
		return nil
	})
	return missing, err
}

func (s *Store) delete(ctx context.Context, tx store.Tx, id int64, a Alarm) error {
	for _, statement := range []string{`DELETE FROM alarm_tags WHERE alarm_id = $1`, `DELETE FROM alarms WHERE id = $1`} {
		if _, err := tx.Exec(ctx, statement, id); err != nil {
			return err
		}
	}
	if err := s.note(ctx, tx, configured(a, "deleted", "Delete")); err != nil {
		return err
	}
	return s.onChange(ctx, tx, Change{Alarm: a.Name, Deleted: true})
}

// EnableActions turns the actions of alarms on or off. Names that do not exist are passed over.
func (s *Store) EnableActions(ctx context.Context, names []string, on bool) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		for _, name := range names {
			n, err := tx.Exec(ctx, `UPDATE alarms SET enabled = $2, configured = $3 WHERE name = $1 AND enabled <> $2`,
				name, flag(on), store.Micros(tx.Now()))
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			_, a, err := find(ctx, tx, name)
			if err != nil {
				return err
			}
			if err := s.note(ctx, tx, configured(a, "updated", "Update")); err != nil {
				return err
			}
		}
		return nil
	})
}

// Query chooses alarms, in the order of their names.
type Query struct {
	Names  []string // only these; nil: all
	Prefix string
	After  string // only names after this one
	State  State  // "": any
	Match  func(Alarm) bool
	Limit  int
}

// List lists alarms.
func (s *Store) List(ctx context.Context, q Query) ([]Alarm, error) {
	var list []Alarm
	err := s.db.Read(ctx, func(r store.Reader) error {
		list = nil
		rows, err := r.Query(ctx, selectAlarm+`WHERE name > $1 AND substr(name, 1, length($2)) = $2 ORDER BY name`, q.After, q.Prefix)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() && len(list) < q.Limit {
			_, a, err := scan(rows)
			if err != nil {
				return err
			}
			if q.wants(a) {
				list = append(list, a)
			}
		}
		return rows.Err()
	})
	return list, err
}

func (q Query) wants(a Alarm) bool {
	return (q.Names == nil || slices.Contains(q.Names, a.Name)) && (q.State == "" || q.State == a.State) && (q.Match == nil || q.Match(a))
}
