package archive_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// benchTree makes the tree of the performance budget: 20,000 files, 200 MB, four levels deep, of which four in five are
// text-like and one in five cannot be compressed.
func benchTree(tb testing.TB, files, size int) string {
	tb.Helper()
	root := tb.TempDir()
	rnd := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("%x ", rnd.Uint32N(1<<(4+rnd.UintN(24))))
	}
	for i := range files {
		dir := filepath.Join(root, fmt.Sprintf("pkg%02d", i%40), fmt.Sprintf("mod%02d", i/40%20), "src")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			tb.Fatal(err)
		}
		n := size/2 + rnd.IntN(size)
		content := make([]byte, 0, n+16)
		for len(content) < n {
			if i%5 == 0 {
				content = append(content, byte(rnd.Uint32()))
				continue
			}
			content = append(content, words[rnd.IntN(len(words))]...)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%05d.js", i)), content, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return root
}

// BenchmarkHandOver packs and unpacks 20k files / 200 MB as a stage hand-over does, beside `zip -1` and `unzip`, and beside a
// copy of the tree, which is what a consumer on the producer's machine could have if the tree was kept (docs/adr/0008).
func BenchmarkHandOver(b *testing.B) { benchHandOver(b, benchTree(b, 20_000, 10_000)) }

// BenchmarkLargeFile is BenchmarkHandOver with one file of 400 MB.
func BenchmarkLargeFile(b *testing.B) { benchHandOver(b, benchTree(b, 1, 400_000_000)) }

func benchHandOver(b *testing.B, root string) {
	entries, err := archive.Tree(root)
	if err != nil {
		b.Fatal(err)
	}
	ours := filepath.Join(b.TempDir(), "ours.zip")
	b.Run("archive.Zip", func(b *testing.B) {
		var busy float64
		for b.Loop() {
			before := processorTime(b)
			f, err := os.Create(ours)
			if err != nil {
				b.Fatal(err)
			}
			if err := archive.Zip(context.Background(), f, root, entries, archive.Options{}); err != nil {
				b.Fatal(err)
			}
			st, _ := f.Stat()
			b.ReportMetric(float64(st.Size())/1e6, "MB")
			f.Close()
			busy += processorTime(b) - before
		}
		b.ReportMetric(busy/float64(b.N), "cpu-ms/op")
	})
	into := func(b *testing.B, unpack func(dest string)) {
		var busy float64
		for b.Loop() {
			dest, before := b.TempDir(), processorTime(b)
			unpack(dest)
			busy += processorTime(b) - before
			b.StopTimer()
			os.RemoveAll(dest)
			b.StartTimer()
		}
		b.ReportMetric(busy/float64(b.N), "cpu-ms/op")
	}
	b.Run("archive.Unzip", func(b *testing.B) {
		into(b, func(dest string) {
			f, err := os.Open(ours)
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			st, _ := f.Stat()
			if _, err := archive.Unzip(context.Background(), f, st.Size(), dest, archive.Limits{}); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("copy", func(b *testing.B) { into(b, func(dest string) { copyTree(b, root, dest, entries, copyFile) }) })
	b.Run("link", func(b *testing.B) { into(b, func(dest string) { copyTree(b, root, dest, entries, os.Link) }) })
	theirs := filepath.Join(b.TempDir(), "theirs.zip")
	b.Run("zip-1-r", func(b *testing.B) {
		requireTool(b, "zip")
		before := processorTime(b)
		for b.Loop() {
			os.Remove(theirs)
			run(b, root, "zip", "-1", "-q", "-r", theirs, ".")
			st, _ := os.Stat(theirs)
			b.ReportMetric(float64(st.Size())/1e6, "MB")
		}
		b.ReportMetric((processorTime(b)-before)/float64(b.N), "cpu-ms/op")
	})
	b.Run("unzip", func(b *testing.B) {
		requireTool(b, "unzip")
		into(b, func(dest string) { run(b, dest, "unzip", "-q", theirs) })
	})
}

// copyTree copies files on all cores.
func copyTree(b *testing.B, root, dest string, entries []archive.Entry, file func(from, to string) error) {
	b.Helper()
	made := map[string]bool{}
	for _, e := range entries {
		if dir := filepath.Dir(e.Name); !made[dir] {
			made[dir] = true
			if err := os.MkdirAll(filepath.Join(dest, dir), 0o755); err != nil {
				b.Fatal(err)
			}
		}
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for part := range slices.Chunk(entries, 128) {
		g.Go(func() error {
			for _, e := range part {
				if err := file(filepath.Join(root, e.Name), filepath.Join(dest, e.Name)); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		b.Fatal(err)
	}
}

// copyFile copies within the kernel, by copy_file_range, which shares the blocks where the file system can.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// processorTime is for how many milliseconds this process and those it has waited for have kept processors busy, which tells
// more than the clock on a machine that does something else, too.
func processorTime(b *testing.B) (ms float64) {
	b.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		ms += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
	}
	return ms
}

func requireTool(tb testing.TB, name string) {
	tb.Helper()
	if _, err := exec.LookPath(name); err != nil {
		tb.Skipf("%s is not installed", name)
	}
}

func run(tb testing.TB, dir, name string, args ...string) {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		tb.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}
