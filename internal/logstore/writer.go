package logstore

import (
	"bytes"
	"context"
	"fmt"
	"sync"
)

// Append adds events to a stream and returns when they are durable. Events keep the order given; Ingestion is set here.
// ErrNoGroup, ErrNoStream.
func (s *Store) Append(ctx context.Context, group, stream string, events []Event) error {
	a, err := s.acquire(ctx, group, stream, false)
	if err != nil {
		return err
	}
	defer s.release(a)
	now := s.now().UnixMilli()
	stamped := make([]Event, len(events))
	for i, e := range events {
		if len(e.Message) > MaxMessage {
			return fmt.Errorf("log event %d is longer than %d bytes", i, MaxMessage)
		}
		stamped[i] = Event{Time: e.Time, Ingestion: now, Message: e.Message}
	}
	position, err := a.append(ctx, stamped)
	if err != nil {
		return err
	}
	return a.sync(ctx, position)
}

// Writer writes a running program's output to a stream, one event a line. It may be used from many goroutines; each
// Write is kept together.
type Writer struct {
	s      *Store
	a      *appender
	ctx    context.Context
	mu     sync.Mutex
	part   []byte // a line whose end has not come yet
	last   int64  // time of the last event: never goes back
	closed bool
}

// Writer opens a stream for writing, making it (and the group) if need be, and continues after what it holds already.
// ctx bounds the waiting of all its Writes; it does not end the writer. Close must be called.
func (s *Store) Writer(ctx context.Context, group, stream string) (*Writer, error) {
	if err := s.EnsureGroup(ctx, group); err != nil {
		return nil, err
	}
	a, err := s.acquire(ctx, group, stream, true)
	if err != nil {
		return nil, err
	}
	return &Writer{s: s, a: a, ctx: ctx}, nil
}

// Write adds the lines of p. A line's message ends with its newline, as in CodeBuild's logs, so that clients that print
// messages one after the other print lines. An unfinished line waits for its end (see Flush). Write is fast: lines are
// durable within Options.Delay. It waits only when the disk cannot keep up, and fails when ctx ends meanwhile or the
// stream was deleted.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return 0, ErrClosed
	}
	n := len(p)
	if end := bytes.IndexByte(p, '\n') + 1; end > 0 && len(w.part) > 0 {
		if err := w.emit(append(w.part, p[:end]...)); err != nil {
			return 0, err
		}
		w.part, p = w.part[:0], p[end:]
	}
	if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
		if err := w.emit(p[:end]); err != nil {
			return 0, err
		}
		p = p[end:]
	}
	w.part = append(w.part, p...)
	for len(w.part) > MaxMessage {
		if err := w.emit(w.part[:MaxMessage]); err != nil {
			return 0, err
		}
		w.part = append(w.part[:0], w.part[MaxMessage:]...)
	}
	return n, nil
}

// Flush adds the unfinished line, if there is one, as an event of its own.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) == 0 || w.closed {
		return nil
	}
	err := w.emit(w.part)
	w.part = w.part[:0]
	return err
}

// emit appends text line by line; only its last line may lack an end. w.mu is held.
func (w *Writer) emit(text []byte) error {
	now := w.s.now().UnixMilli()
	w.last = max(w.last, now)
	return w.a.appendLines(w.ctx, w.last, now, text)
}

// Sync returns when all complete lines written so far are durable.
func (w *Writer) Sync(ctx context.Context) error {
	w.a.mu.Lock()
	position := w.a.appended
	w.a.mu.Unlock()
	return w.a.sync(ctx, position)
}

// Close adds an unfinished line and returns when everything is durable. A second Close does nothing.
func (w *Writer) Close(ctx context.Context) error {
	flushErr := w.Flush()
	w.mu.Lock()
	closed := w.closed
	w.closed = true
	w.mu.Unlock()
	if closed {
		return nil
	}
	defer w.s.release(w.a)
	if err := w.Sync(ctx); err != nil {
		return err
	}
	return flushErr
}
