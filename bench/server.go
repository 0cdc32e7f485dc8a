package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/conveyor-cd/conveyor/internal/iam"
)

// server is a real conveyor process on a fresh data directory.
type server struct {
	dir, url string
	cmd      *exec.Cmd
	key      iam.AccessKey
	started  time.Duration // from exec to the first answer
}

func startServer(ctx context.Context, flags ...string) (*server, error) {
	dir, err := scratch()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{dir: dir, url: "http://" + address}
	s.cmd = exec.CommandContext(ctx, "bin/conveyor", append([]string{
		"server", "--data", filepath.Join(dir, "data"), "--listen", address, "--log-level", "warn",
	}, flags...)...)
	s.cmd.Stderr = os.Stderr
	start := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w (make build makes bin/conveyor)", err)
	}
	if err := s.awaitReady(ctx); err != nil {
		s.stop()
		return nil, err
	}
	s.started = time.Since(start)
	s.key, err = iam.ReadRoot(filepath.Join(dir, "data"))
	return s, err
}

// scratch is a fresh directory on the disk the project is on: a temporary file system would flatter every figure.
func scratch() (string, error) {
	dir, err := os.MkdirTemp("bin", "bench-")
	if err != nil {
		return "", fmt.Errorf("%w (run from the top of the repository, after make build)", err)
	}
	return filepath.Abs(dir)
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func (s *server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		if _, err := s.get(ctx, "/readyz"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the server did not become ready")
		case <-time.After(time.Millisecond):
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

func (s *server) get(ctx context.Context, path string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, resp.Status)
	}
	return string(body), err
}

func (s *server) config() aws.Config {
	return aws.Config{
		Region: "us-east-1", BaseEndpoint: aws.String(s.url),
		Credentials: credentials.NewStaticCredentialsProvider(s.key.ID, s.key.Secret, ""),
	}
}

// git runs the system's git as a developer would, with the root credentials.
func (s *server) git(ctx context.Context, dir string, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", append([]string{
		"-C", dir, "-c", `credential.helper=!f() { echo "username=$BENCH_USER"; echo "password=$BENCH_PASSWORD"; }; f`,
	}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@example.com", "GIT_COMMITTER_NAME=Bench",
		"GIT_COMMITTER_EMAIL=bench@example.com", "BENCH_USER="+s.key.ID, "BENCH_PASSWORD="+s.key.Secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("git %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
