package flow

import (
	"context"
	"sync"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Change is one committed step of a pipeline.
type Change struct {
	Pipeline      string
	Seq           int64
	Announcements []engine.Announce
}

// Subscribe delivers the changes of a pipeline ("" for all) that this process commits, until ctx ends; then the channel
// is closed. It is for live views: a reader that falls behind misses changes (Seq shows the gap) and never slows the
// belt, and what other servers commit is not seen. So pair it with a slow poll of the state.
func (s *Service) Subscribe(ctx context.Context, name string) <-chan Change {
	ch := make(chan Change, 64)
	s.watchers.add(ch, name)
	context.AfterFunc(ctx, func() { s.watchers.remove(ch) })
	return ch
}

type watchers struct {
	mu   sync.Mutex
	subs map[chan Change]string
}

func newWatchers() *watchers { return &watchers{subs: map[chan Change]string{}} }

func (w *watchers) add(ch chan Change, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.subs[ch] = name
}

func (w *watchers) remove(ch chan Change) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.subs, ch)
	close(ch)
}

// announce hands c to the subscribers once tx is durable.
func (w *watchers) announce(tx store.Tx, c Change) {
	tx.AfterCommit(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for ch, name := range w.subs {
			if name != "" && name != c.Pipeline {
				continue
			}
			select {
			case ch <- c:
			default:
			}
		}
	})
}
