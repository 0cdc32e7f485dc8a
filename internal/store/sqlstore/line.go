package sqlstore

import (
	"container/list"
	"context"
	"sync"
)

// line lets callers have the turn one at a time, in the order they came. The zero value is ready to use.
type line struct {
	mu      sync.Mutex
	taken   bool
	waiting list.List // of chan struct{}, closed when it is that caller's turn
}

// enter waits for the turn. Whoever got it passes it on, or leaves.
func (l *line) enter(ctx context.Context) error {
	l.mu.Lock()
	if !l.taken {
		l.taken = true
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	place := l.waiting.PushBack(turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-turn: // both happened: the turn cannot be refused
		return nil
	default:
		l.waiting.Remove(place)
		return ctx.Err()
	}
}

// pass gives the turn to the next caller. When nobody waits it returns false, and the turn stays with who has it.
func (l *line) pass() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next()
}

// leave ends a turn.
func (l *line) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = l.next()
}

func (l *line) next() bool {
	first := l.waiting.Front()
	if first == nil {
		return false
	}
	close(l.waiting.Remove(first).(chan struct{}))
	return true
}
