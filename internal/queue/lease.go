package queue

import (
	"context"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	ownRows   = `SELECT id, attempt, cancelled FROM jobs WHERE state = 'running' AND owner = $1`
	renew     = `UPDATE jobs SET lease_until = $1 WHERE state = 'running' AND owner = $2`
	abandoned = `SELECT id, owner, attempt, failures FROM jobs WHERE state = 'running' AND `
	takeOver  = `UPDATE jobs SET state = $4, owner = '', lease_until = 0, failures = failures + 1, run_at = $5, last_error = $6
		WHERE ` + mine
	pruneFailed = `DELETE FROM jobs WHERE state = 'failed' AND failed_at < $1`
	releaseOwn  = `UPDATE jobs SET state = 'available', owner = '', lease_until = 0 WHERE state = 'running' AND owner = $1`
)

const crashed = "the server that ran the job ended"

// leaseLoop renews the leases of the jobs this process owns, notices those it lost, and takes over those of servers
// that no longer renew theirs.
func (q *Queue) leaseLoop(ctx context.Context) {
	tick := time.NewTicker(q.config.Lease / 3)
	defer tick.Stop()
	nextPrune := time.Now()
	for {
		forced := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-q.beat:
			forced = true
		}
		if forced || q.holdsAny() {
			if err := q.renewAll(ctx); err != nil {
				q.complain(ctx, "renew its leases", err)
				q.abandonExpired()
			}
		}
		if time.Now().After(nextPrune) {
			nextPrune = time.Now().Add(time.Hour)
			q.prune(ctx)
		}
	}
}

func (q *Queue) holdsAny() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.held) > 0
}

// ownRow is what the database says of a job this process owns.
type ownRow struct {
	id        int64
	attempt   int
	cancelled bool
}

// renewAll renews, compares with what this process knows, and takes over expired leases, in one transaction. Its own
// come first: as long as nobody took it, a job whose lease has expired, say while the machine slept, is still ours.
func (q *Queue) renewAll(ctx context.Context) error {
	began := time.Now()
	known := q.launchedJobs()
	var rows []ownRow
	err := q.st.InTx(ctx, func(tx store.Tx) (err error) {
		if rows, err = q.ownRows(ctx, tx); err != nil {
			return err
		}
		if err := q.releaseOrphans(ctx, tx, rows); err != nil {
			return err
		}
		if len(rows) > 0 {
			if _, err := tx.Exec(ctx, renew, store.Micros(tx.Now().Add(q.config.Lease)), q.config.Owner); err != nil {
				return err
			}
		}
		return q.takeOver(ctx, tx, "lease_until < $1", store.Micros(tx.Now()))
	})
	if err != nil {
		return err
	}
	q.compare(known, rows, began.Add(q.config.Lease))
	return nil
}

// launchedJobs are the jobs whose rows must be in the database, unless they were lost or are ending.
func (q *Queue) launchedJobs() []*held {
	q.mu.Lock()
	defer q.mu.Unlock()
	var list []*held
	for _, h := range q.held {
		if h.launched {
			list = append(list, h)
		}
	}
	return list
}

func (q *Queue) ownRows(ctx context.Context, tx store.Tx) ([]ownRow, error) {
	rows, err := tx.Query(ctx, ownRows, q.config.Owner)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []ownRow
	for rows.Next() {
		var r ownRow
		if err := rows.Scan(&r.id, &r.attempt, &r.cancelled); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// releaseOrphans frees rows that name this process as owner without its knowing: a commit whose answer was lost.
func (q *Queue) releaseOrphans(ctx context.Context, tx store.Tx, rows []ownRow) error {
	for _, r := range rows {
		q.mu.Lock()
		h := q.held[r.id]
		q.mu.Unlock()
		if h != nil && h.attempt == r.attempt {
			continue
		}
		orphan := &held{job: Job{ID: r.id}, attempt: r.attempt}
		if err := q.fenced(ctx, tx, orphan, releaseJob); err != nil {
			return err
		}
		tx.AfterCommit(func() { signal(q.look) })
	}
	return nil
}

// compare interrupts the handlers of jobs that were cancelled elsewhere or that this process no longer owns.
func (q *Queue) compare(known []*held, rows []ownRow, expires time.Time) {
	byID := make(map[int64]ownRow, len(rows))
	for _, r := range rows {
		byID[r.id] = r
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, h := range known {
		r, ok := byID[h.job.ID]
		switch {
		case !ok || r.attempt != h.attempt:
			h.interrupt(ErrLeaseLost)
			continue
		case r.cancelled:
			h.cancelled = true
			h.interrupt(ErrCancelled)
		}
		h.expires = expires
	}
}

// abandonExpired interrupts handlers whose leases could not be renewed in time: another server may run their jobs by
// now. A SQLite database has no other server.
func (q *Queue) abandonExpired() {
	if q.st.Dialect() == store.SQLite {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, h := range q.held {
		if time.Now().After(h.expires) {
			h.interrupt(ErrLeaseLost)
		}
	}
}

// takeOver frees the running jobs that satisfy a condition on $1. A first crash may be anybody's fault, so the job runs
// again at once. One that was cut short or failed before waits as after a failure: it may be what brings the server
// down.
func (q *Queue) takeOver(ctx context.Context, tx store.Tx, condition string, value any) error {
	jobs, err := q.abandonedJobs(ctx, tx, condition, value)
	if err != nil || len(jobs) == 0 {
		return err
	}
	for _, j := range jobs {
		state, runAt := "available", tx.Now()
		if j.failures > 0 {
			state, runAt = "scheduled", runAt.Add(q.config.Backoff(j.failures+1))
		}
		if _, err := tx.Exec(ctx, takeOver, j.id, j.owner, j.attempt, state, store.Micros(runAt), crashed); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() {
		q.log.Warn("took over jobs of a server that has ended", "jobs", len(jobs))
		signal(q.look)
	})
	if tx.Dialect() == store.Postgres {
		return q.st.Notify(ctx, tx, workChannel)
	}
	return nil
}

type abandonedJob struct {
	id       int64
	owner    string
	attempt  int
	failures int
}

func (q *Queue) abandonedJobs(ctx context.Context, tx store.Tx, condition string, value any) ([]abandonedJob, error) {
	query := abandoned + condition
	if tx.Dialect() == store.Postgres {
		query += " FOR UPDATE SKIP LOCKED"
	}
	rows, err := tx.Query(ctx, query, value)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []abandonedJob
	for rows.Next() {
		var j abandonedJob
		if err := rows.Scan(&j.id, &j.owner, &j.attempt, &j.failures); err != nil {
			return nil, err
		}
		list = append(list, j)
	}
	return list, rows.Err()
}

// freeForeign takes over every running job of another owner: on SQLite they are all dead.
func (q *Queue) freeForeign(ctx context.Context) error {
	return q.st.InTx(ctx, func(tx store.Tx) error {
		return q.takeOver(ctx, tx, "owner <> $1", q.config.Owner)
	})
}

// TakeOver frees the running jobs of an owner that has certainly ended: nobody need wait until its leases expire.
func (q *Queue) TakeOver(ctx context.Context, owner string) error {
	return q.st.InTx(ctx, func(tx store.Tx) error {
		return q.takeOver(ctx, tx, "owner = $1", owner)
	})
}

// releaseAll frees what handlers that did not stop in time still hold.
func (q *Queue) releaseAll(ctx context.Context) error {
	return q.st.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, releaseOwn, q.config.Owner); err != nil {
			return err
		}
		if tx.Dialect() == store.Postgres {
			return q.st.Notify(ctx, tx, workChannel)
		}
		return nil
	})
}

func (q *Queue) prune(ctx context.Context) {
	err := q.st.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, pruneFailed, store.Micros(tx.Now().Add(-q.config.KeepFailed)))
		return err
	})
	if err != nil {
		q.complain(ctx, "delete old failed jobs", err)
	}
}
