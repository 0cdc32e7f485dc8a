package host

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/conveyor-cd/conveyor/internal/build/shell"
)

// markerName is the variable by which a build's processes are known again, also after a crash of this server.
const markerName = "CONVEYOR_WORKSPACE"

// target says whose processes are meant.
type target struct {
	marker   string // a workspace, or, with a trailing slash, the directory of all of them
	sessions []int  // shells of this process's own making, in their order; empty after a restart
	uid      uint32 // whose every process is meant; 0: nobody's
	hold     *hold  // in whose group every process is meant; may be nil
}

// matches reports whether an entry of a process's environment says that the process is meant.
func (t target) matches(entry []byte) bool {
	value, ok := bytes.CutPrefix(entry, []byte(markerName+"="))
	if !ok {
		return false
	}
	if strings.HasSuffix(t.marker, "/") {
		return bytes.HasPrefix(value, []byte(t.marker))
	}
	return string(value) == t.marker
}

// killDeadline is how long killed processes may take to disappear; only one stuck in the kernel takes longer.
const killDeadline = 5 * time.Second

// end ends every process of the target: SIGTERM, after the grace time SIGKILL, again for what was born meanwhile. sh,
// which may be nil, is a child of this process that has not been waited for when it is alive.
func (r *Runner) end(t target, sh *shell.Process, grace time.Duration) error {
	if sh.Gone() && len(find(t)) == 0 {
		return nil
	}
	r.signalAll(t, sh, syscall.SIGTERM)
	if waitGone(t, sh, grace, nil) {
		return nil
	}
	kill := func() {
		t.hold.kill()
		r.signalAll(t, sh, syscall.SIGKILL)
	}
	kill()
	if waitGone(t, sh, killDeadline, kill) {
		return nil
	}
	return fmt.Errorf("processes %v of build %s do not end after SIGKILL", find(t), t.marker)
}

func (r *Runner) signalAll(t target, sh *shell.Process, sig syscall.Signal) {
	if n := len(t.sessions); n > 0 && !sh.Gone() {
		// The group as a whole first: nothing can fork its way out of it. The leader has not been reaped or is only
		// just being reaped, so the number is still its.
		_ = syscall.Kill(-t.sessions[n-1], sig)
	}
	for _, pid := range find(t) {
		signal(pid, t, sig)
	}
}

// waitGone waits until none is left. again, when given, runs before every further look.
func waitGone(t target, sh *shell.Process, limit time.Duration, again func()) bool {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		if sh.Gone() && len(find(t)) == 0 {
			return true
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		wait := time.NewTimer(min(pause, left))
		if !sh.Gone() {
			select {
			case <-sh.Exited():
			case <-wait.C:
			}
		} else {
			<-wait.C
		}
		wait.Stop()
		if again != nil {
			again()
		}
	}
}

// lastWins keeps the last value of every name.
func lastWins(env []string) []string {
	seen := map[string]bool{}
	out := make([]string, 0, len(env))
	for _, kv := range slices.Backward(env) {
		name, _, _ := strings.Cut(kv, "=")
		if !seen[name] {
			seen[name] = true
			out = append(out, kv)
		}
	}
	slices.Reverse(out)
	return out
}
