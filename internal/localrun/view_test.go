package localrun

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// The last line that was drawn, without what a terminal makes of it.
func lastLine(out *bytes.Buffer) string {
	_, line, _ := strings.Cut(out.String()[strings.LastIndex(out.String(), "\n"):], "\x1b[2m")
	line, _, _ = strings.Cut(line, "\x1b[0m")
	names, _, _ := strings.Cut(line, "  0s")
	return names
}

// A terminal shows every build of a batch while there is room, and how many are how far when there is not.
func TestTheLineOfABatch(t *testing.T) {
	var out bytes.Buffer
	v := &TextView{Out: &out, Live: true, Width: 80}
	v.Begin("app", []string{"Build"})
	for _, name := range []string{"compile", "check", "lint", "pack"} {
		v.Action("Build", name, waiting, "")
	}
	if strings.Contains(out.String(), "Waiting") {
		t.Errorf("what waits has lines of its own: %q", out.String())
	}
	v.Action("Build", "compile", succeeded, "")
	v.Action("Build", "lint", failureIgnored, "")
	v.Action("Build", "check", inProgress, "")
	if got := lastLine(&out); got != "✓ compile  ▶ check  ! lint  · pack" {
		t.Errorf("the line is %q", got)
	}
	v.Width = 30
	v.Log("Build", "check", []string{"hello"})
	if got := lastLine(&out); got != "! 1  ▶ 1  ✓ 1  · 1" || !strings.Contains(out.String(), "  check | hello") {
		t.Errorf("with less room the line is %q: %q", got, out.String())
	}
	v.End("SUCCEEDED", "", time.Second)
}
