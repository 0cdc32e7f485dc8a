package demo

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// belt is what the screen shows of one execution.
type belt struct {
	execution string
	since     time.Time
	stages    []stage
	log       []string
	logToken  *string
}

type stage struct {
	name    string
	status  string // empty: not reached by this execution
	actions []actionLine
}

type actionLine struct {
	name, status, external, failure string
	changed                         time.Time
}

// build is the id of the execution's build; empty until there is one.
func (b *belt) build() string {
	for _, s := range b.stages {
		for _, a := range s.actions {
			if strings.HasPrefix(a.external, project+":") {
				return a.external
			}
		}
	}
	return ""
}

func (b *belt) failure() string {
	for _, s := range b.stages {
		for _, a := range s.actions {
			if a.failure != "" {
				return s.name + "/" + a.name + " failed: " + a.failure
			}
		}
	}
	return "no action says why"
}

func (b *belt) done() int {
	n := 0
	for _, s := range b.stages {
		if s.status == "Succeeded" {
			n++
		}
	}
	return n
}

// screen draws the belt: in place on a terminal, as one line per change elsewhere.
type screen struct {
	out   io.Writer
	live  bool
	width int
	drawn int             // lines of the last live drawing
	told  map[string]bool // changes already printed
	lines int             // log lines already printed
}

func newScreen(out io.Writer, live bool, width int) *screen {
	return &screen{out: out, live: live, width: max(width, 40), told: map[string]bool{}}
}

func (s *screen) show(b *belt) {
	if s.live {
		s.draw(b)
		return
	}
	for _, st := range b.stages {
		for _, a := range st.actions {
			s.tell(fmt.Sprintf("  %s %s/%s: %s", symbol(a.status), st.name, a.name, a.status))
		}
	}
	for _, line := range b.log[min(s.lines, len(b.log)):] {
		fmt.Fprintf(s.out, "      | %s\n", strings.TrimRight(line, "\r\n"))
	}
	s.lines = len(b.log)
}

func (s *screen) tell(line string) {
	if !s.told[line] {
		s.told[line] = true
		fmt.Fprintln(s.out, line)
	}
}

// logTail is how many log lines a live drawing shows.
const logTail = 6

func (s *screen) draw(b *belt) {
	lines := []string{s.progress(b), ""}
	for _, st := range b.stages {
		lines = append(lines, fmt.Sprintf("  %s %s", symbol(st.status), bold(st.name)))
		for _, a := range st.actions {
			lines = append(lines, fmt.Sprintf("      %s %-12s %s", symbol(a.status), a.name, dim(a.status)))
		}
	}
	lines = append(lines, "")
	for _, line := range b.log[max(0, len(b.log)-logTail):] {
		lines = append(lines, dim("    | "+clip(strings.TrimRight(line, "\r\n"), s.width-8)))
	}
	if s.drawn > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA", s.drawn)
	}
	fmt.Fprint(s.out, "\x1b[J"+strings.Join(lines, "\n")+"\n")
	s.drawn = len(lines)
}

func (s *screen) progress(b *belt) string {
	const cells = 30
	full := 0
	if len(b.stages) > 0 {
		full = cells * b.done() / len(b.stages)
	}
	return fmt.Sprintf("  [%s%s] %d of %d stages, %s", strings.Repeat("=", full), strings.Repeat(" ", cells-full),
		b.done(), len(b.stages), time.Since(b.since).Round(time.Millisecond))
}

// leave ends a live drawing, so that what follows stands below it.
func (s *screen) leave() { s.drawn = 0 }

func symbol(status string) string {
	switch status {
	case "Succeeded":
		return "✓"
	case "Failed", "Abandoned", "Cancelled":
		return "✗"
	case "InProgress", "Stopping":
		return "▶"
	default:
		return "·"
	}
}

func clip(s string, width int) string {
	runes := []rune(s)
	if len(runes) <= width {
		return s
	}
	return string(runes[:max(0, width-1)]) + "…"
}

func bold(s string) string { return "\x1b[1m" + s + "\x1b[0m" }
func dim(s string) string  { return "\x1b[2m" + s + "\x1b[0m" }

func (d *demo) title(text string) {
	if d.Live {
		text = bold(text)
	}
	fmt.Fprintf(d.Out, "\n%s\n\n", text)
}

func (d *demo) line(format string, args ...any) { fmt.Fprintf(d.Out, "  "+format+"\n", args...) }

func (d *demo) timing(what string, took time.Duration) {
	fmt.Fprintf(d.Out, "  time: %-40s %8.1f ms\n", what, float64(took.Microseconds())/1000)
}

func (d *demo) byHand() {
	fmt.Fprintf(d.Out, `
The same by hand, in another terminal:

  eval "$(%[1]s env --data %[2]s --listen %[3]s)"
  git config --global credential.helper \
      '!f() { test "$1" = get && aws codecommit credential-helper get --ignore-host-check; }; f'
  git config --global credential.UseHttpPath true
  git clone %[4]s/v1/repos/%[5]s && cd %[5]s
  # edit content/index.html, then
  git commit -am "My change" && git push
  aws codepipeline get-pipeline-state --name %[6]s
  aws logs tail --follow /aws/codebuild/%[7]s        # with version 1 of the aws CLI: aws logs filter-log-events

The site:  %[4]s/conveyor/websites/%[8]s/
           http://%[8]s.s3-website.localhost:%[9]s/ (where *.localhost resolves)
`, d.Program, d.DataDir, strings.TrimPrefix(d.Endpoint, "http://"), d.Endpoint, repository, pipelineID, project, siteBucket, port(d.Endpoint))
}

func port(endpoint string) string { return endpoint[strings.LastIndex(endpoint, ":")+1:] }
