//go:build unix && !linux

package host

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// find knows only the shells' process groups here: other systems do not show a process's environment to everyone.
func find(t target) []int {
	var pids []int
	for _, pid := range t.sessions {
		if unix.Kill(-pid, 0) == nil {
			pids = append(pids, -pid)
		}
	}
	return pids
}

// markers finds nothing here, for the same reason.
func markers(string) []string { return nil }

func signal(pid int, _ target, sig syscall.Signal) { _ = unix.Kill(pid, sig) }
