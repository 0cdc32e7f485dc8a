package build

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lateLogs cannot be opened at first.
type lateLogs struct {
	refuse int
	lines  []string
}

func (l *lateLogs) Stream(context.Context, string, string) (LogStream, error) {
	if l.refuse--; l.refuse >= 0 {
		return nil, errors.New("conn closed")
	}
	return l, nil
}

func (l *lateLogs) Append(_ context.Context, text []byte) error {
	for line := range strings.Lines(string(text)) {
		l.lines = append(l.lines, strings.TrimSuffix(line, "\n"))
	}
	return nil
}

func (*lateLogs) Close(context.Context) error { return nil }

// A connection that is lost just when a build begins does not cost the build its log.
func TestALogThatOpensLateIsWhole(t *testing.T) {
	logs := &lateLogs{refuse: 2}
	l := openLog(t.Context(), logs, "group", "stream", time.Now, slog.New(slog.DiscardHandler))
	if _, err := l.Write([]byte("one\ntwo\nthree")); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if want := []string{"one", "two", "three"}; !slices.Equal(logs.lines, want) {
		t.Errorf("the log holds %q, want %q", logs.lines, want)
	}
}

// However output is cut into chunks, its lines are logged once each, in order, masked, as valid UTF-8, and the last of them
// are remembered.
func TestOutputIsLoggedLineByLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const secret = "s\xc3cret"
		piece := rapid.SampledFrom([]string{"a", "bc ", "\n", "\n", "\r\n", "\r", "\x00", "\xff", "\u00e9", secret, "s\xc3", strings.Repeat("x", maxLine/3)})
		var output string
		for line := range strings.Lines(strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "output"), "")) {
			if len(line) > maxLine/2 { // one that is split is another test's
				line = line[:maxLine/2] + "\n"
			}
			output += line
		}
		logs := &lateLogs{}
		l := openLog(t.Context(), logs, "group", "stream", time.Now, slog.New(slog.DiscardHandler))
		l.hide(secret)
		for rest := []byte(output); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			if _, err := l.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		last := l.lastWords()
		l.Close()

		var want, words []string
		for line := range strings.Lines(output) {
			line = strings.ToValidUTF8(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), secret, hidden), replacement)
			line = strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\x00", replacement)
			want = append(want, line)
			if strings.TrimSpace(line) != "" {
				words = append(words, lastWord([]byte(line)))
			}
		}
		if !slices.Equal(logs.lines, want) {
			t.Fatalf("the log holds %q, want %q", logs.lines, want)
		}
		if want := strings.Join(words[max(0, len(words)-lastLines):], "\n"); last != want {
			t.Fatalf("the last words are %q, want %q", last, want)
		}
	})
}
