package host_test

import (
	"context"
	"io"
	"testing"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// BenchmarkCommand measures one trivial command in a running session.
func BenchmarkCommand(b *testing.B) {
	ws, s := session(b)
	defer ws.Cleanup(context.Background())
	for b.Loop() {
		if _, err := s.Run(context.Background(), ":"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSession measures an empty session: workspace, shell, one command, end, clean-up.
func BenchmarkSession(b *testing.B) {
	for b.Loop() {
		ws, s := session(b)
		if _, err := s.Run(context.Background(), ":"); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		if err := ws.Cleanup(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func session(b *testing.B) (build.Workspace, build.Session) {
	b.Helper()
	ws, err := newRunner(b).Prepare(context.Background(), build.Needs{ID: uuid.NewString()})
	if err != nil {
		b.Fatal(err)
	}
	s, err := ws.Start(context.Background(), build.SessionOptions{Dir: ws.Path(""), Output: io.Discard})
	if err != nil {
		b.Fatal(err)
	}
	return ws, s
}
