package engine

import (
	"flag"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var soak = flag.Duration("soak", time.Second, "how long TestSoak plays random events")

// TestProperties plays random events and checks, after every one, the invariants of invariants_test.go and
// history_test.go; then that a replay of the events gives the same state, and that every execution comes to an end.
func TestProperties(t *testing.T) {
	for name, modes := range map[string][]pipeline.ExecutionMode{
		"superseded": {pipeline.Superseded}, "queued": {pipeline.Queued}, "parallel": {pipeline.Parallel},
		"changing": {pipeline.Superseded, pipeline.Queued, pipeline.Parallel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) { playRandomly(t, modes) })
		})
	}
}

func playRandomly(t *rapid.T, modes []pipeline.ExecutionMode) {
	w := newWorld(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }, 3, modes...)
	for range rapid.IntRange(1, 60).Draw(t, "events") {
		ev := w.next()
		if err := w.play(ev); err != nil {
			t.Fatalf("after %d events, %#v: %v\n%s", w.steps, ev, err, head(mustJSON(w.s), 3000))
		}
	}
	if err := w.drain(); err != nil {
		t.Fatalf("while draining: %v\n%s", err, head(mustJSON(w.s), 3000))
	}
	var again State
	for _, l := range w.log {
		again, _ = Step(l.d, again, l.ev)
	}
	if !reflect.DeepEqual(again, w.s) {
		t.Fatalf("the replayed log gives another state:\n%s\n%s", mustJSON(again), head(mustJSON(w.s), 3000))
	}
	if err := w.play(PipelineDeleted{At: w.now, By: "x"}); err != nil {
		t.Fatalf("deleting: %v", err)
	}
}

// TestSoak plays one pipeline per mode for as long as -soak says: the state must not grow.
func TestSoak(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	total, end := 0, time.Now().Add(*soak)
	for time.Now().Before(end) {
		modes := [][]pipeline.ExecutionMode{
			{pipeline.Superseded},
			{pipeline.Superseded},
			{pipeline.Queued},
			{pipeline.Parallel},
			{pipeline.Superseded, pipeline.Queued, pipeline.Parallel},
		}[r.IntN(5)]
		w := newWorld(r.IntN, 50, modes...)
		for range 20000 {
			ev := w.next()
			if err := w.play(ev); err != nil {
				t.Fatalf("seed %d, after %d events, %#v: %v\n%s", seed, w.steps, ev, err, head(mustJSON(w.s), 3000))
			}
		}
		if err := w.drain(); err != nil {
			t.Fatalf("seed %d, draining: %v", seed, err)
		}
		total += w.steps
	}
	t.Logf("%d random events", total)
}
