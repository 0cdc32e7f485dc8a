package vcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Options tune a Runner.
type Options struct {
	// Home is an empty directory: the clients' HOME.
	Home string
	// KnownHosts is the file with the keys of SSH servers, as ssh-keyscan writes it. Servers that are not in it are refused.
	KnownHosts string
	// Timeout bounds one run of a client; default 30 minutes.
	Timeout time.Duration
	// MaxBytes bounds what a client may put into the directory it works in; default 10 GiB.
	MaxBytes int64
}

// Runner runs clients. Its methods may be called from many goroutines.
type Runner struct{ o Options }

// NewRunner makes a Runner, and its home.
func NewRunner(o Options) (*Runner, error) {
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Minute
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 10 << 30
	}
	var err error
	if o.Home, err = filepath.Abs(o.Home); err != nil {
		return nil, err
	}
	if o.KnownHosts != "" {
		if o.KnownHosts, err = filepath.Abs(o.KnownHosts); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(o.Home, 0o700); err != nil {
		return nil, fmt.Errorf("prepare the home of version control clients: %w", err)
	}
	return &Runner{o}, nil
}

// Command is one run of a client.
type Command struct {
	Program string
	Args    []string // what comes from outside stands behind an option that takes it, or behind --
	Dir     string
	Env     []string
	Stdin   string
	// Secrets never appear in errors.
	Secrets []string
	// Grows is the directory that Options.MaxBytes is about; "" is none.
	Grows string
}

// longestOutput bounds what is kept of what a client says.
const longestOutput = 16 << 20

// Environment is the clean environment of clients.
func (r *Runner) Environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.o.Home, "XDG_CONFIG_HOME=" + r.o.Home, "LC_ALL=C.UTF-8", "TZ=UTC",
	}
}

// Run runs a client to its end and returns what it wrote. A *MissingError, a *ClientError, ErrTooLarge, or ctx's cause.
func (r *Runner) Run(ctx context.Context, c Command) ([]byte, error) {
	program, err := exec.LookPath(c.Program)
	if err != nil {
		return nil, &MissingError{c.Program}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.o.Timeout, fmt.Errorf("%s did not end within %s", c.Program, r.o.Timeout))
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if c.Grows != "" {
		go r.watch(ctx, c.Grows, stop)
	}
	cmd := exec.CommandContext(ctx, program, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, append(r.Environment(), c.Env...), strings.NewReader(c.Stdin)
	// Clients start others (ssh, git-remote-https), which have to end with them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	var out bytes.Buffer
	errs := &tail{}
	cmd.Stdout, cmd.Stderr = &limited{w: &out, left: longestOutput}, errs
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, &ClientError{c.Program, conceal(errs.text(err), c.Secrets)}
	}
	return out.Bytes(), nil
}

// watchInterval is how often the size of what a client makes is looked at.
const watchInterval = 2 * time.Second

// watch ends a client that fills the disk.
func (r *Runner) watch(ctx context.Context, dir string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(watchInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if Size(ctx, dir) > r.o.MaxBytes {
			stop(fmt.Errorf("%w: more than %d MiB", ErrTooLarge, r.o.MaxBytes>>20))
			return
		}
	}
}

// Size is how many bytes the files below a directory have.
func Size(ctx context.Context, dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return filepath.SkipAll
		}
		if err == nil && d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil // what vanishes meanwhile takes no room
	})
	return n
}

// limited fails a client that says too much.
type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, errors.New("it says too much")
	}
	return l.w.Write(p)
}

// tail keeps the end of what a client says.
type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	const most = 4 << 10
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - most; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

// text is what a client said, on one line, or how it ended when it said nothing.
func (t *tail) text(err error) string {
	var lines []string
	for line := range strings.SplitSeq(strings.ToValidUTF8(string(t.buf), "?"), "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "hint:") {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return err.Error()
	}
	text := strings.Join(lines, "; ")
	if len(text) > 600 {
		text = strings.ToValidUTF8(text[len(text)-600:], "")
	}
	return text
}

func conceal(text string, secrets []string) string {
	for _, s := range secrets {
		if s != "" {
			text = strings.ReplaceAll(text, s, "****")
		}
	}
	return text
}

// Identity puts what ssh needs for a remote into a directory of its own and returns the command that uses it, as clients
// take it; "" for remotes without ssh. Nothing in it needs quoting for a shell, which git and hg use to start it.
func (r *Runner) Identity(remote Remote) (command string, done func(), err error) {
	if !usesSSH(remote.URL) {
		return "", func() {}, nil
	}
	dir, err := os.MkdirTemp("", "conveyor-ssh-")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	lines := []string{
		"BatchMode yes", "StrictHostKeyChecking yes", "GlobalKnownHostsFile none", "IdentitiesOnly yes", "IdentityAgent none",
		"ForwardAgent no", "ForwardX11 no", "PermitLocalCommand no", "ProxyCommand none", "ConnectTimeout 30", "ServerAliveInterval 30",
		"UpdateHostKeys no", "UserKnownHostsFile " + sshQuote(r.o.KnownHosts),
	}
	if r.o.KnownHosts == "" {
		lines[len(lines)-1] = "UserKnownHostsFile none"
	}
	if key := remote.Login.PrivateKey; key != "" {
		file := filepath.Join(dir, "key")
		if err := os.WriteFile(file, []byte(strings.TrimRight(key, "\n")+"\n"), 0o600); err != nil {
			done()
			return "", nil, err
		}
		lines = append(lines, "IdentityFile "+sshQuote(file))
	} else {
		lines = append(lines, "IdentityFile none")
	}
	if user := remote.Login.User; user != "" && userName.MatchString(user) {
		lines = append(lines, "User "+user)
	}
	config := filepath.Join(dir, "config")
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		done()
		return "", nil, err
	}
	if strings.ContainsAny(config, " \t'\"$`\\") { // TMPDIR is the server's own
		done()
		return "", nil, fmt.Errorf("the directory for temporary files, %s, has a character that ssh cannot be told: set TMPDIR to another one", dir)
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		done()
		return "", nil, &MissingError{"ssh"}
	}
	return "ssh -F " + config, done, nil
}

func sshQuote(path string) string { return `"` + path + `"` }

// UnknownHost tells whether a client failed because its server's key is not known, and what to do about it.
func (r *Runner) UnknownHost(err error) string {
	e, ok := errors.AsType[*ClientError](err)
	if !ok || !strings.Contains(e.Said, "Host key verification failed") && !strings.Contains(e.Said, "host key is known") {
		return ""
	}
	return fmt.Sprintf("The key of the SSH server is not in %s. Add it with ssh-keyscan, after you have checked that it is the right one.", r.o.KnownHosts)
}
