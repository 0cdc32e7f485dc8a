package logstore

import (
	"container/heap"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// ErrToken reports a token that no Filter returned.
var ErrToken = errors.New("invalid token")

// FilterOptions choose events across the streams of a group.
type FilterOptions struct {
	Streams      []string // only these; unknown ones are ErrNoStream
	StreamPrefix string   // only streams whose name begins so
	Start, End   int64    // event times in milliseconds, Start <= t < End; 0 is no bound
	Pattern      Pattern
	Limit        int    // 0: as many as fit a page
	Token        string // from the page before, with the same other options
}

// StreamEvent is an event and where it comes from.
type StreamEvent struct {
	Event
	Stream string
	ID     string // unique and ascending in the order of Filter
}

// FilterPage is a run of matching events of several streams, merged by time. A page may hold no event and yet have a
// Token: much was searched and nothing found so far.
type FilterPage struct {
	Events []StreamEvent
	Token  string // empty at the end
}

// Filter searches a group. ErrNoGroup, ErrNoStream, ErrToken.
func (s *Store) Filter(ctx context.Context, group string, o FilterOptions) (FilterPage, error) {
	after, err := parsePosition(o.Token)
	if err != nil {
		return FilterPage{}, err
	}
	sp := bounds(o.Start, o.End)
	streams, err := s.candidates(ctx, group, o)
	if err != nil {
		return FilterPage{}, err
	}
	var m merge
	for _, st := range streams {
		if st.nextSeq+st.Events == 0 || st.Last < sp.start || st.First >= sp.end {
			continue
		}
		m = append(m, newCursor(chunkReader{s: s, id: st.id, span: sp}, st.Name, st.First, after))
	}
	heap.Init(&m)
	return m.page(ctx, o, after)
}

// candidates lists the streams a Filter looks at, with times that include what is still in memory.
func (s *Store) candidates(ctx context.Context, group string, o FilterOptions) ([]Stream, error) {
	var streams []Stream
	err := s.db.Read(ctx, func(r store.Reader) error {
		streams = nil
		g, err := groupByName(ctx, r, group)
		if err != nil {
			return err
		}
		if len(o.Streams) > 0 {
			for _, name := range o.Streams {
				st, err := streamByName(ctx, r, group, name)
				if err != nil {
					return err
				}
				streams = append(streams, st)
			}
			return nil
		}
		rows, err := r.Query(ctx, `SELECT `+streamColumns+` FROM log_streams s WHERE s.group_id = $1`, g.id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			st, err := scanStream(rows.Scan, group)
			if err != nil {
				return err
			}
			if strings.HasPrefix(st.Name, o.StreamPrefix) {
				streams = append(streams, st)
			}
		}
		return rows.Err()
	})
	for i := range streams {
		s.addUnsaved(&streams[i])
	}
	return streams, err
}

// position orders all events of a group: by key, then stream, then place in the stream.
type position struct{ key, stream, seq int64 }

func (p position) less(q position) bool {
	if p.key != q.key {
		return p.key < q.key
	}
	if p.stream != q.stream {
		return p.stream < q.stream
	}
	return p.seq < q.seq
}

func (p position) String() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "1/%d/%d/%d", p.key, p.stream, p.seq))
}

func parsePosition(token string) (p position, err error) {
	if token == "" {
		return position{key: math.MinInt64, stream: -1}, nil
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return p, ErrToken
	}
	if n, err := fmt.Sscanf(string(text), "1/%d/%d/%d", &p.key, &p.stream, &p.seq); n != 3 || err != nil {
		return p, ErrToken
	}
	return p, nil
}

// cursor walks one stream. Until it is loaded, its position is only a lower bound: streams are not read before their
// time comes.
type cursor struct {
	chunkReader
	stream string
	at     position
	events []Event
	loaded bool
	seq    int64 // the first event of interest
}

// newCursor starts a stream at the first event after a position of the whole group.
func newCursor(r chunkReader, stream string, first int64, after position) *cursor {
	c := &cursor{chunkReader: r, stream: stream}
	c.minKey = after.key
	switch {
	case r.id == after.stream:
		c.seq = after.seq + 1
	case r.id < after.stream:
		c.minKey = after.key + 1
	}
	c.at = position{max(first, r.span.start, c.minKey), r.id, c.seq}
	return c
}

// load makes the cursor's position exact. It reports false at the end of the stream.
func (c *cursor) load(ctx context.Context) (bool, error) {
	for {
		for ; len(c.events) > 0; c.events = c.events[1:] {
			e := c.events[0]
			if c.span.has(e) && e.Key >= c.minKey && e.Seq >= c.seq {
				c.at, c.loaded = position{e.Key, c.id, e.Seq}, true
				return true, nil
			}
			c.seq = max(c.seq, e.Seq+1)
		}
		events, err := c.next(ctx, c.seq)
		if err != nil || len(events) == 0 {
			return false, err
		}
		c.events = events
	}
}

// step leaves the event the cursor is at.
func (c *cursor) step() {
	c.seq = c.events[0].Seq + 1
	c.events, c.loaded = c.events[1:], false
}

// merge is a heap of cursors.
type merge []*cursor

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return m[i].at.less(m[j].at) }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }

// Push and Pop are heap.Interface.
func (m *merge) Push(x any) { *m = append(*m, x.(*cursor)) }

// Pop removes the last cursor.
func (m *merge) Pop() any {
	old := *m
	c := old[len(old)-1]
	*m = old[:len(old)-1]
	return c
}

// page takes events in order until the page is full or enough has been searched.
func (m *merge) page(ctx context.Context, o FilterOptions, after position) (FilterPage, error) {
	var p FilterPage
	left := newRoom(o.Limit)
	for m.Len() > 0 {
		c := (*m)[0]
		if !c.loaded {
			more, err := c.load(ctx)
			if err != nil {
				return p, err
			}
			if more {
				heap.Fix(m, 0)
			} else {
				heap.Pop(m)
			}
			continue
		}
		e := c.events[0]
		if o.Pattern.Match(e.Message) {
			if !left.take(e, len(p.Events) == 0) {
				p.Token = after.String()
				return p, nil
			}
			id := fmt.Sprintf("%020d%018d%018d", e.Key, c.id, e.Seq)
			p.Events = append(p.Events, StreamEvent{e, c.stream, id})
		}
		after = c.at
		c.step()
		if !left.scanned(e) {
			p.Token = after.String()
			return p, nil
		}
	}
	return p, nil
}
