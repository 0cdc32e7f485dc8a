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
