package archive_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

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

// BenchmarkHandOver packs and unpacks 20k files / 200 MB as a stage hand-over does, beside `zip -1` and `unzip`.
func BenchmarkHandOver(b *testing.B) {
	root := benchTree(b, 20_000, 10_000)
	entries, err := archive.Tree(root)
	if err != nil {
		b.Fatal(err)
	}
	ours := filepath.Join(b.TempDir(), "ours.zip")
	b.Run("archive.Zip", func(b *testing.B) {
		for b.Loop() {
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
		}
	})
	b.Run("archive.Unzip", func(b *testing.B) {
		for b.Loop() {
			f, err := os.Open(ours)
			if err != nil {
				b.Fatal(err)
			}
			st, _ := f.Stat()
			dest := b.TempDir()
			if _, err := archive.Unzip(context.Background(), f, st.Size(), dest, archive.Limits{}); err != nil {
				b.Fatal(err)
			}
			f.Close()
			b.StopTimer()
			os.RemoveAll(dest)
			b.StartTimer()
		}
	})
	theirs := filepath.Join(b.TempDir(), "theirs.zip")
	b.Run("zip-1-r", func(b *testing.B) {
		requireTool(b, "zip")
		for b.Loop() {
			os.Remove(theirs)
			run(b, root, "zip", "-1", "-q", "-r", theirs, ".")
			st, _ := os.Stat(theirs)
			b.ReportMetric(float64(st.Size())/1e6, "MB")
		}
	})
	b.Run("unzip", func(b *testing.B) {
		requireTool(b, "unzip")
		for b.Loop() {
			dest := b.TempDir()
			run(b, dest, "unzip", "-q", theirs)
			b.StopTimer()
			os.RemoveAll(dest)
			b.StartTimer()
		}
	})
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
