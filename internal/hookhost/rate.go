package hookhost

import (
	"sync"

	"golang.org/x/time/rate"
)

// rates bound how often each webhook is called, and how often its failures are noted.
type rates struct {
	limit rate.Limit
	burst int

	mu    sync.Mutex
	calls map[int64]*rate.Limiter
	notes map[int64]*rate.Limiter
}

// maxRates bounds the webhooks whose rates are kept: more than there can be at one time.
const maxRates = 4096

// A failure is noted once a second, after a few at once.
const (
	notesPerSecond = 1
	notesAtOnce    = 5
)

func newRates(perSecond float64, burst int) *rates {
	return &rates{limit: rate.Limit(perSecond), burst: burst, calls: map[int64]*rate.Limiter{}, notes: map[int64]*rate.Limiter{}}
}

// allow tells whether a webhook may be called once more.
func (r *rates) allow(id int64) bool { return r.take(r.calls, id, r.limit, r.burst) }

// note tells whether another of its failures may be noted.
func (r *rates) note(id int64) bool { return r.take(r.notes, id, notesPerSecond, notesAtOnce) }

func (r *rates) take(limiters map[int64]*rate.Limiter, id int64, limit rate.Limit, burst int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := limiters[id]
	if l == nil {
		if len(limiters) >= maxRates {
			clear(limiters) // ids of webhooks deleted long ago, mostly
		}
		l = rate.NewLimiter(limit, burst)
		limiters[id] = l
	}
	return l.Allow()
}
