package event

import (
	"context"
	"sort"
	"sync"
	"time"
)

const (
	// ringSize is how many of the newest events are kept in memory for those who listen.
	ringSize = 4096
	// page is how many events are read at once.
	page = 500
	// pollInterval is how often the log is looked at though nobody told of anything: news of other servers may get lost.
	pollInterval = time.Second
)

// hub reads the log once for all listeners of this process. It runs only while somebody listens. Listeners share what it
// has read; one that is too slow for that reads the log itself and never holds up the others.
type hub struct {
	s    *Service
	news chan struct{} // the log may have grown

	mu        sync.Mutex
	listeners int
	stop      context.CancelFunc
	ring      []*Entry // the newest, in order; it follows on head
	head      int64    // the newest id that is neither in the ring nor to come
	known     bool     // head has been read
	grown     chan struct{}
}

func newHub(s *Service) *hub {
	return &hub{s: s, news: make(chan struct{}, 1), grown: make(chan struct{})}
}

// wake tells the hub that this process, or another, has published something.
func (h *hub) wake() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

func (h *hub) join() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners++; h.listeners > 1 {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.known, h.ring = cancel, false, nil
	h.s.store.Listen(ctx, logChannel, h.wake)
	go h.run(ctx)
}

func (h *hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.listeners--; h.listeners == 0 {
		h.stop()
	}
}

func (h *hub) run(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	var at int64
	known := false
	for {
		var err error
		if !known {
			at, err = h.s.end(ctx)
			if known = err == nil; known {
				h.begin(ctx, at)
			}
		}
		for more := known; more && err == nil; {
			var list []*Entry
			if list, err = h.s.readLog(ctx, at, page); len(list) > 0 {
				at = list[len(list)-1].ID
				h.add(ctx, list)
			}
			more = len(list) == page
		}
		if err != nil && ctx.Err() == nil {
			h.s.log.WarnContext(ctx, "the log of events could not be read for its listeners; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-h.news:
		case <-ticker.C:
		}
	}
}

func (h *hub) begin(ctx context.Context, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() == nil { // else another run has begun
		h.head, h.known, h.ring = at, true, nil
		h.tell()
	}
}

func (h *hub) add(ctx context.Context, list []*Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	h.ring = append(h.ring, list...)
	if extra := len(h.ring) - ringSize; extra > 0 {
		h.head = h.ring[extra-1].ID
		h.ring = append(make([]*Entry, 0, 2*ringSize), h.ring[extra:]...)
	}
	h.tell()
}

// tell wakes all listeners. The caller holds the lock.
func (h *hub) tell() {
	close(h.grown)
	h.grown = make(chan struct{})
}

// after is what follows an id. missed: some of it is not in memory any more. grown is closed when there is more.
func (h *hub) after(id int64) (list []*Entry, missed bool, grown <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.known {
		return nil, false, h.grown
	}
	if id < h.head {
		return nil, true, h.grown
	}
	i := sort.Search(len(h.ring), func(i int) bool { return h.ring[i].ID > id })
	return h.ring[i:len(h.ring):len(h.ring)], false, h.grown
}

// Filter chooses events; what is empty chooses all.
type Filter struct{ Sources, DetailTypes, Pipelines []string }

func (f Filter) wants(e *Entry) bool {
	return has(f.Sources, e.Source) && has(f.DetailTypes, e.DetailType) && has(f.Pipelines, e.Pipeline)
}

func has(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return len(list) == 0
}

// Listener follows the log. It belongs to one goroutine.
type Listener struct {
	s      *Service
	filter Filter
	at     int64
	closed bool
}

// Listen follows the log from behind the event with an id, or from its end. When that event was pruned, what is left of the
// log follows. Close the listener.
func (s *Service) Listen(ctx context.Context, after *int64, f Filter) (*Listener, error) {
	l := &Listener{s: s, filter: f}
	var err error
	if after != nil {
		l.at = *after
	} else if l.at, err = s.end(ctx); err != nil {
		return nil, err
	}
	s.hub.join()
	return l, nil
}

// Next waits for events and returns them in order. It returns none when ctx ends, and perhaps when all that came was for
// others.
func (l *Listener) Next(ctx context.Context) ([]*Entry, error) {
	for {
		list, missed, grown := l.s.hub.after(l.at)
		if missed {
			var err error
			if list, err = l.s.readLog(ctx, l.at, page); err != nil {
				if ctx.Err() != nil {
					return nil, nil
				}
				return nil, err
			}
		}
		if len(list) > 0 {
			l.at = list[len(list)-1].ID
			if list = l.choose(list); len(list) > 0 {
				return list, nil
			}
			continue
		}
		if missed { // what it missed is not settled yet, or was pruned
			select {
			case <-ctx.Done():
				return nil, nil
			case <-time.After(pollInterval):
				continue
			}
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-grown:
		}
	}
}

func (l *Listener) choose(list []*Entry) []*Entry {
	var chosen []*Entry
	for _, e := range list {
		if l.filter.wants(e) {
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// Close ends the listener.
func (l *Listener) Close() {
	if !l.closed {
		l.closed = true
		l.s.hub.leave()
	}
}
