package build

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Adopt has a build that was started on a server run by this service, which belongs to a worker. done is enqueued in the
// transaction in which it ends.
func (s *Service) Adopt(ctx context.Context, a Assignment, done queue.Job) error {
	rec := record{ID: a.ID}
	if err := json.Unmarshal(a.Build, &rec.Build); err != nil {
		return fmt.Errorf("the build %s cannot be read; is the worker older than the server? %w", a.ID, err)
	}
	if err := json.Unmarshal(a.Settings, &rec.Settings); err != nil {
		return fmt.Errorf("the settings of build %s cannot be read; is the worker older than the server? %w", a.ID, err)
	}
	rec.Settings.OnFinish = &done
	payload, err := json.Marshal(runPayload{ID: a.ID, Attempt: a.Attempt})
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM builds WHERE id = $1`, a.ID); err != nil { // of an attempt that was lost and came back
			return err
		}
		if err := insert(ctx, tx, rec, "", ""); err != nil {
			return err
		}
		_, err := s.cfg.Queue.Enqueue(ctx, tx, queue.Job{Kind: JobKind, Payload: payload, Group: *rec.Build.ProjectName, Key: a.ID})
		return err
	})
}
