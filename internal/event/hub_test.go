package event_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/event"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// take reads n events of a listener and returns their details and the id of the last.
func take(t *testing.T, l *event.Listener, n int) (details string, last int64) {
	t.Helper()
	var got []string
	for len(got) < n {
		list, err := l.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range list {
			_, detail, _ := strings.Cut(string(e.Document), `"detail":`)
			got = append(got, strings.TrimSuffix(detail, "}"))
			last = e.ID
			if len(got) == n {
				break
			}
		}
	}
	return strings.Join(got, " "), last
}

func (w *world) listen(after *int64, f event.Filter) *event.Listener {
	w.Helper()
	l, err := w.s.Listen(w.Context(), after, f)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(l.Close)
	return l
}

func TestListenersFollowAndResume(t *testing.T) {
	each(t, func(w *world) {
		w.publish("0")
		l := w.listen(nil, event.Filter{Sources: []string{"test"}, Pipelines: []string{"p", "q"}})
		other := w.listen(nil, event.Filter{DetailTypes: []string{"Other"}})
		w.publish("1", "2")
		w.publish("3")
		got, last := take(t, l, 2)
		if got != "1 2" {
			t.Error(got)
		}
		l.Close()
		w.publish("4")
		again := w.listen(&last, event.Filter{})
		if got, _ := take(t, again, 2); got != "3 4" {
			t.Error(got)
		}
		err := w.st.InTx(t.Context(), func(tx store.Tx) error {
			return w.s.Publish(t.Context(), tx, event.Event{Source: "x", DetailType: "Other", Detail: 5})
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := take(t, other, 1); got != "5" {
			t.Error(got)
		}
	})
}

// A listener that is far behind catches up from the log, in order and without a gap.
func TestASlowListenerMissesNothing(t *testing.T) {
	each(t, func(w *world) {
		slow := w.listen(nil, event.Filter{})
		fast := w.listen(nil, event.Filter{})
		const all, batch = 5000, 500
		for i := 0; i < all; i += batch {
			details := make([]string, batch)
			for k := range details {
				details[k] = fmt.Sprint(i + k)
			}
			w.publish(details...)
			if got, _ := take(t, fast, batch); got != strings.Join(details, " ") {
				t.Fatalf("the fast one got %s", got)
			}
		}
		n := 0
		for n < all {
			list, err := slow.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if want := fmt.Sprintf(`"detail":%d}`, n); !strings.HasSuffix(string(e.Document), want) {
					t.Fatalf("%s, want %s", e.Document, want)
				}
				n++
			}
		}
	})
}

// Whatever the order in which transactions commit, on one server or two, a listener sees every event exactly once.
func TestConcurrentPublishers(t *testing.T) {
	sqltest.EachDSN(t, func(t *testing.T, dsn string) {
		st := sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off", Connections: 5})
		w := newWorld(t, st)
		publishers := []*world{w}
		if st.Dialect() == store.Postgres {
			publishers = append(publishers, newWorld(t, sqltest.Open(t, dsn, sqlstore.Options{Synchronous: "off", Connections: 5})))
		}
		l := w.listen(nil, event.Filter{})
		const each = 50
		var wg sync.WaitGroup
		for p := range 4 {
			wg.Go(func() {
				from := publishers[p%len(publishers)]
				for i := range each {
					err := from.st.InTx(context.Background(), func(tx store.Tx) error {
						return from.s.Publish(context.Background(), tx, event.Event{Source: "test", Detail: p*each + i})
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		got, _ := take(t, l, 4*each)
		wg.Wait()
		seen := map[string]bool{}
		for _, d := range strings.Fields(got) {
			if seen[d] {
				t.Errorf("%s came twice", d)
			}
			seen[d] = true
		}
	})
}
