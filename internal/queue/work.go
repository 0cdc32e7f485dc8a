package queue

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// mine is the fence: it matches the job's row only while this very claim of it holds.
const mine = `id = $1 AND owner = $2 AND attempt = $3 AND state = 'running'`

const (
	stillMine  = `SELECT count(*) FROM jobs WHERE ` + mine
	finishJob  = `DELETE FROM jobs WHERE ` + mine
	releaseJob = `UPDATE jobs SET state = 'available', owner = '', lease_until = 0 WHERE ` + mine
	retryJob   = `UPDATE jobs SET state = 'scheduled', owner = '', lease_until = 0, failures = failures + 1,
		run_at = $4, last_error = $5 WHERE ` + mine
	buryJob = `UPDATE jobs SET state = 'failed', owner = '', lease_until = 0, failures = failures + 1,
		failed_at = $4, last_error = $5 WHERE ` + mine
)

// work runs a job this process owns and stores how it ended.
func (q *Queue) work(h *held) {
	defer q.drop(h)
	if cause := h.doomed(q); cause != nil {
		q.free(h.kind)
		q.settle(h, cause)
		return
	}
	began := time.Now()
	completion, err := q.run(h)
	q.mu.Lock()
	h.ending = true
	q.mu.Unlock()
	// The worker is free before the completion runs, so that a job it enqueues of the same kind can have it.
	q.giveBack(h.kind, 1)
	if err == nil {
		err = q.complete(h, completion)
	}
	q.poke(h.kind)
	if err == nil {
		q.log.Debug("job done", h.attrs("took", time.Since(began))...)
		return
	}
	q.settle(h, err)
}

func (h *held) attrs(more ...any) []any {
	return append([]any{"kind", h.kind.name, "job", h.job.ID, "attempt", h.attempt}, more...)
}

// doomed tells why a job must not run although it was claimed.
func (h *held) doomed(q *Queue) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h.cause != nil {
		return h.cause
	}
	if h.failures >= h.kind.MaxAttempts {
		return Permanent(fmt.Errorf("the server ended while it ran the job, %d times", h.failures))
	}
	return nil
}

// run calls the handler. A panic becomes an error.
func (q *Queue) run(h *held) (completion Completion, err error) {
	ctx, cancel := context.WithCancelCause(q.base)
	defer cancel(nil)
	if h.kind.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, h.kind.Timeout, fmt.Errorf("the job took longer than %s", h.kind.Timeout))
		defer stop()
	}
	q.mu.Lock()
	h.cancel = cancel
	if h.cause != nil {
		cancel(h.cause)
	}
	q.mu.Unlock()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler %w: %v", errPanicked, p)
			q.log.Error("a job's handler panicked", h.attrs("panic", p, "stack", string(debug.Stack()))...)
		}
	}()
	return h.kind.handler(q.guarded(ctx, h), h.job)
}

// guarded lets the transactions of a handler through only while its job is its own: a server that stood still for longer
// than the lease goes on where it was before it notices. A SQLite database has no other server.
func (q *Queue) guarded(ctx context.Context, h *held) context.Context {
	if q.st.Dialect() == store.SQLite {
		return ctx
	}
	return store.WithGuard(ctx, func(ctx context.Context, tx store.Tx) error {
		n := 0
		err := tx.QueryRow(ctx, stillMine, h.job.ID, q.config.Owner, h.attempt).Scan(&n)
		if err == nil && n == 0 {
			err = ErrLeaseLost
		}
		return err
	})
}

// A completion that fails is tried again a few times before the whole job is: the work may have taken hours, and what
// failed may pass, such as a lost connection.
const (
	completions     = 4
	completionPause = 20 * time.Millisecond // before the second; four times longer before each next
)

// complete stores the job's result and its end. While the database cannot be reached at all it keeps trying.
func (q *Queue) complete(h *held, completion Completion) error {
	pause := completionPause
	for refused := 0; ; {
		var own error // what the completion itself returned
		err := q.transact(h, func(ctx context.Context, tx store.Tx) error {
			if err := q.fenced(ctx, tx, h, finishJob); err != nil {
				return err
			}
			if completion != nil {
				if own = completion(ctx, tx); own != nil {
					return own
				}
			}
			return q.claimNextToo(ctx, tx, h.kind)
		})
		if err == nil || errors.Is(err, errTaken) || errors.Is(err, errPanicked) || isPermanent(err) {
			return err
		}
		if own != nil || q.stopped() {
			refused++
		}
		if refused == completions {
			return err
		}
		q.log.Warn("could not store the result of a job; trying again", h.attrs("error", err)...)
		q.pause(pause)
		pause = min(4*pause, 5*time.Second)
	}
}

// claimNextToo lets the worker that has become free take its next job in the transaction that ends the one before: on
// SQLite every transaction waits for the disk once. On PostgreSQL it could only make the completion fail.
func (q *Queue) claimNextToo(ctx context.Context, tx store.Tx, k *kind) error {
	if tx.Dialect() != store.SQLite || !q.hasBacklog(k) {
		return nil
	}
	return q.claimKind(ctx, tx, k, false)
}

// transact runs f in a transaction that does not end with any request or with the server's stop. A panic becomes an
// error.
func (q *Queue) transact(h *held, f func(ctx context.Context, tx store.Tx) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("storing the job's end %w: %v", errPanicked, p)
			q.log.Error("storing a job's end panicked", h.attrs("panic", p, "stack", string(debug.Stack()))...)
		}
	}()
	return q.st.InTx(q.base, func(tx store.Tx) error { return f(q.base, tx) })
}

// fenced runs one of the statements above and fails unless the job was still ours.
func (q *Queue) fenced(ctx context.Context, tx store.Tx, h *held, statement string, more ...any) error {
	n, err := tx.Exec(ctx, statement, append([]any{h.job.ID, q.config.Owner, h.attempt}, more...)...)
	if err == nil && n != 1 {
		return errTaken
	}
	return err
}

// settle stores the end of an attempt that did not complete: released, to be tried again, or given up. It does not rest
// until that is stored or the job has changed hands; while the server stops it tries only a few times, since the
// job's lease, or the next start, sets it free anyway.
func (q *Queue) settle(h *held, cause error) {
	pause := completionPause
	for try := 1; ; try++ {
		err := q.transact(h, func(ctx context.Context, tx store.Tx) error { return q.storeEnd(ctx, tx, h, cause) })
		switch {
		case err == nil:
			return
		case errors.Is(err, errTaken):
			// Another server has taken it over; or its end was stored, and the database's answer was lost.
			q.log.Warn("a job is no longer this server's", h.attrs("error", cause)...)
			return
		case q.stopped() && try >= completions:
			q.log.Error("could not store the end of a job", h.attrs("error", err)...)
			return
		}
		q.log.Error("could not store the end of a job; trying again", h.attrs("error", err, "end", cause)...)
		q.pause(pause)
		pause = min(4*pause, 30*time.Second)
	}
}

func (q *Queue) storeEnd(ctx context.Context, tx store.Tx, h *held, cause error) error {
	q.mu.Lock()
	cancelled, interrupted := h.cancelled, h.cause
	q.mu.Unlock()
	failures := h.failures + 1
	switch {
	case cancelled:
		if !errors.Is(cause, ErrCancelled) {
			cause = fmt.Errorf("%w (%w)", ErrCancelled, cause)
		}
		return q.bury(ctx, tx, h, cause)
	case errors.Is(interrupted, ErrLeaseLost):
		return errTaken
	case errors.Is(interrupted, ErrStopping) && !isPermanent(cause):
		return q.release(ctx, tx, h)
	case isPermanent(cause) || failures >= h.kind.MaxAttempts:
		return q.bury(ctx, tx, h, cause)
	}
	return q.retry(ctx, tx, h, failures, cause)
}

func (q *Queue) release(ctx context.Context, tx store.Tx, h *held) error {
	if err := q.fenced(ctx, tx, h, releaseJob); err != nil {
		return err
	}
	tx.AfterCommit(func() { q.log.Info("job released because the server stops", h.attrs()...) })
	if tx.Dialect() == store.Postgres {
		return q.st.Notify(ctx, tx, workChannel)
	}
	return nil
}

func (q *Queue) retry(ctx context.Context, tx store.Tx, h *held, failures int, cause error) error {
	wait := q.config.Backoff(failures)
	if err := q.fenced(ctx, tx, h, retryJob, store.Micros(tx.Now().Add(wait)), text(cause)); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		q.setAlarm(time.Now().Add(wait))
		q.log.Warn("job failed; it will be tried again", h.attrs("error", cause, "in", wait)...)
	})
	return nil
}

func (q *Queue) bury(ctx context.Context, tx store.Tx, h *held, cause error) error {
	if err := q.fenced(ctx, tx, h, buryJob, store.Micros(tx.Now()), text(cause)); err != nil {
		return err
	}
	tx.AfterCommit(func() {
		if errors.Is(cause, ErrCancelled) { // as it was asked to
			q.log.Info("job cancelled", h.attrs("error", cause)...)
			return
		}
		q.log.Error("job given up", h.attrs("error", cause)...)
	})
	if h.kind.GiveUp == nil {
		return nil
	}
	if err := h.kind.GiveUp(ctx, tx, h.job, cause); err != nil {
		return fmt.Errorf("tell that the job was given up (%w): %w", cause, err)
	}
	return nil
}

// pause waits, but not when the server stops.
func (q *Queue) pause(d time.Duration) {
	deadline := time.NewTimer(d)
	defer deadline.Stop()
	select {
	case <-deadline.C:
	case <-q.stopping:
	}
}

// text is an error as the table can hold it.
func text(err error) string {
	s := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "?")
	if len(s) > 4000 {
		s = strings.ToValidUTF8(s[:4000], "")
	}
	return s
}
