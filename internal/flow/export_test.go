package flow

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// FireTimer runs a timer's job now.
func (s *Service) FireTimer(ctx context.Context, timer engine.Timer) error {
	var name string
	err := s.store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT grp FROM jobs WHERE kind = $1 AND key = $2`, jobTimer, timerKey(timer)).Scan(&name)
	})
	if err != nil {
		return err
	}
	complete, err := s.fireTimer(ctx, queue.Job{Payload: []byte(mustJSON(timerRef{Pipeline: name, Timer: timer}))})
	if err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx store.Tx) error { return complete(ctx, tx) })
}

// Deliver runs the job of an action once more, as after a crash, and stores its result.
func (s *Service) Deliver(ctx context.Context, pipeline, actionExecutionID string) error {
	complete, err := s.startAction(ctx, queue.Job{Payload: []byte(mustJSON(actionRef{Pipeline: pipeline, ID: actionExecutionID}))})
	if err != nil || complete == nil {
		return err
	}
	return s.store.InTx(ctx, func(tx store.Tx) error { return complete(ctx, tx) })
}

// FireTimerJob runs a timer's job now as the queue does: the transaction ends the job first. Call it for a job that
// MarkTimerRunning has taken.
func (s *Service) FireTimerJob(ctx context.Context, pipeline string, timer engine.Timer) error {
	complete, err := s.fireTimer(ctx, queue.Job{Payload: []byte(mustJSON(timerRef{Pipeline: pipeline, Timer: timer}))})
	if err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND owner = 'another'`, jobTimer); err != nil {
			return err
		}
		return complete(ctx, tx)
	})
}

// MarkTimerRunning takes a timer's job as another server's queue does when it is due.
func (s *Service) MarkTimerRunning(ctx context.Context, timer engine.Timer) error {
	return s.store.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE jobs SET state = 'running', owner = 'another', lease_until = $1 WHERE kind = $2 AND key = $3`,
			int64(1)<<62, jobTimer, timerKey(timer))
		return err
	})
}

// EndSilence runs the job now that ends a job whose worker is silent.
func (s *Service) EndSilence(ctx context.Context, id string) error {
	var payload string
	err := s.store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT payload FROM jobs WHERE kind = $1 AND key = $2`, jobSilence, id).Scan(&payload)
	})
	if err != nil {
		return err
	}
	complete, err := s.endSilence(ctx, queue.Job{Payload: []byte(payload)})
	if err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx store.Tx) error { return complete(ctx, tx) })
}
