package flow_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/flow"
	"github.com/conveyor-cd/conveyor/internal/pipeline"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// meddling runs a hook before a job is cancelled.
type meddling struct {
	flow.Jobs
	before func(ctx context.Context, tx store.Tx, kind string)
}

func (m meddling) Cancel(ctx context.Context, tx store.Tx, kind, key string) error {
	m.before(ctx, tx, kind)
	return m.Jobs.Cancel(ctx, tx, kind, key)
}

// TestATimerThatFiresWhileItsActionEnds provokes the meeting of the two on PostgreSQL: the timer's transaction has its
// job and waits for the pipeline, the decision's has the pipeline and asks for the timer's job. When the timer's job was
// taken before the decision began, that is a deadlock; when after, a conflict of versions. The database fails one of the
// two, and it runs again. On SQLite, which has one writer, they cannot meet.
func TestATimerThatFiresWhileItsActionEnds(t *testing.T) {
	for _, when := range []string{"taken before", "taken after"} {
		t.Run(when, func(t *testing.T) {
			st := sqltest.Open(t, sqltest.PostgresDSN(t), sqlstore.Options{})
			var deciding atomic.Bool
			fired := make(chan error, 1)
			var b *belt
			b = newBelt(t, st, func(o *flow.Options) {
				o.Jobs = meddling{o.Jobs, func(ctx context.Context, tx store.Tx, kind string) {
					if kind != "pipeline.timer" || !deciding.CompareAndSwap(true, false) {
						return
					}
					timer := b.timers()[0]
					if when == "taken after" {
						b.take(timer)
					}
					go func() { fired <- b.FireTimerJob(ctx, "web", timer) }()
					b.awaitBlocked(ctx, tx)
				}}
			})
			id := b.create(withApproval(site("web")))
			token := b.awaitToken("web", "Gate", "Approve")
			if when == "taken before" {
				b.take(b.timers()[0])
			}
			deciding.Store(true)
			_, decision := b.Approve(t.Context(), flow.Approval{Pipeline: "web", Stage: "Gate", Action: "Approve", Token: token, Approved: true, By: ann})
			if err := <-fired; err != nil {
				t.Errorf("the timer: %v", err)
			}
			a := b.latest("web", "Gate", "Approve")
			switch {
			case decision == nil && a.Status == pipeline.StatusSucceeded:
				b.await("web", id, pipeline.StatusSucceeded)
			case pipeline.KindOf(decision) == pipeline.InvalidApprovalToken && a.Error != nil && a.Error.Code == pipeline.ActionTimeOut:
				b.await("web", id, pipeline.StatusFailed)
			default:
				t.Errorf("the decision: %v, the approval: %+v", decision, a)
			}
			if n := b.count(`SELECT COUNT(*) FROM jobs WHERE owner = 'another'`); n != 0 {
				t.Error("the timer's job is still there")
			}
		})
	}
}

// take makes a timer's job one that another server's queue runs.
func (b *belt) take(timer engine.Timer) {
	if err := b.MarkTimerRunning(b.t.Context(), timer); err != nil {
		b.t.Error(err)
	}
}

// awaitBlocked waits until another transaction waits for tx.
func (b *belt) awaitBlocked(ctx context.Context, tx store.Tx) {
	b.t.Helper()
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		var n int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))`).Scan(&n)
		if err != nil {
			b.t.Error(err)
			return
		}
		if n > 0 {
			return
		}
	}
	b.t.Error("nobody waits for the pipeline")
}
