package logstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

const (
	group  = "/aws/codebuild/site"
	stream = "0b1c"
)

func open(t testing.TB, db store.Store, o logstore.Options) *logstore.Store {
	t.Helper()
	s, err := logstore.New(db, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// slow never flushes by itself during a test, so what readers see comes from memory.
var slow = logstore.Options{Delay: time.Hour}

func messages(events []logstore.Event) []string {
	list := make([]string, len(events))
	for i, e := range events {
		list[i] = e.Message
	}
	return list
}

func numbered(from, to int) []logstore.Event {
	var list []logstore.Event
	for i := from; i < to; i++ {
		list = append(list, logstore.Event{Time: int64(1000 + i), Message: fmt.Sprintf("line %d", i)})
	}
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func makeStream(t testing.TB, s *logstore.Store, name string) {
	t.Helper()
	must(t, s.EnsureGroup(t.Context(), group))
	must(t, s.CreateStream(t.Context(), group, name))
}

func TestWriterAndReader(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		s := open(t, db, slow)
		w, err := s.Writer(ctx, group, stream)
		must(t, err)
		for _, part := range []string{"one\ntw", "o\nthree\n", "four"} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
		}
		read := func() []string {
			t.Helper()
			p, err := s.Get(ctx, group, stream, logstore.GetOptions{})
			must(t, err)
			return messages(p.Events)
		}
		if got := read(); !slices.Equal(got, []string{"one\n", "two\n", "three\n"}) {
			t.Errorf("while it is written: %q", got)
		}
		must(t, w.Flush())
		must(t, w.Close(ctx))
		want := []string{"one\n", "two\n", "three\n", "four"}
		if got := read(); !slices.Equal(got, want) {
			t.Errorf("after it was closed: %q", got)
		}
		// Another server on the same database sees the same: it is all in there.
		other := open(t, db, slow)
		p, err := other.Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		if got := messages(p.Events); !slices.Equal(got, want) {
			t.Errorf("from the database: %q", got)
		}
		st, err := other.StreamByName(ctx, group, stream)
		must(t, err)
		if st.Events != 4 || st.Bytes != int64(len("one\ntwo\nthree\nfour")) || st.First == 0 || st.Last < st.First {
			t.Errorf("%+v", st)
		}
		if _, err := w.Write([]byte("x\n")); !errors.Is(err, logstore.ErrClosed) {
			t.Errorf("writing after Close: %v", err)
		}
	})
}

func TestLinesAreWrittenSoonWithoutClose(t *testing.T) {
	ctx := context.Background()
	db := sqltest.SQLite(t)
	s := open(t, db, logstore.Options{Delay: time.Millisecond})
	w, err := s.Writer(ctx, group, stream)
	must(t, err)
	defer w.Close(ctx)
	_, err = io.WriteString(w, "hello\n")
	must(t, err)
	crashed := open(t, db, slow) // what a server finds that starts after a crash
	eventually(t, "the line to be durable", func() bool {
		p, err := crashed.Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		return len(p.Events) == 1
	})
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// Whatever is appended in whatever pieces, flushed or not, paging in both directions gives it back once and in order.
func TestPagingProperty(t *testing.T) {
	db := sqltest.SQLite(t)
	ctx := context.Background()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		name := fmt.Sprint("s", run)
		s, err := logstore.New(db, slow)
		must(t, err)
		w, err := s.Writer(ctx, group, name)
		must(t, err)
		var want []string
		for range rapid.IntRange(0, 6).Draw(rt, "writes") {
			lines := rapid.IntRange(1, 40).Draw(rt, "lines")
			size := rapid.SampledFrom([]int{1, 30, 20_000}).Draw(rt, "size")
			var text strings.Builder
			for range lines {
				line := fmt.Sprintf("%d %s\n", len(want), strings.Repeat("x", size))
				want = append(want, line)
				text.WriteString(line)
			}
			_, err := io.WriteString(w, text.String())
			must(t, err)
			switch rapid.IntRange(0, 3).Draw(rt, "then") {
			case 0:
				must(t, w.Sync(ctx))
			case 1: // another writer continues the stream
				must(t, w.Close(ctx))
				w, err = s.Writer(ctx, group, name)
				must(t, err)
			}
		}
		limit := rapid.IntRange(1, 50).Draw(rt, "limit")
		for what, got := range map[string][]string{"forward": forward(t, s, name, limit), "backward": backward(t, s, name, limit)} {
			if !slices.Equal(got, want) {
				rt.Fatalf("%s: %d lines, want %d", what, len(got), len(want))
			}
		}
		must(t, w.Close(ctx))
		must(t, s.Close(ctx))
	})
}

func forward(t *testing.T, s *logstore.Store, name string, limit int) []string {
	t.Helper()
	var all []string
	for from := int64(0); ; {
		p, err := s.Get(context.Background(), group, name, logstore.GetOptions{From: from, Limit: limit})
		must(t, err)
		if len(p.Events) == 0 {
			if p.Next != from {
				t.Fatalf("the position moved from %d to %d at the end", from, p.Next)
			}
			return all
		}
		all = append(all, messages(p.Events)...)
		from = p.Next
	}
}

func backward(t *testing.T, s *logstore.Store, name string, limit int) []string {
	t.Helper()
	var all []string
	for from := int64(logstore.End); ; {
		p, err := s.Get(context.Background(), group, name, logstore.GetOptions{From: from, Limit: limit, Backward: true})
		must(t, err)
		if len(p.Events) == 0 {
			return all
		}
		all = append(messages(p.Events), all...)
		from = p.Prev
	}
}

func TestTimeRanges(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		s := open(t, db, logstore.Options{})
		makeStream(t, s, stream)
		for i := 0; i < 100; i += 10 {
			must(t, s.Append(ctx, group, stream, numbered(i, i+10)))
		}
		for _, tc := range []struct{ start, end int64 }{{0, 0}, {1000, 1100}, {1035, 1042}, {1099, 0}, {0, 1001}, {2000, 0}, {0, 5}, {1010, 1010}} {
			var want []string
			for _, e := range numbered(0, 100) {
				if e.Time >= tc.start && (tc.end == 0 || e.Time < tc.end) {
					want = append(want, e.Message)
				}
			}
			for _, backward := range []bool{false, true} {
				from := int64(0)
				if backward {
					from = logstore.End
				}
				p, err := s.Get(ctx, group, stream, logstore.GetOptions{Start: tc.start, End: tc.end, From: from, Backward: backward})
				must(t, err)
				if got := messages(p.Events); !slices.Equal(got, want) {
					t.Errorf("[%d, %d) backward=%v: %v", tc.start, tc.end, backward, got)
				}
			}
			p, err := s.Filter(ctx, group, logstore.FilterOptions{Start: tc.start, End: tc.end})
			must(t, err)
			if len(p.Events) != len(want) {
				t.Errorf("[%d, %d) filter: %d events, want %d", tc.start, tc.end, len(p.Events), len(want))
			}
		}
	})
}

// Filter merges by time, misses nothing and repeats nothing, whatever the page size, also for streams whose times jump.
func TestFilterProperty(t *testing.T) {
	db := sqltest.SQLite(t)
	ctx := context.Background()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		g := fmt.Sprint("g", run)
		s := open(t, db, slow)
		total := 0
		for i := range rapid.IntRange(0, 4).Draw(rt, "streams") {
			w, err := s.Writer(ctx, g, fmt.Sprint("s", i))
			must(t, err)
			must(t, w.Close(ctx))
			for range rapid.IntRange(0, 3).Draw(rt, "appends") {
				var events []logstore.Event
				for range rapid.IntRange(1, 8).Draw(rt, "events") {
					total++
					events = append(events, logstore.Event{Time: rapid.Int64Range(1, 12).Draw(rt, "time"), Message: fmt.Sprint("m", total)})
				}
				must(t, s.Append(ctx, g, fmt.Sprint("s", i), events))
			}
		}
		o := logstore.FilterOptions{
			Limit: rapid.IntRange(1, 9).Draw(rt, "limit"),
			Start: rapid.Int64Range(0, 12).Draw(rt, "start"), End: rapid.Int64Range(0, 14).Draw(rt, "end"),
		}
		everything, err := s.Filter(ctx, g, logstore.FilterOptions{})
		if total == 0 && err != nil {
			return // no group
		}
		must(t, err)
		if len(everything.Events) != total {
			rt.Fatalf("%d events of %d", len(everything.Events), total)
		}
		var want, got []string
		for _, e := range everything.Events {
			if e.Time >= o.Start && (o.End == 0 || e.Time < o.End) {
				want = append(want, e.ID)
			}
		}
		if !slices.IsSorted(want) {
			rt.Fatalf("not in the order of ids: %v", want)
		}
		for {
			p, err := s.Filter(ctx, g, o)
			must(t, err)
			for _, e := range p.Events {
				got = append(got, e.ID)
			}
			if o.Token = p.Token; o.Token == "" {
				break
			}
		}
		if !slices.Equal(got, want) {
			rt.Fatalf("got %v\nwant %v", got, want)
		}
	})
}

func TestFilterChoosesStreamsAndWords(t *testing.T) {
	ctx := context.Background()
	s := open(t, sqltest.SQLite(t), slow)
	for _, name := range []string{"build/1", "build/2", "other"} {
		makeStream(t, s, name)
		must(t, s.Append(ctx, group, name, []logstore.Event{{Time: 1, Message: "ERROR in " + name}, {Time: 2, Message: "fine"}}))
	}
	pattern, err := logstore.ParsePattern("ERROR")
	must(t, err)
	for _, tc := range []struct {
		o    logstore.FilterOptions
		want int
	}{
		{logstore.FilterOptions{}, 6},
		{logstore.FilterOptions{Pattern: pattern}, 3},
		{logstore.FilterOptions{StreamPrefix: "build/"}, 4},
		{logstore.FilterOptions{Streams: []string{"other", "build/2"}, Pattern: pattern}, 2},
	} {
		p, err := s.Filter(ctx, group, tc.o)
		must(t, err)
		if len(p.Events) != tc.want || p.Token != "" {
			t.Errorf("%+v: %d events, token %q", tc.o, len(p.Events), p.Token)
		}
	}
	for _, tc := range []struct {
		group string
		o     logstore.FilterOptions
		want  error
	}{
		{"none", logstore.FilterOptions{}, logstore.ErrNoGroup},
		{group, logstore.FilterOptions{Streams: []string{"none"}}, logstore.ErrNoStream},
		{group, logstore.FilterOptions{Token: "made up"}, logstore.ErrToken},
	} {
		if _, err := s.Filter(ctx, tc.group, tc.o); !errors.Is(err, tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

func TestPatterns(t *testing.T) {
	const line = `[ERROR] file not found: "a b.txt" (code 42)`
	for pattern, want := range map[string]bool{
		"": true, "ERROR": true, "error": false, "ERROR found": true, "ERROR lost": false,
		`"file not found"`: true, `"not file"`: false, `"\"a b.txt\""`: true,
		"-DEBUG": true, "ERROR -code": false, "-DEBUG found": true,
		"?lost ?found": true, "?lost ?gone": false, "ERROR ?lost": true,
		`%code \d+%`: true, `%^code%`: false, `ERROR -%code 4\d%`: false, `?%lost% ?%a.b%`: true,
	} {
		p, err := logstore.ParsePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		if p.Match(line) != want {
			t.Errorf("%s: %v", pattern, !want)
		}
	}
	for _, pattern := range []string{`{ $.a = }`, `{ $.a }`, `{ a = 1 }`, `{ ($.a = 1 }`, `{ $.a = 1 ) }`, `{ $.a < x }`, `{ $.a IS 3 }`, `{ $.a = %(% }`, `{ $.a = 1`, `{}`, `[a, b]`, `%err.*`, `%(%`, `%%`, `"open`, "a -", `""`} {
		if _, err := logstore.ParsePattern(pattern); !errors.Is(err, logstore.ErrPattern) {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

func TestJSONPatterns(t *testing.T) {
	const line = `{"level": "ERROR", "code": 503, "ok": false, "user": {"name": "ann", "x-y": null}, "tags": ["a", "b"]}`
	for pattern, want := range map[string]bool{
		`{ $.level = "ERROR" }`: true, `{$.level=ERROR}`: true, `{ $.level = "ERR*" }`: true, `{ $.level = "*INFO*" }`: false, `{ $.level != INFO }`: true,
		`{ $.code >= 500 && $.code < 504 }`: true, `{ $.code = 503.0 }`: true, `{ $.code != 503 }`: false, `{ $.level > 3 }`: false,
		`{ $.user.name = %^a% }`: true, `{ $.user.name = %^b% }`: false, `{ $.tags[1] = b }`: true, `{ $.tags[2] = b }`: false, `{ $["user"].name = ann }`: true,
		`{ $.ok IS FALSE }`: true, `{ $.ok IS TRUE }`: false, `{ $.user.x-y IS NULL }`: true, `{ $.none NOT EXISTS }`: true, `{ $.code EXISTS }`: true, `{ $.none != 1 }`: false,
		`{ $.code = 1 || $.level = ERROR && $.ok IS FALSE }`: true, `{ ($.code = 1 || $.level = ERROR) && $.ok IS TRUE }`: false,
	} {
		p, err := logstore.ParsePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
		if p.Match(line) != want {
			t.Errorf("%s: %v", pattern, !want)
		}
		if p.Match("ERROR 503") || p.Match(`["ERROR"]`) {
			t.Errorf("%s matches what is no object", pattern)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"ERROR", `"a b" -c ?d`, `"\`, "{", "-", `?"x"`, `-%a.*b% x`} {
		f.Add(seed, "some ERROR a b")
	}
	for _, seed := range []string{`{ $.a = "x*" && ($.b[0] >= 1 || $["c"] IS NULL) }`, `{ $.a NOT EXISTS }`, `{ $.a = %x% }`} {
		f.Add(seed, `{"a": "xy", "b": [1], "c": null}`)
	}
	f.Fuzz(func(_ *testing.T, pattern, message string) {
		if p, err := logstore.ParsePattern(pattern); err == nil {
			p.Match(message)
		}
	})
}

func TestWatch(t *testing.T) {
	ctx := context.Background()
	s := open(t, sqltest.SQLite(t), slow)
	makeStream(t, s, stream)
	makeStream(t, s, "else")
	changed, stop := s.Watch(group, stream)
	defer stop()
	must(t, s.Append(ctx, group, "else", numbered(0, 1)))
	select {
	case <-changed:
		t.Fatal("woken by another stream")
	default:
	}
	must(t, s.Append(ctx, group, stream, numbered(0, 1)))
	select {
	case <-changed:
	case <-time.After(10 * time.Second):
		t.Fatal("not woken")
	}
}

// A build whose server was replaced goes on writing on the new one, while the old one may still write a little.
func TestTwoServersWriteOneStream(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		a, b := open(t, db, slow), open(t, db, slow)
		wa, err := a.Writer(ctx, group, stream)
		must(t, err)
		_, err = io.WriteString(wa, "a1\na2\n")
		must(t, err)
		must(t, wa.Sync(ctx))
		wb, err := b.Writer(ctx, group, stream)
		must(t, err)
		_, err = io.WriteString(wa, "a3\n")
		must(t, err)
		_, err = io.WriteString(wb, "b1\n")
		must(t, err)
		must(t, wb.Sync(ctx))
		must(t, wa.Sync(ctx))
		_, err = io.WriteString(wb, "b2\n")
		must(t, err)
		must(t, wb.Close(ctx))
		must(t, wa.Close(ctx))
		p, err := open(t, db, slow).Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		if got := messages(p.Events); !slices.Equal(got, []string{"a1\n", "a2\n", "b1\n", "a3\n", "b2\n"}) {
			t.Errorf("got %q", got)
		}
		for i, e := range p.Events {
			if e.Seq != int64(i) {
				t.Errorf("event %d has position %d", i, e.Seq)
			}
		}
	})
}

// Lines that are a part of a transaction are there when it is, after what was written before and before what comes then.
func TestLinesInATransaction(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		s := open(t, db, slow)
		in := func(text string, end error) {
			t.Helper()
			err := db.InTx(ctx, func(tx store.Tx) error {
				if err := s.AppendLines(ctx, tx, group, stream, []byte(text)); err != nil {
					return err
				}
				return end
			})
			if !errors.Is(err, end) {
				t.Fatal(err)
			}
		}
		in("undone\n", io.ErrClosedPipe)
		in("one\ntwo\n", nil)
		w, err := s.Writer(ctx, group, stream)
		must(t, err)
		_, err = io.WriteString(w, "three\n")
		must(t, err)
		must(t, w.Sync(ctx))
		changed, stop := s.Watch(group, stream)
		defer stop()
		in("undone\n", io.ErrClosedPipe)
		select {
		case <-changed:
			t.Error("what was undone woke those who wait")
		default:
		}
		long := strings.Repeat(strings.Repeat("x", 999)+"\n", 700) // several chunks
		in("four\n"+long, nil)
		<-changed
		_, err = io.WriteString(w, "last\n")
		must(t, err)
		must(t, w.Close(ctx))
		var all []string
		for from := int64(0); ; {
			p, err := open(t, db, slow).Get(ctx, group, stream, logstore.GetOptions{From: from})
			must(t, err)
			if len(p.Events) == 0 {
				break
			}
			for _, e := range p.Events {
				if e.Seq != int64(len(all)) {
					t.Fatalf("event %d has position %d", len(all), e.Seq)
				}
				all = append(all, e.Message)
			}
			from = p.Next
		}
		if got := strings.Join(all, ""); got != "one\ntwo\nthree\nfour\n"+long+"last\n" {
			t.Errorf("the log has %d bytes: %.100q", len(got), got)
		}
		st, err := s.StreamByName(ctx, group, stream)
		must(t, err)
		if st.Events != 705 || st.Bytes != 700_000+int64(len("one\ntwo\nthree\nfour\nlast\n")) {
			t.Errorf("the stream says %d events of %d bytes", st.Events, st.Bytes)
		}
	})
}

// Clients write to one stream through several servers: no event is lost or doubled, and none waits for ever.
func TestServersTakeTurnsOnOneStream(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		const servers, each = 3, 15
		makeStream(t, open(t, db, logstore.Options{}), stream)
		var g errgroup.Group
		for i := range servers {
			s := open(t, db, logstore.Options{Delay: time.Millisecond})
			g.Go(func() error {
				for n := range each {
					err := s.Append(ctx, group, stream, []logstore.Event{{Time: 1, Message: fmt.Sprint(i, "/", n)}})
					if err != nil {
						return err
					}
				}
				return nil
			})
		}
		must(t, g.Wait())
		p, err := open(t, db, logstore.Options{}).Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		var next [servers]int
		for _, e := range p.Events {
			var i, n int
			if _, err := fmt.Sscanf(e.Message, "%d/%d", &i, &n); err != nil || next[i] != n {
				t.Errorf("got %s, want %d of server %d", e.Message, next[i], i)
			}
			next[i]++
		}
		if len(p.Events) != servers*each {
			t.Errorf("%d events of %d", len(p.Events), servers*each)
		}
	})
}

func TestDeleting(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		s := open(t, db, slow)
		w, err := s.Writer(ctx, group, stream)
		must(t, err)
		_, err = io.WriteString(w, "x\n")
		must(t, err)
		must(t, w.Sync(ctx))
		must(t, s.DeleteStream(ctx, group, stream))
		_, err = io.WriteString(w, "y\n")
		must(t, err)
		if err := w.Close(ctx); !errors.Is(err, logstore.ErrNoStream) {
			t.Errorf("closing a deleted stream's writer: %v", err)
		}
		must(t, s.CreateStream(ctx, group, stream))
		p, err := s.Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		if len(p.Events) != 0 {
			t.Errorf("the new stream holds the old one's events: %v", p.Events)
		}
		must(t, s.DeleteGroup(ctx, group))
		if _, err := s.Get(ctx, group, stream, logstore.GetOptions{}); !errors.Is(err, logstore.ErrNoGroup) {
			t.Errorf("reading a deleted group: %v", err)
		}
		must(t, s.Sweep(ctx))
		for _, table := range []string{"log_chunks", "log_streams", "log_groups", "log_garbage"} {
			if n := count(t, db, table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
	})
}

func count(t *testing.T, db store.Store, table string) (n int) {
	t.Helper()
	must(t, db.Read(context.Background(), func(r store.Reader) error {
		return r.QueryRow(context.Background(), "SELECT COUNT(*) FROM "+table).Scan(&n)
	}))
	return n
}

func TestRetention(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		now := time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC)
		s := open(t, db, logstore.Options{Delay: time.Hour, Now: func() time.Time { return now }})
		makeStream(t, s, stream)
		for _, age := range []int{30, 8, 6, 0} {
			at := now.AddDate(0, 0, -age).UnixMilli()
			must(t, s.Append(ctx, group, stream, []logstore.Event{{Time: at, Message: fmt.Sprint(age)}}))
		}
		must(t, s.Sweep(ctx))
		if st, _ := s.StreamByName(ctx, group, stream); st.Events != 4 {
			t.Errorf("without retention events are for ever, %d are left", st.Events)
		}
		must(t, s.SetRetention(ctx, group, 7))
		must(t, s.Sweep(ctx))
		p, err := s.Get(ctx, group, stream, logstore.GetOptions{})
		must(t, err)
		if got := messages(p.Events); !slices.Equal(got, []string{"6", "0"}) {
			t.Errorf("left: %v", got)
		}
		st, err := s.StreamByName(ctx, group, stream)
		must(t, err)
		if st.Events != 2 || st.First != now.AddDate(0, 0, -6).UnixMilli() {
			t.Errorf("%+v", st)
		}
	})
}

func TestLists(t *testing.T) {
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		ctx := context.Background()
		s := open(t, db, slow)
		for _, name := range []string{"/aws/codebuild/b", "/aws/codebuild/a", "/aws/other"} {
			must(t, s.CreateGroup(ctx, name, map[string]string{"k": name}))
		}
		if err := s.CreateGroup(ctx, "/aws/other", nil); !errors.Is(err, logstore.ErrExists) {
			t.Errorf("made twice: %v", err)
		}
		list := func(q logstore.GroupQuery) (names []string) {
			t.Helper()
			groups, err := s.Groups(ctx, q)
			must(t, err)
			for _, g := range groups {
				names = append(names, g.Name)
			}
			return names
		}
		for _, tc := range []struct {
			q    logstore.GroupQuery
			want string
		}{
			{logstore.GroupQuery{Limit: 10}, "/aws/codebuild/a /aws/codebuild/b /aws/other"},
			{logstore.GroupQuery{Limit: 1}, "/aws/codebuild/a"},
			{logstore.GroupQuery{Limit: 10, After: "/aws/codebuild/a"}, "/aws/codebuild/b /aws/other"},
			{logstore.GroupQuery{Limit: 10, Prefix: "/aws/codebuild/"}, "/aws/codebuild/a /aws/codebuild/b"},
			{logstore.GroupQuery{Limit: 10, Contains: "other"}, "/aws/other"},
		} {
			if got := strings.Join(list(tc.q), " "); got != tc.want {
				t.Errorf("%+v: %s", tc.q, got)
			}
		}
		for i, name := range []string{"c", "a", "b"} {
			must(t, s.CreateStream(ctx, "/aws/other", name))
			must(t, s.Append(ctx, "/aws/other", name, numbered(i, i+1)))
		}
		for want, q := range map[string]logstore.StreamQuery{
			"a b c": {Limit: 9}, "c b a": {Limit: 9, Descending: true}, "b a c": {Limit: 9, ByTime: true, Descending: true},
			"a": {Limit: 1, Offset: 1, ByTime: true}, "b": {Limit: 9, Prefix: "b"},
		} {
			streams, err := s.Streams(ctx, "/aws/other", q)
			must(t, err)
			var names []string
			for _, st := range streams {
				names = append(names, st.Name)
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("%+v: %s, want %s", q, got, want)
			}
		}
		must(t, s.Tag(ctx, "/aws/other", map[string]string{"x": "y"}, []string{"k"}))
		if g, _ := s.GroupByName(ctx, "/aws/other"); len(g.Tags) != 1 || g.Tags["x"] != "y" {
			t.Errorf("tags %v", g.Tags)
		}
	})
}

// brokenStore fails to write while it is told to.
type brokenStore struct {
	store.Store
	mu     sync.Mutex
	broken bool
}

func (b *brokenStore) set(broken bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = broken
}

func (b *brokenStore) InTx(ctx context.Context, f func(store.Tx) error) error {
	b.mu.Lock()
	broken := b.broken
	b.mu.Unlock()
	if broken {
		return errors.New("disk full")
	}
	return b.Store.InTx(ctx, f)
}

func TestAWriterWaitsForABrokenDiskAndLosesNothing(t *testing.T) {
	db := &brokenStore{Store: sqltest.SQLite(t)}
	s := open(t, db, logstore.Options{Delay: time.Millisecond})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w, err := s.Writer(ctx, group, stream)
	must(t, err)
	db.set(true)
	done := make(chan int)
	go func() {
		n := 0
		line := []byte(strings.Repeat("x", 999) + "\n")
		for ; n < 10_000; n++ {
			if _, err := w.Write(line); err != nil {
				break
			}
		}
		done <- n
	}()
	select {
	case n := <-done:
		t.Fatalf("%d lines were taken without any disk", n)
	case <-time.After(50 * time.Millisecond):
	}
	db.set(false)
	if n := <-done; n != 10_000 {
		t.Fatalf("%d lines", n)
	}
	must(t, w.Close(ctx))
	st, err := s.StreamByName(ctx, group, stream)
	must(t, err)
	if st.Events != 10_000 || st.Bytes != 10_000_000 {
		t.Errorf("%+v", st)
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	ctx := context.Background()
	s := open(t, sqltest.SQLite(t), logstore.Options{Delay: time.Millisecond})
	const writers, lines = 8, 3000
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			name := fmt.Sprint("s", i%4) // two writers share a stream
			w, err := s.Writer(ctx, group, name)
			if err != nil {
				t.Error(err)
				return
			}
			for j := range lines {
				if _, err := fmt.Fprintf(w, "writer %d line %d %s\n", i, j, strings.Repeat("y", 100)); err != nil {
					t.Error(err)
				}
			}
			if err := w.Close(ctx); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for seen := 0; seen < 2*lines; {
				changed, stop := s.Watch(group, "s0")
				p, err := s.Get(ctx, group, "s0", logstore.GetOptions{From: int64(seen)})
				if err != nil && !errors.Is(err, logstore.ErrNoStream) && !errors.Is(err, logstore.ErrNoGroup) {
					t.Error(err)
				}
				for _, e := range p.Events {
					if e.Seq != int64(seen) {
						t.Errorf("position %d where %d was next", e.Seq, seen)
					}
					seen++
				}
				if len(p.Events) == 0 {
					<-changed
				}
				stop()
			}
		})
	}
	wg.Wait()
}
