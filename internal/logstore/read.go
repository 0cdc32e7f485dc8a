package logstore

import (
	"context"
	"math"
	"slices"
)

// Bounds of one page, as CloudWatch Logs has them.
const (
	MaxPageEvents = 10_000
	maxPageBytes  = 1 << 20
	eventOverhead = 26 // what CloudWatch Logs counts for an event beside its message
	// maxScan bounds how much one call reads while it finds nothing.
	maxScan = 64 << 20
)

// GetOptions choose a page of a stream.
type GetOptions struct {
	Start, End int64 // event times in milliseconds, Start <= t < End; 0 is no bound
	Limit      int   // 0: as many as fit a page (10,000 events, 1 MiB)
	// From is a position: the page begins there, or with Backward ends just before it. Positions come from a Page; 0 is
	// the stream's beginning and End its end.
	From     int64
	Backward bool
}

// End is the position after all events.
const End = math.MaxInt64

// Page is a run of events in stream order. Going on forward from Next, or backward from Prev, neither repeats nor misses
// an event.
type Page struct {
	Events     []Event
	Prev, Next int64
}

// Get reads a page of one stream. ErrNoGroup, ErrNoStream.
func (s *Store) Get(ctx context.Context, group, stream string, o GetOptions) (Page, error) {
	st, err := s.StreamByName(ctx, group, stream)
	if err != nil {
		return Page{}, err
	}
	r := chunkReader{s: s, id: st.id, span: bounds(o.Start, o.End), minKey: math.MinInt64}
	if o.Backward {
		return r.backward(ctx, o)
	}
	return r.forward(ctx, o)
}

func bounds(start, end int64) span {
	sp := allTime
	if start != 0 {
		sp.start = start
	}
	if end != 0 {
		sp.end = end
	}
	return sp
}

// room counts what still fits a page.
type room struct{ events, bytes, scan int }

func newRoom(limit int) room {
	if limit <= 0 || limit > MaxPageEvents {
		limit = MaxPageEvents
	}
	return room{limit, maxPageBytes, maxScan}
}

// take reports whether e still fits. The first event always does.
func (r *room) take(e Event, first bool) bool {
	size := len(e.Message) + eventOverhead
	if r.events == 0 || (r.bytes < size && !first) {
		return false
	}
	r.events--
	r.bytes -= size
	return true
}

// scanned counts work done on events whether or not they are wanted.
func (r *room) scanned(e Event) bool {
	r.scan -= len(e.Message) + eventOverhead
	return r.scan > 0
}

func (r chunkReader) forward(ctx context.Context, o GetOptions) (Page, error) {
	if o.From == End {
		return Page{Prev: End, Next: End}, nil
	}
	left := newRoom(o.Limit)
	p := Page{Prev: o.From, Next: o.From}
	for {
		events, err := r.next(ctx, p.Next)
		if err != nil || len(events) == 0 {
			return p, err
		}
		for _, e := range events {
			if e.Seq < p.Next {
				continue
			}
			if r.span.has(e) {
				if !left.take(e, len(p.Events) == 0) {
					return p, nil
				}
				if len(p.Events) == 0 {
					p.Prev = e.Seq
				}
				p.Events = append(p.Events, e)
			}
			p.Next = e.Seq + 1
			if !left.scanned(e) {
				return p, nil
			}
		}
	}
}

func (r chunkReader) backward(ctx context.Context, o GetOptions) (Page, error) {
	left := newRoom(o.Limit)
	p := Page{Prev: o.From, Next: o.From}
	for first := true; ; first = false {
		events, err := r.previous(ctx, p.Prev)
		if err != nil || len(events) == 0 {
			if p.Next == End { // an empty stream: what comes next is its first event
				p.Prev, p.Next = 0, 0
			}
			return r.page(p), err
		}
		if first && p.Next == End {
			p.Next = events[len(events)-1].Seq + 1
			p.Prev = p.Next
		}
		for _, e := range slices.Backward(events) {
			if e.Seq >= p.Prev {
				continue
			}
			if r.span.has(e) {
				if !left.take(e, len(p.Events) == 0) {
					return r.page(p), nil
				}
				p.Events = append(p.Events, e)
			}
			p.Prev = e.Seq
			if !left.scanned(e) {
				return r.page(p), nil
			}
		}
	}
}

// page turns what was gathered backward into stream order.
func (chunkReader) page(p Page) Page {
	slices.Reverse(p.Events)
	return p
}
