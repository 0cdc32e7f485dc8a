package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// mostProcesses is how many processes and threads one build may have at a time.
const mostProcesses = 8192

// Limits hold every build to the CPUs and the memory of its compute type, so that builds that run at the same time leave
// something for each other and for the server. A control group (cgroup v2) does it for all processes of a build together;
// what the kernel offers no group for is done process by process: memory by RLIMIT_DATA, CPUs by affinity, the number of
// processes by RLIMIT_NPROC where the build has a user to itself. nil limits nothing.
type Limits struct {
	groups *groups // nil: there are none for this server
	why    string  // there are none
	builds atomic.Int32
}

// FindLimits makes the best that this machine offers to a server whose builds lie below dir. It may put this process into a
// group of its own, below the one it is in.
func FindLimits(dir string) *Limits {
	g, err := findGroups(dir)
	if err != nil {
		return &Limits{why: err.Error()}
	}
	return &Limits{groups: g}
}

// Close removes the group of all builds, when no build is in it.
func (l *Limits) Close() error {
	if l.groups == nil {
		return nil
	}
	if err := os.Remove(l.groups.root); err != nil && !errors.Is(err, syscall.EBUSY) && !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the control group of builds: %w", err)
	}
	return nil
}

// String tells how builds are held.
func (l *Limits) String() string {
	switch {
	case l == nil:
		return "off"
	case l.groups == nil:
		return "each process by itself (" + l.why + ")"
	case len(l.groups.controllers) == 0:
		return "each process by itself, and ended by control group " + l.groups.root
	default:
		return "by control group " + l.groups.root + ": " + strings.Join(l.groups.controllers, ", ")
	}
}

// hold is what holds one build.
type hold struct {
	needs build.Needs
	group *group // nil: there is none
	alone bool   // the build has a user to itself
	turn  int    // how many builds were before
}

// make makes what holds a build of a server.
func (l *Limits) make(server string, n build.Needs, alone bool) (*hold, error) {
	if l == nil {
		return nil, nil
	}
	h := &hold{needs: n, alone: alone, turn: int(l.builds.Add(1)-1) & 0xffff}
	if l.groups == nil {
		return h, nil
	}
	g, err := l.groups.make(server+"."+n.ID, n)
	if err != nil {
		return nil, fmt.Errorf("hold the build to its limits: %w; turn the setting build-limits off if this machine cannot do it", err)
	}
	h.group = g
	return h, nil
}

// endStray ends and removes what an earlier attempt of a build has left, wherever it ran on this machine.
func (l *Limits) endStray(id string) error {
	return l.endAll(func(_, build string) bool { return build == id })
}

// endDead ends and removes the groups of servers that are no more.
func (l *Limits) endDead(dead func(server string) bool) error {
	return l.endAll(func(server, _ string) bool { return dead(server) })
}

func (l *Limits) endAll(meant func(server, build string) bool) error {
	if l == nil || l.groups == nil {
		return nil
	}
	entries, err := os.ReadDir(l.groups.root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for the control groups of builds: %w", err)
	}
	for _, e := range entries {
		server, id, ok := strings.Cut(e.Name(), ".")
		if !e.IsDir() || !ok || !meant(server, id) {
			continue
		}
		g := &group{dir: filepath.Join(l.groups.root, e.Name())}
		if err := g.remove(); err != nil {
			return err
		}
	}
	return nil
}

// its is the build's group, nil when it has none.
func (h *hold) its() *group {
	if h == nil {
		return nil
	}
	return h.group
}

// take puts a shell of the build, which has started nothing yet, into the build's group; what it starts is born there.
func (h *hold) take(pid int) error {
	if err := h.its().add(pid); err != nil {
		return fmt.Errorf("hold the build to its limits: %w", err)
	}
	return nil
}

// grouped tells whether the build's group limits what a controller does.
func (h *hold) grouped(controller string) bool { return h.its().has(controller) }

// pids are the processes in the build's group.
func (h *hold) pids() []int { return h.its().pids() }

// kill ends every process in the build's group at once, those being born included.
func (h *hold) kill() { h.its().kill() }

// outOfMemory tells whether the kernel has ended processes of the build for what they used together.
func (h *hold) outOfMemory() bool { return h.its().outOfMemory() }

// release removes what was made. Nothing of the build runs any more.
func (h *hold) release() error { return h.its().remove() }
