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
