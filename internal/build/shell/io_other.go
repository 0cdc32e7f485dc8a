//go:build unix && !linux

package shell

import (
	"os"

	"golang.org/x/sys/unix"
)

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

// widen does nothing: only Linux lets programs choose how much a pipe holds.
func widen(*os.File, int) {}
