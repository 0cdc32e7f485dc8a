package logstore

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestChunkProperty(t *testing.T) {
	c, err := newCodec()
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		first, key := rapid.Int64Range(0, 1<<40).Draw(t, "first"), rapid.Int64().Draw(t, "key")/4
		ch := newChunk(first, key)
		var want []Event
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			e := Event{
				Time: rapid.Int64().Draw(t, "time") / 4, Ingestion: rapid.Int64().Draw(t, "ingestion") / 4,
				Message: rapid.String().Draw(t, "message"), Seq: first + int64(len(want)),
			}
			key = max(key, e.Time)
			e.Key = key
			ch.add(e)
			want = append(want, e)
		}
		from := first + rapid.Int64Range(-3, int64(len(want))+3).Draw(t, "from")
		got, err := c.unpack(c.pack(ch.raw), first, ch.events, from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range want {
			if e.Seq < from {
				continue
			}
			if len(got) == 0 || got[0] != e {
				t.Fatalf("%+v is missing in %+v", e, got)
			}
			got = got[1:]
		}
		if len(got) > 0 || ch.key != key {
			t.Fatalf("too much: %+v; key %d, want %d", got, ch.key, key)
		}
	})
}

// A damaged row of the database is an error, never a crash or endless memory.
func FuzzDecode(f *testing.F) {
	ch := newChunk(5, 1000)
	ch.add(Event{Time: 1001, Ingestion: 1002, Message: "hello"})
	ch.add(Event{Time: 900, Ingestion: 1002, Message: strings.Repeat("x", 300)})
	f.Add(ch.raw, int64(5), int64(2), int64(6))
	f.Add([]byte{}, int64(0), int64(1), int64(0))
	f.Add([]byte{0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 127}, int64(0), int64(1<<62), int64(0))
	f.Fuzz(func(t *testing.T, raw []byte, first, count, from int64) {
		events, err := decode(raw, first, count, from)
		if err == nil && int64(len(events)) > max(count, 0) {
			t.Errorf("%d events of %d", len(events), count)
		}
	})
}
