package buildtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// left is what a build's session has left in a workspace that is kept.
func left(t *testing.T, r build.Runner, commands ...string) *place {
	t.Helper()
	p, err := startIn(t, r, build.Needs{Keep: true}, build.SessionOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		p.do(0, c)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	return p
}

// opened is a shell that a person has opened in a workspace.
type opened struct {
	Log
	t     *testing.T
	in    *io.PipeWriter
	sizes chan build.Size // nil without a terminal

	ended  chan struct{}
	status int // after the end, as err
	err    error
}

// enter opens a shell, on a terminal of a size when it has one.
func (p *place) enter(ctx context.Context, size build.Size, env ...string) *opened {
	in, keys := io.Pipe()
	o := &opened{t: p.t, in: keys, ended: make(chan struct{})}
	s := build.Shell{Dir: p.ws.Path("src"), Env: env, In: in, Out: o}
	if size.Rows > 0 {
		o.sizes = make(chan build.Size)
		s.Sizes = o.sizes
	}
	go func() {
		defer close(o.ended)
		o.status, o.err = p.ws.Shell(ctx, s)
		_ = in.Close() // nobody reads any more; never fails
	}()
	if s.Sizes != nil {
		o.resize(size)
	}
	return o
}

func (o *opened) resize(size build.Size) {
	select {
	case o.sizes <- size:
	case <-o.ended:
		o.t.Fatalf("the shell has ended: %d, %v (output %q)", o.status, o.err, o)
	}
}

// write types text, of which an ended shell takes nothing.
func (o *opened) write(text string) { _, _ = io.WriteString(o.in, text) }

// says waits until the shell has written a text, at the beginning of a line and not where it repeats what was typed.
func (o *opened) says(text string) {
	o.t.Helper()
	o.waits(fmt.Sprintf("the shell to write %q", text), func() bool {
		return strings.Contains("\n"+strings.ReplaceAll(o.String(), "\r", ""), "\n"+text)
	})
}

// waits is Eventually, and shows in vain what the shell has written.
func (o *opened) waits(what string, ok func() bool) {
	o.t.Helper()
	defer func() {
		if o.t.Failed() {
			o.t.Logf("the shell wrote %q", o.String())
		}
	}()
	Eventually(o.t, what, ok)
}

// ends waits for the shell's end.
func (o *opened) ends(status int) {
	o.t.Helper()
	o.waits("the shell's end", func() bool {
		select {
		case <-o.ended:
			return true
		default:
			return false
		}
	})
	if o.status != status || o.err != nil {
		o.t.Fatalf("the shell ended with %d, %v, want %d (output %q)", o.status, o.err, status, o)
	}
}

// A shell finds what the build left, in its directory and at home, and leaves what it changes to the next one.
func shellInWhatIsLeft(t *testing.T, r build.Runner) {
	p := left(t, r, `echo half a page >page; echo kept >"$HOME/mark"; mkdir deep; cd deep`)
	o := p.enter(p.ctx, build.Size{}, "GIVEN=it's")
	o.write("basename \"$PWD\"; cat page \"$HOME/mark\"; echo \"$GIVEN\"; echo oops >&2; echo more >>page; exit 7\n")
	o.ends(7)
	if got := o.String(); got != "src\nhalf a page\nkept\nit's\noops\n" {
		t.Errorf("it wrote %q", got)
	}
	again := p.enter(p.ctx, build.Size{})
	again.write("tail -n 1 page\n(exit 4)\n")
	if err := again.in.Close(); err != nil { // the end of what is typed is the end of the shell
		t.Fatal(err)
	}
	again.ends(4)
	if got := again.String(); got != "more\n" {
		t.Errorf("the next one wrote %q", got)
	}
	if err := p.ws.Cleanup(p.ctx); err != nil {
		t.Fatal(err)
	}
	gone := p.enter(p.ctx, build.Size{})
	<-gone.ended
	if gone.err == nil {
		t.Error("a shell was opened in a workspace that is gone")
	}
}

// The size of the window and Ctrl-C reach the program on a shell's terminal.
func shellOnTerminal(t *testing.T, r build.Runner) {
	p := left(t, r)
	o := p.enter(p.ctx, build.Size{Rows: 33, Columns: 77}, "TERM=dumb")
	o.write("until stty size | grep '^33 77$'; do sleep 0.02; done\n")
	o.says("33 77")
	o.resize(build.Size{Rows: 40, Columns: 101})
	o.write("until stty size | grep '^40 101$'; do sleep 0.02; done\n")
	o.says("40 101")
	o.write("sh -c 'trap \"echo; echo caught; exit 3\" INT; echo run\"\"ning; while :; do sleep 0.02; done'\n")
	o.says("running")
	o.write("\x03")
	o.says("caught")
	o.write("echo status=$?; test -t 0 && test -t 1 && test -t 2 && exit 5\n")
	o.says("status=3")
	o.ends(5)
}

// beating is a command that starts a process that outlives its shell if it can, and goes on once that beats.
func (p *place) beating(name string) string {
	file := p.ws.Path("src/" + name)
	return fmt.Sprintf("setsid sh -c 'while :; do echo x >>%s; sleep 0.005; done' </dev/null >/dev/null 2>&1 &\nuntil test -s %s; do sleep 0.01; done\n", file, file)
}

func (p *place) beaten(name string) pulse { return pulse{p.t, filepath.Join(p.ws.Root(), "src", name)} }

// What a shell has started ends with it.
func shellLeavesNothing(t *testing.T, r build.Runner) {
	p := left(t, r)
	for name, size := range map[string]build.Size{"pipe": {}, "terminal": {Rows: 24, Columns: 80}} {
		o := p.enter(p.ctx, size)
		o.write(p.beating(name) + "exit 0\n")
		o.ends(0)
		expectDead(t, map[string]pulse{name: p.beaten(name)})
	}
}

// A shell whose caller is gone, or whose workspace is to go, ends in the middle.
func shellIsEnded(t *testing.T, r build.Runner) {
	p := left(t, r)
	ctx, cancel := context.WithCancelCause(p.ctx)
	o := p.enter(ctx, build.Size{})
	o.write(p.beating("beat") + "sleep 600\n")
	p.beaten("beat").lives("the shell's process to start")
	enough := errors.New("the caller is gone")
	cancel(enough)
	<-o.ended
	if !errors.Is(o.err, enough) {
		t.Errorf("it ended with %d, %v", o.status, o.err)
	}
	expectDead(t, map[string]pulse{"shell's": p.beaten("beat")})
}

// A server that was killed leaves no shells and no kept workspaces to the next one.
func sweepEndsShells(t *testing.T, r build.Runner, successor func() build.Runner) {
	p, idle := left(t, r), left(t, r)
	o := p.enter(p.ctx, build.Size{})
	o.write(p.beating("beat") + "sleep 600\n")
	p.beaten("beat").lives("the shell's process to start")
	if err := successor().Sweep(p.ctx); err != nil {
		t.Fatal(err)
	}
	<-o.ended
	expectDead(t, map[string]pulse{"shell's": p.beaten("beat")})
	for _, ws := range []build.Workspace{p.ws, idle.ws} {
		if _, err := os.Stat(ws.Root()); err == nil {
			t.Error("a kept workspace is still there")
		}
	}
}
