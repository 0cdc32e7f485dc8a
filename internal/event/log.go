package event

import (
	"context"
	"database/sql"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// logChannel is where servers tell each other that the log has grown.
const logChannel = "events"

// Entry is one event of the log, as listeners get it. It is shared: do not change it.
type Entry struct {
	ID         int64 // grows; to resume after
	Source     string
	DetailType string
	Pipeline   string
	Document   []byte
}

// The numbers of the advisory locks that say who is writing to the log: a mark above an id of 40 bits.
const writing = int64(0x657674) << 40

// newest is the id that was taken last. Sequences live outside of transactions.
const newest = `(SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM events_id_seq)`

// announceWriting lets readers of the log know which ids the transaction may take. On PostgreSQL transactions commit in
// another order than they take their ids, so that a reader who remembers the largest id would miss what an open
// transaction holds below it. Every writer therefore has a lock whose number is the id that was taken last before its own;
// readers stop there. SQLite has one writer.
func announceWriting(ctx context.Context, tx store.Tx) error {
	if tx.Dialect() != store.Postgres {
		return nil
	}
	_, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock_shared($1::bigint | `+newest+`)`, writing)
	return err
}

// settled is the id up to which the log will not change any more. The order counts: whoever takes a lock after the look at
// the locks takes ids above the one read before it.
func (s *Service) settled(ctx context.Context) (id int64, err error) {
	if s.store.Dialect() != store.Postgres {
		return 1<<63 - 1, nil
	}
	err = s.store.Read(ctx, func(r store.Reader) error {
		if err := r.QueryRow(ctx, `SELECT `+newest).Scan(&id); err != nil {
			return err
		}
		var lowest sql.NullInt64
		err := r.QueryRow(ctx, `SELECT MIN((classid::bigint & 255) << 32 | objid::bigint) FROM pg_locks
			WHERE locktype = 'advisory' AND classid::bigint >> 8 = $1::bigint >> 40 AND objsubid = 1
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`, writing).Scan(&lowest)
		if lowest.Valid {
			id = min(id, lowest.Int64)
		}
		return err
	})
	return id, err
}

// readLog reads what follows an id.
func (s *Service) readLog(ctx context.Context, after int64, limit int) (list []*Entry, err error) {
	end, err := s.settled(ctx)
	if err != nil {
		return nil, err
	}
	err = s.store.Read(ctx, func(r store.Reader) error { // of its own, so that it sees what the locks were held for
		list = nil
		rows, err := r.Query(ctx, `SELECT id, source, detail_type, pipeline, body FROM events WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3`,
			after, end, limit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			e := &Entry{}
			if err := rows.Scan(&e.ID, &e.Source, &e.DetailType, &e.Pipeline, &e.Document); err != nil {
				return err
			}
			list = append(list, e)
		}
		return rows.Err()
	})
	return list, err
}

// end is the id of the newest event that can be read.
func (s *Service) end(ctx context.Context) (id int64, err error) {
	end, err := s.settled(ctx)
	if err != nil {
		return 0, err
	}
	err = s.store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT COALESCE(MAX(id), 0) FROM events WHERE id <= $1`, end).Scan(&id)
	})
	return id, err
}
