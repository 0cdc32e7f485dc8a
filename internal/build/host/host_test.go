package host_test

import (
	"log/slog"
	"testing"

	"github.com/conveyor-cd/conveyor/internal/build"
	"github.com/conveyor-cd/conveyor/internal/build/buildtest"
	"github.com/conveyor-cd/conveyor/internal/build/host"
)

func TestSuite(t *testing.T) {
	buildtest.TestRunner(t, func(t *testing.T) build.Runner { return newRunner(t) })
}

func newRunner(t testing.TB) *host.Runner {
	r, err := host.New(t.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Wait)
	return r
}
