package container_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
)

// service runs another service of the tests' podman, on the same containers.
func service(t *testing.T, socket string) (kill func()) {
	t.Helper()
	c := engine.podman.command("system", "service", "--time=0", "unix://"+socket)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	kill = func() {
		if !ended {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
		ended = true
	}
	t.Cleanup(kill)
	buildtest.Eventually(t, "the engine", func() bool {
		_, ok := container.Find(t.Context(), []string{socket})
		return ok
	})
	return kill
}

// A build goes on while its engine is restarted, and leaves nothing behind; one whose container is taken away says so.
func TestABuildOutlivesItsEngine(t *testing.T) {
	needEngine(t)
	socket := filepath.Join(t.TempDir(), "engine.sock")
	kill := service(t, socket)
	e, err := container.NewEngine(socket)
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(t, t.TempDir(), func(c *container.Config) { c.Engine = e })
	id := uuid.NewString()
	ws, err := r.Prepare(t.Context(), build.Needs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	out := &buildtest.Log{}
	s, err := ws.Start(t.Context(), build.SessionOptions{Dir: ws.Path(""), Output: out})
	if err != nil {
		t.Fatal(err)
	}
	type result struct {
		status int
		err    error
	}
	ran := make(chan result, 1)
	go func() {
		status, err := s.Run(t.Context(), "touch begun; until test -e go; do sleep 0.02; done; echo through; (exit 3)")
		ran <- result{status, err}
	}()
	exists := func(name string) bool { _, err := os.Stat(filepath.Join(ws.Root(), name)); return err == nil }
	buildtest.Eventually(t, "the command", func() bool { return exists("begun") })
	kill()
	buildtest.Eventually(t, "the warning", func() bool { return strings.Contains(out.String(), "engine is away") })
	if err := os.WriteFile(filepath.Join(ws.Root(), "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := <-ran; got.status != 3 || got.err != nil || !strings.Contains(out.String(), "through\n") {
		t.Errorf("the command ended with %+v: %s", got, out)
	}
	service(t, socket)
	if status, err := s.Run(t.Context(), "(exit 4)"); status != 4 || err != nil {
		t.Errorf("the next command ended with %d, %v", status, err)
	}
	go func() {
		status, err := s.Run(t.Context(), "touch begun-again; sleep 600")
		ran <- result{status, err}
	}()
	buildtest.Eventually(t, "the last command", func() bool { return exists("begun-again") })
	if said, err := engine.podman.command("rm", "--force", "--time=0", "conveyor-"+id).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got := <-ran; got.status == 0 && got.err == nil || !strings.Contains(out.String(), "Warning: the build's container is gone") {
		t.Errorf("a command whose container was removed ended with %+v: %s", got, out)
	}
	if err := ws.Cleanup(context.Background()); err != nil || len(containers(t, id)) != 0 {
		t.Errorf("left are %v, %v", containers(t, id), err)
	}
}
