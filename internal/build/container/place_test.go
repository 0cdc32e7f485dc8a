package container_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
)

// room is a container that commands run in.
type room struct {
	t       *testing.T
	ws      build.Workspace
	session build.Session
	out     *buildtest.Log
}

func enter(t *testing.T, r *container.Runner, n build.Needs) *room {
	t.Helper()
	n.ID = uuid.NewString()
	ws, err := r.Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	in := &room{t: t, ws: ws, out: &buildtest.Log{}}
	t.Cleanup(func() {
		if err := ws.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if in.session, err = ws.Start(t.Context(), build.SessionOptions{Dir: ws.Path(""), Output: in.out}); err != nil {
		t.Fatal(err)
	}
	return in
}

func (in *room) says(command string) string {
	in.t.Helper()
	in.out.Reset()
	if code, err := in.session.Run(in.t.Context(), command); err != nil || code != 0 {
		in.t.Fatalf("%s: status %d, %v: %s", command, code, err, in.out)
	}
	return strings.TrimSpace(in.out.String())
}

// A build has nothing of this machine but its workspace and its caches, and no more rights than it needs.
func TestShutIn(t *testing.T) {
	needEngine(t)
	cache := t.TempDir()
	in := enter(t, newRunner(t, t.TempDir()), build.Needs{Memory: 64 << 20, CPUs: 1, Caches: []string{cache}})
	for command, want := range map[string]string{
		`grep CapEff /proc/self/status`:                                                         "00000000800405fb", // those of privileges, and no other
		`grep NoNewPrivs /proc/self/status | tr -d '\t'`:                                        "NoNewPrivs:1",
		`ls /var/run/docker.sock /run/podman 2>&1 | wc -l`:                                      "2", // complaints
		`mknod /tmp/disk b 8 0 2>&1; ls -l /tmp | grep -c ^b`:                                   "0",
		`cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null`: "67108864",
		`cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null`:                  "8192",
		`ls /sys/class/net`: "lo",
	} {
		if got := in.says(command + " || true"); !strings.Contains(got, want) {
			t.Errorf("%s says %q, not %q", command, got, want)
		}
	}
	if got := in.says(`cut -d' ' -f2 /proc/mounts | grep ^/codebuild`); got != "/codebuild/output\n/codebuild/cache/0" {
		t.Errorf("mounted are %q", got)
	}
	in.says("echo kept >" + in.ws.Cache(cache) + "/file")
	if got, err := os.ReadFile(filepath.Join(cache, "file")); err != nil || string(got) != "kept\n" {
		t.Errorf("the cache has %q, %v", got, err)
	}
}

// A shell that a person opens later is shut in as its build was.
func TestShellsAreShutIn(t *testing.T) {
	needEngine(t)
	in := enter(t, newRunner(t, t.TempDir()), build.Needs{Memory: 64 << 20, CPUs: 1, Offline: true, Keep: true})
	const look = `grep -E 'CapEff|NoNewPrivs' /proc/self/status; ls /sys/class/net; id -u; cut -d' ' -f2 /proc/mounts | grep ^/codebuild; ` +
		`cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null`
	want := in.says(look + " || true")
	if err := in.session.Close(); err != nil {
		t.Fatal(err)
	}
	var out buildtest.Log
	status, err := in.ws.Shell(t.Context(), build.Shell{Dir: in.ws.Path(""), In: strings.NewReader(look + "\nexit 3\n"), Out: &out})
	if got := strings.TrimSpace(out.String()); status != 3 || err != nil || got != want || !strings.Contains(got, "67108864") {
		t.Errorf("it ends with %d, %v and says %q, the build %q", status, err, got, want)
	}
}

func TestMemoryLimitKillsTheCommand(t *testing.T) {
	needEngine(t)
	in := enter(t, newRunner(t, t.TempDir()), build.Needs{Memory: 64 << 20})
	if code, err := in.session.Run(t.Context(), "head -c 200000000 /dev/zero | tail -c 199999999 | wc -c; exit $?"); err != nil {
		t.Fatal(err)
	} else if out := in.out.String(); strings.Contains(out, "199999999") {
		t.Errorf("200 MB went into 64: status %d, %s", code, out)
	}
	in.says("true") // the build goes on
}

// A network that the engine gives has an interface more than none.
func TestNetwork(t *testing.T) {
	needEngine(t)
	r := newRunner(t, t.TempDir(), func(c *container.Config) { c.Network = "host" })
	if got := enter(t, r, build.Needs{}).says("ls /sys/class/net | wc -l"); got == "1" {
		t.Errorf("on the host's network there is %s interface", got)
	}
	if got := enter(t, r, build.Needs{Offline: true}).says("ls /sys/class/net"); got != "lo" {
		t.Errorf("offline there is %s", got)
	}
}

// Commands reach this machine by a name, because its loopback is not theirs.
func TestReach(t *testing.T) {
	needEngine(t)
	in := enter(t, newRunner(t, t.TempDir()), build.Needs{})
	for url, want := range map[string]string{
		"http://127.0.0.1:4566":   "http://host.containers.internal:4566",
		"https://localhost/x":     "https://host.containers.internal/x",
		"http://[::1]:1":          "http://host.containers.internal:1",
		"https://ci.example.com/": "https://ci.example.com/",
	} {
		if got := in.ws.Reach(url); got != want {
			t.Errorf("%s is reached as %s", url, got)
		}
	}
}

func TestPrivileged(t *testing.T) {
	needEngine(t)
	_, err := newRunner(t, t.TempDir()).Prepare(t.Context(), build.Needs{ID: uuid.NewString(), Privileged: true})
	expectFailure(t, err, "--build-privileged")
	r := newRunner(t, t.TempDir(), func(c *container.Config) { c.Privileged = true })
	in := enter(t, r, build.Needs{Privileged: true})
	if got := in.says("grep CapEff /proc/self/status"); strings.Contains(got, "00000000800405fb") {
		t.Errorf("privileged commands have %s", got)
	}
	if got := in.says("cut -d' ' -f2 /proc/mounts | grep docker"); got != "/var/lib/docker" {
		t.Errorf("a Docker inside would work in %q", got)
	}
}

func expectFailure(t *testing.T, err error, words ...string) {
	t.Helper()
	failure, ok := errors.AsType[*build.Failure](err)
	if !ok {
		t.Errorf("the error is %v", err)
		return
	}
	for _, word := range words {
		if !strings.Contains(failure.Message, word) {
			t.Errorf("the message is %q, without %q", failure.Message, word)
		}
	}
}

// A failure to provide says what would help, and leaves nothing behind.
func TestImages(t *testing.T) {
	needEngine(t)
	dir := t.TempDir()
	r := newRunner(t, dir, func(c *container.Config) {
		c.Images = container.Images{{Name: "aws/codebuild/standard:7.0", Image: testImage}, {Name: "none", Image: "localhost/missing:1"}}
	})
	if got := r.Notice(build.Needs{Image: "aws/codebuild/standard:7.0"}); !strings.Contains(got, "container of the image "+testImage+", which stands for aws/codebuild/standard:7.0") {
		t.Errorf("the notice is %q", got)
	}
	for image, words := range map[string][]string{
		"aws/codebuild/standard:6.0": {"--build-images aws/codebuild/standard:6.0=IMAGE"},
		"":                           {"names no image"},
		"none":                       {"Unable to pull the image localhost/missing:1", "podman pull localhost/missing:1"},
	} {
		_, err := r.Prepare(t.Context(), build.Needs{ID: uuid.NewString(), Image: image})
		expectFailure(t, err, words...)
	}
	r.Wait()
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*")); err != nil || len(left) != 1 || filepath.Base(left[0]) != ".trash" {
		t.Errorf("left are %q, %v", left, err)
	}
	if in := enter(t, r, build.Needs{Image: testImage}); in.says("echo in") != "in" {
		t.Error("an image of the engine's own is not used")
	}
}

func TestEngineAway(t *testing.T) {
	gone, err := container.NewEngine(filepath.Join(t.TempDir(), "no.sock"))
	if err != nil {
		t.Fatal(err)
	}
	r := newRunner(t, t.TempDir(), func(c *container.Config) { c.Engine = gone })
	_, err = r.Prepare(t.Context(), build.Needs{ID: uuid.NewString(), Image: testImage})
	expectFailure(t, err, "no container engine answers at", "systemctl start")
	if err := r.Sweep(t.Context()); err != nil {
		t.Errorf("a server without its engine does not start: %v", err)
	}
}

// A build that puts a link in the place of the directory it shares with the server leads the server nowhere: it only loses its
// own shell.
func TestTheServerFollowsNoLink(t *testing.T) {
	needEngine(t)
	in := enter(t, newRunner(t, t.TempDir()), build.Needs{})
	elsewhere := t.TempDir()
	lure := "cd " + in.ws.Path("") + " && mv .conveyor aside && ln -s " + elsewhere + " .conveyor; exit 0"
	if _, err := in.session.Run(t.Context(), lure); err != nil {
		t.Fatal(err)
	}
	if code, err := in.session.Run(t.Context(), "true"); err == nil && code == 0 {
		t.Error("a shell was started by way of the link")
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) > 0 {
		t.Errorf("the server has followed the link: %v, %v", left, err)
	}
}
