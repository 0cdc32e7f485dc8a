package container_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
)

// serverSocket, set in a process of this test's program, makes it a server that has a build beat and is then killed.
const serverSocket = "CONVEYOR_TEST_ENGINE"

func TestCrashHelper(t *testing.T) {
	socket := os.Getenv(serverSocket)
	if socket == "" {
		t.Skip("only for TestContainerEndsWithItsServer")
	}
	e, err := container.NewEngine(socket)
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(t, os.Getenv("BUILDS"), func(c *container.Config) { c.Engine = e })
	ws, err := r.Prepare(t.Context(), build.Needs{ID: os.Getenv("BUILD"), Keep: os.Getenv("KEEP") != ""})
	if err != nil {
		t.Fatal(err)
	}
	s, err := ws.Start(t.Context(), build.SessionOptions{Dir: ws.Path(""), Output: os.Stdout})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Run(t.Context(), "(while :; do echo x >>beat; sleep 0.005; done) & until test -s beat; do sleep 0.01; done; echo beating; sleep 600")
	t.Fatalf("the command ended: %v", err)
}

// Whatever happens to a server, its builds do not outlive it; the next server finds nothing but files, and a build that is
// tried again runs once.
func TestContainerEndsWithItsServer(t *testing.T) {
	needEngine(t)
	for what, keep := range map[string]string{"a build": "", "a build that is kept when it fails": "true"} {
		t.Run(what, func(t *testing.T) { endsWithItsServer(t, keep) })
	}
}

func endsWithItsServer(t *testing.T, keep string) {
	dir, id := t.TempDir(), uuid.NewString()
	server := exec.Command(os.Args[0], "-test.run", "TestCrashHelper$", "-test.v")
	server.Env = append(os.Environ(), serverSocket+"="+engine.Socket(), "BUILDS="+dir, "BUILD="+id, "KEEP="+keep)
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines, beating := bufio.NewScanner(out), false
	for !beating && lines.Scan() {
		beating = strings.Contains(lines.Text(), "beating")
	}
	if err := server.Process.Kill(); err != nil || !beating {
		t.Fatalf("the server's build does not beat: %v", err)
	}
	_ = server.Wait()

	found, err := filepath.Glob(filepath.Join(dir, "*", id, "beat"))
	if err != nil || len(found) != 1 {
		t.Fatalf("it beats at %q, %v", found, err)
	}
	size := int64(-1)
	buildtest.Eventually(t, "the container to end", func() bool {
		before := size
		if st, err := os.Stat(found[0]); err == nil {
			size = st.Size()
		}
		return size == before && len(containers(t, id)) == 0
	})
	r := newRunner(t, dir)
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(found[0]); err == nil {
		t.Error("its files are still there")
	}
	ws, err := r.Prepare(t.Context(), build.Needs{ID: id})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(containers(t, id, "--all")); n != 1 {
		t.Errorf("the build has %d containers", n)
	}
	if err := ws.Cleanup(context.Background()); err != nil {
		t.Error(err)
	}
	if left := containers(t, id, "--all"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}

// containers are those of a build that run, or others with options.
func containers(t *testing.T, id string, options ...string) []string {
	t.Helper()
	out, err := engine.podman.command(append([]string{"ps", "--quiet", "--filter", "label=conveyor.build=" + id}, options...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
