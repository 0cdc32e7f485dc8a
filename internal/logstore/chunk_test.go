package logstore

import (
	"reflect"
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

// Lines added many at once are the same chunk as their events added one by one.
func TestLinesAreEventsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Int64Range(-5, 5).Draw(t, "key")
		fast, slow := newChunk(7, key), newChunk(7, key)
		lines := []string{"\n", "a\n", "no end", strings.Repeat("b", 200) + "\n", strings.Repeat("c", chunkTarget/2) + "\n", strings.Repeat("d", MaxMessage+1)}
		for range rapid.IntRange(1, 4).Draw(t, "texts") {
			at, ingestion := rapid.Int64Range(-5, 300).Draw(t, "time"), rapid.Int64Range(-5, 300).Draw(t, "ingestion")
			text := ""
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(lines)-1), 1, 8).Draw(t, "lines") {
				text += lines[i]
			}
			rest := string(fast.addLines(at, ingestion, []byte(text)))
			if len(fast.raw) < chunkTarget && rest != "" {
				t.Fatalf("%d bytes are left, and there is room", len(rest))
			}
			for message := range strings.Lines(strings.TrimSuffix(text, rest)) {
				for ; len(message) > MaxMessage; message = message[MaxMessage:] {
					slow.add(Event{Time: at, Ingestion: ingestion, Message: message[:MaxMessage]})
				}
				slow.add(Event{Time: at, Ingestion: ingestion, Message: message})
			}
			if !reflect.DeepEqual(fast, slow) {
				fast.raw, slow.raw = nil, nil
				t.Fatalf("the chunk is %+v, want %+v (but for the encoded text)", fast, slow)
			}
			if rest != "" {
				return // the next chunk's
			}
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
