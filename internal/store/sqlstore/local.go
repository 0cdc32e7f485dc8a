package sqlstore

import (
	"context"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// local carries notifications inside this process: only one process uses a SQLite database.
type local struct {
	mu    sync.Mutex
	next  int
	wakes map[string]map[int]func()
}

// Listen implements store.Store.
func (l *local) Listen(ctx context.Context, channel string, wake func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wakes == nil {
		l.wakes = map[string]map[int]func(){}
	}
	if l.wakes[channel] == nil {
		l.wakes[channel] = map[int]func(){}
	}
	id := l.next
	l.next++
	l.wakes[channel][id] = wake
	context.AfterFunc(ctx, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.wakes[channel], id)
	})
}

// Notify implements store.Store.
func (l *local) Notify(_ context.Context, tx store.Tx, channel string) error {
	tx.AfterCommit(func() { l.wake(channel) })
	return nil
}

func (l *local) wake(channel string) {
	l.mu.Lock()
	wakes := make([]func(), 0, len(l.wakes[channel]))
	for _, wake := range l.wakes[channel] {
		wakes = append(wakes, wake)
	}
	l.mu.Unlock()
	for _, wake := range wakes {
		wake()
	}
}

// channels are those with a listener.
func (l *local) channels() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var names []string
	for name, wakes := range l.wakes {
		if len(wakes) > 0 {
			names = append(names, name)
		}
	}
	return names
}
