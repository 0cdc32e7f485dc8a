package shellhost

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// flood is a shell that writes without end until its workspace is to go.
type flood struct{ gone context.Context }

func (f flood) OpenShell(ctx context.Context, _, _ string, s build.Shell, _ io.Writer) (int, error) {
	go func() {
		for {
			if _, err := s.Out.Write([]byte("y\n")); err != nil {
				return
			}
		}
	}()
	select {
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	case <-f.gone.Done():
		return 0, errors.New("the workspace is kept no longer")
	}
}

// A caller that stays connected and reads nothing holds nothing of the server once its shell has ended.
func TestACallerThatDoesNotReadIsLeft(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	gone, end := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() {
		defer close(served)
		h := &Handler{Builds: flood{gone}, patience: 10 * time.Millisecond}
		h.serve((&http.Request{}).WithContext(t.Context()), "site", "1", bufio.NewReader(ours), ours)
	}()
	if _, err := theirs.Read(make([]byte, 1)); err != nil { // the rest of the frame waits to be read
		t.Fatal(err)
	}
	end()
	select {
	case <-served:
	case <-time.After(30 * time.Second):
		t.Error("the server still waits for its caller")
	}
}
