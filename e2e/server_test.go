package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type sessionKey struct{}

// sessions are the servers of a script. Nearly all have one; a second shares its data.
type sessions struct{ first, second session }

func (s *sessions) each(f func(*session)) { f(&s.first); f(&s.second) }

// session is a server. It may be killed and started again on the same data.
type session struct {
	name    string
	cmd     *exec.Cmd
	exited  chan error
	listen  string
	logFile string
}

func cmdServer(ts *testscript.TestScript, neg bool, args []string) {
	const synopsis = "server [second] start [FLAG...] | use | stop | kill"
	both, ok := ts.Value(sessionKey{}).(*sessions)
	if !ok {
		ts.Fatalf("no session")
	}
	s := &both.first
	if len(args) > 0 && args[0] == "second" {
		s, args = &both.second, args[1:]
	}
	usage(ts, len(args) >= 1, synopsis)
	switch args[0] {
	case "use":
		check(ts, setEnvironment(ts, ts.MkAbs("data"), s.listen))
	case "start":
		err := s.start(ts, args[1:])
		if neg && err == nil {
			ts.Fatalf("the server started")
		}
		if !neg {
			check(ts, err)
		}
	case "stop":
		check(ts, s.stop())
	case "kill":
		check(ts, s.kill())
	default:
		usage(ts, false, synopsis)
	}
}

// start runs the binary on WORK/data and waits until it is ready; the script's environment then points at it.
func (s *session) start(ts *testscript.TestScript, flags []string) error {
	if s.listen == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		s.listen = listener.Addr().String()
		_ = listener.Close()
	}
	data := ts.MkAbs("data")
	s.logFile = ts.MkAbs(s.name + ".log")
	log, err := os.OpenFile(s.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(binary, append([]string{"server", "--data", data, "--listen", s.listen}, flags...)...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + ts.Getenv("HOME"), "GORACE=" + raceOptions}
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	s.cmd, s.exited = cmd, exited
	if err := s.awaitReady(); err != nil {
		return fmt.Errorf("%w\n%s", err, s.tail())
	}
	return setEnvironment(ts, data, s.listen)
}

func (s *session) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.listen+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-s.exited:
			s.cmd = nil
			return fmt.Errorf("the server ended at once: %w", err)
		case <-ctx.Done():
			return errors.New("the server did not become ready")
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// setEnvironment takes what `conveyor env` prints, as a user's shell would.
func setEnvironment(ts *testscript.TestScript, data, listen string) error {
	out, err := exec.Command(binary, "env", "--data", data, "--listen", listen).Output()
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok {
			return fmt.Errorf("conveyor env printed %q", line)
		}
		ts.Setenv(name, strings.Trim(value, "'"))
	}
	return nil
}

// stop sends SIGTERM and expects a clean end within the ten seconds the server promises.
func (s *session) stop() error {
	if s.cmd == nil {
		return errors.New("no server runs")
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		s.cmd = nil
		if err != nil {
			return fmt.Errorf("the server ended with %w\n%s", err, s.tail())
		}
		return nil
	case <-time.After(15 * time.Second):
		return fmt.Errorf("the server did not stop within 15 s of SIGTERM\n%s", s.tail())
	}
}

func (s *session) kill() error {
	if s.cmd == nil {
		return errors.New("no server runs")
	}
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	<-s.exited
	s.cmd = nil
	return nil
}

func (s *session) close() {
	if s.cmd != nil {
		_ = s.kill()
	}
}

// raced reports whether the race detector of the binary found something.
func (s *session) raced() bool {
	text, err := os.ReadFile(s.logFile)
	return err == nil && strings.Contains(string(text), "DATA RACE")
}

func (s *session) tail() string {
	text, err := os.ReadFile(s.logFile)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
