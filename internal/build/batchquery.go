package build

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// GetBatch reads a batch by its id or ARN. ErrNoBatch.
func (s *Service) GetBatch(ctx context.Context, idOrARN string) (types.BuildBatch, error) {
	project, id, ok := ParseBatchID(idOrARN)
	var rec batchRecord
	err := ErrNoBatch
	if ok {
		err = s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
			rec, err = loadBatch(ctx, r, id)
			if err == nil && !rec.Batch.Complete {
				_, err = s.groupStates(ctx, r, &rec) // news that the batch has yet to take note of
			}
			return err
		})
	}
	if errors.Is(err, ErrNoBatch) || err == nil && *rec.Batch.ProjectName != project {
		err = fmt.Errorf("%w: %s", ErrNoBatch, idOrARN)
	}
	return rec.Batch, err
}

// FindBatch reads the batch that was started with Request.Key. ErrNoBatch.
func (s *Service) FindBatch(ctx context.Context, key string) (types.BuildBatch, error) {
	var b *types.BuildBatch
	err := s.cfg.Store.Read(ctx, func(r store.Reader) (err error) {
		b, err = s.batchByToken(ctx, r, keyToken(key), "", false)
		return err
	})
	if err == nil && b == nil {
		err = fmt.Errorf("%w: started by %s", ErrNoBatch, key)
	}
	if err != nil {
		return types.BuildBatch{}, err
	}
	return *b, nil
}

// BatchQuery chooses batches, newest first unless Ascending.
type BatchQuery struct {
	Project   string // "": of all projects
	Status    types.StatusType
	Ascending bool
	After     string
	Limit     int // at most PageSize; 0 is that
}

// ListBatches returns a page of ids and the cursor of the next one, "" at the end.
func (s *Service) ListBatches(ctx context.Context, q BatchQuery) (ids []string, next string, err error) {
	if q.Limit <= 0 || q.Limit > PageSize {
		q.Limit = PageSize
	}
	return s.listPage(ctx, `SELECT project, id, created_at FROM build_batches WHERE ($1 = '' OR project = $1) AND ($2 = '' OR status = $2)`,
		"created_at", q.Ascending, q.After, q.Limit, q.Project, string(q.Status))
}

// StopBatch asks a batch to end: nothing of it starts any more, and what runs is stopped. One that has ended is returned as
// it is. ErrNoBatch.
func (s *Service) StopBatch(ctx context.Context, idOrARN string) (types.BuildBatch, error) {
	b, err := s.GetBatch(ctx, idOrARN)
	if err != nil || b.Complete {
		return b, err
	}
	_, id, _ := ParseBatchID(idOrARN)
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE build_batches SET stop = 1 WHERE id = $1 AND status = 'IN_PROGRESS'`, id)
		if err != nil || n == 0 {
			return err
		}
		return s.bringOn(ctx, tx, id, "", time.Time{})
	})
	if err != nil {
		return types.BuildBatch{}, err
	}
	return s.GetBatch(ctx, idOrARN)
}

// RetryBatch runs a batch again that did not succeed: all its builds, or those that have not succeeded. A second retry with
// the same token within five minutes changes nothing. ErrNoBatch, *InvalidError.
func (s *Service) RetryBatch(ctx context.Context, tx store.Tx, idOrARN string, all bool, token string) (types.BuildBatch, error) {
	project, id, ok := ParseBatchID(idOrARN)
	if !ok {
		return types.BuildBatch{}, fmt.Errorf("%w: %s", ErrNoBatch, idOrARN)
	}
	rec, err := lockBatch(ctx, tx, id)
	if err == nil && *rec.Batch.ProjectName != project {
		err = fmt.Errorf("%w: %s", ErrNoBatch, idOrARN)
	}
	if err != nil {
		return types.BuildBatch{}, err
	}
	st, now := &rec.Settings, tx.Now()
	switch {
	case token != "" && st.Retry == token && now.Before(store.FromMicros(st.RetryAt).Add(tokenLife)):
		return rec.Batch, nil
	case st.Pipeline != nil:
		return types.BuildBatch{}, Invalidf("Batch %s belongs to a pipeline; retry the pipeline's stage", idOrARN)
	case !rec.Batch.Complete || rec.Batch.BuildBatchStatus == types.StatusTypeSucceeded:
		return types.BuildBatch{}, Invalidf("Batch %s is %s: only one that has failed can be retried", idOrARN, rec.Batch.BuildBatchStatus)
	}
	st.Broken, st.TimedOut, st.Retry, st.RetryAt = "", false, token, store.Micros(now)
	st.Deadline = store.Micros(now.Add(s.batchLife(rec.Batch.BuildBatchConfig)))
	rec.Stop = false
	rec.again(all, now)
	if err := s.saveBatch(ctx, tx, rec); err != nil {
		return types.BuildBatch{}, err
	}
	return rec.Batch, s.bringOn(ctx, tx, id, "", time.Time{})
}

// again takes a batch back to where its builds start, or to reading its buildspec when that was not read yet.
func (rec *batchRecord) again(all bool, now time.Time) {
	b := &rec.Batch
	b.BuildBatchStatus, b.Complete, b.EndTime, b.Artifacts, b.SecondaryArtifacts = types.StatusTypeInProgress, false, nil, nil, nil
	kept, next := 1, types.BuildBatchPhaseTypeDownloadBatchspec
	if rec.Settings.Groups != nil {
		kept, next = 2, types.BuildBatchPhaseTypeInProgress
	}
	b.Phases = b.Phases[:kept]
	enterBatch(b, next, now)
	for i := range b.BuildGroups {
		g := &b.BuildGroups[i]
		if sum := g.CurrentBuildSummary; sum != nil && (all || sum.BuildStatus != types.StatusTypeSucceeded) {
			g.PriorBuildSummaryList, g.CurrentBuildSummary = append(g.PriorBuildSummaryList, *sum), nil
		}
	}
}

// DeleteBatch forgets a batch that has ended, and its builds. It returns their ids. ErrNoBatch, *InvalidError for one that
// has not ended.
func (s *Service) DeleteBatch(ctx context.Context, idOrARN string) (builds []string, err error) {
	b, err := s.GetBatch(ctx, idOrARN)
	if err != nil {
		return nil, err
	}
	_, id, _ := ParseBatchID(idOrARN)
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		var status string
		err := tx.QueryRow(ctx, `DELETE FROM build_batches WHERE id = $1 RETURNING status`, id).Scan(&status)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return fmt.Errorf("%w: %s", ErrNoBatch, idOrARN)
		case err != nil:
			return err
		case types.StatusType(status) == types.StatusTypeInProgress:
			return Invalidf("Batch %s has not ended: stop it first", idOrARN)
		}
		ids, err := store.Strings(ctx, tx, `DELETE FROM builds WHERE batch = $1 AND status <> 'IN_PROGRESS' RETURNING id`, id)
		builds = make([]string, len(ids))
		for i, uid := range ids {
			builds[i] = s.cfg.Place.BuildARN(aws.ToString(b.ProjectName) + ":" + uid)
		}
		return err
	})
	return builds, err
}
