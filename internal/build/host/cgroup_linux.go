package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/build"
)

// groups is a part of the tree of control groups that this server may use. Each build has a group SERVER.BUILD in it.
type groups struct {
	parent      string
	builds      string // the directory of the builds
	root        string
	controllers []string // those that limit its groups, of wanted
}

// wanted are the controllers that limit builds.
var wanted = []string{"cpu", "memory", "pids"}

// findGroups finds where this process may make groups: below the root of the tree when it is root's, as container engines
// do, else below its own group, which a service manager must have handed over (Delegate=yes).
func findGroups(builds string) (*groups, error) {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	tree, ok := mountOf(string(mounts))
	if !ok {
		return nil, errors.New("cgroup v2 is not mounted")
	}
	if os.Geteuid() != 0 {
		tree = filepath.Join(tree, ownGroup(string(own)))
	}
	return openGroups(tree, builds)
}

// mountOf is where the tree of cgroup v2 is mounted, by the lines of mountinfo.
func mountOf(mountinfo string) (string, bool) {
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if kind, _, _ := strings.Cut(after, " "); kind == "cgroup2" && len(fields) > 4 {
			return fields[4], true
		}
	}
	return "", false
}

// ownGroup is this process's group, by the lines of /proc/self/cgroup.
func ownGroup(lines string) string {
	for line := range strings.Lines(lines) {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(path)
		}
	}
	return "/"
}

// openGroups makes the group of all builds below parent, and lets it limit those in it.
func openGroups(parent, builds string) (*groups, error) {
	sum := sha256.Sum256([]byte(builds)) // servers of other data directories have groups of their own
	g := &groups{parent: parent, builds: builds, root: filepath.Join(parent, "conveyor-"+hex.EncodeToString(sum[:4]))}
	if err := os.Mkdir(g.root, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as all of this tree
		return nil, fmt.Errorf("no control group can be made: %w", err)
	}
	offered, err := os.ReadFile(filepath.Join(parent, "cgroup.controllers"))
	if err != nil {
		return nil, fmt.Errorf("%s is no control group: %w", parent, err)
	}
	for _, c := range wanted {
		if slices.Contains(strings.Fields(string(offered)), c) && enable(parent, c) == nil && enable(g.root, c) == nil {
			g.controllers = append(g.controllers, c)
		}
	}
	return g, nil
}

// enable lets a group limit the groups in it. The kernel does not, as long as there are processes in the group itself: when
// this one is, it moves into a group beside the builds'.
func enable(group, controller string) error {
	write := func() error { return put(group, "cgroup.subtree_control", "+"+controller) }
	err := write()
	if !errors.Is(err, unix.EBUSY) {
		return err
	}
	aside := filepath.Join(group, "conveyor-server")
	if err := os.Mkdir(aside, 0o755); err != nil && !errors.Is(err, fs.ErrExist) { //nolint:gosec // as all of this tree
		return err
	}
	if err := put(aside, "cgroup.procs", strconv.Itoa(os.Getpid())); err != nil {
		return err
	}
	return write()
}

// put writes a file of a group. Such files are there already, and take a value in one write.
func put(group, name, value string) error {
	return os.WriteFile(filepath.Join(group, name), []byte(value), 0o644) //nolint:gosec // the kernel's own file
}

// period is what CPU time is counted in, in microseconds.
const period = 100_000

// make makes the group of a build.
func (g *groups) make(name string, n build.Needs) (*group, error) {
	made := &group{dir: filepath.Join(g.root, name), limits: g.controllers}
	err := os.Mkdir(made.dir, 0o755) //nolint:gosec // as all of this tree
	for tries := 0; errors.Is(err, fs.ErrNotExist) && tries < 3; tries++ {
		// Another server of the same builds has ended, when no build ran, and removed the group of all.
		if _, err = openGroups(g.parent, g.builds); err == nil {
			err = os.Mkdir(made.dir, 0o755) //nolint:gosec // as all of this tree
		}
	}
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	if made.has("pids") {
		values["pids.max"] = strconv.Itoa(mostProcesses)
	}
	if made.has("memory") && n.Memory > 0 {
		values["memory.max"] = strconv.FormatInt(n.Memory, 10)
	}
	if made.has("cpu") && n.CPUs > 0 {
		values["cpu.max"] = fmt.Sprintf("%d %d", int64(n.CPUs*period), period)
	}
	for name, value := range values {
		if err := put(made.dir, name, value); err != nil {
			return nil, errors.Join(err, made.remove())
		}
	}
	if _, err := os.Stat(filepath.Join(made.dir, "memory.swap.max")); err == nil && n.Memory > 0 {
		if err := put(made.dir, "memory.swap.max", "0"); err != nil { // else memory that is used up becomes a full disk
			return nil, errors.Join(err, made.remove())
		}
	}
	return made, nil
}

// group is a control group of one build. nil is one that holds nothing.
type group struct {
	dir    string
	limits []string
}

func (g *group) has(controller string) bool { return g != nil && slices.Contains(g.limits, controller) }

// add puts a process, which has started nothing yet, into the group.
func (g *group) add(pid int) error {
	if g == nil {
		return nil
	}
	err := put(g.dir, "cgroup.procs", strconv.Itoa(pid))
	if errors.Is(err, unix.ESRCH) {
		return nil // it has ended
	}
	return err
}

// pids are the processes in the group and in those that the build has made in it.
func (g *group) pids() []int {
	if g == nil {
		return nil
	}
	var pids []int
	_ = filepath.WalkDir(g.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() != "cgroup.procs" {
			return nil //nolint:nilerr // what is gone has no processes
		}
		text, err := os.ReadFile(path)
		for _, field := range bytes.Fields(text) {
			if pid, err := strconv.Atoi(string(field)); err == nil {
				pids = append(pids, pid)
			}
		}
		return err
	})
	return pids
}

// kill ends all that is in the group. Kernels before 5.14 do it process by process.
func (g *group) kill() {
	if g == nil || put(g.dir, "cgroup.kill", "1") == nil {
		return
	}
	for _, pid := range g.pids() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
}

// outOfMemory tells whether processes of the group were ended for want of memory.
func (g *group) outOfMemory() bool {
	if g == nil {
		return false
	}
	text, err := os.ReadFile(filepath.Join(g.dir, "memory.events"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(count) != "0"
		}
	}
	return false
}

// remove ends what is in the group and removes it, with those that the build has made in it.
func (g *group) remove() error {
	if g == nil {
		return nil
	}
	deadline := time.Now().Add(killDeadline)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := removeTree(g.dir)
		if err == nil || !errors.Is(err, unix.EBUSY) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("processes %v do not end after SIGKILL: %w", g.pids(), err)
		}
		g.kill()
		time.Sleep(pause) // until the kernel has buried them
	}
}

// removeTree removes a group and those in it, the innermost first. Their files go with them.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &os.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}
