// Package vcstest runs real servers of version control on the loopback, for tests.
package vcstest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cgi"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"
)

// Missing names the program of a list that is not installed, or "".
func Missing(programs ...string) string {
	for _, p := range programs {
		if _, err := find(p); err != nil {
			return p
		}
	}
	return ""
}

// find looks where servers are, too.
func find(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	return exec.LookPath("/usr/sbin/" + program)
}

// GitHTTP serves the bare repositories below dir with git's own program. With a password whoever asks must sign in with it,
// whatever the user.
func GitHTTP(dir, password string) (http.Handler, error) {
	out, err := exec.Command("git", "--exec-path").Output()
	if err != nil {
		return nil, err
	}
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(string(out)), "git-http-backend"), Dir: dir, Stderr: io.Discard,
		Env: []string{
			"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "HOME=" + dir, "REMOTE_USER=eve",
			"GIT_CONFIG_COUNT=3", "GIT_CONFIG_KEY_0=http.receivepack", "GIT_CONFIG_VALUE_0=true", "GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
			"GIT_CONFIG_KEY_2=uploadpack.allowAnySHA1InWant", "GIT_CONFIG_VALUE_2=true",
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, given, _ := r.BasicAuth(); password != "" && given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
			http.Error(w, "sign in", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	}), nil
}

// Server is a running server.
type Server struct {
	URL        string
	Host, Port string
	KnownHosts string // SSH: the line for known_hosts
	cmd        *exec.Cmd
	said       *bytes.Buffer
}

// Stop ends the server.
func (s *Server) Stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// port finds one that is free.
func port() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, p, err := net.SplitHostPort(l.Addr().String())
	return p, err
}

func start(scheme string, command func(port string) *exec.Cmd) (*Server, error) {
	p, err := port()
	if err != nil {
		return nil, err
	}
	s := &Server{URL: scheme + "://127.0.0.1:" + p, Host: "127.0.0.1", Port: p, cmd: command(p), said: new(bytes.Buffer)}
	s.cmd.Stdout, s.cmd.Stderr = s.said, s.said
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", "127.0.0.1:"+p)
		if err == nil {
			_ = c.Close()
			return s, nil
		}
		if time.Now().After(deadline) {
			s.Stop()
			return nil, fmt.Errorf("%s does not listen: %s", s.cmd.Path, s.said)
		}
		time.Sleep(20 * time.Millisecond) // until it listens
	}
}

// SVN serves the Subversion repositories below dir. Anonymous users may read and, with write, commit.
func SVN(dir string) (*Server, error) {
	return start("svn", func(port string) *exec.Cmd {
		return exec.Command("svnserve", "--daemon", "--foreground", "--listen-host", "127.0.0.1", "--listen-port", port, "--root", dir)
	})
}

// Hg serves a Mercurial repository.
func Hg(dir string) (*Server, error) {
	return start("http", func(port string) *exec.Cmd {
		cmd := exec.Command("hg", "serve", "--repository", dir, "--address", "127.0.0.1", "--port", port)
		// Modules that are loaded when they are first used are not ready for the first requests at once.
		cmd.Env = append(os.Environ(), "HGRCPATH=", "HGPLAIN=1", "HGDEMANDIMPORT=disable")
		return cmd
	})
}

// SSH serves this user's files to whoever has the key in dir/id, which is made.
func SSH(dir string) (*Server, error) {
	for _, key := range []string{"id", "host"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	sshd, err := find("sshd")
	if err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // only then it wants this directory
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return nil, err
		}
	}
	me, err := user.Current()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "sshd_config")
	s, err := start("ssh", func(port string) *exec.Cmd {
		text := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s/host\nAuthorizedKeysFile %s/id.pub\nPidFile none\nStrictModes no\nUsePAM no\n"+
			"PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n", port, dir, dir)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			panic(err)
		}
		return exec.Command(sshd, "-D", "-e", "-f", config)
	})
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(dir, "host.pub"))
	if err != nil {
		s.Stop()
		return nil, err
	}
	s.URL = "ssh://" + me.Username + "@127.0.0.1:" + s.Port
	s.KnownHosts = "[127.0.0.1]:" + s.Port + " " + string(key)
	return s, nil
}
