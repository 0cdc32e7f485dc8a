package flow

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/conveyor-cd/conveyor/internal/engine"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// timerRef is the payload of a timer's job.
type timerRef struct {
	Pipeline string       `json:"pipeline"`
	Timer    engine.Timer `json:"timer"`
}

// timerKey names a timer. The time is part of it, because a deadline that moves sets another timer.
func timerKey(t engine.Timer) string {
	return string(t.Kind) + ":" + t.ID + ":" + strconv.FormatInt(store.Micros(t.At), 10)
}

// fireTimer tells the engine that a timer is due: an action's or approval's timeout, an execution held too long.
func (s *Service) fireTimer(_ context.Context, job queue.Job) (queue.Completion, error) {
	var ref timerRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	return func(ctx context.Context, tx store.Tx) error {
		at := s.at(tx)
		if at.Before(ref.Timer.At) { // the queue's clock is the judge of what is due
			at = ref.Timer.At
		}
		err := s.applyTx(ctx, tx, ref.Pipeline, engine.TimerFired{At: at, Timer: ref.Timer})
		if isNotFound(err) { // deleted meanwhile
			return nil
		}
		return err
	}, nil
}
