// Package buildtest is the suite every build runner passes.
package buildtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// deadline is how long a test waits for something that happens by itself.
const deadline = 10 * time.Second

// Eventually polls until ok holds.
func Eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(2 * time.Millisecond) {
		if ok() {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("timed out waiting for: %s", what)
		}
	}
}

// Log collects a session's output.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Len is how many bytes have arrived.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Len()
}

// Reset forgets what has arrived.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

// place is a workspace with an open session.
type place struct {
	build.Session
	t   *testing.T
	ws  build.Workspace
	out *Log
	ctx context.Context
}

func open(t *testing.T, r build.Runner, shell string, env ...string) *place {
	t.Helper()
	p, err := start(t, r, build.SessionOptions{Shell: shell, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// start opens a session in the source directory of a new workspace.
func start(t *testing.T, r build.Runner, o build.SessionOptions) (*place, error) {
	t.Helper()
	return startIn(t, r, build.Needs{}, o)
}

// startIn opens a session in a workspace of certain needs.
func startIn(t *testing.T, r build.Runner, n build.Needs, o build.SessionOptions) (*place, error) {
	t.Helper()
	ctx := context.Background()
	n.ID = uuid.NewString()
	ws, err := r.Prepare(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ws.Cleanup(ctx); err != nil {
			t.Errorf("Cleanup: %v", err)
		}
	})
	if err := os.Mkdir(filepath.Join(ws.Root(), "src"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &place{t: t, ws: ws, out: &Log{}, ctx: ctx}
	o.Dir, o.Output, o.Grace = ws.Path("src"), p.out, 300*time.Millisecond
	p.Session, err = ws.Start(ctx, o)
	return p, err
}

// do runs a command and expects a status.
func (p *place) do(status int, command string) string {
	p.t.Helper()
	p.out.Reset()
	ctx, cancel := context.WithTimeout(p.ctx, deadline)
	defer cancel()
	got, err := p.Run(ctx, command)
	if err != nil {
		p.t.Fatalf("run %q: %v (output %q)", command, err, p.out.String())
	}
	if got != status {
		p.t.Fatalf("run %q: status %d, want %d (output %q)", command, got, status, p.out.String())
	}
	return p.out.String()
}

// step is one command of a script: what it returns and what it prints.
type step struct {
	run    string
	status int
	prints string // exact; "~text" means contains
}

func (p *place) steps(steps []step) {
	p.t.Helper()
	for _, s := range steps {
		got := p.do(s.status, s.run)
		if want, ok := strings.CutPrefix(s.prints, "~"); ok {
			if !strings.Contains(got, want) {
				p.t.Fatalf("run %q: printed %q, which does not contain %q", s.run, got, want)
			}
		} else if got != s.prints {
			p.t.Fatalf("run %q: printed %q, want %q", s.run, got, s.prints)
		}
	}
}

// TestRunner runs the suite, with the scripts for sh and bash unless shells names others. make returns a runner of its own for each test, and how the runner of another server is made
// that finds the first one's server dead.
func TestRunner(t *testing.T, makeTwo func(t *testing.T) (r build.Runner, successor func() build.Runner), shells ...string) {
	if len(shells) == 0 {
		shells = []string{"sh", "bash"}
	}
	make := func(t *testing.T) build.Runner {
		r, _ := makeTwo(t)
		return r
	}
	t.Setenv("CONVEYOR_SECRET_OF_SERVER", "leak")
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			for name, steps := range scripts {
				t.Run(name, func(t *testing.T) {
					open(t, make(t), shell).steps(steps)
				})
			}
		})
	}
	for name, test := range map[string]func(*testing.T, build.Runner){
		"CleanEnvironment":      cleanEnvironment,
		"PrivateDirectories":    privateDirectories,
		"BashKeepsFunctions":    bashKeepsFunctions,
		"Getenv":                getenv,
		"Setenv":                setenv,
		"Eval":                  eval,
		"ManyLines":             manyLines,
		"Binary":                binary,
		"SlowReaderHoldsBack":   slowReader,
		"BackgroundHoldsOutput": backgroundHoldsOutput,
		"CancelKillsTree":       cancelKillsTree,
		"CloseKillsDaemons":     closeKillsDaemons,
		"CloseRunsExitTrap":     closeRunsExitTrap,
		"StubbornProcess":       stubbornProcess,
		"CleanupFreesDisk":      cleanupFreesDisk,
		"PrepareTwice":          prepareTwice,
		"ShellKilled":           shellKilled,
		"Strangers":             strangersLive,
		"RunAs":                 runAs,
		"RunAsNobodyKnown":      runAsNobodyKnown,
		"Size":                  size,
		"ShellInWhatIsLeft":     shellInWhatIsLeft,
		"ShellOnTerminal":       shellOnTerminal,
		"ShellLeavesNothing":    shellLeavesNothing,
		"ShellIsEnded":          shellIsEnded,
	} {
		t.Run(name, func(t *testing.T) {
			test(t, make(t))
		})
	}
	for name, test := range map[string]func(t *testing.T, r build.Runner, successor func() build.Runner){
		"SweepEndsStrays":     sweepEndsStrays,
		"SweepEndsShells":     sweepEndsShells,
		"AttemptOnTwoServers": attemptOnTwoServers,
	} {
		t.Run(name, func(t *testing.T) {
			r, successor := makeTwo(t)
			test(t, r, successor)
		})
	}
}

var scripts = map[string][]step{
	"StateStays": {
		{"mkdir sub; cd sub", 0, ""},
		{`basename "$PWD"`, 0, "sub\n"},
		{"A='x  y'; export B=\"it's $A\"", 0, ""},
		{`echo "$A|$B"; sh -c 'echo "child:$A|$B"'`, 0, "x  y|it's x  y\nchild:|it's x  y\n"},
		{"greet() { echo \"hello $1\"; }", 0, ""},
		{"greet you", 0, "hello you\n"},
		{"umask 027", 0, ""},
		{"umask", 0, "0027\n"},
	},
	"Statuses": {
		{"true", 0, ""},
		{"false", 1, ""},
		{"(exit 7)", 7, ""},
		{"false; true", 0, ""},
		{"no-such-command-at-all", 127, "~not found"},
		{"return 5", 5, ""},
		{"echo still here", 0, "still here\n"},
	},
	"ExitEndsOnlyTheCommand": {
		{"mkdir deep; cd deep; export KEPT='a\nb'\"'\"; exit 3", 3, ""},
		{`basename "$PWD"; echo "$KEPT"`, 0, "deep\na\nb'\n"},
		{"exit", 0, ""},
		{`basename "$PWD"`, 0, "deep\n"},
		{"exec true", 0, ""},
		{"exec sh -c 'exit 9'", 9, ""},
		{`echo "$KEPT"; basename "$PWD"`, 0, "a\nb'\ndeep\n"},
		{"unset KEPT; exit 0", 0, ""},
		{`echo "${KEPT-gone}"`, 0, "gone\n"},
	},
	"SetE": {
		{"set -e\nfalse\necho never", 1, ""},
		{"echo after", 0, "after\n"},
		{"false\necho never", 1, ""}, // the option is state, too
		{"set +e\nfalse\necho reached", 0, "reached\n"},
		{"false\necho again", 0, "again\n"},
	},
	"Trace": {
		{"set -x; echo traced", 0, "~+ echo traced\n"},
		{"set +x", 0, "~+ set +x\n"},
		{"echo quiet", 0, "quiet\n"},
	},
	"OwnExitTrap": {
		{"export A=1", 0, ""},
		{"trap 'echo bye' EXIT; export A=2", 0, ""},
		{"exit 4", 4, "bye\n"},
		{"echo $A", 0, "2\n"},
	},
	"LoopWords": {
		{"break", 0, "~"},
		{"continue", 0, "~"},
		{"break 9", 0, "~"},
		{"for i in 1 2 3; do test $i = 2 && break; echo $i; done", 0, "1\n"},
		{"echo alive", 0, "alive\n"},
	},
	"SyntaxError": {
		{"export A=kept", 0, ""},
		{"if then (", 2, "~yntax error"},
		{"echo $A", 0, "kept\n"},
		{"echo 'unterminated", 2, "~"},
		{"echo $A", 0, "kept\n"},
	},
	"Blocks": {
		{"cat <<EOF\none $((1+1))\nEOF", 0, "one 2\n"},
		{"cat <<'EOF'\n$HOME `x` \"q\"\nEOF", 0, "$HOME `x` \"q\"\n"},
		{"echo one\necho two; false\necho three", 0, "one\ntwo\nthree\n"},
		{"printf '%s\\n' \"a\\\\b\" 'c d' | tr a-z A-Z", 0, "A\\B\nC D\n"},
		{"# only a comment", 0, ""},
		{"echo no newline at the end | tr -d '\\n'", 0, "no newline at the end"},
		{"echo tab\\\n-joined", 0, "tab-joined\n"},
	},
	"NoInput": {
		{"cat", 0, ""},
		{"read x; echo \"got:$x\"", 0, "got:\n"},
		{"read x < /dev/stdin || echo end", 0, "end\n"},
	},
	"OwnDescriptors": {
		{"exec 3>three 7>seven 8>eight 9>nine; echo 3 >&3; echo 7 >&7; echo 8 >&8; echo 9 >&9", 0, ""},
		{"cat three seven eight nine", 0, "3\n7\n8\n9\n"},
		{"echo again >&9; tail -1 nine", 0, "again\n"},
		{"exec >file 2>&1; echo hidden", 0, ""},
		{"echo hidden too", 0, ""},
		{"exec >&3", 0, ""},
		{"exit 0", 0, ""},
		{"cat file", 0, "hidden\nhidden too\n"},
	},
	"HostileNames": {
		{"alias read=false printf=false; IFS=0123456789; set -f", 0, ""},
		{"printf() { false; }; read() { false; }; pwd() { false; }; umask() { false; }", 0, ""},
		{"true", 0, ""},
	},
	"Jobs": {
		{"sleep 0.05 & P=$!", 0, ""},
		{"wait $P; echo waited $?", 0, "waited 0\n"},
		{"(sleep 0.02; exit 6) & P=$!", 0, ""},
		{"wait $P", 6, ""},
	},
	"DirectoryGone": {
		{"mkdir gone; cd gone; rmdir ../gone", 0, ""},
		{"echo alive", 0, "alive\n"},
		{"exit 1", 1, "~"},
		{"echo alive", 0, "~alive\n"},
	},
	"BigCommand": {
		{"A=" + strings.Repeat("x", 300_000) + "; echo ${#A}", 0, "300000\n"},
	},
	"SignalsItself": {
		{"export A=1; kill -9 $$", 137, ""},
		{"echo alive", 0, "alive\n"},
		{"kill -TERM 0; sleep 5", 143, "~"},
		{"echo alive", 0, "alive\n"},
	},
}

func cleanEnvironment(t *testing.T, r build.Runner) {
	p := open(t, r, "sh", "MINE=1")
	names := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(p.do(0, "env")), "\n") {
		name, _, _ := strings.Cut(line, "=")
		names[name] = true
	}
	for _, want := range []string{"PATH", "HOME", "MINE"} {
		if !names[want] {
			t.Errorf("%s is not set", want)
		}
	}
	for _, allowed := range []string{"PATH", "HOME", "MINE", "TMPDIR", "PWD", "OLDPWD", "SHLVL", "_", "CONVEYOR_WORKSPACE"} {
		delete(names, allowed)
	}
	for _, ofContainers := range []string{"HOSTNAME", "TERM", "container"} {
		delete(names, ofContainers)
	}
	if len(names) > 0 {
		t.Errorf("the build's environment holds more than it was given: %v", names)
	}
}

// privateDirectories expects what one build leaves at home and among temporary files to be its own.
func privateDirectories(t *testing.T, r build.Runner) {
	one, other := open(t, r, "sh"), open(t, r, "sh")
	one.do(0, `echo x >"$HOME/mark" && echo x >"${TMPDIR:-/tmp}/mark"`)
	other.do(0, `! test -e "$HOME/mark" && ! test -e "${TMPDIR:-/tmp}/mark"`)
}

func bashKeepsFunctions(t *testing.T, r build.Runner) {
	open(t, r, "bash").steps([]step{
		{"f() { echo in f; }; declare -A m=([a]=1); arr=(x y)", 0, ""},
		{"echo ${m[a]} ${arr[1]}", 0, "1 y\n"},
		{"set -o pipefail; shopt -s nullglob; exit 2", 2, ""},
		{"f", 0, "in f\n"},
		{"false | true", 1, ""},
		{`echo "$BASH_SUBSHELL"`, 0, "0\n"},
	})
}

func getenv(t *testing.T, r build.Runner) {
	p := open(t, r, "sh", "GIVEN=g")
	p.do(0, "export A='multi\nline'; B=unexported; C=; set -eux")
	got, err := p.Getenv(p.ctx, []string{"A", "B", "C", "D", "GIVEN"})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"A": "multi\nline", "B": "unexported", "C": "", "GIVEN": "g"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func setenv(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	if err := p.Setenv(p.ctx, "A", "it's\n$HOME"); err != nil {
		t.Fatal(err)
	}
	p.steps([]step{{`sh -c 'echo "$A"'; exit 1`, 1, "it's\n$HOME\n"}, {`echo "$A"`, 0, "it's\n$HOME\n"}})
}

func eval(t *testing.T, r build.Runner) {
	p := open(t, r, "sh", "N=7")
	for text, want := range map[string]string{
		"plain": "plain", "a-$N": "a-7", "x-$(echo \"b c\")-${N}": "x-b c-7", "": "", "* ?": "* ?", "a'b": "a'b",
	} {
		if got, err := p.Eval(p.ctx, text); err != nil || got != want {
			t.Errorf("Eval(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
	if _, err := p.Eval(p.ctx, "$(unclosed"); err == nil {
		t.Error("a broken expression was accepted")
	}
	p.do(0, "true")
}

func manyLines(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	out := p.do(0, "seq 1 100000")
	if n := strings.Count(out, "\n"); n != 100_000 || !strings.HasSuffix(out, "\n100000\n") {
		t.Errorf("%d lines arrived before the command's end was reported", n)
	}
	if out := p.do(0, "head -c 3000000 /dev/zero | tr '\\0' x"); len(out) != 3_000_000 {
		t.Errorf("%d bytes of a long line arrived", len(out))
	}
}

func binary(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	if out := p.do(0, `printf '\000\377\001\r\n'`); out != "\x00\xff\x01\r\n" {
		t.Errorf("got %q", out)
	}
}

// gate is a writer that stands still until it is opened.
type gate struct {
	Log
	open chan struct{}
}

func (g *gate) Write(p []byte) (int, error) {
	<-g.open
	return g.Log.Write(p)
}

func slowReader(t *testing.T, r build.Runner) {
	ctx := context.Background()
	ws, err := r.Prepare(ctx, build.Needs{ID: uuid.NewString()})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Cleanup(ctx) //nolint:errcheck // the test is about something else
	g := &gate{open: make(chan struct{})}
	s, err := ws.Start(ctx, build.SessionOptions{Shell: "sh", Dir: ws.Path(""), Output: g})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := s.Run(ctx, "seq 1 100000; touch finished")
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("half a megabyte was taken while nobody read it: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if _, err := os.Stat(filepath.Join(ws.Root(), "finished")); err == nil {
		t.Error("the command ran on although its output was not read")
	}
	close(g.open)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(g.String(), "100000\n") {
		t.Error("output is missing")
	}
}

func backgroundHoldsOutput(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	start := time.Now()
	p.do(0, "sleep 60 &")
	p.do(0, "(while :; do echo tick; sleep 0.01; done) & echo started")
	if out := p.do(0, "echo next"); !strings.Contains(out, "next\n") {
		t.Errorf("printed %q", out)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %v: something waited for the background process", took)
	}
}

// pulse is a process that appends to a file for ever.
type pulse struct {
	t    *testing.T
	file string
}

// beat starts one in a way of its own.
func (p *place) beat(name, how string) pulse {
	p.t.Helper()
	loop := fmt.Sprintf("while :; do echo x >>%s; sleep 0.005; done", p.ws.Path(name))
	p.do(0, strings.ReplaceAll(how, "LOOP", "sh -c '"+loop+"' >/dev/null 2>&1 </dev/null"))
	b := pulse{p.t, filepath.Join(p.ws.Root(), name)}
	b.lives(name + " to start")
	return b
}

func (b pulse) size() int64 {
	st, err := os.Stat(b.file)
	if err != nil {
		return -1
	}
	return st.Size()
}

// lives waits until it beats again.
func (b pulse) lives(what string) {
	b.t.Helper()
	before := b.size()
	Eventually(b.t, what, func() bool { return b.size() > max(before, 0) })
}

// dead reports whether it has stopped.
func (b pulse) dead() bool {
	before := b.size()
	time.Sleep(60 * time.Millisecond) // a dozen beats: the absence of something needs time to show
	return b.size() == before
}

func (p *place) beats() map[string]pulse {
	return map[string]pulse{
		"plain":     p.beat("plain", "LOOP &"),
		"nohup":     p.beat("nohup", "nohup LOOP &"),
		"setsid":    p.beat("setsid", "setsid LOOP &"),
		"daemon":    p.beat("daemon", "(setsid sh -c '(setsid '\"LOOP\"' &)' &)"),
		"empty env": p.beat("emptyenv", "env -i LOOP &"),
	}
}

func expectDead(t *testing.T, beats map[string]pulse) {
	t.Helper()
	for name, b := range beats {
		if !b.dead() {
			t.Errorf("the %s process outlived its build", name)
		}
	}
}

func cancelKillsTree(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	beats := p.beats()
	ctx, cancel := context.WithCancelCause(p.ctx)
	stop := errors.New("stopped by hand")
	go func() {
		Eventually(t, "the command to run", func() bool { return strings.Contains(p.out.String(), "running") })
		cancel(stop)
	}()
	if _, err := p.Run(ctx, "echo running; sleep 60"); !errors.Is(err, stop) {
		t.Fatalf("Run returned %v", err)
	}
	expectDead(t, beats)
	if _, err := p.Run(p.ctx, "echo no"); err == nil {
		t.Error("a killed session ran another command")
	}
}

func closeKillsDaemons(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	beats := p.beats()
	p.do(1, "exit 1") // so that they are children of a shell that has gone
	p.do(0, "true")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	expectDead(t, beats)
}

func closeRunsExitTrap(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	p.do(0, "trap 'echo tidying up' EXIT")
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p.out.String(), "tidying up\n") {
		t.Errorf("output %q", p.out.String())
	}
}

func stubbornProcess(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	beats := map[string]pulse{"stubborn": p.beat("stubborn", "(trap '' TERM HUP INT; LOOP) &")}
	p.do(0, "trap '' TERM")
	start := time.Now()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 250*time.Millisecond || took > 5*time.Second {
		t.Errorf("Kill took %v; the grace time is 300ms", took)
	}
	expectDead(t, beats)
	if err := p.Kill(); err != nil {
		t.Errorf("a second Kill: %v", err)
	}
}

func cleanupFreesDisk(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	root := p.ws.Root()
	p.do(0, "mkdir -p a/b/c && touch a/b/c/f && ln -s / a/root && chmod 0555 a/b/c && chmod 0 a/b && chmod 0500 a")
	if err := p.ws.Cleanup(p.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); err == nil {
		t.Error("the workspace is still there")
	}
	if w, ok := r.(interface{ Wait() }); ok {
		w.Wait()
	}
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Fatal("cleaning up followed a link out of the workspace")
	}
}

func prepareTwice(t *testing.T, r build.Runner) {
	ctx := context.Background()
	id := uuid.NewString()
	first, err := r.Prepare(ctx, build.Needs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(first.Root(), "left"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Start(ctx, build.SessionOptions{Dir: first.Path(""), Output: &Log{}}); err != nil {
		t.Fatal(err)
	}
	second, err := r.Prepare(ctx, build.Needs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(second.Root(), "left")); err == nil {
		t.Error("the second attempt found files of the first")
	}
	if err := second.Cleanup(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Prepare(ctx, build.Needs{ID: "../escape"}); err == nil {
		t.Error("an id that is no uuid was accepted")
	}
}

func sweepEndsStrays(t *testing.T, r build.Runner, successor func() build.Runner) {
	p := open(t, r, "sh")
	beats := map[string]pulse{"stray": p.beat("stray", "setsid LOOP &")}
	if err := r.Sweep(p.ctx); err != nil {
		t.Fatal(err)
	}
	beats["stray"].lives("a build of this very server to outlive its sweep")
	next := successor()
	own := open(t, next, "sh")
	alive := own.beat("own", "setsid LOOP &")
	if err := next.Sweep(p.ctx); err != nil {
		t.Fatal(err)
	}
	expectDead(t, beats)
	if _, err := os.Stat(p.ws.Root()); err == nil {
		t.Error("the workspace is still there")
	}
	alive.lives("a build of the server that sweeps to outlive that")
}

// A server that stood still and lost its build must not go on with it beside the server that has it now.
func attemptOnTwoServers(t *testing.T, r build.Runner, successor func() build.Runner) {
	p, other := open(t, r, "sh"), open(t, r, "sh")
	beats := map[string]pulse{"first attempt": p.beat("attempt", "setsid LOOP &")}
	alive := other.beat("other", "setsid LOOP &")
	ws, err := successor().Prepare(p.ctx, build.Needs{ID: filepath.Base(p.ws.Root())})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.Cleanup(p.ctx) //nolint:errcheck // the test is about something else
	expectDead(t, beats)
	alive.lives("another build to outlive that one is taken over")
}

func shellKilled(t *testing.T, r build.Runner) {
	p := open(t, r, "sh")
	p.steps([]step{
		{"export A=1; echo $$ >pid", 0, ""},
		{"export A=2; sh -c 'kill -9 '$(cat pid); sleep 5", 137, ""},
		{"echo $A", 0, "1\n"}, // what the last finished command left
	})
}

func strangersLive(t *testing.T, r build.Runner) {
	one, other := open(t, r, "sh"), open(t, r, "sh")
	alive := other.beat("other", "setsid LOOP &")
	if err := one.Kill(); err != nil {
		t.Fatal(err)
	}
	alive.lives("a process of another build to outlive the kill")
	other.do(0, "true")
}
