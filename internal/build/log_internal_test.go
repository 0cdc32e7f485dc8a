package build

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"
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

func (l *lateLogs) Append(_ context.Context, lines []LogLine) error {
	for _, line := range lines {
		l.lines = append(l.lines, line.Text)
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
