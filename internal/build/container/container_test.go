package container_test

import (
	"log/slog"
	"os"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/container"
	"github.com/conveyor-cd/conveyor/internal/build/disk"
)

// engine is where the tests' containers run.
var engine struct {
	*container.Engine
	podman   *podman
	registry *imageRegistry
	missing  string // why there is none
}

func TestMain(m *testing.M) {
	os.Exit(withEngine(m))
}

func TestSuite(t *testing.T) {
	needEngine(t)
	buildtest.TestRunner(t, func(t *testing.T) (build.Runner, func() build.Runner) {
		dir := t.TempDir()
		return newRunner(t, dir), func() build.Runner { return newRunner(t, dir) }
	}, "sh") // what the driver makes of bash is the same everywhere
}

func needEngine(t *testing.T) {
	t.Helper()
	if engine.missing != "" {
		t.Skip("no containers here: " + engine.missing)
	}
}

func newRunner(t *testing.T, dir string, change ...func(*container.Config)) *container.Runner {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	d, err := disk.New(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Wait)
	c := container.Config{Engine: engine.Engine, Disk: d, Images: container.Images{{Name: "*", Image: testImage}, {Image: testImage}}, Network: "none", Log: log}
	for _, f := range change {
		f(&c)
	}
	return container.New(c)
}
