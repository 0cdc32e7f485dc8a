package engine

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

var events = flag.Int("events", soakEvents(), "how many random events TestSoak plays")

func soakEvents() int {
	if raceDetector {
		return 10_000
	}
	return 40_000
}

// TestProperties plays random events and checks, after every one, the invariants of invariants_test.go and
// history_test.go; that a server which crashed and replayed its log is where it was; then that every execution comes to an
// end, and that a deleted pipeline is quiet.
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
	w.rigour = 20 // what follows is long and ordinary
	if err := w.drain(); err != nil {
		t.Fatalf("while draining: %v\n%s", err, head(mustJSON(w.s), 3000))
	}
	if err := w.remove(); err != nil {
		t.Fatalf("deleting: %v", err)
	}
}

// TestSoak plays pipelines of every mode until there were as many events as -events says, each from its creation to its
// deletion: the state must not grow.
func TestSoak(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 1))
	total, rigour := 0, 50
	if *events > 1_000_000 {
		rigour = 500 // a long run is for rare sequences of events, not for JSON
	}
	for total < *events {
		modes := [][]pipeline.ExecutionMode{
			{pipeline.Superseded},
			{pipeline.Queued},
			{pipeline.Parallel},
			{pipeline.Superseded, pipeline.Queued, pipeline.Parallel},
		}[r.IntN(4)]
		w := newWorld(r.IntN, rigour, modes...)
		for range min(20000, *events) {
			ev := w.next()
			if err := w.play(ev); err != nil {
				t.Fatalf("seed %d, after %d events, %#v: %v\n%s", seed, w.steps, ev, err, head(mustJSON(w.s), 3000))
			}
		}
		if err := w.drain(); err != nil {
			t.Fatalf("seed %d, draining: %v", seed, err)
		}
		if err := w.remove(); err != nil {
			t.Fatalf("seed %d, deleting: %v", seed, err)
		}
		total += w.steps
	}
	t.Logf("%d random events", total)
}
