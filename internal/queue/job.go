// Package queue runs durable jobs: a table in the store, workers in every server.
//
// A job is enqueued in the transaction that calls for it and ends in the transaction that stores its result. In
// between it belongs to one process, which proves so with a lease on the database's clock: when the process dies,
// another (or the same, restarted) runs the job again. So every job runs at least once, and its Completion takes
// effect exactly once.
//
// Where the work allows it a job never waits for a poll: when a worker of its kind is free in the process that enqueues
// it, the job is stored as already running and handed over in memory after the commit.
package queue

import (
	"context"
	"encoding/json"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Job is one piece of durable work: short (start an action, fire a timer, deliver an event) or hours long (a build).
type Job struct {
	ID       int64           // given by Enqueue
	Kind     string          // names the handler, for example "action.start"
	Payload  json.RawMessage // the handler's argument
	Group    string          // fairness: groups take turns; usually a pipeline or project name
	Key      string          // uniqueness: while a job with this (Kind, Key) is unfinished, Enqueue adds no other
	Priority int             // larger runs first; 0 is normal
	RunAt    time.Time       // not before; zero is at once
	Attempt  int             // 1 on the first run; counts claims, also those a crash cut short
}

// Enqueuer adds jobs inside the transaction that calls for them.
type Enqueuer interface {
	// Enqueue stores the job in tx. When tx commits the job will run at least once, on any server, even after a crash.
	// It reports false, and stores nothing, when an unfinished job has the same non-empty (Kind, Key). That job may be
	// running already, so it sees what tx has written for certain only in its Completion, not in its Handler.
	Enqueue(ctx context.Context, tx store.Tx, job Job) (bool, error)
}

// Handler runs one job. It may take hours; the lease is renewed meanwhile. ctx ends when the server stops, when the
// lease was lost, or when the job was cancelled (Queue.Cancel); context.Cause tells which (ErrStopping, ErrLeaseLost,
// ErrCancelled). The job of a stopping server is released and runs again elsewhere or after the restart, with Attempt
// one higher. Write transactions begun with ctx, or a context made from it, fail with ErrLeaseLost once the job belongs to
// another server.
//
// On success it may return a Completion: a function run in the very transaction that marks the job done, so that the
// result and the job's end are one fact. When another server took the job over, that transaction rolls back.
// An error makes the job run again with back-off until its Options.MaxAttempts; wrap it with Permanent to give up now.
// A panic counts as an error.
type Handler func(ctx context.Context, job Job) (Completion, error)

// Completion writes a job's result in the transaction that ends the job. It may be nil. Like every function given to
// InTx it may run more than once; only one run takes effect. In it the job itself is already gone, so it may enqueue
// the next with the same key.
type Completion func(ctx context.Context, tx store.Tx) error

// Options tune one kind of job.
type Options struct {
	Workers int // how many run at once on this server; default 4
	// MaxAttempts bounds the attempts that failed or that a crash cut short, not those a stopping server released;
	// default 20.
	MaxAttempts int
	Timeout     time.Duration // 0: none
	// GiveUp runs in the transaction that buries a job after its last attempt, so that whoever waits for it learns why.
	// It runs too, with a cause that is ErrCancelled, for a job that was cancelled while it ran and did not complete.
	GiveUp func(ctx context.Context, tx store.Tx, job Job, cause error) error
}
