package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// tokenRetention is how long a client token is remembered.
const tokenRetention = 7 * 24 * time.Hour

// sweepBatch is how many rows one transaction of a sweep removes, so that sweeping never keeps the belt waiting.
const sweepBatch = 500

const pruneEvery = time.Hour

// Begin makes sure that old rows are swept from time to time. Call it once the queue has started; calling it again, also
// on other servers, changes nothing.
func (s *Service) Begin(ctx context.Context) error {
	return s.store.InTx(ctx, func(tx store.Tx) error { return s.schedulePrune(ctx, tx, tx.Now()) })
}

// schedulePrune asks for one sweep in the hour of at, however many servers ask.
func (s *Service) schedulePrune(ctx context.Context, tx store.Tx, at time.Time) error {
	_, err := s.jobs.Enqueue(ctx, tx, queue.Job{Kind: jobPrune, Key: at.Truncate(pruneEvery).Format(time.RFC3339), RunAt: at})
	return err
}

// prune removes what retention no longer asks for, and comes back in an hour.
func (s *Service) prune(ctx context.Context, _ queue.Job) (queue.Completion, error) {
	if err := s.Prune(ctx); err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error {
		return s.schedulePrune(ctx, tx, tx.Now().Add(pruneEvery))
	}, nil
}

// Prune removes events, history, client tokens and deliveries of webhooks that are older than their retention.
func (s *Service) Prune(ctx context.Context) error {
	var now time.Time
	if err := s.store.InTx(ctx, func(tx store.Tx) error { now = s.at(tx); return nil }); err != nil {
		return err
	}
	if err := s.sweep(ctx, `DELETE FROM pipeline_events WHERE (pipeline_id, seq) IN
		(SELECT pipeline_id, seq FROM pipeline_events WHERE at < $1 ORDER BY at LIMIT $2)`,
		store.Micros(now.Add(-s.events))); err != nil {
		return err
	}
	if err := s.sweep(ctx, `DELETE FROM client_tokens WHERE (pipeline_id, token) IN
		(SELECT pipeline_id, token FROM client_tokens WHERE created < $1 ORDER BY created LIMIT $2)`,
		store.Micros(now.Add(-tokenRetention))); err != nil {
		return err
	}
	if err := s.pruneDeliveries(ctx, now); err != nil {
		return err
	}
	if err := s.sweep(ctx, `DELETE FROM worker_jobs WHERE seq IN
		(SELECT seq FROM worker_jobs WHERE ended > 0 AND ended < $1 ORDER BY ended LIMIT $2)`,
		store.Micros(now.Add(-s.events))); err != nil {
		return err
	}
	return s.pruneExecutions(ctx, now.Add(-s.history))
}

// pruneExecutions removes the history of executions that started before a time and have ended.
func (s *Service) pruneExecutions(ctx context.Context, before time.Time) error {
	for {
		var gone int
		err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
			gone, err = pruneBatch(ctx, tx, before)
			return err
		})
		if err != nil || gone < sweepBatch {
			return err
		}
	}
}

func pruneBatch(ctx context.Context, tx store.Tx, before time.Time) (int, error) {
	rows, err := tx.Query(ctx, `SELECT pipeline_id, number FROM executions
		WHERE started < $1 AND status NOT IN ('InProgress', 'Stopping') ORDER BY started LIMIT $2`, store.Micros(before), sweepBatch)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var old [][2]int64
	for rows.Next() {
		var e [2]int64
		if err := rows.Scan(&e[0], &e[1]); err != nil {
			return 0, err
		}
		old = append(old, e)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	rows.Close()
	for _, e := range old {
		for _, table := range []string{"rule_executions", "action_executions", "stage_executions", "executions"} {
			if _, err := tx.Exec(ctx, `DELETE FROM `+table+` WHERE pipeline_id = $1 AND number = $2`, e[0], e[1]); err != nil {
				return 0, err
			}
		}
	}
	return len(old), nil
}

// sweep runs a deleting query until it finds nothing more.
func (s *Service) sweep(ctx context.Context, query string, args ...any) error {
	for {
		var gone int64
		err := s.store.InTx(ctx, func(tx store.Tx) (err error) {
			gone, err = tx.Exec(ctx, query, append(args, sweepBatch)...)
			return err
		})
		if err != nil || gone < sweepBatch {
			return err
		}
	}
}

// purgeRef is the payload of the job that sweeps a deleted pipeline's history.
type purgeRef struct {
	PipelineID int64 `json:"pipelineId"`
}

// purge removes the history of a deleted pipeline.
func (s *Service) purge(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var ref purgeRef
	if err := json.Unmarshal(job.Payload, &ref); err != nil {
		return nil, queue.Permanent(err)
	}
	for _, query := range []string{
		`DELETE FROM pipeline_events WHERE pipeline_id = $1 AND seq IN
			(SELECT seq FROM pipeline_events WHERE pipeline_id = $1 ORDER BY seq LIMIT $2)`,
		`DELETE FROM rule_executions WHERE pipeline_id = $1 AND id IN
			(SELECT id FROM rule_executions WHERE pipeline_id = $1 LIMIT $2)`,
		`DELETE FROM action_executions WHERE pipeline_id = $1 AND id IN
			(SELECT id FROM action_executions WHERE pipeline_id = $1 LIMIT $2)`,
		`DELETE FROM stage_executions WHERE (pipeline_id, stage, number) IN
			(SELECT pipeline_id, stage, number FROM stage_executions WHERE pipeline_id = $1 LIMIT $2)`,
		`DELETE FROM executions WHERE pipeline_id = $1 AND number IN
			(SELECT number FROM executions WHERE pipeline_id = $1 LIMIT $2)`,
	} {
		if err := s.sweep(ctx, query, ref.PipelineID); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
