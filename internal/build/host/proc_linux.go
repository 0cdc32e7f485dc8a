package host

import (
	"bytes"
	"errors"
	"os"
	"slices"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// find lists the processes a build started. Four marks are looked for, and one is enough: the workspace in the
// environment, which every program inherits (also a daemon in a session of its own), the session of one of the
// build's shells (also a program started with an empty environment), the user that the build alone has, if it has one, and
// its control group, if there is one, which only the server's own user can leave. Without the last two a program that drops
// the others is out of reach.
func find(t target) []int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return nil
	}
	self := os.Getpid()
	var pids []int
	buf := make([]byte, 64<<10)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || pid == self || pid == 1 {
			continue
		}
		if marked(pid, t, &buf) {
			pids = append(pids, pid)
		}
	}
	for _, pid := range t.hold.pids() {
		if !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

func marked(pid int, t target, buf *[]byte) bool {
	dir := "/proc/" + strconv.Itoa(pid)
	if t.uid != 0 {
		var st unix.Stat_t
		if unix.Stat(dir, &st) == nil && st.Uid == t.uid {
			return !zombie(dir, buf)
		}
	}
	if len(t.sessions) > 0 {
		if sid, err := unix.Getsid(pid); err == nil && slices.Contains(t.sessions, sid) {
			return !zombie(dir, buf)
		}
	}
	env := slurp(dir+"/environ", buf)
	for len(env) > 0 {
		entry, rest, _ := bytes.Cut(env, []byte{0})
		if t.matches(entry) {
			return true
		}
		env = rest
	}
	return false
}

// markers lists the workspaces below a directory in which processes of this machine run.
func markers(below string) []string {
	var found []string
	buf := make([]byte, 64<<10)
	for _, pid := range find(target{marker: below}) {
		for _, entry := range bytes.Split(slurp("/proc/"+strconv.Itoa(pid)+"/environ", &buf), []byte{0}) {
			if value, ok := bytes.CutPrefix(entry, []byte(markerName+"=")); ok && bytes.HasPrefix(value, []byte(below)) {
				found = append(found, string(value))
			}
		}
	}
	return found
}

// zombie reports whether the process has ended and only waits for its parent to notice.
func zombie(dir string, buf *[]byte) bool {
	stat := slurp(dir+"/stat", buf)
	i := bytes.LastIndexByte(stat, ')')
	return i < 0 || i+2 >= len(stat) || stat[i+2] == 'Z' || stat[i+2] == 'X'
}

// slurp reads a file of /proc into buf, which grows as needed. What cannot be read is empty.
func slurp(path string, buf *[]byte) []byte {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd) //nolint:errcheck // read only
	n := 0
	for {
		if n == len(*buf) {
			*buf = append(*buf, make([]byte, len(*buf))...)
		}
		m, err := unix.Read(fd, (*buf)[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || m <= 0 {
			return (*buf)[:n]
		}
		n += m
	}
}

// signal sends sig to a process if it still is one of the build's: the descriptor pins the process, so its number
// cannot come to mean another one between the look and the signal.
func signal(pid int, t target, sig syscall.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		_ = unix.Kill(pid, sig)
		return
	}
	if err != nil {
		return // gone
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was written
	buf := make([]byte, 8<<10)
	if marked(pid, t, &buf) || slices.Contains(t.hold.pids(), pid) {
		_ = unix.PidfdSendSignal(fd, sig, nil, 0)
	}
}
