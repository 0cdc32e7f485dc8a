package host

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// Shell implements build.Workspace.
func (w *workspace) Shell(ctx context.Context, s build.Shell) (status int, err error) {
	w.mu.Lock()
	p, cleaned := w.place, w.cleaned
	w.mu.Unlock()
	if p == nil || cleaned {
		return 0, errors.New("the build has no workspace any more")
	}
	cmd, err := p.shellFor(s)
	if err != nil {
		return 0, err
	}
	line, err := connect(cmd, s)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, line.Close()) }()
	if err := errors.Join(w.hold.start(cmd.Start), line.theirs.Close()); err != nil {
		return 0, err
	}
	t := w.target(append(w.shells(), cmd.Process.Pid))
	if err := w.hold.take(cmd.Process.Pid); err != nil {
		return 0, errors.Join(err, w.runner.end(t, nil, 0), cmd.Wait())
	}
	copied := make(chan struct{})
	go func() { defer close(copied); _, _ = io.Copy(s.Out, line.out) }() // ends with the shell's side
	go func() {
		_, _ = io.Copy(line.in, s.In)
		_ = line.in.Close() // of a pipe; a terminal is told by its Ctrl-D
	}()
	ended := make(chan struct{})
	go func() { defer close(ended); err = cmd.Wait() }()
	select {
	case <-ended:
	case <-ctx.Done():
		failed := w.runner.end(t, nil, 0)
		<-ended
		return 0, errors.Join(context.Cause(ctx), failed)
	}
	if err := w.runner.end(t, nil, 0); err != nil { // what it left in the background
		return 0, err
	}
	select {
	case <-copied:
	case <-ctx.Done(): // whoever reads does no more
		return 0, context.Cause(ctx)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitStatus(exit.ProcessState), nil
	}
	return 0, err
}

// exitStatus is the status of a process, as a shell tells it.
func exitStatus(s *os.ProcessState) int {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return s.ExitCode()
}

// shellFor is the shell that a person gets.
func (p *place) shellFor(s build.Shell) (*exec.Cmd, error) {
	program := []string{"/bin/sh"}
	if bash, err := exec.LookPath("bash"); err == nil {
		program = []string{bash, "--norc"}
	}
	if s.Sizes != nil {
		program = append(program, "-i")
	}
	limits, err := p.ws.hold.preface()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program[0], append([]string{"-c", limits + shell.Prompt + `exec "$0" "$@"`}, program...)...)
	user := p.main
	cmd.Dir = s.Dir
	cmd.Env = p.environment(slices.Concat(p.Identity(user), s.Env))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: p.users[user].credential}
	return cmd, nil
}

// line is what a shell is connected by.
type line struct {
	in     io.WriteCloser
	out    io.Reader
	theirs io.Closer // the shell's side, which this process closes once the shell has it
	io.Closer
}

// connect gives a shell a terminal or pipes.
func connect(cmd *exec.Cmd, s build.Shell) (*line, error) {
	if s.Sizes != nil {
		return terminal(cmd, s.Sizes)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	cmd.Stdout, cmd.Stderr = w, w
	return &line{in: in, out: r, theirs: w, Closer: r}, nil
}

func terminal(cmd *exec.Cmd, sizes <-chan build.Size) (*line, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, err
	}
	if c := cmd.SysProcAttr.Credential; c != nil {
		if err := theirs.Chown(int(c.Uid), int(c.Gid)); err != nil {
			return nil, errors.Join(err, ours.Close(), theirs.Close())
		}
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr.Setctty = true
	s := &screen{File: ours, done: make(chan struct{})}
	go s.follow(sizes)
	return &line{in: typed{ours}, out: ours, theirs: theirs, Closer: s}, nil
}

// screen is this process's side of a terminal.
type screen struct {
	*os.File
	done chan struct{}
}

// follow gives the terminal its sizes until it is closed.
func (s *screen) follow(sizes <-chan build.Size) {
	for {
		select {
		case size := <-sizes:
			_ = s.resize(size) // a lost size is a detail
		case <-s.done:
			return
		}
	}
}

// resize gives the terminal a size, even while another goroutine reads from it or closes it.
func (s *screen) resize(size build.Size) error {
	conn, err := s.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		failed = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: size.Rows, Col: size.Columns})
	})
	return errors.Join(err, failed)
}

func (s *screen) Close() error {
	close(s.done)
	return s.File.Close()
}

// typed is a terminal, which does not end with what is typed.
type typed struct{ io.Writer }

func (typed) Close() error { return nil }
