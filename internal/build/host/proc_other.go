//go:build unix && !linux

package host

import (
	"os"
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

// pending is how many bytes lie in a pipe.
func pending(r *os.File) int {
	n := 0
	conn, err := r.SyscallConn()
	if err != nil {
		return 0
	}
	if conn.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), fionread) }) != nil || err != nil {
		return 0
	}
	return n
}

// fionread asks how much can be read; the BSDs and macOS share the number.
const fionread = 0x4004667f
