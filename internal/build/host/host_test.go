package host_test

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
	"github.com/conveyor-cd/conveyor/internal/build/host"
)

func TestSuite(t *testing.T) {
	buildtest.TestRunner(t, func(t *testing.T) (build.Runner, func() build.Runner) {
		dir := t.TempDir()
		if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // other users pass through
			t.Fatal(err)
		}
		return newRunnerIn(t, dir), func() build.Runner { return newRunnerIn(t, dir) }
	})
}

func newRunner(t testing.TB) *host.Runner { return newRunnerIn(t, t.TempDir()) }

func newRunnerIn(t testing.TB, dir string) *host.Runner {
	r, err := host.New(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Wait)
	return r
}

// A server that runs keeps its builds whoever else starts or ends.
func TestALivingNeighbourIsLeftAlone(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	one, err := disk.Among(dir, "one", func(string) bool { return true }, log)
	if err != nil {
		t.Fatal(err)
	}
	ws, err := host.On(one, nil, nil, log).Prepare(t.Context(), build.Needs{ID: uuid.NewString()})
	if err != nil {
		t.Fatal(err)
	}
	other, err := disk.Among(dir, "other", func(server string) bool { return server == "one" }, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := host.On(other, nil, nil, log).Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(ws.Root()); err != nil {
		t.Errorf("its workspace: %v", err)
	}
	if err := errors.Join(other.Close(), ws.Cleanup(t.Context())); err != nil {
		t.Error(err)
	}
	one.Wait()
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("after both have ended in order there is %v, %v", left, err)
	}
}
