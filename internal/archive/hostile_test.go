package archive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zip"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

var testTime = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)

// raw is an entry as an attacker writes it.
type raw struct {
	name    string
	content string
	mode    fs.FileMode
	flags   uint16
}

func craft(tb testing.TB, entries ...raw) []byte {
	tb.Helper()
	var buf bytes.Buffer
	zw := zip.NewWriter(&buf)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: testTime, Flags: e.flags}
		if e.mode != 0 {
			h.SetMode(e.mode)
		}
		w, err := zw.CreateHeader(h)
		if err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := zw.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

const link = fs.ModeSymlink | 0o777

func TestUnzipRefuses(t *testing.T) {
	for _, tc := range []struct {
		what    string
		entries []raw
		want    error
		names   string // the entry the error names
	}{
		{"a climbing name", []raw{{name: "../evil"}}, archive.ErrName, "../evil"},
		{"a climb in the middle", []raw{{name: "a/../../evil"}}, archive.ErrName, "a/../../evil"},
		{"an absolute name", []raw{{name: "/etc/evil"}}, archive.ErrName, "/etc/evil"},
		{"a climb by backslashes", []raw{{name: `..\evil`}}, archive.ErrName, `..\\evil`},
		{"a drive letter", []raw{{name: "C:evil"}}, archive.ErrName, "C:evil"},
		{"a share", []raw{{name: `\\host\share`}}, archive.ErrName, "host"},
		{"a NUL", []raw{{name: "a\x00b"}}, archive.ErrName, `a\x00b`},
		{"no name", []raw{{name: ""}}, archive.ErrName, ""},
		{"an empty component", []raw{{name: "a//b"}}, archive.ErrName, "a//b"},
		{"a dot inside", []raw{{name: "a/./b"}}, archive.ErrName, "a/./b"},
		{"dots alone", []raw{{name: ".."}}, archive.ErrName, ".."},
		{"a very long component", []raw{{name: strings.Repeat("x", 300)}}, archive.ErrName, "xxx"},
		{"a very deep name", []raw{{name: strings.Repeat("x/", 400) + "y"}}, archive.ErrName, "x/x"},
		{"the same name twice", []raw{{name: "a", content: "1"}, {name: "a", content: "2"}}, archive.ErrDuplicate, "a"},
		{"the same name as file and directory", []raw{{name: "a"}, {name: "a/"}}, archive.ErrDuplicate, "a/"},
		{"./a beside a", []raw{{name: "a"}, {name: "./a"}}, archive.ErrDuplicate, "./a"},
		{"a file used as a directory", []raw{{name: "a"}, {name: "a/b"}}, archive.ErrConflict, "a"},
		{"writing through a link", []raw{{"l", "d", link, 0}, {name: "l/evil"}}, archive.ErrConflict, "l"},
		{"writing through a link, reversed", []raw{{name: "l/x/evil"}, {"l", "d", link, 0}}, archive.ErrConflict, "l"},
		{"a link to an absolute path", []raw{{"l", "/etc/passwd", link, 0}}, archive.ErrLink, "l"},
		{"a link that climbs", []raw{{"d/l", "../../x", link, 0}}, archive.ErrLink, "d/l"},
		{"a link that climbs through a link", []raw{{"d/l", "..", link, 0}, {"e", "d/l/../x", link, 0}}, archive.ErrLink, "e"},
		{"a link without a target", []raw{{"l", "", link, 0}}, archive.ErrLink, "l"},
		{"a link with an endless target", []raw{{"l", strings.Repeat("x", 5000), link, 0}}, archive.ErrLink, "l"},
		{"a device", []raw{{name: "dev", mode: fs.ModeDevice | 0o666}}, archive.ErrKind, "dev"},
		{"a pipe", []raw{{name: "p", mode: fs.ModeNamedPipe | 0o666}}, archive.ErrKind, "p"},
		{"encryption", []raw{{name: "enc", flags: 1}}, archive.ErrKind, "enc"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			parent := t.TempDir()
			dest := filepath.Join(parent, "x", "dest")
			_, err := unpack(craft(t, tc.entries...), dest, archive.Limits{})
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if !strings.Contains(err.Error(), tc.names) {
				t.Errorf("%v does not name the entry %s", err, tc.names)
			}
			nothingOutside(t, parent, dest)
		})
	}
}

// nothingOutside fails when anything but dest and its parents exists below parent, or dest holds a way out.
func nothingOutside(tb testing.TB, parent, dest string) {
	tb.Helper()
	err := filepath.WalkDir(parent, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(dest+"/", p+"/") && !strings.HasPrefix(p, dest+"/") {
			tb.Errorf("%s was made outside the destination", p)
		}
		if d.Type()&fs.ModeSymlink != 0 {
			resolved, err := filepath.EvalSymlinks(p)
			real, _ := filepath.EvalSymlinks(dest)
			if err == nil && resolved != real && !strings.HasPrefix(resolved, real+"/") {
				tb.Errorf("link %s leads to %s", p, resolved)
			}
		}
		return nil
	})
	if err != nil {
		tb.Error(err)
	}
}

func TestUnzipNeverWritesThroughOrOverWhatIsThere(t *testing.T) {
	outside, dest := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dest, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dest, "mine"), []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"d/evil", "mine"} {
		if _, err := unpack(craft(t, raw{name: name, content: "new"}), dest, archive.Limits{}); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if left, _ := os.ReadDir(outside); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
	if got, _ := os.ReadFile(filepath.Join(dest, "mine")); string(got) != "keep" {
		t.Errorf("overwritten with %q", got)
	}
}

func TestUnzipDropsSpecialBits(t *testing.T) {
	dest := t.TempDir()
	if _, err := unpack(craft(t, raw{"su", "x", fs.ModeSetuid | fs.ModeSetgid | 0o777, 0}, raw{"ro", "x", 0o400, 0}), dest, archive.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"su": 0o755, "ro": 0o644} {
		if info, err := os.Stat(filepath.Join(dest, name)); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestLimits(t *testing.T) {
	many := make([]raw, 50)
	for i := range many {
		many[i] = raw{name: fmt.Sprintf("f%d", i)}
	}
	zeros := raw{name: "zeros", content: strings.Repeat("\x00", archive.RatioFree+1)}
	for _, tc := range []struct {
		what    string
		entries []raw
		limits  archive.Limits
		says    string
	}{
		{"too many entries", many, archive.Limits{Entries: 49}, "more than 49 entries"},
		{"too many directories", []raw{{name: "a/b/c/d/e"}}, archive.Limits{Entries: 3}, "more than 3 directories"},
		{"too many bytes", []raw{{name: "a", content: "123456"}, {name: "b", content: "123456"}}, archive.Limits{Bytes: 10}, "more than 10 bytes"},
		{"a zip bomb", []raw{zeros}, archive.Limits{}, "more than 200 times"},
	} {
		t.Run(tc.what, func(t *testing.T) {
			dest := filepath.Join(t.TempDir(), "dest")
			_, err := unpack(craft(t, tc.entries...), dest, tc.limits)
			if !errors.Is(err, archive.ErrLimit) || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v", err)
			}
			if _, err := os.Stat(dest); err == nil {
				t.Error("something was written before the limit was checked")
			}
		})
	}
	t.Run("small archives may compress well", func(t *testing.T) {
		if _, err := unpack(craft(t, raw{name: "z", content: strings.Repeat("\x00", 1<<20)}), t.TempDir(), archive.Limits{}); err != nil {
			t.Error(err)
		}
	})
}

// A lying header must not make us write more than announced.
func TestContentLongerThanAnnounced(t *testing.T) {
	data := craft(t, raw{name: "liar", content: strings.Repeat("x", 10_000)})
	central := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[central+24:], 10) // uncompressed size
	dest := t.TempDir()
	_, err := unpack(data, dest, archive.Limits{})
	if err == nil || !strings.Contains(err.Error(), "liar") {
		t.Errorf("got %v", err)
	}
	if info, err := os.Stat(filepath.Join(dest, "liar")); err == nil && info.Size() > 10 {
		t.Errorf("%d bytes were written", info.Size())
	}
}

// The better zip bomb: many directory entries that share one piece of data.
func TestOverlappingEntries(t *testing.T) {
	data := craft(t, raw{name: "aaaa", content: strings.Repeat("x", 5000)}, raw{name: "bbbb", content: strings.Repeat("y", 5000)})
	last := bytes.LastIndex(data, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(data[last+42:], 0) // bbbb's header is aaaa's
	if _, err := unpack(data, t.TempDir(), archive.Limits{}); !errors.Is(err, archive.ErrOverlap) {
		t.Errorf("got %v", err)
	}
}

func TestDamagedContent(t *testing.T) {
	src := t.TempDir()
	tree{"a": "file:" + strings.Repeat("hello ", 100)}.write(t, src)
	data := pack(t, src, archive.Options{})
	data[40] ^= 0xff
	if _, err := unpack(data, t.TempDir(), archive.Limits{}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("got %v", err)
	}
}

func TestNotAZip(t *testing.T) {
	for _, data := range []string{"", "hello", `{"repository":"x"}`, "PK\x03\x04", strings.Repeat("PK\x05\x06", 10)} {
		if _, err := unpack([]byte(data), t.TempDir(), archive.Limits{}); !errors.Is(err, archive.ErrFormat) {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func FuzzUnzip(f *testing.F) {
	for _, seed := range [][]byte{
		craft(f, raw{name: "a/b.txt", content: "hello hello hello"}, raw{"run", "x", 0o755, 0}, raw{name: "d/"}),
		craft(f, raw{"l", "a", link, 0}, raw{name: "a", content: "z"}),
		craft(f, raw{name: "../x"}), craft(f, raw{name: "/x"}), craft(f, raw{name: "a"}, raw{name: "a"}),
		craft(f, raw{"d/l", "..", link, 0}, raw{"e", "d/l/../x", link, 0}),
		craft(f), []byte("PK\x05\x06"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dest := filepath.Join(parent, "in", "dest")
		_, err := unpack(data, dest, archive.Limits{Entries: 100, Bytes: 1 << 20})
		nothingOutside(t, parent, dest)
		if err != nil {
			return
		}
		// What we accept we can pack and get back.
		back := filepath.Join(parent, "in", "dest", "..", "dest2")
		if _, err := unpack(pack(t, dest, archive.Options{Links: archive.KeepLinks}), back, archive.Limits{}); err != nil {
			t.Fatalf("packed again it is refused: %v", err)
		}
	})
}
