//go:build unix

package shell

import (
	"errors"

	"golang.org/x/sys/unix"
)

// readNow reads without waiting. again says that there is nothing yet.
func readNow(fd uintptr, buf []byte) (n int, again bool, err error) {
	n, err = unix.Read(int(fd), buf)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return 0, true, nil
	}
	return max(n, 0), false, err
}
