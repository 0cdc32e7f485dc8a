package queue

import (
	"context"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Stat counts the jobs of one kind in one state.
type Stat struct {
	Kind string
	// State is scheduled (waits for its time, perhaps after a failure), available (waits for a worker), running, or
	// failed (given up; kept for Config.KeepFailed).
	State  string
	Count  int64
	Oldest time.Time // when the oldest of them was enqueued
}

// Stats counts the jobs in the table, of all servers, by kind and state. Done jobs are not there.
func (q *Queue) Stats(ctx context.Context) ([]Stat, error) {
	var list []Stat
	err := q.st.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT kind, state, count(*), min(created_at) FROM jobs GROUP BY kind, state ORDER BY kind, state`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var s Stat
			var oldest int64
			if err := rows.Scan(&s.Kind, &s.State, &s.Count, &oldest); err != nil {
				return err
			}
			s.Oldest = store.FromMicros(oldest)
			list = append(list, s)
		}
		return rows.Err()
	})
	return list, err
}
