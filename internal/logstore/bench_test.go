package logstore_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/logstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// logText makes lines as builds print them, 80 bytes on average.
func logText(size int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	text := make([]byte, 0, size+200)
	for len(text) < size {
		text = fmt.Appendf(text, "[%d/%d] CXX obj/src/module_%d/file_%d.o -O2 -Iinclude/%x warnings=%d\n",
			rnd.IntN(5000), 5000, rnd.IntN(40), rnd.IntN(3000), rnd.Uint64N(1<<40), rnd.IntN(9))
	}
	return text
}

// BenchmarkWriter writes a gigabyte of build output for each iteration in pieces of 32 kB, as a pipe gives it, durably
// (synchronous=FULL), and reports the largest heap seen. Run it with -benchtime 1x.
func BenchmarkWriter(b *testing.B) {
	const total = 1 << 30
	text := logText(4 << 20)
	ctx := context.Background()
	s := open(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{}), logstore.Options{})
	b.SetBytes(total)
	run := 0
	for b.Loop() {
		run++
		w, err := s.Writer(ctx, group, fmt.Sprint(run))
		must(b, err)
		var mem runtime.MemStats
		peak := uint64(0)
		for n, at := 0, 0; n < total; n += 32 << 10 {
			if _, err := w.Write(text[at : at+32<<10]); err != nil {
				b.Fatal(err)
			}
			if at += 32 << 10; at+32<<10 > len(text) {
				at = 0
				runtime.ReadMemStats(&mem)
				peak = max(peak, mem.HeapInuse)
			}
		}
		must(b, w.Close(ctx))
		b.ReportMetric(float64(peak)/1e6, "MB-heap")
	}
}

// BenchmarkWriterLine is what a single line costs the program that prints it.
func BenchmarkWriterLine(b *testing.B) {
	ctx := context.Background()
	s := open(b, sqltest.Open(b, sqltest.SQLiteDSN(b), sqlstore.Options{}), logstore.Options{})
	w, err := s.Writer(ctx, group, stream)
	must(b, err)
	line := []byte("[Container] 2024/01/02 03:04:05.678901 Running command npm run build --silent\n")
	b.SetBytes(int64(len(line)))
	for b.Loop() {
		if _, err := w.Write(line); err != nil {
			b.Fatal(err)
		}
	}
	must(b, w.Close(ctx))
}

// BenchmarkRead reads pages out of the middle of a stream of 100 MB: the page does not cost more for the stream's length.
func BenchmarkRead(b *testing.B) {
	ctx := context.Background()
	s := open(b, sqltest.SQLite(b), logstore.Options{})
	w, err := s.Writer(ctx, group, stream)
	must(b, err)
	text := logText(1 << 20)
	for range 100 {
		if _, err := w.Write(text); err != nil {
			b.Fatal(err)
		}
	}
	must(b, w.Close(ctx))
	st, err := s.StreamByName(ctx, group, stream)
	must(b, err)
	b.Run("page-of-100", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Get(ctx, group, stream, logstore.GetOptions{From: rand.Int64N(st.Events), Limit: 100})
			must(b, err)
		}
	})
	b.Run("page-of-1MB", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Get(ctx, group, stream, logstore.GetOptions{From: rand.Int64N(st.Events)})
			must(b, err)
		}
	})
	b.Run("filter-all", func(b *testing.B) {
		pattern, err := logstore.ParsePattern("nowhere")
		must(b, err)
		b.SetBytes(st.Bytes)
		for b.Loop() {
			for o := (logstore.FilterOptions{Pattern: pattern}); ; {
				p, err := s.Filter(ctx, group, o)
				must(b, err)
				if o.Token = p.Token; o.Token == "" {
					break
				}
			}
		}
	})
}

// BenchmarkFollow is the time from a line's Write until a follower has it.
func BenchmarkFollow(b *testing.B) {
	ctx := context.Background()
	s := open(b, sqltest.SQLite(b), logstore.Options{Delay: 500 * time.Millisecond})
	w, err := s.Writer(ctx, group, stream)
	must(b, err)
	from := int64(0)
	for b.Loop() {
		changed, stop := s.Watch(group, stream)
		if _, err := w.Write([]byte("a line\n")); err != nil {
			b.Fatal(err)
		}
		<-changed
		stop()
		p, err := s.Get(ctx, group, stream, logstore.GetOptions{From: from})
		must(b, err)
		if from = p.Next; len(p.Events) != 1 {
			b.Fatalf("%d events", len(p.Events))
		}
	}
	must(b, w.Close(ctx))
}
