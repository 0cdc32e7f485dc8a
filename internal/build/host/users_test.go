package host_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/host"
)

// build1 is a build that runs as one of the runner's users.
type build1 struct {
	t   *testing.T
	ws  build.Workspace
	s   build.Session
	out *buildtest.Log
}

func begin(t *testing.T, r *host.Runner) *build1 {
	t.Helper()
	ws, err := r.Prepare(t.Context(), build.Needs{ID: uuid.NewString(), CPUs: 1, Memory: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	b := &build1{t: t, ws: ws, out: &buildtest.Log{}}
	t.Cleanup(func() {
		if err := ws.Cleanup(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := os.Mkdir(filepath.Join(ws.Root(), "src"), 0o700); err != nil {
		t.Fatal(err)
	}
	if b.s, err = ws.Start(t.Context(), build.SessionOptions{Dir: ws.Path("src"), Output: b.out}); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *build1) says(command string) string {
	b.t.Helper()
	b.out.Reset()
	if _, err := b.s.Run(b.t.Context(), command); err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(b.out.String())
}

func runnerAs(t *testing.T, users string) (r *host.Runner, secret string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run builds as another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	secret = filepath.Join(dir, "secret") // as in a data directory
	if err := os.WriteFile(secret, []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := host.ParseUsers(users)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	d, err := disk.New(filepath.Join(dir, "builds"), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Wait)
	l := host.FindLimits(d.All)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return host.On(d, u, l, log), secret
}

// Each build of a range is a user of its own, who reaches neither another build nor the server, and ends with all it ran.
func TestBuildsAsUsersOfARange(t *testing.T) {
	r, secret := runnerAs(t, "213000-213001")
	one, two := begin(t, r), begin(t, r)
	if a, b := one.says("id -u"), two.says("id -u"); a != "213000" || b != "213001" {
		t.Errorf("they run as %s and %s", a, b)
	}
	one.says("umask 0; echo mine >file; mkdir open; chmod 777 open .")
	for _, path := range []string{one.ws.Path("src/file"), one.ws.Path(""), secret, filepath.Dir(filepath.Dir(one.ws.Root()))} {
		if got := two.says("ls -l " + path + "/; cat " + path); strings.Contains(got, "mine") || !strings.Contains(got, "denied") {
			t.Errorf("another build sees %s: %s", path, got)
		}
	}
	if _, err := r.Prepare(t.Context(), build.Needs{ID: uuid.NewString()}); err == nil || !strings.Contains(err.Error(), "build-user") {
		t.Errorf("a third build of two users: %v", err)
	}
	// It keeps neither the environment nor the session by which processes are known again, only its user.
	file := two.ws.Path("src/beat")
	two.says("(setsid env -i /bin/sh -c '(setsid /bin/sh -c \"while :; do echo x >>" + file + "; sleep 0.005; done\" &)' >/dev/null 2>&1 &)")
	size := func() int64 {
		if st, err := os.Stat(file); err == nil {
			return st.Size()
		}
		return 0
	}
	buildtest.Eventually(t, "the daemon to beat", func() bool { return size() > 0 })
	if err := two.s.Kill(); err != nil {
		t.Fatal(err)
	}
	before := size()
	time.Sleep(60 * time.Millisecond) // a dozen beats: the absence of something needs time to show
	if size() != before {
		t.Error("the daemon outlived its build")
	}
	if err := two.ws.Cleanup(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, r).says("id -u"); got != "213001" {
		t.Errorf("the next build runs as %s", got)
	}
}

func TestBuildsAsOneUser(t *testing.T) {
	r, secret := runnerAs(t, "nobody")
	b := begin(t, r)
	if got := b.says(`id -un; touch "$HOME/x" "$TMPDIR/x" x && cat ` + secret); !strings.HasPrefix(got, "nobody") || !strings.Contains(got, "denied") {
		t.Errorf("it says %s", got)
	}
}

func TestUsersAreChecked(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run builds as another user")
	}
	for _, text := range []string{"root", "no-such-user", "5-4", "0-10", "a-b"} {
		if _, err := host.ParseUsers(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
