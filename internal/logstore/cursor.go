package logstore

import (
	"context"
	"database/sql"
	"math"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// span bounds what a read is interested in.
type span struct {
	start, end int64 // event times: start <= t < end
}

func (sp span) has(e Event) bool { return e.Time >= sp.start && e.Time < sp.end }

func (sp span) overlaps(c *chunk) bool {
	return c.events > 0 && c.maxMs >= sp.start && c.minMs < sp.end
}

// allTime is the span of a read without bounds.
var allTime = span{math.MinInt64, math.MaxInt64}

// chunkReader finds a stream's chunks in the database and, newer ones, in memory.
type chunkReader struct {
	s    *Store
	id   int64
	span span
	// minKey leaves out chunks whose events all have smaller keys.
	minKey int64
}

// next reads the chunk that holds seq or, if that is gone or outside the span, the nearest one after it. It returns the
// chunk's events from seq on, or none at the end of the stream.
func (r chunkReader) next(ctx context.Context, seq int64) ([]Event, error) {
	tail := r.tail()
	memory := tailStart(tail)
	var events []Event
	err := r.s.db.Read(ctx, func(q store.Reader) error {
		row := q.QueryRow(ctx, `SELECT first_seq, events, data FROM log_chunks
			WHERE stream_id = $1 AND first_seq < $2 AND key_ms >= $6 AND max_ms >= $3 AND min_ms < $4
				AND first_seq >= COALESCE((SELECT MAX(first_seq) FROM log_chunks WHERE stream_id = $1 AND first_seq <= $5), 0)
				AND first_seq + events > $5
			ORDER BY first_seq LIMIT 1`, r.id, memory, r.span.start, r.span.end, seq,
			max(r.span.start, r.minKey))
		var err error
		events, err = r.scan(row, seq)
		return err
	})
	if err != nil || events != nil {
		return events, err
	}
	for i := range tail {
		if c := &tail[i]; c.firstSeq+c.events > seq && c.key >= r.minKey && r.span.overlaps(c) {
			return decode(c.raw, c.firstSeq, c.events, seq)
		}
	}
	return nil, nil
}

// previous reads the nearest chunk that holds events before seq.
func (r chunkReader) previous(ctx context.Context, seq int64) ([]Event, error) {
	tail := r.tail()
	for i := len(tail) - 1; i >= 0; i-- {
		if c := &tail[i]; c.firstSeq < seq && r.span.overlaps(c) {
			return decode(c.raw, c.firstSeq, c.events, c.firstSeq)
		}
	}
	memory := tailStart(tail)
	var events []Event
	err := r.s.db.Read(ctx, func(q store.Reader) error {
		row := q.QueryRow(ctx, `SELECT first_seq, events, data FROM log_chunks
			WHERE stream_id = $1 AND first_seq < $2 AND key_ms >= $3 AND max_ms >= $3 AND min_ms < $4
			ORDER BY first_seq DESC LIMIT 1`, r.id, min(memory, seq), r.span.start, r.span.end)
		var err error
		events, err = r.scan(row, 0)
		return err
	})
	return events, err
}

// tail is taken before the database is read: what leaves memory in between has reached the database before.
func (r chunkReader) tail() []chunk {
	r.s.mu.Lock()
	a := r.s.appenders[r.id]
	r.s.mu.Unlock()
	if a == nil {
		return nil
	}
	return a.tail()
}

func tailStart(tail []chunk) int64 {
	if len(tail) == 0 {
		return math.MaxInt64
	}
	return tail[0].firstSeq
}

func (r chunkReader) scan(row *sql.Row, from int64) ([]Event, error) {
	var first, count int64
	var data []byte
	switch err := row.Scan(&first, &count, &data); {
	case err == sql.ErrNoRows:
		return nil, nil
	case err != nil:
		return nil, err
	}
	return r.s.codec.unpack(data, first, count, from)
}
