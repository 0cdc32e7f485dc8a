package build

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	maxLine    = 64 << 10 // longer lines are split
	maxPending = 4 << 20  // bytes that may wait for the log store before the build waits, too
)

// buildLog is the log of one build. Lines gather in memory and a goroutine of its own hands them on, so that a build
// neither waits for its log to be opened nor for a disk; when the store cannot keep up the build waits.
type buildLog struct {
	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	room    *sync.Cond
	mask    mask
	last    lastWords
	own     bool   // the line being written is the build service's
	partial []byte // a line that has not ended yet
	lines   []LogLine
	pending int
	closed  bool
	wake    chan struct{}
	done    chan struct{}
}

// openLog starts a log; logs may be nil, then it goes nowhere.
func openLog(ctx context.Context, logs Logs, group, stream string, now func() time.Time, log *slog.Logger) *buildLog {
	l := &buildLog{now: now, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.room = sync.NewCond(&l.mu)
	if logs == nil {
		l.closed = true
		close(l.done)
		return l
	}
	go l.hand(context.WithoutCancel(ctx), logs, group, stream)
	return l
}

// Write takes what commands print. It never fails.
func (l *buildLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := len(p)
	if l.closed {
		return n, nil
	}
	now := l.now()
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.partial = append(l.partial, p...)
			break
		}
		if len(l.partial) > 0 {
			l.partial = append(l.partial, p[:i]...)
			l.add(now, l.partial)
			l.partial = l.partial[:0]
		} else {
			l.add(now, p[:i])
		}
		p = p[i+1:]
	}
	// A secret that lies across a cut would be in neither half: what may become one waits, what is one goes first.
	for len(l.partial) > maxLine+l.mask.longest {
		if l.mask.contains(string(l.partial)) {
			l.partial = append(l.partial[:0], l.mask.hide(string(l.partial))...)
			continue
		}
		cut := lineCut(l.partial)
		l.add(now, l.partial[:cut])
		l.partial = append(l.partial[:0], l.partial[cut:]...)
	}
	for l.pending > maxPending && !l.closed {
		l.room.Wait()
	}
	return n, nil
}

// lineCut is where a line that is too long is split: before the character that does not fit whole.
func lineCut(b []byte) int {
	for cut := maxLine; cut > maxLine-utf8.UTFMax; cut-- {
		if utf8.RuneStart(b[cut]) {
			return cut
		}
	}
	return maxLine
}

func (l *buildLog) add(at time.Time, line []byte) {
	if l.mask.contains(string(line)) {
		line = []byte(l.mask.hide(string(line)))
	}
	for len(line) > maxLine {
		cut := lineCut(line)
		l.push(at, line[:cut])
		line = line[cut:]
	}
	l.push(at, line)
}

// hide keeps secrets out of every line from now on.
func (l *buildLog) hide(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, secret := range secrets {
		l.mask.add(secret)
	}
}

// masked is a text without the secrets it holds.
func (l *buildLog) masked(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mask.hide(text)
}

// hides reports whether a text holds a secret.
func (l *buildLog) hides(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mask.contains(text)
}

func (l *buildLog) push(at time.Time, line []byte) {
	text := strings.ToValidUTF8(string(line), "\uFFFD")
	text = strings.ReplaceAll(strings.TrimSuffix(text, "\r"), "\x00", "\uFFFD")
	l.lines = append(l.lines, LogLine{Time: at, Text: text})
	if !l.own {
		l.last.add(text)
	}
	l.pending += len(text) + 32
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Printf writes a line of the build service itself. A line a command left unfinished ends before it.
func (l *buildLog) Printf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	now := l.now()
	l.endLine(now)
	l.own = true
	defer func() { l.own = false }()
	prefix := "[Container] " + now.UTC().Format("2006/01/02 15:04:05.000000") + " "
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		l.add(now, []byte(prefix+line))
		prefix = ""
	}
}

func (l *buildLog) endLine(now time.Time) {
	if len(l.partial) > 0 {
		l.add(now, l.partial)
		l.partial = l.partial[:0]
	}
}

const (
	openPause    = 50 * time.Millisecond // before a log that could not be opened is tried again; doubling
	openPatience = time.Minute           // how long that goes on while the build runs
	closePause   = 3 * time.Second       // and once it has ended
)

// open opens the log in the store. What keeps it from being opened, such as a lost connection to the database, mostly
// passes; meanwhile lines gather.
func (l *buildLog) open(ctx context.Context, logs Logs, group, stream string) (LogStream, error) {
	var ended time.Time
	began := time.Now()
	for pause := openPause; ; pause = min(2*pause, closePause) {
		to, err := logs.Stream(ctx, group, stream)
		if l.isClosed() && ended.IsZero() {
			ended = time.Now()
		}
		if err == nil || time.Since(began) > openPatience || !ended.IsZero() && time.Since(ended) > closePause {
			return to, err
		}
		time.Sleep(pause)
	}
}

func (l *buildLog) isClosed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closed
}

// hand passes lines on to the store. A log that cannot be written does not fail the build: its lines are dropped and
// the server's own log says so.
func (l *buildLog) hand(ctx context.Context, logs Logs, group, stream string) {
	defer close(l.done)
	to, err := l.open(ctx, logs, group, stream)
	var spare []LogLine // what was handed on; its memory takes the next lines
	for open := true; open; {
		<-l.wake
		l.mu.Lock()
		lines := l.lines
		l.lines, l.pending, open = spare, 0, !l.closed
		l.room.Broadcast()
		l.mu.Unlock()
		if err == nil && len(lines) > 0 {
			err = to.Append(ctx, lines)
		}
		clear(lines)
		spare = lines[:0]
	}
	if err == nil {
		err = to.Close(ctx)
	}
	if err != nil {
		l.log.Error("a build's log is incomplete", "group", group, "stream", stream, "error", err)
	}
}

// Close returns when everything written is durable.
func (l *buildLog) Close() {
	l.mu.Lock()
	if !l.closed {
		l.endLine(l.now())
		l.closed = true
		l.room.Broadcast()
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
	l.mu.Unlock()
	<-l.done
}
