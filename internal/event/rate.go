package event

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// defaultRate is how often in a second an API destination is called that says nothing about it, as on AWS.
const defaultRate = 300

// maxRates bounds the API destinations whose rates are kept.
const maxRates = 4096

// rates bound how often this server calls each API destination. Its zero value is ready.
type rates struct {
	mu  sync.Mutex
	all map[string]*rate.Limiter // by ARN
}

// take takes one call out of what a destination may get in a second. It returns how long to wait when there is none left.
func (r *rates) take(arn string, perSecond int, now time.Time) time.Duration {
	if perSecond <= 0 {
		perSecond = defaultRate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	l := r.all[arn]
	if l == nil || l.Burst() != perSecond { // it is new, or was changed
		if r.all == nil || len(r.all) >= maxRates {
			r.all = map[string]*rate.Limiter{} // ARNs of destinations deleted long ago, mostly
		}
		l = rate.NewLimiter(rate.Limit(perSecond), perSecond)
		r.all[arn] = l
	}
	call := l.ReserveN(now, 1)
	wait := call.DelayFrom(now)
	if wait > 0 {
		call.CancelAt(now)
	}
	return wait
}
