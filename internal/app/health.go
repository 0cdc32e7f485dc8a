package app

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// health answers /healthz (the process lives) and /readyz (it can do work: started, not stopping, database reachable,
// room on the disk).
type health struct {
	ready atomic.Bool
	ping  func(context.Context) error
	data  string // the data directory
}

func (h *health) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Path == "/healthz" {
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	if !h.ready.Load() {
		http.Error(w, "starting or stopping", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := h.ping(ctx); err != nil {
		http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
		return
	}
	if free, err := room(h.data); err != nil || free < leastRoom {
		http.Error(w, "the disk of the data directory is full", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}

// leastRoom is how many free bytes the data directory needs for anything to be recorded.
const leastRoom = 1 << 20

// room returns how many bytes may still be written to a directory.
func room(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
