package build

import "strings"

// Bounds of what is told of a failed command's output.
const (
	lastLines     = 10
	lastLineBytes = 300
)

// lastWords are the last lines that a command wrote.
type lastWords struct{ lines []string }

func (w *lastWords) reset() { w.lines = w.lines[:0] }

func (w *lastWords) add(line string) {
	if strings.TrimSpace(line) == "" {
		return
	}
	if len(line) > lastLineBytes {
		line = strings.ToValidUTF8(line[:lastLineBytes], "") + "..."
	}
	if len(w.lines) == lastLines {
		w.lines = append(w.lines[:0], w.lines[1:]...)
	}
	w.lines = append(w.lines, line)
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
	l.endLine(l.now())
	return strings.Join(l.last.lines, "\n")
}
