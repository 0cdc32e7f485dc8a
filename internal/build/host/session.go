package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// defaultGrace is how long a build has between SIGTERM and SIGKILL when nobody says otherwise.
const defaultGrace = 2 * time.Second

var errClosed = errors.New("the build's shell has been closed")

// session is one build's shell. The process may be replaced when a command ends it.
type session struct {
	ws    *workspace
	notes string // directory of the driver's files
	opts  build.SessionOptions
	shell string // the program
	out   *output

	n     int // commands sent so far
	proc  *process
	note  string // the last complete note file's content
	first bool

	mu     sync.Mutex // guards what Kill touches
	live   *process
	leads  []int // pids of all shells, which are the ids of their sessions
	closed bool
}

// process is one run of the shell.
type process struct {
	pid    int
	toSh   *os.File
	status chan int
	exited chan struct{} // closed once the process has been reaped
	code   int           // valid after exited
}

func startSession(ws *workspace, o build.SessionOptions) (*session, error) {
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	shell, err := findShell(o.Shell)
	if err != nil {
		return nil, err
	}
	s := &session{ws: ws, notes: ws.dir(notesDir), opts: o, shell: shell, first: true}
	if s.out, err = newOutput(o.Output); err != nil {
		return nil, err
	}
	if err := s.spawn(); err != nil {
		s.out.close()
		return nil, err
	}
	return s, nil
}

// spawn starts the shell, the first time with the build's environment, later with what the ended shell left.
func (s *session) spawn() error {
	fromUs, toSh, err := os.Pipe()
	if err != nil {
		return err
	}
	fromSh, toUs, err := os.Pipe()
	if err != nil {
		closeAll(fromUs, toSh)
		return err
	}
	args := []string{s.shell, "-c", driver, filepath.Base(s.shell), s.notes}
	dir, env := s.opts.Dir, s.opts.Env
	if !s.first {
		var how []string
		dir, env, how = s.restore()
		args = append(args, how...)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		closeAll(fromUs, toSh, fromSh, toUs)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		closeAll(fromUs, toSh, fromSh, toUs, null)
		return errClosed
	}
	p, err := os.StartProcess(s.shell, args, &os.ProcAttr{
		Dir:   dir,
		Env:   s.ws.environment(env),
		Files: []*os.File{null, s.out.w, s.out.w, nil, nil, nil, nil, fromUs, toUs},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	closeAll(fromUs, toUs, null)
	if err != nil {
		closeAll(toSh, fromSh)
		return fmt.Errorf("start %s: %w", s.shell, err)
	}
	s.proc = &process{pid: p.Pid, toSh: toSh, status: make(chan int, 1), exited: make(chan struct{})}
	s.live, s.first = s.proc, false
	s.leads = append(s.leads, p.Pid)
	go s.proc.listen(fromSh)
	go s.proc.wait(p, fromSh)
	return nil
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// listen passes on the statuses the driver reports.
func (p *process) listen(from *os.File) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		if n, err := strconv.Atoi(lines.Text()); err == nil {
			p.status <- n
		}
	}
}

func (p *process) wait(proc *os.Process, from *os.File) {
	state, err := proc.Wait()
	p.code = 1
	if err == nil {
		p.code = state.ExitCode()
		if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
			p.code = 128 + int(ws.Signal())
		}
	}
	close(p.exited)
	closeAll(p.toSh, from)
}

// restore prepares what a replacing shell reads and says how it starts. Without a note it starts as the first one did.
func (s *session) restore() (dir string, env, args []string) {
	cwd, rest, noted := strings.Cut(s.lastNote(), "\n")
	if st, err := os.Stat(cwd); err != nil || !st.IsDir() {
		cwd = s.opts.Dir
	}
	if !noted || os.WriteFile(filepath.Join(s.notes, "restore"), []byte(rest), 0o600) != nil {
		return cwd, s.opts.Env, nil
	}
	return cwd, nil, []string{"restore"}
}

// lastNote is the newest note that is complete.
func (s *session) lastNote() string {
	for n := s.n; n >= max(0, s.n-1); n-- {
		b, err := os.ReadFile(s.notePath(n))
		if err == nil && bytes.HasSuffix(b, []byte("\n"+noteEnd+"\n")) {
			s.note = string(b)
			break
		}
	}
	return s.note
}

func (s *session) notePath(n int) string { return filepath.Join(s.notes, "note."+strconv.Itoa(n)) }

// Run implements build.Session.
func (s *session) Run(ctx context.Context, command string) (int, error) {
	return s.run(ctx, "script.sh", "c", command)
}

func (s *session) run(ctx context.Context, file, kind, text string) (int, error) {
	if err := ctx.Err(); err != nil {
		return 0, errors.Join(context.Cause(ctx), s.Kill())
	}
	if s.isClosed() {
		return 0, errClosed
	}
	select {
	case <-s.proc.exited:
		if err := s.spawn(); err != nil {
			return 0, err
		}
	default:
	}
	path := filepath.Join(s.notes, file)
	// A fresh file each time: a shell in the background may still read the one before.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("write command: %w", err)
	}
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		return 0, fmt.Errorf("write command: %w", err)
	}
	if s.n > 1 {
		os.Remove(s.notePath(s.n - 2)) //nolint:errcheck // at worst a small file stays until the workspace goes
	}
	s.n++
	// An error here means that the shell has just gone, which the wait below reports.
	_, _ = fmt.Fprintf(s.proc.toSh, "%d %s\n", s.n, kind)
	return s.await(ctx)
}

func (s *session) await(ctx context.Context) (int, error) {
	p := s.proc
	var code int
	select {
	case code = <-p.status:
	case <-p.exited:
		code = p.code
		select {
		case code = <-p.status:
		default:
		}
	case <-ctx.Done():
		err := s.Kill()
		s.out.drain()
		return 0, errors.Join(context.Cause(ctx), err)
	}
	if s.isClosed() {
		return 0, errClosed
	}
	s.out.drain()
	return code, nil
}

// Setenv implements build.Session.
func (s *session) Setenv(ctx context.Context, name, value string) error {
	return s.quiet(ctx, "export "+name+"="+quote(value))
}

// Getenv implements build.Session.
func (s *session) Getenv(ctx context.Context, names []string) (map[string]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var b strings.Builder
	b.WriteString("{ :\n")
	for _, n := range names {
		fmt.Fprintf(&b, "case ${%s+x} in x) command printf '%%s\\0' \"%s=$%s\" ;; esac\n", n, n, n)
	}
	b.WriteString("} >" + quote(s.answer()))
	if err := s.quiet(ctx, b.String()); err != nil {
		return nil, err
	}
	got, err := os.ReadFile(s.answer())
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, kv := range strings.Split(string(got), "\x00") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			values[k] = v
		}
	}
	return values, nil
}

// Eval implements build.Session.
func (s *session) Eval(ctx context.Context, text string) (string, error) {
	if err := s.quiet(ctx, "command printf '%s' \""+text+"\" >"+quote(s.answer())); err != nil {
		return "", fmt.Errorf("the shell cannot expand %q: %w", text, err)
	}
	got, err := os.ReadFile(s.answer())
	return string(got), err
}

func (s *session) answer() string { return filepath.Join(s.notes, "answer") }

func (s *session) quiet(ctx context.Context, script string) error {
	code, err := s.run(ctx, "quiet.sh", "q", script)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	return err
}

// quote makes text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (s *session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close implements build.Session.
func (s *session) Close() error {
	s.mu.Lock()
	p := s.live
	s.mu.Unlock()
	if p != nil {
		p.toSh.Close()
		select {
		case <-p.exited:
		case <-time.After(s.opts.Grace):
		}
		s.out.drain()
	}
	return s.Kill()
}

// Kill implements build.Session.
func (s *session) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.ws.runner.end(target{marker: s.ws.marker(), sessions: s.leads}, s.live, s.opts.Grace)
	s.out.finish()
	return err
}
