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

	replacement = "\uFFFD" // stands where a byte cannot be logged
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
	text    []byte // whole lines, ready for the store
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
	if end := bytes.IndexByte(p, '\n'); end >= 0 && len(l.partial) > 0 {
		l.partial = append(l.partial, p[:end]...)
		l.endLine()
		p = p[end+1:]
	}
	if end := bytes.LastIndexByte(p, '\n') + 1; end > 0 {
		l.addLines(p[:end])
		p = p[end:]
	}
	l.partial = append(l.partial, p...)
	// A secret that lies across a cut would be in neither half: what may become one waits, what is one goes first.
	for len(l.partial) > maxLine+l.mask.longest {
		if l.mask.contains(l.partial) {
			l.partial = append(l.partial[:0], l.mask.hide(l.partial)...)
			continue
		}
		cut := lineCut(l.partial)
		l.push(l.partial[:cut])
		l.partial = append(l.partial[:0], l.partial[cut:]...)
	}
	for len(l.text) > maxPending && !l.closed {
		l.room.Wait()
	}
	return n, nil
}

// addLines adds whole lines, each with its end. Most output needs no change and goes in as it is, many lines at a time.
func (l *buildLog) addLines(text []byte) {
	for len(text) > 0 {
		block := firstLines(text)
		text = text[len(block):]
		if len(block) <= maxLine && l.clean(block) {
			l.append(block, "")
			continue
		}
		for line := range bytes.Lines(block) {
			l.add(line[:len(line)-1])
		}
	}
}

// firstLines are as many lines as fit maxLine, and at least one.
func firstLines(text []byte) []byte {
	end := bytes.LastIndexByte(text[:min(len(text), maxLine)], '\n')
	if end < 0 {
		end = bytes.IndexByte(text, '\n')
	}
	return text[:end+1]
}

// clean reports whether lines, none of which is too long, can be logged as they are.
func (l *buildLog) clean(lines []byte) bool {
	return utf8.Valid(lines) && bytes.IndexByte(lines, 0) < 0 && !bytes.Contains(lines, []byte("\r\n")) && !l.mask.contains(lines)
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

// add adds one line, without its end.
func (l *buildLog) add(line []byte) {
	line = l.mask.hide(line)
	for len(line) > maxLine {
		cut := lineCut(line)
		l.push(line[:cut])
		line = line[cut:]
	}
	l.push(line)
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
	return string(l.mask.hide([]byte(text)))
}

// hides reports whether a text holds a secret.
func (l *buildLog) hides(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mask.contains([]byte(text))
}

// push logs one line as valid UTF-8 that databases and terminals take.
func (l *buildLog) push(line []byte) {
	if !utf8.Valid(line) {
		line = bytes.ToValidUTF8(line, []byte(replacement))
	}
	line = bytes.TrimSuffix(line, []byte("\r"))
	if bytes.IndexByte(line, 0) >= 0 {
		line = bytes.ReplaceAll(line, []byte{0}, []byte(replacement))
	}
	l.append(line, "\n")
}

// append takes lines that are ready, and what ends the last of them.
func (l *buildLog) append(lines []byte, end string) {
	l.text = append(append(l.text, lines...), end...)
	if !l.own {
		l.last.add(lines)
	}
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
	l.endLine()
	l.own = true
	defer func() { l.own = false }()
	prefix := "[Container] " + l.now().UTC().Format("2006/01/02 15:04:05.000000") + " "
	for line := range strings.SplitSeq(fmt.Sprintf(format, args...), "\n") {
		l.add([]byte(prefix + line))
		prefix = ""
	}
}

func (l *buildLog) endLine() {
	if len(l.partial) > 0 {
		l.add(l.partial)
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
	var spare []byte // what was handed on; its memory takes the next lines
	for open := true; open; {
		<-l.wake
		l.mu.Lock()
		text := l.text
		l.text, open = spare, !l.closed
		l.room.Broadcast()
		l.mu.Unlock()
		if err == nil && len(text) > 0 {
			err = to.Append(ctx, text)
		}
		spare = text[:0]
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
		l.endLine()
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
