// Package crashtest lets a test run its own binary again as a server that kills itself, as by kill -9, at a chosen moment.
package crashtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Moments of a transaction that enqueues a job: inside it, and right after its commit, before the job runs.
const (
	BeforeCommit = "before-commit"
	AfterCommit  = "after-commit"
)

// Death kills the process at the n-th moment of a kind.
type Death struct {
	where string
	left  *atomic.Int64
}

// NewDeath reads "WHERE N", with N from 1. With any other text, "" among them, the process lives.
func NewDeath(text string) Death {
	d := Death{left: new(atomic.Int64)}
	var nth int64
	if _, err := fmt.Sscan(text, &d.where, &nth); err == nil {
		d.left.Store(nth)
	}
	return d
}

// At is called at each moment of a kind. It does not return from the one at which the process dies.
func (d Death) At(where string) {
	if d.where == where && d.left.Add(-1) == 0 {
		die()
	}
}

func die() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}

// Jobs is a queue on whose transactions the process may die.
type Jobs struct {
	*queue.Queue
	Death
}

// Enqueue enqueues a job.
func (j Jobs) Enqueue(ctx context.Context, tx store.Tx, job queue.Job) (bool, error) {
	tx.AfterCommit(func() { j.At(AfterCommit) }) // before the queue's own, which hands the job to a worker
	added, err := j.Queue.Enqueue(ctx, tx, job)
	j.At(BeforeCommit)
	return added, err
}

// Store is a store on whose write transactions the process may die. They must not run side by side.
type Store struct {
	store.Store
	// Kill says where: "before N", "within N" or "after N", N counting write transactions from 1.
	Kill string
	n    int
}

// InTx runs f in a transaction.
func (s *Store) InTx(ctx context.Context, f func(store.Tx) error) error {
	s.n++
	at := func(when string) {
		if s.Kill == fmt.Sprintf("%s %d", when, s.n) {
			die()
		}
	}
	at("before")
	err := s.Store.InTx(ctx, func(tx store.Tx) error {
		err := f(tx)
		at("within")
		return err
	})
	at("after")
	return err
}

// RunChild runs the binary's TestCrashChild with more environment, for at most the patience. It returns what the child
// said, and whether it was killed; it fails the test when the child ended badly in any other way.
func RunChild(t testing.TB, patience time.Duration, environment ...string) (said string, killed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestCrashChild$", "-test.v")
	cmd.Env = append(os.Environ(), environment...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("the server (%s) hangs:\n%s", environment, out.String())
	}
	status, _ := cmd.ProcessState.Sys().(syscall.WaitStatus)
	killed = status.Signaled() && status.Signal() == syscall.SIGKILL
	if err != nil && !killed {
		t.Fatalf("the server (%s) failed: %v\n%s", environment, err, out.String())
	}
	return out.String(), killed
}
