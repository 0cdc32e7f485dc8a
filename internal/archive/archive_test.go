package archive_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zip"
	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// tree is a directory tree as a map from name to what is there: "link:TARGET", "dir:", "exec:CONTENT" or "file:CONTENT".
type tree map[string]string

func (t tree) write(tb rapid.TB, root string) {
	tb.Helper()
	for name, what := range t {
		kind, content, _ := strings.Cut(what, ":")
		p := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		switch kind {
		case "dir":
			err = errors.Join(err, os.MkdirAll(p, 0o755))
		case "link":
			err = errors.Join(err, os.Symlink(content, p))
		case "exec":
			err = errors.Join(err, os.WriteFile(p, []byte(content), 0o755))
		default:
			err = errors.Join(err, os.WriteFile(p, []byte(content), 0o644))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

func readTree(tb rapid.TB, root string) tree {
	tb.Helper()
	entries, err := archive.Tree(root)
	if err != nil {
		tb.Fatal(err)
	}
	t := tree{}
	for _, e := range entries {
		p := filepath.Join(root, e.Name)
		info, err := os.Lstat(p)
		if err != nil {
			tb.Fatal(err)
		}
		switch {
		case info.IsDir():
			t[e.Name] = "dir:"
		case info.Mode()&fs.ModeSymlink != 0:
			target, _ := os.Readlink(p)
			t[e.Name] = "link:" + target
		default:
			content, err := os.ReadFile(p)
			if err != nil {
				tb.Fatal(err)
			}
			kind := "file:"
			if info.Mode()&0o111 != 0 {
				kind = "exec:"
			}
			t[e.Name] = kind + string(content)
		}
	}
	return t
}

func pack(tb rapid.TB, root string, o archive.Options) []byte {
	tb.Helper()
	entries, err := archive.Tree(root)
	if err != nil {
		tb.Fatal(err)
	}
	var buf bytes.Buffer
	if err := archive.Zip(context.Background(), &buf, root, entries, o); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

func unpack(data []byte, dest string, l archive.Limits) (archive.Stats, error) {
	return archive.Unzip(context.Background(), bytes.NewReader(data), int64(len(data)), dest, l)
}

func TestZipThenUnzipGivesTheSameTree(t *testing.T) {
	want := tree{
		"index.html":          "file:<h1>hello</h1>",
		"bin/run":             "exec:#!/bin/sh\n",
		"empty":               "file:",
		"void/inner":          "dir:",
		"a/b/c/deep.txt":      "file:" + strings.Repeat("deep ", 1000),
		"a.txt":               "file:sorts between a and a/",
		"link":                "link:a/b/c/deep.txt",
		"a/up":                "link:../index.html",
		"dangling":            "link:nowhere",
		"ünï/файл/文件":         "file:names",
		"big.txt":             "file:" + strings.Repeat("0123456789abcdef", 300_000),
		"just-one-meg":        "file:" + strings.Repeat("x", 1<<20),
		"one-meg-and-a-byte":  "file:" + strings.Repeat("x", 1<<20+1),
		"with space/and:col'": "file:q",
	}
	src, dest := t.TempDir(), filepath.Join(t.TempDir(), "made", "here")
	want.write(t, src)
	data := pack(t, src, archive.Options{Links: archive.KeepLinks})
	st, err := unpack(data, dest, archive.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := readTree(t, dest)
	if !maps.Equal(got, want) {
		t.Errorf("got names %v\nwant %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want)))
	}
	if st.Files != 10 || st.Links != 3 || st.Directories != 9 {
		t.Errorf("stats %+v", st)
	}
}

func TestRoundTripProperty(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		part := rapid.StringMatching(`[a-cA-C][a-z0-9 ._-]{0,3}`)
		want := tree{}
		taken := map[string]bool{} // names used as directories
		for range rapid.IntRange(0, 12).Draw(t, "files") {
			parts := rapid.SliceOfN(part, 1, 4).Draw(t, "name")
			name := path.Join(parts...)
			if free(want, taken, name) {
				kind := rapid.SampledFrom([]string{"file:", "exec:"}).Draw(t, "kind")
				want[name] = kind + string(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "content"))
				for d := path.Dir(name); d != "."; d = path.Dir(d) {
					taken[d] = true
				}
			}
		}
		src := filepath.Join(base, fmt.Sprint(run), "src")
		dest := filepath.Join(base, fmt.Sprint(run), "dest")
		if err := os.MkdirAll(src, 0o755); err != nil {
			t.Fatal(err)
		}
		want.write(t, src)
		if _, err := unpack(pack(t, src, archive.Options{}), dest, archive.Limits{}); err != nil {
			t.Fatal(err)
		}
		if got := readTree(t, dest); !maps.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

func free(t tree, dirs map[string]bool, name string) bool {
	if _, used := t[name]; used || dirs[name] {
		return false
	}
	for d := path.Dir(name); d != "."; d = path.Dir(d) {
		if _, used := t[d]; used {
			return false
		}
	}
	return true
}

// Reproducible means: whatever the order of the entries, the times of the files and the number of cores.
func TestZipIsReproducible(t *testing.T) {
	src := benchTree(t, 300, 4000)
	if err := os.WriteFile(filepath.Join(src, "large"), bytes.Repeat([]byte("some text "), 500_000), 0o600); err != nil {
		t.Fatal(err)
	}
	first := pack(t, src, archive.Options{})
	entries, err := archive.Tree(src)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	for _, e := range entries {
		if err := os.Chtimes(filepath.Join(src, e.Name), testTime, testTime); err != nil {
			t.Fatal(err)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(5))
	var buf bytes.Buffer
	if err := archive.Zip(context.Background(), &buf, src, entries, archive.Options{}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, buf.Bytes()) {
		t.Error("the same tree gave different bytes")
	}
}

// Other people's tools must read what we write, and we what they write.
func TestInteroperatesWithInfoZip(t *testing.T) {
	requireTool(t, "zip")
	requireTool(t, "unzip")
	want := tree{
		"a/index.html": "file:hi", "run.sh": "exec:#!/bin/sh", "l": "link:a/index.html", "void": "dir:",
		"big": "file:" + strings.Repeat("lorem ipsum ", 400_000),
	}
	src := t.TempDir()
	want.write(t, src)

	ours := filepath.Join(t.TempDir(), "ours.zip")
	if err := os.WriteFile(ours, pack(t, src, archive.Options{Links: archive.KeepLinks}), 0o600); err != nil {
		t.Fatal(err)
	}
	byUnzip := t.TempDir()
	run(t, byUnzip, "unzip", "-q", ours)
	if got := readTree(t, byUnzip); !maps.Equal(got, want) {
		t.Errorf("unzip made %v", slices.Sorted(maps.Keys(got)))
	}

	theirs := filepath.Join(t.TempDir(), "theirs.zip")
	run(t, src, "zip", "-q", "-r", "-y", theirs, ".")
	data, err := os.ReadFile(theirs)
	if err != nil {
		t.Fatal(err)
	}
	byUs := t.TempDir()
	if _, err := unpack(data, byUs, archive.Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := readTree(t, byUs); !maps.Equal(got, want) {
		t.Errorf("we made %v", slices.Sorted(maps.Keys(got)))
	}
	if _, err := exec.LookPath("python3"); err == nil {
		run(t, src, "python3", "-m", "zipfile", "-t", ours)
	}
}

func TestZipRefuses(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(outside, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	src := t.TempDir()
	tree{"ok": "file:", "abs": "link:" + outside, "up": "link:../..", "dir": "link:d", "d/f": "file:", `back\slash`: "file:"}.write(t, src)
	for _, tc := range []struct {
		name    string
		entries []archive.Entry
		links   archive.Links
		want    error // nil: any
		says    string
	}{
		{name: "a missing file", entries: []archive.Entry{{Name: "gone"}}, want: fs.ErrNotExist, says: `"gone"`},
		{name: "a followed link to outside", entries: []archive.Entry{{Name: "abs"}}, says: `"abs"`},
		{name: "a kept link to outside", entries: []archive.Entry{{Name: "abs"}}, links: archive.KeepLinks, want: archive.ErrLink},
		{name: "a kept link that climbs", entries: []archive.Entry{{Name: "up"}}, links: archive.KeepLinks, want: archive.ErrLink},
		{name: "a followed link to a directory", entries: []archive.Entry{{Name: "dir"}}, want: archive.ErrKind, says: `"dir"`},
		{name: "a path outside", entries: []archive.Entry{{Name: "x", Path: "../secret"}}, says: `"x"`},
		{name: "a name that climbs", entries: []archive.Entry{{Name: "../x", Path: "ok"}}, want: archive.ErrName},
		{name: "an absolute name", entries: []archive.Entry{{Name: "/x", Path: "ok"}}, want: archive.ErrName},
		{name: "a backslash", entries: []archive.Entry{{Name: `back\slash`}}, want: archive.ErrName},
		{name: "the same name twice", entries: []archive.Entry{{Name: "ok"}, {Name: "ok"}}, want: archive.ErrDuplicate},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := archive.Zip(context.Background(), io.Discard, src, tc.entries, archive.Options{Links: tc.links})
			if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWriterStreamsAndStores(t *testing.T) {
	random := make([]byte, 3<<20)
	for i, x := 0, uint32(1); i < len(random); i++ {
		x = x*1664525 + 1013904223
		random[i] = byte(x >> 24)
	}
	text := bytes.Repeat([]byte("compressible, "), 300_000)
	var buf bytes.Buffer
	w := archive.NewWriter(context.Background(), &buf, archive.Options{})
	for _, e := range []struct {
		name    string
		content []byte
	}{{"large-random", random}, {"large-text", text}, {"small-random", random[:5000]}, {"small-text", text[:5000]}} {
		if err := w.Add(e.name, 0o644, bytes.NewReader(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(buf.Bytes()), int64(buf.Len()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range zr.File {
		stored := f.Method == zip.Store
		if stored != strings.HasSuffix(f.Name, "random") {
			t.Errorf("%s: stored=%v", f.Name, stored)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, rc); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestZipReportsAFailingDestination(t *testing.T) {
	src := benchTree(t, 200, 20_000)
	entries, err := archive.Tree(src)
	if err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err = archive.Zip(context.Background(), &limitedWriter{left: 300_000, err: full}, src, entries, archive.Options{})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

type limitedWriter struct {
	left int
	err  error
}

func (w *limitedWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, w.err
	}
	return len(p), nil
}

func TestCancelledContextEndsPackingAndUnpacking(t *testing.T) {
	src := benchTree(t, 50, 1000)
	data := pack(t, src, archive.Options{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	entries, _ := archive.Tree(src)
	if err := archive.Zip(ctx, io.Discard, src, entries, archive.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Zip: %v", err)
	}
	if _, err := archive.Unzip(ctx, bytes.NewReader(data), int64(len(data)), t.TempDir(), archive.Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Unzip: %v", err)
	}
}
