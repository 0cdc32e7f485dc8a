package container

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/client"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// place runs the shells of one build in its container. It implements shell.Place.
type place struct {
	ws    *workspace
	shell string
	main  string // who the build's commands run as
	users users
	n     int // shells so far

	ending atomic.Bool // the session is, and nobody wonders that its container goes
}

// prologue connects a shell with the session and reads its environment, which the engine is not told.
const prologue = `exec </dev/null >"$1/output" 2>&1 7<"$1/commands.%[1]d" 8>"$1/answers.%[1]d"
. "$1/env.%[1]d"
`

const (
	outputPipe   = "output"
	maxComplaint = 16 << 10 // bytes that a shell can say before it is connected
)

// open makes the place of a session.
func (w *workspace) open(ctx context.Context, o build.SessionOptions) (*place, error) {
	p := &place{ws: w, shell: "/bin/sh", main: o.User}
	if o.Shell == "bash" {
		p.shell = "bash"
		if _, code, err := w.exec(ctx, "command -v bash"); err != nil || code != 0 {
			return nil, errors.Join(err, clientFailure("the buildspec asks for bash, which the image %s does not have", w.image))
		}
	}
	if o.User == "" && len(o.Others) == 0 {
		return p, p.give(ctx, "")
	}
	var err error
	if p.users, err = w.users(ctx); err != nil {
		return nil, err
	}
	for _, name := range append([]string{o.User}, o.Others...) {
		if _, ok := p.users[name]; name != "" && !ok {
			return nil, clientFailure("run-as: %s: the image %s has no user of that name; add it to the image, or leave run-as out", name, w.image)
		}
	}
	return p, p.give(ctx, o.User)
}

func clientFailure(format string, args ...any) error {
	return &build.Failure{Code: "CLIENT_ERROR", Message: fmt.Sprintf(format, args...)}
}

// give makes the sources a user's own, as far as they are not.
func (p *place) give(ctx context.Context, user string) error {
	if user == "" && p.ws.runner.owner.rules(p.ws.runner.Engine) {
		return nil // what the server has put there is root's in the container
	}
	id := p.users[user]
	script := fmt.Sprintf(`for f in %s/*; do [ ! -e "$f" ] || chown -R %d:%d "$f" || exit; done`, workspacePath, id.uid, id.gid)
	if out, code, err := p.ws.exec(ctx, script); err != nil || code != 0 {
		return fmt.Errorf("give the sources to the build's user: %s: %w", strings.TrimSpace(out), errors.Join(err, exitError(code)))
	}
	return nil
}

func exitError(code int) error {
	if code == 0 {
		return nil
	}
	return fmt.Errorf("exit status %d", code)
}

// Output implements shell.Place.
func (p *place) Output() (r, w *os.File, err error) {
	if r, err = p.ws.notes.makePipe(outputPipe); err != nil {
		return nil, nil, err
	}
	if w, err = p.ws.notes.OpenFile(outputPipe, os.O_WRONLY, 0); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, w, nil
}

// Identity implements shell.Place.
func (p *place) Identity(user string) []string {
	if len(p.users) == 0 {
		return nil // the engine knows the only one's home
	}
	if user == "" {
		return []string{"HOME=" + p.users["root"].home}
	}
	return []string{"HOME=" + p.users[user].home, "USER=" + user, "LOGNAME=" + user}
}

// Share implements shell.Place. The directory of the notes lies where no other user of this machine gets, and all users in
// the container are the build's own.
func (p *place) Share(f *os.File, _ string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		return f.Chmod(0o777)
	}
	return share(f)
}

// Spawn implements shell.Place.
func (p *place) Spawn(s shell.Start) (*shell.Process, error) {
	p.n++
	commands, err := p.ws.notes.makePipe("commands." + strconv.Itoa(p.n))
	if err != nil {
		return nil, err
	}
	answers, err := p.ws.notes.makePipe("answers." + strconv.Itoa(p.n))
	if err != nil {
		return nil, errors.Join(err, commands.Close())
	}
	failed := func(err error) (*shell.Process, error) {
		return nil, errors.Join(err, commands.Close(), answers.Close())
	}
	if err := p.putEnv(s.Env); err != nil {
		return failed(err)
	}
	ctx := context.Background()
	user := s.User
	if user == "" {
		user = "0"
	}
	made, err := p.ws.runner.Engine.client.ExecCreate(ctx, p.ws.container, client.ExecCreateOptions{
		User: user, WorkingDir: "/", AttachStdout: true, AttachStderr: true,
		Cmd: append([]string{p.shell, "-c", fmt.Sprintf(prologue, p.n) + shell.Driver, filepath.Base(p.shell)}, s.Args...),
	})
	if err != nil {
		return failed(p.gone(err))
	}
	attached, err := p.ws.runner.Engine.client.ExecAttach(ctx, made.ID, client.ExecAttachOptions{})
	if err != nil {
		return failed(p.gone(err))
	}
	running := shell.NewProcess(commands, answers)
	go p.watch(running, made.ID, attached, s.Out)
	return running, nil
}

func (p *place) gone(err error) error {
	return fmt.Errorf("start %s in the build's container: %w", p.shell, err)
}

// putEnv writes the environment of a shell to a file that it reads. What no shell can name is left out.
func (p *place) putEnv(env []string) error {
	var b bytes.Buffer
	for _, kv := range env {
		name, value, ok := strings.Cut(kv, "=")
		if ok && identifier.MatchString(name) {
			fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
		}
	}
	f, err := p.ws.notes.OpenFile("env."+strconv.Itoa(p.n), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, share(f), f.Close())
}

// watch waits for the end of a shell. What comes over the connection is from before the shell was connected with its
// session: why it could not be started. That the connection ends need not mean that the shell has: an engine can be
// restarted without its containers, and the session goes on without it.
func (p *place) watch(running *shell.Process, id string, attached client.ExecAttachResult, out io.Writer) {
	defer attached.Close()
	_, _ = stdcopy.StdCopy(out, out, io.LimitReader(attached.Reader, maxComplaint))
	code, err := p.ws.exitCode(p.ws.life, id, func(err error) {
		fmt.Fprintf(out, "Warning: the container engine is away, the build goes on as far as it can without it: %v\n", err)
	})
	if code == killed && !p.ending.Load() {
		err = cmp.Or(p.ws.check(p.ws.life), err)
	}
	if err != nil && !p.ending.Load() && p.ws.life.Err() == nil {
		fmt.Fprintf(out, "Warning: %v\n", err)
	}
	running.End(code)
}

// End implements shell.Place: every process is asked to end, then the container is ended, and all that is in it. One that is
// to be kept stays, with nothing running in it.
func (p *place) End(live *shell.Process, grace time.Duration) error {
	p.ending.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	_, _, _ = p.ws.exec(ctx, farewell) // in vain when the container has ended already
	cancel()
	leave := p.ws.end
	if p.ws.keep {
		leave = p.ws.stop
	}
	err := leave(context.Background())
	if live != nil {
		select {
		case <-live.Exited():
		case <-time.After(removePatience):
			err = errors.Join(err, errors.New("the end of the build's shell was not reported"))
		}
	}
	return err
}

// farewell asks all processes but the container's first two to end, and waits for that. This shell ignores what it sends.
const farewell = `trap "" TERM
kill -TERM -1
while set -- /proc/[0-9]*; [ $# -gt 3 ]; do sleep 0.02 2>/dev/null || sleep 1; done`
