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
	if conn.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) }) != nil || err != nil {
		return 0
	}
	return n
}

// widen lets a pipe hold more, so that whoever writes much is not stopped so often. Where the system does not allow it the
// pipe stays as it is.
func widen(r *os.File, size int) {
	if conn, err := r.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, size) })
	}
}
