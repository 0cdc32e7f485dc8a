package localrun

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// The statuses of actions, as views get them.
const (
	inProgress = "InProgress"
	succeeded  = "Succeeded"
	failed     = "Failed"

	waiting        = "Waiting"        // a build of a batch for those that it depends on, or for the batch to get to it
	failureIgnored = "FailureIgnored" // of a build whose batch goes on nevertheless
)

// View shows a run while it goes on. Its methods are called one at a time.
type View interface {
	Begin(name string, stages []string)
	// Action tells a new status of an action; why explains one that failed.
	Action(stage, action, status, why string)
	Log(stage, action string, lines []string)
	// Artifact tells where something that was made lies now.
	Artifact(stage, name, dir string)
	End(status, reason string, took time.Duration)
}

// JSONView writes one JSON object a line, for programs.
type JSONView struct{ Out io.Writer }

type jsonEvent struct {
	Type   string `json:"type"` // begin, action, log, artifact, end
	Name   string `json:"name,omitempty"`
	Stage  string `json:"stage,omitempty"`
	Action string `json:"action,omitempty"`
	Status string `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	Line   string `json:"line,omitempty"`
	Path   string `json:"path,omitempty"`
	Millis int64  `json:"milliseconds,omitempty"`
}

func (v JSONView) write(e jsonEvent) { _ = json.NewEncoder(v.Out).Encode(e) } // nobody is left to tell that nobody reads

// Begin implements View.
func (v JSONView) Begin(name string, _ []string) { v.write(jsonEvent{Type: "begin", Name: name}) }

// Action implements View.
func (v JSONView) Action(stage, action, status, why string) {
	v.write(jsonEvent{Type: "action", Stage: stage, Action: action, Status: status, Reason: why})
}

// Log implements View.
func (v JSONView) Log(stage, action string, lines []string) {
	for _, line := range lines {
		v.write(jsonEvent{Type: "log", Stage: stage, Action: action, Line: line})
	}
}

// Artifact implements View.
func (v JSONView) Artifact(stage, name, dir string) {
	v.write(jsonEvent{Type: "artifact", Stage: stage, Name: name, Path: dir})
}

// End implements View.
func (v JSONView) End(status, reason string, took time.Duration) {
	v.write(jsonEvent{Type: "end", Status: status, Reason: reason, Millis: took.Milliseconds()})
}

// TextView writes lines for people. On a terminal the stages stand below them, redrawn in place.
type TextView struct {
	Out   io.Writer
	Live  bool
	Width int

	mu     sync.Mutex
	began  time.Time
	stages []*stageLine
	drawn  bool
}

type stageLine struct {
	name    string
	actions []string          // in the order in which they were first told of
	status  map[string]string // by action
}

// Begin implements View.
func (v *TextView) Begin(name string, stages []string) {
	v.began = time.Now()
	for _, s := range stages {
		v.stages = append(v.stages, &stageLine{name: s, status: map[string]string{}})
	}
	v.above(v.strong(name))
}

// Action implements View.
func (v *TextView) Action(stage, action, status, _ string) {
	v.mu.Lock()
	for _, s := range v.stages {
		if s.name != stage {
			continue
		}
		if _, known := s.status[action]; !known {
			s.actions = append(s.actions, action)
		}
		s.status[action] = status
	}
	v.mu.Unlock()
	if status == waiting {
		return // until it begins it stands below the lines alone
	}
	v.above(fmt.Sprintf("%s %s/%s %s", symbol(status), stage, action, status))
}

// Log implements View.
func (v *TextView) Log(stage, action string, lines []string) {
	prefix := "  | "
	switch {
	case len(v.stages) > 1:
		prefix = "  " + stage + "/" + action + " | "
	case len(v.stages) == 1 && len(v.stages[0].actions) > 1:
		prefix = "  " + action + " | "
	}
	for _, line := range lines {
		own := container.FindString(line)
		switch rest := line[len(own):]; {
		case own == "":
			v.above(prefix + line)
		case rest != emptyContext:
			v.above(prefix + v.faint(rest))
		}
	}
}

// container begins a log's lines that are the build service's own; emptyContext is one that says nothing.
var container = regexp.MustCompile(`^\[Container\] \S+ \S+ `)

const emptyContext = "Phase context status code:  Message: "

// Artifact implements View.
func (v *TextView) Artifact(stage, name, dir string) {
	v.above(fmt.Sprintf("%s/%s is in %s", stage, name, dir))
}

// End implements View.
func (v *TextView) End(status, reason string, took time.Duration) {
	v.mu.Lock()
	v.erase()
	v.stages = nil
	v.mu.Unlock()
	if reason != "" && !strings.EqualFold(status, succeeded) {
		v.above("", reason)
	}
	v.above("", v.strong(fmt.Sprintf("%s after %s", status, took.Round(time.Millisecond))))
}

// above writes lines above the stages.
func (v *TextView) above(lines ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erase()
	for _, line := range lines {
		fmt.Fprintln(v.Out, line)
	}
	v.draw()
}

// Question shows a question instead of the stages, which come back with the next line.
func (v *TextView) Question(text string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.erase()
	fmt.Fprint(v.Out, text)
}

func (v *TextView) erase() {
	if v.drawn {
		fmt.Fprint(v.Out, "\r\x1b[K")
		v.drawn = false
	}
}

// draw writes the stages, or the builds of a batch, as one line without its end.
func (v *TextView) draw() {
	if !v.Live || len(v.stages) == 0 {
		return
	}
	took := fmt.Sprintf("  %s", time.Since(v.began).Round(time.Second))
	names, statuses := v.shown()
	text := each(names, statuses) + took
	if v.tooLong(text) {
		text = counted(statuses) + took
	}
	if runes := []rune(text); v.tooLong(text) {
		text = string(runes[:v.Width-1])
	}
	fmt.Fprint(v.Out, "\x1b[2m"+text+"\x1b[0m")
	v.drawn = true
}

func (v *TextView) tooLong(text string) bool { return v.Width > 1 && len([]rune(text)) >= v.Width }

// shown is what stands in the line, and how far it is: the stages, or what runs in the only one.
func (v *TextView) shown() (names, statuses []string) {
	if len(v.stages) == 1 && len(v.stages[0].actions) > 1 {
		for _, a := range v.stages[0].actions {
			statuses = append(statuses, v.stages[0].status[a])
		}
		return v.stages[0].actions, statuses
	}
	for _, s := range v.stages {
		names, statuses = append(names, s.name), append(statuses, s.worst())
	}
	return names, statuses
}

func each(names, statuses []string) string {
	parts := make([]string, len(names))
	for i := range names {
		parts[i] = symbol(statuses[i]) + " " + names[i]
	}
	return strings.Join(parts, "  ")
}

// counted is how many have which status, for what is too much to be named.
func counted(statuses []string) string {
	var parts []string
	for _, s := range []string{"✗", "!", "▶", "✓", "·"} {
		n := 0
		for _, status := range statuses {
			if symbol(status) == s {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", s, n))
		}
	}
	return strings.Join(parts, "  ")
}

// worst is what a stage shows: what failed, else what runs, else what waits, else what succeeded.
func (s *stageLine) worst() string {
	rank := map[string]int{failed: 4, inProgress: 3, waiting: 2, failureIgnored: 1, succeeded: 1}
	worst := ""
	for _, status := range s.status {
		if rank[status] > rank[worst] || rank[status] == 0 {
			worst = status
		}
	}
	return worst
}

func symbol(status string) string {
	switch status {
	case succeeded:
		return "✓"
	case inProgress:
		return "▶"
	case failureIgnored:
		return "!"
	case "", waiting:
		return "·"
	}
	return "✗"
}

func (v *TextView) faint(text string) string {
	if v.Live {
		return "\x1b[2m" + text + "\x1b[0m"
	}
	return text
}

func (v *TextView) strong(text string) string {
	if v.Live {
		return "\x1b[1m" + text + "\x1b[0m"
	}
	return text
}
