package build

import (
	"bytes"
	"slices"
	"strings"
)

// Bounds of what is told of a failed command's output.
const (
	lastLines     = 10
	lastLineBytes = 300
)

// lastWords are the last lines that a command wrote.
type lastWords struct{ lines []string }

func (w *lastWords) reset() { w.lines = w.lines[:0] }

// add takes lines. All but the last few of many are not even looked at.
func (w *lastWords) add(text []byte) {
	var last []string // the last one first
	for len(text) > 0 && len(last) < lastLines {
		start := bytes.LastIndexByte(text[:len(text)-1], '\n') + 1
		if line := bytes.TrimSuffix(text[start:], []byte{'\n'}); len(bytes.TrimSpace(line)) > 0 {
			last = append(last, lastWord(line))
		}
		text = text[:start]
	}
	slices.Reverse(last)
	if more := len(w.lines) + len(last) - lastLines; more > 0 {
		w.lines = append(w.lines[:0], w.lines[more:]...)
	}
	w.lines = append(w.lines, last...)
}

func lastWord(line []byte) string {
	if len(line) > lastLineBytes {
		return strings.ToValidUTF8(string(line[:lastLineBytes]), "") + "..."
	}
	return string(line)
}

// forget drops what the command before wrote: what comes now is the next one's.
func (l *buildLog) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last.reset()
}

// lastWords are the last lines of the command that has ended, without secrets, as one text; "" when it wrote none.
func (l *buildLog) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLine()
	return strings.Join(l.last.lines, "\n")
}
