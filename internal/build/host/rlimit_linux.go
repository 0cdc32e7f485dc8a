package host

import (
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Limits of single processes are taken on by the shells themselves, and passed on to what they start: even root needs
// CAP_SYS_RESOURCE and CAP_SYS_NICE to limit another user's process, and container engines do not give it those.

// preface is what a shell of the build runs first, to be under the limits that it can put itself under.
func (h *hold) preface() (string, error) {
	if h == nil {
		return "", nil
	}
	var text strings.Builder
	for _, l := range []struct {
		wanted bool
		what   int
		most   uint64
		unit   uint64
		ways   []string // how shells call it
	}{
		{true, unix.RLIMIT_CORE, 0, 512, []string{"-c"}}, // a dump of memory is large, and may hold secrets
		{h.needs.Memory > 0 && !h.grouped("memory"), unix.RLIMIT_DATA, uint64(max(h.needs.Memory, 0)), 1024, []string{"-d"}},
		{h.alone && !h.grouped("pids"), unix.RLIMIT_NPROC, mostProcesses, 1, []string{"-p", "-u"}}, // the kernel counts a user's processes, not a build's
	} {
		if !l.wanted {
			continue
		}
		var have unix.Rlimit // which the shell inherits, and can only lower
		if err := unix.Getrlimit(l.what, &have); err != nil {
			return "", fmt.Errorf("hold the build to its limits: %w", err)
		}
		for _, way := range l.ways[:len(l.ways)-1] {
			fmt.Fprintf(&text, "command ulimit %s %d 2>/dev/null || ", way, min(have.Cur, l.most)/l.unit)
		}
		fmt.Fprintf(&text, "command ulimit %s %d || exit\n", l.ways[len(l.ways)-1], min(have.Cur, l.most)/l.unit)
	}
	return text.String(), nil
}

// start starts a shell of the build on the CPUs that it may have.
func (h *hold) start(start func() error) error {
	if h == nil || h.needs.CPUs <= 0 || h.grouped("cpu") {
		return start()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this function, so that nothing else gets its CPUs
		if err := h.spread(); err != nil {
			done <- fmt.Errorf("hold the build to its limits: %w", err)
			return
		}
		done <- start()
	}()
	return <-done
}

// spread gives this thread as many CPUs of this server's as the build may have. Builds take turns in which they get.
func (h *hold) spread() error {
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	var cpus []int
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			cpus = append(cpus, i)
		}
	}
	n := int(max(h.needs.CPUs, 1))
	if n >= len(cpus) {
		return nil
	}
	for i := range n {
		some.Set(cpus[(h.turn*n+i)%len(cpus)])
	}
	return unix.SchedSetaffinity(0, &some)
}
