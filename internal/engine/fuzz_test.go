package engine

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/pipeline"
)

// FuzzEvent applies one encoded event, whatever it says, to a pipeline in the middle of things: nothing panics, the
// invariants hold and the state survives JSON.
func FuzzEvent(f *testing.F) {
	w := newWorld(rand.New(rand.NewPCG(1, 2)).IntN, 1, pipeline.Superseded)
	for range 60 {
		ev := w.next()
		if err := w.play(ev); err != nil {
			f.Fatal(err)
		}
		data, err := EncodeEvent(ev)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"name":"ExecutionRequested","event":{"id":"x","at":"2026-01-01T00:00:00Z","variables":[],"overrides":[{}]}}`))
	f.Add([]byte(`{"name":"RollbackRequested","event":{"id":"x","stage":"A","at":"9999-12-31T23:59:59Z","target":{"artifacts":[]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		ev, err := DecodeEvent(data)
		if err != nil {
			return
		}
		next, cmds := Step(w.d, w.s, ev)
		if err := invariants(w.d, next); err != nil {
			t.Fatal(err)
		}
		if err := roundTrips(next); err != nil {
			t.Fatal(err)
		}
		if again, same := Step(w.d, w.s, ev); !reflect.DeepEqual(again, next) || !reflect.DeepEqual(cmds, same) {
			t.Fatal("the same event gave two results")
		}
	})
}

// FuzzWorld lets the fuzzer choose what happens in world_test.go, so that it can steer towards new code.
func FuzzWorld(f *testing.F) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		seed := make([]byte, 600)
		for i := range seed {
			seed[i] = byte(r.IntN(256))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pick := func(n int) int {
			if len(data) == 0 {
				return 0
			}
			b := int(data[0])
			data = data[1:]
			return b % n
		}
		w := newWorld(pick, 20, pipeline.Superseded, pipeline.Queued, pipeline.Parallel)
		for len(data) > 0 && w.steps < 2000 {
			if ev := w.next(); w.play(ev) != nil {
				t.Fatalf("%#v: %v", ev, w.play(ev))
			}
		}
	})
}
