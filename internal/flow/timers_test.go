package flow_test

import (
	"encoding/json"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// timers are those set and not yet due.
func (b *belt) timers() []engine.Timer {
	b.t.Helper()
	var timers []engine.Timer
	err := b.store.Read(b.t.Context(), func(r store.Reader) error {
		rows, err := r.Query(b.t.Context(), `SELECT payload FROM jobs WHERE kind = 'pipeline.timer'`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				return err
			}
			var payload struct{ Timer engine.Timer }
			if err := json.Unmarshal([]byte(text), &payload); err != nil {
				return err
			}
			timers = append(timers, payload.Timer)
		}
		return rows.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return timers
}

// makeDue lets the timers that are due by the test's clock fire: the queue goes by the database's.
func (b *belt) makeDue() {
	b.t.Helper()
	for _, timer := range b.timers() {
		if !timer.At.After(b.clock.now()) {
			if err := b.FireTimer(b.t.Context(), timer); err != nil {
				b.t.Fatal(err)
			}
		}
	}
}
