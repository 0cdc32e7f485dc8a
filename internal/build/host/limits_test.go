//go:build linux

package host_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/host"
)

// limited is a runner that holds builds, and how.
func limited(t *testing.T) (*host.Runner, *host.Limits) {
	d, err := disk.New(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	l := host.FindLimits(d.All)
	r := host.On(d, nil, l, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		r.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return r, l
}

// start opens a session of a build with these needs.
func start(t *testing.T, r build.Runner, n build.Needs, out io.Writer) (build.Workspace, build.Session) {
	t.Helper()
	n.ID = uuid.NewString()
	ws, err := r.Prepare(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ws.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	s, err := ws.Start(t.Context(), build.SessionOptions{Dir: ws.Path(""), Output: out})
	if err != nil {
		t.Fatal(err)
	}
	return ws, s
}

// hungry needs 300 MB of memory: tail keeps what it may have to print.
const hungry = "head -c 300000000 /dev/zero | tail -c 300000000 >/dev/null"

func TestMemoryIsLimited(t *testing.T) {
	r, _ := limited(t)
	for _, c := range []struct {
		memory int64
		fits   bool
	}{{64 << 20, false}, {2 << 30, true}, {0, true}} {
		_, s := start(t, r, build.Needs{Memory: c.memory}, io.Discard)
		status, err := s.Run(t.Context(), hungry)
		if err != nil || (status == 0) != c.fits {
			t.Errorf("300 MB where there are %d MB: exit status %d, %v", c.memory>>20, status, err)
		}
		// Only what was too much has ended.
		if status, err := s.Run(t.Context(), "true"); status != 0 || err != nil {
			t.Errorf("the next command: %d, %v", status, err)
		}
	}
}

func TestCPUsAreLimited(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("this machine has one CPU: there is nothing to take away")
	}
	r, l := limited(t)
	if strings.Contains(l.String(), "cpu") {
		t.Skip("control groups give out time, not CPUs: TestGroupsSayWhatABuildMayUse looks at what they are told")
	}
	for cpus, want := range map[float64]string{1: "1\n", 0: "", 1000: ""} {
		var out strings.Builder
		_, s := start(t, r, build.Needs{CPUs: cpus}, &out)
		if status, err := s.Run(t.Context(), "nproc"); status != 0 || err != nil {
			t.Fatalf("%d, %v", status, err)
		}
		if all := "1\n"; want == "" && out.String() == all || want != "" && out.String() != want {
			t.Errorf("of %d CPUs a build that may have %v sees %s", runtime.NumCPU(), cpus, out.String())
		}
	}
}

// A process that drops every mark that others know it by is still in the build's control group.
func TestNothingLeavesItsControlGroup(t *testing.T) {
	r, l := limited(t)
	if !strings.Contains(l.String(), "control group") {
		t.Skipf("builds are held %s", l)
	}
	ws, s := start(t, r, build.Needs{}, io.Discard)
	file := filepath.Join(ws.Root(), "beats")
	loop := "while :; do echo >>" + file + "; sleep 0.01; done"
	if status, err := s.Run(t.Context(), "env -i PATH=\"$PATH\" setsid -f sh -c '"+loop+"'"); status != 0 || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	buildtest.Eventually(t, "a first beat", func() bool { return size() > 0 })
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if path := running(t, file); path != "" {
		t.Errorf("%s outlived its build", path)
	}
}

// running is the first process whose command line has a text in it.
func running(t *testing.T, text string) string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range all {
		if line, err := os.ReadFile(path); err == nil && strings.Contains(string(line), text) {
			return path
		}
	}
	return ""
}

// What a server that was killed has left is ended by the next one.
func TestGroupsOfDeadServersAreEnded(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	dead, err := disk.Among(dir, "dead", func(string) bool { return false }, log)
	if err != nil {
		t.Fatal(err)
	}
	l := host.FindLimits(dead.All)
	if !strings.Contains(l.String(), "control group") {
		t.Skipf("builds are held %s", l)
	}
	_, s := start(t, host.On(dead, nil, l, log), build.Needs{}, io.Discard)
	if status, err := s.Run(t.Context(), "env -i setsid -f sleep 600.25"); status != 0 || err != nil {
		t.Fatalf("%d, %v", status, err)
	}
	next, err := disk.Among(dir, "next", func(string) bool { return false }, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.On(next, nil, host.FindLimits(next.All), log).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if path := running(t, "600.25"); path != "" {
		t.Errorf("%s outlived its server", path)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// Servers that share the builds' directory share the group of all builds, and each removes it when it ends and no build runs.
func TestAServerThatEndsLeavesOthersTheirGroups(t *testing.T) {
	r, l := limited(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	_, s := start(t, r, build.Needs{}, io.Discard)
	if status, err := s.Run(t.Context(), "true"); status != 0 || err != nil {
		t.Errorf("a build after the other server's end: %d, %v", status, err)
	}
}

// A shell that a person opens later is held as the build was, with a terminal and without.
func TestLimitsOfOtherUsersAndOfTheirShells(t *testing.T) {
	r, _ := runnerAs(t, "213000-213001")
	b := begin(t, r)
	const look = "id -u; grep -E 'core|data|processes' /proc/self/limits; grep Cpus_allowed: /proc/self/status"
	want := b.says(look)
	if !strings.HasPrefix(want, "213000\n") || !strings.Contains(strings.Join(strings.Fields(want), " "), "Max core file size 0 0 bytes") {
		t.Errorf("the build has %s", want)
	}
	if err := b.s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, sizes := range map[string]chan build.Size{"pipes": nil, "a terminal": make(chan build.Size)} {
		var out buildtest.Log
		status, err := b.ws.Shell(t.Context(), build.Shell{Dir: b.ws.Path("src"), In: strings.NewReader(look + "\nexit 3\n"), Out: &out, Sizes: sizes})
		if got := strings.ReplaceAll(out.String(), "\r", ""); status != 3 || err != nil || !strings.Contains(got, want) {
			t.Errorf("with %s: %d, %v, %s; want %s", name, status, err, got, want)
		}
	}
}
