package queue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	promoteDue = `UPDATE jobs SET state = 'available' WHERE state = 'scheduled' AND run_at <= $1 RETURNING kind`
	nextDue    = `SELECT run_at FROM jobs WHERE state = 'scheduled' ORDER BY run_at LIMIT 1`

	nextPriority = `SELECT priority FROM jobs WHERE kind = $1 AND state = 'available' AND priority < $2
		ORDER BY priority DESC LIMIT 1`

	// claimNext takes the oldest job of the first group that satisfies a condition. Each part of it is a lookup in the
	// index jobs_available, however many jobs wait.
	claimNext = `UPDATE jobs SET state = 'running', owner = $1, lease_until = $2, attempt = attempt + 1
		WHERE state = 'available' AND id = (SELECT id FROM jobs
			WHERE kind = $3 AND state = 'available' AND priority = $4 AND %s ORDER BY grp, id LIMIT 1 %s)
		RETURNING id, payload, grp, key, priority, run_at, attempt, failures, cancelled`
)

// claimLoop is the one goroutine that takes jobs from the table. It sleeps until it is told of work, until the next
// scheduled job is due, or until the time of the next look around.
func (q *Queue) claimLoop(ctx context.Context) {
	interval := q.config.Poll
	if q.st.Dialect() == store.SQLite {
		// Nothing can happen there that this process does not know of, except that the clock is set.
		interval = 30 * time.Second
	}
	nextLook := time.Now().Add(interval)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		looking := false
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		case <-q.look:
			looking = true
		case <-timer.C:
		}
		if looking || !time.Now().Before(nextLook) {
			q.lookAround(ctx)
			nextLook = time.Now().Add(interval)
		}
		if !q.claimAll(ctx) {
			// The database refuses. Everything that is pending stays marked; look again soon.
			nextLook = time.Now().Add(min(interval, time.Second))
		}
		timer.Reset(time.Until(q.earliest(nextLook)))
	}
}

func (q *Queue) earliest(t time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.alarm.IsZero() && q.alarm.Before(t) {
		return q.alarm
	}
	return t
}

// lookAround asks the database what there is to do, without a write.
func (q *Queue) lookAround(ctx context.Context) {
	if q.stopped() {
		return
	}
	var s sight
	err := q.st.Read(ctx, func(r store.Reader) (err error) {
		s, err = q.see(ctx, r)
		return err
	})
	if err != nil {
		q.complain(ctx, "look for jobs", err)
		return
	}
	for _, name := range s.waiting {
		q.arrived(name)
	}
	if s.scheduled {
		q.setAlarm(time.Now().Add(s.dueIn))
	}
	if s.expired {
		signal(q.beat)
	}
}

// sight is what there is to do.
type sight struct {
	waiting   []string      // kinds of ours with available jobs
	scheduled bool          // a job is scheduled, of whatever kind
	dueIn     time.Duration // when the first of them is due
	expired   bool          // a lease has expired
}

func (q *Queue) see(ctx context.Context, r store.Reader) (s sight, err error) {
	if s.waiting, err = q.waitingKinds(ctx, r); err != nil {
		return s, err
	}
	if s.scheduled, s.dueIn, err = firstDue(ctx, r); err != nil {
		return s, err
	}
	err = r.QueryRow(ctx, `SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE state = 'running' AND lease_until < $1)
		THEN 1 ELSE 0 END`, store.Micros(r.Now())).Scan(&s.expired)
	return s, err
}

// waitingKinds are those of this process's kinds that have available jobs.
func (q *Queue) waitingKinds(ctx context.Context, r store.Reader) ([]string, error) {
	var values []string
	var args []any
	for _, k := range q.kinds { // no lock: the map does not change after Start
		args = append(args, k.name)
		values = append(values, fmt.Sprintf("(CAST($%d AS TEXT))", len(args)))
	}
	if len(args) == 0 {
		return nil, nil
	}
	return store.Strings(ctx, r, `WITH mine (kind) AS (VALUES `+strings.Join(values, ", ")+`)
		SELECT kind FROM mine WHERE EXISTS (SELECT 1 FROM jobs WHERE jobs.kind = mine.kind AND state = 'available')`, args...)
}

// firstDue tells how long it is until the first scheduled job is due.
func firstDue(ctx context.Context, r store.Reader) (scheduled bool, in time.Duration, err error) {
	var due int64
	err = r.QueryRow(ctx, nextDue).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) {
		return false, 0, nil
	}
	return err == nil, store.FromMicros(due).Sub(r.Now()), err
}

// claimAll makes the scheduled jobs that are due available and claims as many jobs as there are free workers, in one
// transaction. It reports false when that failed.
func (q *Queue) claimAll(ctx context.Context) bool {
	alarmed, kinds := q.plan()
	if !alarmed && len(kinds) == 0 {
		return true
	}
	err := q.st.InTx(ctx, func(tx store.Tx) error {
		names := kinds
		if alarmed {
			promoted, err := q.promote(ctx, tx)
			if err != nil {
				return err
			}
			names = union(names, promoted)
		}
		for _, name := range names {
			if err := q.claimKind(ctx, tx, q.kinds[name], alarmed); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		return true
	}
	q.complain(ctx, "claim jobs", err)
	q.replan(alarmed, kinds)
	return false
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// plan takes note of what is pending and marks it as taken care of: what comes meanwhile is marked again.
func (q *Queue) plan() (alarmed bool, kinds []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.phase != started {
		return false, nil
	}
	if !q.alarm.IsZero() && !time.Now().Before(q.alarm) {
		alarmed = true
		q.alarm = time.Time{}
	}
	for name, k := range q.kinds {
		if k.backlog && k.free > 0 {
			kinds = append(kinds, name)
		}
	}
	slices.Sort(kinds)
	return alarmed, kinds
}

// replan restores the marks when the transaction failed.
func (q *Queue) replan(alarmed bool, kinds []string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if alarmed && q.alarm.IsZero() {
		q.alarm = time.Now().Add(time.Second)
	}
	for _, name := range kinds {
		q.kinds[name].backlog = true
	}
}

// promote makes what is due available and returns the kinds of it that are ours.
func (q *Queue) promote(ctx context.Context, tx store.Tx) ([]string, error) {
	all, err := store.Strings(ctx, tx, promoteDue, store.Micros(tx.Now()))
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
	var ours, others []string
	for _, name := range slices.Compact(all) {
		if q.kinds[name] != nil {
			ours = append(ours, name)
		} else {
			others = append(others, name)
		}
	}
	if len(others) > 0 && tx.Dialect() == store.Postgres {
		if err := q.st.Notify(ctx, tx, workChannel); err != nil {
			return nil, err
		}
	}
	scheduled, in, err := firstDue(ctx, tx)
	if err != nil {
		return nil, err
	}
	if scheduled {
		at := time.Now().Add(in)
		tx.AfterCommit(func() { q.setAlarm(at) })
	}
	return ours, nil
}

// claimKind claims jobs of one kind until its workers or its jobs run out. What is left of jobs that have just become
// due is news to the other servers.
func (q *Queue) claimKind(ctx context.Context, tx store.Tx, k *kind, news bool) error {
	n := q.reserveAll(k)
	tx.AfterRollback(func() { q.markBacklog(k) })
	jobs, err := q.pickAll(ctx, tx, k, n)
	if err != nil {
		q.giveBack(k, n)
		return err
	}
	for _, h := range jobs {
		q.hold(tx, h)
	}
	q.giveBack(k, n-len(jobs))
	if len(jobs) < n {
		return nil
	}
	q.markBacklog(k) // there may be more
	if news && tx.Dialect() == store.Postgres {
		return q.st.Notify(ctx, tx, workChannel)
	}
	return nil
}

// reserveAll takes all free workers of the kind, so that no new job overtakes those in the table, and clears the mark
// before the table is read.
func (q *Queue) reserveAll(k *kind) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := k.free
	k.free = 0
	k.backlog = false
	return n
}

func (q *Queue) markBacklog(k *kind) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.backlog = true
	if k.free > 0 {
		signal(q.wake)
	}
}

func (q *Queue) lastServed(k *kind) string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return k.served
}

func (q *Queue) setServed(k *kind, group string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k.served = group
}

// pickAll claims up to n jobs: those of the highest priority first, and among them the groups take turns.
func (q *Queue) pickAll(ctx context.Context, tx store.Tx, k *kind, n int) ([]*held, error) {
	var list []*held
	priority := int64(math.MaxInt64)
	for {
		err := tx.QueryRow(ctx, nextPriority, k.name, priority).Scan(&priority)
		if errors.Is(err, sql.ErrNoRows) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		for {
			if len(list) == n {
				return list, nil
			}
			h, err := q.pick(ctx, tx, k, priority)
			if err != nil {
				return nil, err
			}
			if h == nil {
				break // none of this priority is left, or other servers are taking them
			}
			list = append(list, h)
		}
	}
}

// pick claims the oldest job of the group after the one served last, in a circle. It returns nil when there is none.
func (q *Queue) pick(ctx context.Context, tx store.Tx, k *kind, priority int64) (*held, error) {
	served := q.lastServed(k)
	h, err := q.take(ctx, tx, k, priority, "grp > $5", served)
	if h == nil && err == nil {
		h, err = q.take(ctx, tx, k, priority, "grp <= $5", served)
	}
	if h != nil {
		q.setServed(k, h.job.Group)
	}
	return h, err
}

func (q *Queue) take(ctx context.Context, tx store.Tx, k *kind, priority int64, condition, group string) (*held, error) {
	skip := ""
	if tx.Dialect() == store.Postgres {
		skip = "FOR UPDATE SKIP LOCKED"
	}
	began := time.Now()
	h := &held{kind: k, job: Job{Kind: k.name}, expires: began.Add(q.config.Lease)}
	var payload string
	var runAt int64
	err := tx.QueryRow(ctx, fmt.Sprintf(claimNext, condition, skip), q.config.Owner, store.Micros(tx.Now().Add(q.config.Lease)),
		k.name, priority, group).Scan(&h.job.ID, &payload, &h.job.Group, &h.job.Key, &h.job.Priority, &runAt, &h.attempt,
		&h.failures, &h.cancelled)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h.job.Payload, h.job.RunAt, h.job.Attempt = []byte(payload), store.FromMicros(runAt), h.attempt
	if h.cancelled {
		h.cause = ErrCancelled
	}
	return h, nil
}

func (q *Queue) stopped() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.phase != started
}

// complain logs an error of the database, unless it is only that the queue stops.
func (q *Queue) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		q.log.Error("the job queue could not "+what+"; it will try again", "error", err)
	}
}
