package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// The channels on which servers tell each other of work and of cancelled jobs.
const (
	workChannel   = "jobs"
	cancelChannel = "jobs.cancelled"
)

const (
	insertJob = `INSERT INTO jobs (kind, payload, grp, key, priority, state, run_at, attempt, failures, owner, lease_until, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11)
		ON CONFLICT (kind, key) WHERE key <> '' AND state <> 'failed' DO NOTHING RETURNING id`

	// touchJob makes two transactions conflict on PostgreSQL: the one that found the job unfinished and left its news to
	// it, and the one that completes the job. Else the completion could miss the news although it commits later.
	touchJob = `UPDATE jobs SET priority = priority WHERE kind = $1 AND key = $2 AND key <> '' AND state <> 'failed'`

	cancelWaiting = `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND key <> '' AND state <> 'failed' AND state <> 'running'`

	cancelRunning = `UPDATE jobs SET cancelled = 1, key = ''
		WHERE kind = $1 AND key = $2 AND key <> '' AND state <> 'failed' AND state = 'running' RETURNING id, owner`
)

// Enqueue implements Enqueuer.
func (q *Queue) Enqueue(ctx context.Context, tx store.Tx, job Job) (bool, error) {
	if job.Kind == "" {
		return false, errors.New("enqueue a job: it has no kind")
	}
	added, err := q.enqueue(ctx, tx, job)
	if err != nil {
		return false, fmt.Errorf("enqueue a job of kind %s: %w", job.Kind, err)
	}
	return added, nil
}

func (q *Queue) enqueue(ctx context.Context, tx store.Tx, job Job) (bool, error) {
	if job.RunAt.After(tx.Now()) {
		return q.schedule(ctx, tx, job)
	}
	job.RunAt = tx.Now()
	if k := q.reserve(job.Kind); k != nil {
		return q.handOff(ctx, tx, job, k)
	}
	id, err := q.insert(ctx, tx, job, "available")
	if err != nil || id == 0 {
		return false, err
	}
	tx.AfterCommit(func() { q.arrived(job.Kind) })
	if tx.Dialect() == store.Postgres || !q.handles(job.Kind) {
		// On SQLite there is no other server, but perhaps another queue of this process.
		err = q.st.Notify(ctx, tx, workChannel)
	}
	return err == nil, err
}

func (q *Queue) handles(name string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.kinds[name] != nil
}

func (q *Queue) schedule(ctx context.Context, tx store.Tx, job Job) (bool, error) {
	id, err := q.insert(ctx, tx, job, "scheduled")
	if err != nil || id == 0 {
		return false, err
	}
	wait := job.RunAt.Sub(tx.Now())
	tx.AfterCommit(func() { q.setAlarm(time.Now().Add(wait)) })
	if !q.handles(job.Kind) {
		err = q.st.Notify(ctx, tx, workChannel)
	}
	return err == nil, err
}

// handOff stores the job as running here, with the worker that k reserved for it.
func (q *Queue) handOff(ctx context.Context, tx store.Tx, job Job, k *kind) (bool, error) {
	began := time.Now()
	id, err := q.insert(ctx, tx, job, "running")
	if err != nil || id == 0 {
		q.free(k)
		return false, err
	}
	job.ID, job.Attempt = id, 1
	q.hold(tx, &held{job: job, kind: k, attempt: 1, expires: began.Add(q.config.Lease)})
	return true, nil
}

// insert returns 0 when an unfinished job has the same key.
func (q *Queue) insert(ctx context.Context, tx store.Tx, job Job, state string) (int64, error) {
	var owner string
	var lease int64
	attempt := 0
	if state == "running" {
		owner, lease, attempt = q.config.Owner, store.Micros(tx.Now().Add(q.config.Lease)), 1
	}
	var id int64
	err := tx.QueryRow(ctx, insertJob, job.Kind, string(job.Payload), job.Group, job.Key, job.Priority, state,
		store.Micros(job.RunAt), attempt, owner, lease, store.Micros(tx.Now())).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	if tx.Dialect() == store.Postgres {
		_, err := tx.Exec(ctx, touchJob, job.Kind, job.Key)
		return 0, err
	}
	return 0, nil
}

// Cancel ends the unfinished job with this kind and key, if there is one. A job that is waiting is deleted: nothing
// more of it will run, and what its absence means is for the caller to write in tx. One that is running, on any server,
// has its context cancelled with the cause ErrCancelled after the commit; if its handler then returns without an error
// its Completion is stored as usual, else the job is given up with ErrCancelled (see Options.GiveUp). Either way the
// key is free for another job at once.
func (q *Queue) Cancel(ctx context.Context, tx store.Tx, kind, key string) error {
	if key == "" {
		return fmt.Errorf("cancel a job of kind %s: it needs a key", kind)
	}
	if n, err := tx.Exec(ctx, cancelWaiting, kind, key); n > 0 || err != nil {
		return err
	}
	var id int64
	var owner string
	err := tx.QueryRow(ctx, cancelRunning, kind, key).Scan(&id, &owner)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner != q.config.Owner {
		return q.st.Notify(ctx, tx, cancelChannel)
	}
	tx.AfterCommit(func() { q.interrupt(id, ErrCancelled) })
	return nil
}

func (q *Queue) interrupt(id int64, cause error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if h := q.held[id]; h != nil {
		h.cancelled = h.cancelled || errors.Is(cause, ErrCancelled)
		h.interrupt(cause)
	}
}

// reserve takes a free worker of the kind for a job that nothing waits before; nil when there is none.
func (q *Queue) reserve(name string) *kind {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[name]
	if k == nil || q.phase != started || k.backlog || k.free == 0 {
		return nil
	}
	k.free--
	return k
}

// free gives a worker back and lets it have the next job.
func (q *Queue) free(k *kind) {
	q.giveBack(k, 1)
	q.poke(k)
}

func (q *Queue) giveBack(k *kind, n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.free += n
}

// poke wakes the claimer when there are both a free worker and, perhaps, a job for it.
func (q *Queue) poke(k *kind) {
	if q.hasBacklog(k) {
		signal(q.wake)
	}
}

func (q *Queue) hasBacklog(k *kind) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return k.backlog && k.free > 0 && q.phase == started
}

// hold notes that tx makes h ours: it runs once tx has committed. It is noted before, so that whoever sees the row
// finds it here.
func (q *Queue) hold(tx store.Tx, h *held) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held[h.job.ID] = h
	tx.AfterRollback(func() {
		q.drop(h)
		q.free(h.kind)
	})
	tx.AfterCommit(func() {
		q.mu.Lock()
		h.launched = true
		q.mu.Unlock()
		go q.work(h)
	})
}

// drop forgets a job that is no longer ours.
func (q *Queue) drop(h *held) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held[h.job.ID] == h {
		delete(q.held, h.job.ID)
	}
	if len(q.held) == 0 {
		q.empty.Broadcast()
	}
}

// arrived notes that a job of the kind waits in the table.
func (q *Queue) arrived(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if k := q.kinds[name]; k != nil {
		k.backlog = true
		signal(q.wake)
	}
}

// setAlarm notes that a scheduled job is due at a time on this process's clock.
func (q *Queue) setAlarm(at time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.alarm.IsZero() || at.Before(q.alarm) {
		q.alarm = at
		signal(q.wake)
	}
}
