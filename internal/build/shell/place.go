// Package shell keeps a session: one long-lived shell, talked to through a small driver that runs in it. Where the shell
// runs is a Place: this machine, or a container that shares a directory with it.
package shell

import (
	"bufio"
	"os"
	"strconv"
	"time"
)

// Place is where a session's shells run. Its methods are called one at a time.
type Place interface {
	// Output makes the pipe that takes everything the shells write. The session closes both ends.
	Output() (r, w *os.File, err error)
	// Identity is what the environment of a user has of its own, as NAME=value: at least HOME.
	Identity(user string) []string
	// Share lets a user's shell read and write an open file of the notes, or their directory.
	Share(f *os.File, user string) error
	// Spawn starts a shell.
	Spawn(s Start) (*Process, error)
	// End ends every process the session started: SIGTERM, after the grace time SIGKILL. live, which may be nil, is the
	// shell that was started last. When it returns none of them runs.
	End(live *Process, grace time.Duration) error
}

// Start says how a shell is started: SHELL -c Driver SHELL ARGS..., with nothing to read on standard input, both outputs
// into the session's pipe, and its descriptors 7 and 8 connected with Process.Commands and Process.Status.
type Start struct {
	User string
	Env  []string
	Args []string
	Out  *os.File // the pipe's end to write to
}

// Process is one run of the shell.
type Process struct {
	commands *os.File // to the shell
	answers  *os.File // from it
	status   chan int
	exited   chan struct{}
	code     int // valid after exited
}

// NewProcess is a shell that has been started. It reads lines from commands' other end and writes lines to that of
// answers; the process closes both.
func NewProcess(commands, answers *os.File) *Process {
	p := &Process{commands: commands, answers: answers, status: make(chan int, 1), exited: make(chan struct{})}
	go p.listen()
	return p
}

// listen passes on the statuses the driver reports.
func (p *Process) listen() {
	lines := bufio.NewScanner(p.answers)
	for lines.Scan() {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			p.status <- n
		}
	}
}

// End notes that the shell has ended, and with which status. Its place calls it once.
func (p *Process) End(code int) {
	p.code = code
	close(p.exited)
	closeAll(p.commands, p.answers)
}

// Exited is closed once the shell has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Gone reports whether a shell has ended; one that never was has.
func (p *Process) Gone() bool {
	if p == nil {
		return true
	}
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}
