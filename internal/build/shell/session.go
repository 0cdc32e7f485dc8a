package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// defaultGrace is how long a build has between SIGTERM and SIGKILL when nobody says otherwise.
const defaultGrace = 2 * time.Second

var errClosed = errors.New("the build's shell has been closed")

// Notes is a directory that the server and the shells share, by both its names. It exists and is empty.
type Notes struct {
	Here  string // as the server sees it
	There string // as the shells see it
	Root  string // where a shell begins whose own directory is gone, as it sees it
}

// Session is one build's shell. The process may be replaced when a command ends it. It implements build.Session.
type Session struct {
	place Place
	notes Notes
	opts  build.SessionOptions
	dir   *dir // of the notes
	out   *output

	n     int // commands sent so far
	proc  *Process
	user  string // who later commands run as
	moved bool   // the next shell has another user than the one before
	note  string // the last complete note file's content
	first bool

	mu     sync.Mutex // guards what Kill touches
	live   *Process
	closed bool
}

var _ build.Session = (*Session)(nil)

// Open starts a session.
func Open(place Place, notes Notes, o build.SessionOptions) (*Session, error) {
	if o.Grace <= 0 {
		o.Grace = defaultGrace
	}
	files, err := openDir(notes.Here)
	if err != nil {
		return nil, err
	}
	r, w, err := place.Output()
	if err != nil {
		return nil, errors.Join(err, files.Close())
	}
	s := &Session{place: place, notes: notes, opts: o, user: o.User, first: true, dir: files, out: newOutput(r, w, o.Output)}
	err = files.share(func(f *os.File) error { return place.Share(f, o.User) })
	if err == nil {
		err = s.spawn()
	}
	if err != nil {
		s.out.finish()
		return nil, errors.Join(err, files.Close())
	}
	return s, nil
}

// spawn starts the shell, the first time with the build's environment, later with what the ended shell left.
func (s *Session) spawn() error {
	dir, env, restoring := s.opts.Dir, s.opts.Env, []string(nil)
	if !s.first {
		var err error
		if dir, env, restoring, err = s.restore(); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errClosed
	}
	p, err := s.place.Spawn(Start{
		User: s.user, Env: append(s.place.Identity(s.user), env...), Out: s.out.w,
		Args: append([]string{s.notes.There, dir, s.notes.Root}, restoring...),
	})
	if err != nil {
		return err
	}
	s.proc, s.live, s.first, s.moved = p, p, false, false
	return nil
}

// restore prepares what a replacing shell reads and says how it starts. Without a note it starts as the first one did.
func (s *Session) restore() (dir string, env, args []string, err error) {
	dir, rest, noted := strings.Cut(s.lastNote(), "\n")
	if !noted {
		return s.opts.Dir, s.opts.Env, nil, nil
	}
	if s.moved {
		rest += "unset USER LOGNAME\n"
		for _, kv := range s.place.Identity(s.user) {
			name, value, _ := strings.Cut(kv, "=")
			rest += "export " + name + "=" + quote(value) + "\n"
		}
	}
	return dir, nil, []string{"restore"}, s.put("restore", rest)
}

// lastNote is the newest note that is complete.
func (s *Session) lastNote() string {
	for n := s.n; n >= max(0, s.n-1); n-- {
		text, err := s.dir.read(noteName(n))
		if err == nil && strings.HasSuffix(text, "\n"+noteEnd+"\n") {
			s.note = text
			break
		}
	}
	return s.note
}

func noteName(n int) string { return "note." + strconv.Itoa(n) }

func (s *Session) put(name, text string) error {
	if err := s.dir.put(name, text, func(f *os.File) error { return s.place.Share(f, s.user) }); err != nil {
		return fmt.Errorf("write to the build's shell: %w", err)
	}
	return nil
}

// Run implements build.Session.
func (s *Session) Run(ctx context.Context, command string) (int, error) {
	return s.run(ctx, "script.sh", "c", command)
}

func (s *Session) run(ctx context.Context, file, kind, text string) (int, error) {
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
	if err := s.put(file, text+"\n"); err != nil {
		return 0, err
	}
	s.dir.drop(noteName(s.n - 2))
	s.n++
	if err := s.put(noteName(s.n), ""); err != nil { // made here, so that it can be read here whatever the shell's umask is
		return 0, err
	}
	// An error here means that the shell has just gone, which the wait below reports.
	_, _ = fmt.Fprintf(s.proc.commands, "%d %s\n", s.n, kind)
	return s.await(ctx)
}

func (s *Session) await(ctx context.Context) (int, error) {
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
func (s *Session) Setenv(ctx context.Context, name, value string) error {
	return s.quiet(ctx, "export "+name+"="+quote(value))
}

// Getenv implements build.Session.
func (s *Session) Getenv(ctx context.Context, names []string) (map[string]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var b strings.Builder
	b.WriteString("{ :\n")
	for _, n := range names {
		fmt.Fprintf(&b, "case ${%s+x} in x) command printf '%%s\\0' \"%s=$%s\" ;; esac\n", n, n, n)
	}
	b.WriteString("}")
	got, err := s.ask(ctx, b.String())
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, kv := range strings.Split(got, "\x00") {
		if k, v, ok := strings.Cut(kv, "="); ok {
			values[k] = v
		}
	}
	return values, nil
}

// Eval implements build.Session.
func (s *Session) Eval(ctx context.Context, text string) (string, error) {
	got, err := s.ask(ctx, "command printf '%s' \""+text+"\"")
	if err != nil {
		return "", fmt.Errorf("the shell cannot expand %q: %w", text, err)
	}
	return got, nil
}

// ask runs a script of the session's own and returns what it prints.
func (s *Session) ask(ctx context.Context, script string) (string, error) {
	const answer = "answer"
	if err := s.put(answer, ""); err != nil {
		return "", err
	}
	if err := s.quiet(ctx, script+" >"+quote(path.Join(s.notes.There, answer))); err != nil {
		return "", err
	}
	return s.dir.read(answer)
}

// As implements build.Session. The shell ends, and the next command starts one of that user.
func (s *Session) As(ctx context.Context, user string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if user == s.user {
		return nil
	}
	s.leave()
	s.user, s.moved = user, true
	return s.dir.share(func(f *os.File) error { return s.place.Share(f, user) })
}

// leave lets the shell end by itself, for at most the grace time.
func (s *Session) leave() {
	s.mu.Lock()
	p := s.live
	s.mu.Unlock()
	if p == nil {
		return
	}
	p.commands.Close()
	select {
	case <-p.exited:
	case <-time.After(s.opts.Grace):
	}
	s.out.drain()
}

func (s *Session) quiet(ctx context.Context, script string) error {
	code, err := s.run(ctx, "quiet.sh", "q", script)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	return err
}

// quote makes text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close implements build.Session.
func (s *Session) Close() error {
	s.leave()
	return s.Kill()
}

// Drain returns when all that the session's commands have written so far has been passed to its output.
func (s *Session) Drain() { s.out.drain() }

// Kill implements build.Session.
func (s *Session) Kill() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	err := s.place.End(s.live, s.opts.Grace)
	s.out.finish()
	return errors.Join(err, s.dir.Close())
}
