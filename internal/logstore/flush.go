package logstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// markDirty tells the flusher that a has something to write, at once when urgent. The flusher runs only while there is
// work: an idle server has none.
func (s *Store) markDirty(a *appender, urgent bool) {
	s.mu.Lock()
	s.dirty[a.id] = a
	if !s.flushing {
		s.flushing = true
		s.idle = make(chan struct{})
		go s.flushLoop()
	}
	s.mu.Unlock()
	if urgent {
		s.hurry()
	}
}

func (s *Store) hurry() {
	select {
	case s.urgent <- struct{}{}:
	default:
	}
}

// flushLoop writes what is dirty until nothing is.
func (s *Store) flushLoop() {
	const maxWait = 5 * time.Second
	wait := s.delay
	for {
		s.pause(wait)
		work := s.takeDirty()
		if work == nil {
			return
		}
		if err := s.flush(context.Background(), work); err != nil {
			s.log.Error("logs cannot be written and wait in memory; their writers wait too when it fills", "error", err)
			s.putBack(work)
			wait = min(2*wait+time.Millisecond, maxWait)
			continue
		}
		wait = s.delay
		s.forgetAll(work)
	}
}

func (s *Store) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.urgent:
	}
}

// takeDirty takes all the work there is; without any it ends the flusher and returns nil.
func (s *Store) takeDirty() []*appender {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.dirty) == 0 {
		s.flushing = false
		close(s.idle)
		return nil
	}
	// Ordered by id, so that servers that share PostgreSQL never wait for each other in a circle.
	work := slices.SortedFunc(maps.Values(s.dirty), func(a, b *appender) int { return cmp.Compare(a.id, b.id) })
	clear(s.dirty)
	return work
}

func (s *Store) putBack(work []*appender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range work {
		s.dirty[a.id] = a
	}
}

func (s *Store) forgetAll(work []*appender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range work {
		s.forget(a)
	}
}

// batch is what one flush writes of one stream.
type batch struct {
	a        *appender
	writer   string
	chunks   []chunk
	sealed   int // how many of chunks are sealed
	position int64
	nextSeq  int64
	events   int64 // since the last flush
	bytes    int64
	lost     bool // another writer has the stream, or it is gone
}

// flush writes everything the appenders hold in one transaction.
func (s *Store) flush(ctx context.Context, work []*appender) error {
	var batches []*batch
	for _, a := range work {
		if b := a.batch(); b != nil {
			batches = append(batches, b)
		}
	}
	if len(batches) == 0 {
		return nil
	}
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		for _, b := range batches {
			if err := b.save(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var lost []error
	for _, b := range batches {
		if b.lost {
			lost = append(lost, b.a.reclaim(ctx))
			continue
		}
		b.a.committed(b)
	}
	return errors.Join(lost...)
}

// batch takes a copy of what is unsaved and compresses the open chunk outside the lock.
func (a *appender) batch() *batch {
	b := a.take()
	if b == nil {
		return nil
	}
	for i := range b.chunks {
		if c := &b.chunks[i]; c.packed == nil {
			c.packed = a.s.codec.pack(c.raw)
		}
	}
	return b
}

func (a *appender) take() *batch {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || a.saved == a.appended {
		return nil
	}
	b := &batch{
		a: a, writer: a.writer, sealed: len(a.sealed),
		position: a.appended, nextSeq: a.base + a.appended, events: a.appended - a.saved,
	}
	for _, c := range a.sealed {
		b.chunks = append(b.chunks, *c)
	}
	if a.open.events > a.openRow {
		b.chunks = append(b.chunks, *a.open)
	}
	b.bytes = -a.partial
	for _, c := range b.chunks {
		b.bytes += c.bytes
	}
	return b
}

// save writes one stream's part. The stream's row is changed first and only by its current writer, which fences off a
// writer on another server that has been replaced.
func (b *batch) save(ctx context.Context, tx store.Tx) error {
	first, last, key, ingest := b.chunks[0].minMs, b.chunks[0].maxMs, int64(0), int64(0)
	for _, c := range b.chunks {
		first, last, key, ingest = min(first, c.minMs), max(last, c.maxMs), c.key, max(ingest, c.ingestMs)
	}
	n, err := tx.Exec(ctx, `UPDATE log_streams SET next_seq = $1, key_ms = $2, events = events + $3, bytes = bytes + $9,
			first_ms = CASE WHEN first_ms = 0 OR first_ms > $4 THEN $4 ELSE first_ms END,
			last_ms = CASE WHEN last_ms < $5 THEN $5 ELSE last_ms END,
			ingest_ms = CASE WHEN ingest_ms < $6 THEN $6 ELSE ingest_ms END
		WHERE id = $7 AND writer = $8`, b.nextSeq, key, b.events, first, last, ingest, b.a.id, b.writer, b.bytes)
	if err != nil {
		return err
	}
	if b.lost = n == 0; b.lost {
		return nil
	}
	for _, c := range b.chunks {
		_, err := tx.Exec(ctx, `INSERT INTO log_chunks (stream_id, first_seq, events, bytes, min_ms, max_ms, key_ms, data)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (stream_id, first_seq) DO UPDATE SET events = excluded.events, bytes = excluded.bytes,
				min_ms = excluded.min_ms, max_ms = excluded.max_ms, key_ms = excluded.key_ms, data = excluded.data`,
			b.a.id, c.firstSeq, c.events, c.bytes, c.minMs, c.maxMs, c.key, c.packed)
		if err != nil {
			return err
		}
	}
	return nil
}

// committed drops from memory what a flush has made durable.
func (a *appender) committed(b *batch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	for _, c := range a.sealed[:b.sealed] {
		a.unsaved -= len(c.raw)
	}
	a.sealed = slices.Delete(a.sealed, 0, b.sealed)
	a.saved = b.position
	a.partial = 0
	if n := len(b.chunks); n > b.sealed { // the chunk that was open then, and may be sealed by now
		a.partial = b.chunks[n-1].bytes
		if b.chunks[n-1].firstSeq == a.open.firstSeq {
			a.openRow = b.chunks[n-1].events
		}
	}
	a.announce()
}

// reclaim takes a stream back that another server has written meanwhile, and appends what is unsaved after its events.
func (a *appender) reclaim(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	pending, err := a.pending()
	if err != nil {
		return err
	}
	switch err := a.claim(ctx, false); {
	case errors.Is(err, ErrNoStream):
		a.fail(err)
		return nil
	case err != nil:
		return err
	}
	a.sealed, a.unsaved, a.appended = nil, 0, a.saved
	for _, e := range pending {
		a.add(e)
		if len(a.open.raw) >= chunkTarget {
			a.seal()
		}
	}
	a.s.markDirty(a, true)
	return nil
}

// pending decodes the events that are not durable yet.
func (a *appender) pending() ([]Event, error) {
	var events []Event
	for _, c := range append(slices.Clone(a.sealed), a.open) {
		list, err := decode(c.raw, c.firstSeq, c.events, a.base+a.saved)
		if err != nil {
			return nil, err
		}
		events = append(events, list...)
	}
	return events, nil
}

// Close writes what is still in memory and refuses what comes later.
func (s *Store) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	flushing, idle := s.flushing, s.idle
	s.mu.Unlock()
	if !flushing {
		return nil
	}
	for {
		s.hurry()
		select {
		case <-idle:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond): // a flush was under way: hurry the next one too
		}
	}
}
