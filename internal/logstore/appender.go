package logstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// streamName identifies a stream to those who wait for its events.
type streamName struct{ group, stream string }

// appender gathers one stream's events in this process. There is one for each stream that is being written here; all
// writers of the stream share it.
type appender struct {
	s    *Store
	id   int64
	name streamName
	refs int // guarded by s.mu

	mu       sync.Mutex
	writer   string // the claim: another server that opens the stream replaces it
	base     int64  // sequence number of the first event appended here
	appended int64  // events appended here
	saved    int64  // how many of them are durable
	sealed   []*chunk
	open     *chunk
	openRow  int64 // events of open that are in the database
	partial  int64 // message bytes of the oldest unsaved chunk that are in the database
	unsaved  int   // bytes of sealed chunks
	flushed  chan struct{}
	err      error // the stream is gone

	minMs, maxMs, ingestMs int64
}

// acquire finds or makes the appender of a stream; a stream that is missing is made when create is true. release must follow.
func (s *Store) acquire(ctx context.Context, group, stream string, create bool) (*appender, error) {
	s.openMu.Lock()
	defer s.openMu.Unlock()
	st, err := s.StreamByName(ctx, group, stream)
	create = create && errors.Is(err, ErrNoStream)
	if err != nil && !create {
		return nil, err
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	if a := s.appenders[st.id]; a != nil && !create {
		a.refs++
		s.mu.Unlock()
		return a, nil
	}
	s.mu.Unlock()

	a := &appender{s: s, id: st.id, name: streamName{group, stream}, refs: 1, flushed: make(chan struct{})}
	if err := a.claim(ctx, create); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appenders[a.id] = a
	return a, nil
}

// claim makes this process the stream's writer and continues after its last event. With create it makes the stream first,
// in the same transaction.
func (a *appender) claim(ctx context.Context, create bool) error {
	writer := uuid.NewString()
	var next, key int64
	err := a.s.db.InTx(ctx, func(tx store.Tx) error {
		if create {
			if _, err := a.s.makeStream(ctx, tx, a.name.group, a.name.stream); err != nil {
				return err
			}
			st, err := streamByName(ctx, tx, a.name.group, a.name.stream)
			if err != nil {
				return err
			}
			a.id = st.id
		}
		n, err := tx.Exec(ctx, `UPDATE log_streams SET writer = $1 WHERE id = $2`, writer, a.id)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: %s in %s", ErrNoStream, a.name.stream, a.name.group)
		}
		return tx.QueryRow(ctx, `SELECT next_seq, key_ms FROM log_streams WHERE id = $1`, a.id).Scan(&next, &key)
	})
	if err != nil {
		return err
	}
	a.writer, a.base = writer, next-a.saved
	a.open, a.openRow, a.partial = newChunk(next, key), 0, 0
	return nil
}

// release gives an appender back. What it holds is still flushed.
func (s *Store) release(a *appender) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.refs--
	s.forget(a)
}

// forget drops an appender that nobody uses and that holds nothing. The flusher may still hold one that was dropped
// before; its successor must stay, or readers would not see what it has in memory. s.mu is held.
func (s *Store) forget(a *appender) {
	if a.refs > 0 || s.dirty[a.id] != nil || s.appenders[a.id] != a {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil || a.saved == a.appended {
		delete(s.appenders, a.id)
	}
}

// append adds events in order and returns how many have been appended here in all, for sync. It waits while too much is
// unsaved.
func (a *appender) append(ctx context.Context, events []Event) (int64, error) {
	if err := a.admit(ctx); err != nil {
		return 0, err
	}
	for _, e := range events {
		a.add(e)
		if len(a.open.raw) >= chunkTarget {
			a.seal()
		}
	}
	position, much := a.appended, a.unsaved >= maxUnsaved/2
	a.mu.Unlock()
	a.s.markDirty(a, much)
	a.s.wake(a.name)
	return position, nil
}

// appendLines adds the lines of a text as events of one time. It waits while too much is unsaved.
func (a *appender) appendLines(ctx context.Context, at, ingestion int64, text []byte) error {
	for len(text) > 0 {
		if err := a.admit(ctx); err != nil {
			return err
		}
		a.note(at, ingestion)
		before := a.open.events
		text = a.open.addLines(at, ingestion, text)
		a.appended += a.open.events - before
		if len(a.open.raw) >= chunkTarget {
			a.seal()
		}
		much := a.unsaved >= maxUnsaved/2
		a.mu.Unlock()
		a.s.markDirty(a, much)
		a.s.wake(a.name)
	}
	return nil
}

// admit waits until there is room and returns with a.mu held, or with an error.
func (a *appender) admit(ctx context.Context) error {
	for {
		a.mu.Lock()
		if a.err != nil {
			defer a.mu.Unlock()
			return a.err
		}
		if a.unsaved < maxUnsaved {
			return nil
		}
		flushed := a.flushed
		a.mu.Unlock()
		a.s.markDirty(a, true)
		select {
		case <-flushed:
		case <-ctx.Done():
			return fmt.Errorf("append to log stream %s: %w", a.name.stream, context.Cause(ctx))
		}
	}
}

func (a *appender) add(e Event) {
	a.note(e.Time, e.Ingestion)
	a.open.add(e)
	a.appended++
}

// note widens the span of what is appended here. a.appended does not count the event yet.
func (a *appender) note(at, ingestion int64) {
	if a.appended == 0 {
		a.minMs, a.maxMs = at, at
	}
	a.minMs, a.maxMs, a.ingestMs = min(a.minMs, at), max(a.maxMs, at), max(a.ingestMs, ingestion)
}

// seal ends the open chunk. Compressing it here lets streams compress side by side.
func (a *appender) seal() {
	c := a.open
	c.packed = a.s.codec.pack(c.raw)
	a.sealed = append(a.sealed, c)
	a.unsaved += len(c.raw)
	a.open, a.openRow = newChunk(c.firstSeq+c.events, c.key), 0
	a.open.raw = slices.Grow(a.open.raw, len(c.raw)) // a stream that filled one chunk is likely to fill the next
}

// sync waits until everything up to a position that append returned is durable.
func (a *appender) sync(ctx context.Context, position int64) error {
	for {
		a.mu.Lock()
		err, done, flushed := a.err, a.saved >= position, a.flushed
		a.mu.Unlock()
		if err != nil || done {
			return err
		}
		a.s.markDirty(a, true)
		select {
		case <-flushed:
		case <-ctx.Done():
			return fmt.Errorf("write log stream %s: %w", a.name.stream, context.Cause(ctx))
		}
	}
}

// tail is what readers must take from memory: every chunk that the database may not hold completely.
func (a *appender) tail() []chunk {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return nil
	}
	chunks := make([]chunk, 0, len(a.sealed)+1)
	for _, c := range a.sealed {
		chunks = append(chunks, *c)
	}
	return append(chunks, *a.open)
}

// fail ends the appender: its stream was deleted.
func (a *appender) fail(err error) {
	a.err = err
	a.sealed, a.open, a.unsaved = nil, newChunk(0, 0), 0
	a.announce()
}

// announce wakes those who wait for a flush. a.mu is held.
func (a *appender) announce() {
	close(a.flushed)
	a.flushed = make(chan struct{})
}
