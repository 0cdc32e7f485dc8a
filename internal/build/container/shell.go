package container

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// person is how a person's shell runs, which is bash where the image has it. What this script writes when it has ended tells its
// status.
const person = shell.Prompt + `exec 2>&1
trap : HUP INT QUIT
i=; [ "$2" = terminal ] && i=-i
cd "$1" && if command -v bash >/dev/null; then bash --norc $i; else /bin/sh $i; fi
printf '%s%03d' "$3" $?`

// noKeys are those that would leave a shell to itself: a sequence that nobody types, because the engines' own takes Ctrl-P
// from the shell.
const noKeys = "ctrl-],ctrl-^,ctrl-@"

// Shell implements build.Workspace. The build's container, stopped since its session ended, runs again for as long as the
// shell does.
func (w *workspace) Shell(ctx context.Context, s build.Shell) (status int, err error) {
	w.mu.Lock()
	p, cleaned := w.place, w.cleaned
	w.mu.Unlock()
	if p == nil || cleaned || !w.keep {
		return 0, errors.New("the build has no workspace any more")
	}
	if _, err := w.runner.Engine.client.ContainerStart(ctx, w.container, client.ContainerStartOptions{}); err != nil {
		return 0, errors.Join(fmt.Errorf("start the build's container again: %w", cmp.Or(context.Cause(ctx), err)), w.stop(ctx))
	}
	end := &lastWord{to: s.Out, mark: []byte("\x1e" + uuid.NewString()), status: make(chan int, 1)}
	id, line, err := p.shellFor(ctx, s, end)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("start a shell in the build's container: %w", cmp.Or(context.Cause(ctx), err)), w.stop(ctx))
	}
	defer line.Close()
	watch, done := context.WithCancel(ctx)
	defer done()
	if s.Sizes != nil {
		go w.follow(watch, id, s.Sizes)
	}
	go copyOut(s, end, line.Reader)
	go func() {
		_, _ = io.Copy(line.Conn, s.In)
		if s.Sizes == nil { // a terminal is told by its Ctrl-D
			_ = line.CloseWrite()
		}
	}()
	lost := make(chan error, 1)
	go func() {
		code, err := w.exitCode(watch, id, func(error) {})
		lost <- cmp.Or(err, fmt.Errorf("the shell was ended from outside: exit status %d", code))
	}()
	select {
	case status = <-end.status:
	case err = <-lost:
		select {
		case status = <-end.status: // it was on its way
			err = nil
		case <-time.After(longPause):
		}
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	return status, errors.Join(err, w.stop(ctx)) // with what the shell has left in the background
}

// lastWord passes on what a shell writes, up to the word with its status. The engine itself may tell that late: Podman does not
// for minutes, as long as something could be typed.
type lastWord struct {
	to     io.Writer
	mark   []byte // begins the word; three digits end it
	held   []byte // what may be the beginning of the word
	status chan int
	said   bool
}

func (l *lastWord) Write(b []byte) (int, error) {
	if l.said {
		return len(b), nil // of what ends with the shell
	}
	text := slices.Concat(l.held, b)
	at := bytes.Index(text, l.mark)
	if at < 0 {
		at = len(text) - overlap(text, l.mark)
	}
	l.held = text[at:]
	if at > 0 {
		if _, err := l.to.Write(text[:at]); err != nil {
			return 0, err
		}
	}
	if digits := len(l.held) - len(l.mark); digits >= 3 {
		l.said = true
		status, err := strconv.Atoi(string(l.held[len(l.mark):][:3]))
		if err != nil {
			status = 1 // a program has said it
		}
		l.status <- status
	}
	return len(b), nil
}

// overlap is how many bytes at the end of a text may be the beginning of a mark.
func overlap(text, mark []byte) int {
	n := min(len(text), len(mark))
	for n > 0 && !bytes.HasPrefix(mark, text[len(text)-n:]) {
		n--
	}
	return n
}

// shellFor starts the shell that a person gets.
func (p *place) shellFor(ctx context.Context, s build.Shell, end *lastWord) (id string, line client.HijackedResponse, err error) {
	engine, terminal := p.ws.runner.Engine.client, s.Sizes != nil
	how := "pipe"
	if terminal {
		how = "terminal"
	}
	made, err := engine.ExecCreate(ctx, p.ws.container, client.ExecCreateOptions{
		User: cmp.Or(p.main, "0"), WorkingDir: "/", TTY: terminal, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		Env:        slices.Concat(p.Identity(p.main), s.Env),
		Cmd:        []string{"/bin/sh", "-c", person, "sh", s.Dir, how, string(end.mark)},
		DetachKeys: noKeys,
	})
	if err != nil {
		return "", line, err
	}
	attached, err := engine.ExecAttach(ctx, made.ID, client.ExecAttachOptions{TTY: terminal})
	return made.ID, attached.HijackedResponse, err
}

// copyOut passes on what a shell writes. Without a terminal the engine frames it.
func copyOut(s build.Shell, to io.Writer, from io.Reader) {
	if s.Sizes != nil {
		_, _ = io.Copy(to, from)
		return
	}
	_, _ = stdcopy.StdCopy(to, to, from)
}

// follow gives a shell's terminal its sizes. The engine refuses them until the shell runs.
func (w *workspace) follow(ctx context.Context, id string, sizes <-chan build.Size) {
	var size build.Size
	var again <-chan time.Time
	for {
		select {
		case size = <-sizes:
		case <-again:
		case <-ctx.Done():
			return
		}
		again = nil
		if _, err := w.runner.Engine.client.ExecResize(ctx, id, client.ExecResizeOptions{Height: uint(size.Rows), Width: uint(size.Columns)}); err != nil {
			again = time.After(longPause)
		}
	}
}
