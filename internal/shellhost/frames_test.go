package shellhost_test

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/shellhost"
)

func TestFramesCarryWhatIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var line bytes.Buffer
		f := shellhost.Frames{To: &line, Kind: shellhost.Output, Turn: new(sync.Mutex)}
		want := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 50).Draw(t, "text"), rapid.IntRange(0, 5000).Draw(t, "times"))
		if n, err := f.Write(want); n != len(want) || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		var got []byte
		for {
			kind, content, err := shellhost.ReadFrame(&line)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || kind != shellhost.Output {
				t.Fatalf("%c, %v", kind, err)
			}
			got = append(got, content...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes arrive of %d", len(got), len(want))
		}
	})
	if got := shellhost.EncodeSize(build.Size{Rows: 24, Columns: 300}); !bytes.Equal(got, []byte{0, 24, 1, 44}) {
		t.Errorf("a size is % x", got)
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte("i\x00\x00\x00\x02ls"))
	f.Add([]byte("o\xff\xff\xff\xff"))
	f.Add([]byte("x\x00"))
	f.Fuzz(func(t *testing.T, line []byte) {
		kind, content, err := shellhost.ReadFrame(bytes.NewReader(line))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if _, err := (shellhost.Frames{To: &again, Kind: kind, Turn: new(sync.Mutex)}).Write(content); err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(line, again.Bytes()) {
			t.Errorf("% x is read, % x written", line, again.Bytes())
		}
	})
}
