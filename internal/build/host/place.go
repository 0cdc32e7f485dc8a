package host

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// place runs the shells of one workspace. It implements shell.Place.
type place struct {
	ws    *workspace
	shell string              // the program
	main  string              // who the build's commands run as, of users
	users map[string]identity // whom the build names

	mu    sync.Mutex
	leads []int // pids of all shells, which are the ids of their sessions
}

// open makes the place of a session.
func (w *workspace) open(o build.SessionOptions) (*place, error) {
	program, err := findShell(o.Shell)
	if err != nil {
		return nil, err
	}
	p := &place{ws: w, shell: program, main: o.User}
	if p.users, err = identities(append(slices.Clone(o.Others), o.User)); err != nil {
		return nil, err
	}
	if w.user.credential != nil {
		p.users[""] = w.user.identity
	}
	return p, p.admit(o.User)
}

func findShell(name string) (string, error) {
	switch name {
	case "", "sh":
		return "/bin/sh", nil
	case "bash":
		path, err := exec.LookPath("bash")
		if err != nil {
			return "", fmt.Errorf("the buildspec asks for bash, which is not installed on this host: %w", err)
		}
		return path, nil
	}
	return "", fmt.Errorf("the shell %q is not known to the host runner", name)
}

// Output implements shell.Place.
func (p *place) Output() (r, w *os.File, err error) { return os.Pipe() }

// Spawn implements shell.Place.
func (p *place) Spawn(s shell.Start) (*shell.Process, error) {
	limits, err := p.ws.hold.preface()
	if err != nil {
		return nil, err
	}
	fromUs, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	answers, toUs, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, closeAll(fromUs, commands))
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, errors.Join(err, closeAll(fromUs, commands, answers, toUs))
	}
	var proc *os.Process
	err = p.ws.hold.start(func() (err error) {
		proc, err = os.StartProcess(p.shell, append([]string{p.shell, "-c", limits + shell.Driver, filepath.Base(p.shell)}, s.Args...), &os.ProcAttr{
			Dir: p.ws.root, Env: p.environment(s.Env),
			Files: []*os.File{null, s.Out, s.Out, nil, nil, nil, nil, fromUs, toUs},
			Sys:   &syscall.SysProcAttr{Setsid: true, Credential: p.users[s.User].credential},
		})
		return err
	})
	err = errors.Join(err, closeAll(fromUs, toUs, null))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", p.shell, errors.Join(err, closeAll(commands, answers)))
	}
	p.mu.Lock()
	p.leads = append(p.leads, proc.Pid)
	p.mu.Unlock()
	if err := p.ws.hold.take(proc.Pid); err != nil {
		err = errors.Join(err, proc.Kill(), closeAll(commands, answers))
		wait(proc)
		return nil, err
	}
	running := shell.NewProcess(commands, answers)
	go func() { running.End(wait(proc)) }()
	return running, nil
}

// wait returns the status a shell ends with.
func wait(proc *os.Process) int {
	state, err := proc.Wait()
	if err != nil {
		return 1
	}
	return exitStatus(state)
}

func closeAll(files ...*os.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// environment completes env with what a program needs here. Nothing comes from the server's own but PATH.
func (p *place) environment(env []string) []string {
	base := []string{"PATH=" + p.ws.runner.path, "TMPDIR=" + p.ws.dir(tempDir)}
	return lastWins(append(append(base, env...), markerName+"="+p.ws.marker()))
}

// begun are the pids of all shells so far.
func (p *place) begun() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.leads)
}

// End implements shell.Place.
func (p *place) End(live *shell.Process, grace time.Duration) error {
	return p.ws.runner.end(p.ws.target(p.begun()), live, grace)
}
