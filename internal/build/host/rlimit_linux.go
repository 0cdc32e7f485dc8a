package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// take puts a shell of the build, which has started nothing yet, under its limits; what it starts inherits them.
func (h *hold) take(pid int) error {
	if h == nil {
		return nil
	}
	if err := h.limit(pid); err != nil && !errors.Is(err, unix.ESRCH) { // it may have ended already
		return fmt.Errorf("hold the build to its limits: %w", err)
	}
	return nil
}

func (h *hold) limit(pid int) error {
	grouped := func(controller string) bool { return h.group != nil && h.group.has(controller) }
	if h.group != nil {
		if err := h.group.add(pid); err != nil {
			return err
		}
	}
	most := map[int]uint64{unix.RLIMIT_CORE: 0} // a dump of memory is large, and may hold secrets
	if !grouped("memory") && h.needs.Memory > 0 {
		most[unix.RLIMIT_DATA] = uint64(h.needs.Memory)
	}
	if !grouped("pids") && h.alone { // the kernel counts a user's processes, not a build's
		most[unix.RLIMIT_NPROC] = mostProcesses
	}
	for what, value := range most {
		if err := lower(pid, what, value); err != nil {
			return err
		}
	}
	if !grouped("cpu") && h.needs.CPUs > 0 {
		return h.spread(pid)
	}
	return nil
}

// lower sets a limit of a process, unless it has a lower one.
func lower(pid, what int, most uint64) error {
	var have unix.Rlimit
	if err := unix.Prlimit(pid, what, nil, &have); err != nil {
		return err
	}
	want := unix.Rlimit{Cur: min(have.Cur, most), Max: min(have.Max, most)}
	return unix.Prlimit(pid, what, &want, nil)
}

// spread gives a process as many CPUs of this server's as the build may have. Builds take turns in which they get.
func (h *hold) spread(pid int) error {
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
	return unix.SchedSetaffinity(pid, &some)
}
