package build

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codebuild/types"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Get reads a build by its id or ARN, as it is this moment when it runs on this server. ErrNoBuild.
func (s *Service) Get(ctx context.Context, idOrARN string) (types.Build, error) {
	rec, err := s.find(ctx, idOrARN)
	return rec.Build, err
}

// Find reads the build that was started with Request.Key. ErrNoBuild.
func (s *Service) Find(ctx context.Context, key string) (types.Build, error) {
	var project, id string
	err := s.cfg.Store.Read(ctx, func(r store.Reader) error {
		return r.QueryRow(ctx, `SELECT project, id FROM builds WHERE token = $1`, keyToken(key)).Scan(&project, &id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return types.Build{}, fmt.Errorf("%w: started by %s", ErrNoBuild, key)
	}
	if err != nil {
		return types.Build{}, err
	}
	return s.Get(ctx, project+":"+id)
}

func (s *Service) find(ctx context.Context, idOrARN string) (rec record, err error) {
	project, id, ok := ParseID(idOrARN)
	if !ok {
		return record{}, fmt.Errorf("%w: %s", ErrNoBuild, idOrARN)
	}
	now, live := s.liveState(id) // looked up first: a build that ends meanwhile is complete in the store
	err = s.cfg.Store.Read(ctx, func(rd store.Reader) error {
		if rec, err = load(ctx, rd, id); err != nil || live {
			return err
		}
		return s.explainQueued(ctx, rd, &rec)
	})
	if err != nil {
		return record{}, err
	}
	if *rec.Build.ProjectName != project {
		return record{}, fmt.Errorf("%w: %s", ErrNoBuild, idOrARN)
	}
	if live && !rec.Build.BuildComplete {
		rec.Build = now
	}
	return rec, nil
}

func (s *Service) running(id string) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live[id]
}

// List returns a page of the ids of the builds of all projects, newest first unless ascending, and the cursor of the
// next page.
func (s *Service) List(ctx context.Context, ascending bool, after string) (ids []string, next string, err error) {
	return s.list(ctx, `SELECT project, id, created_at FROM builds WHERE of_pipeline = 0`, "created_at", ascending, after)
}

// ListForProject is List of one project's builds, by number. It does not ask whether the project exists.
func (s *Service) ListForProject(ctx context.Context, project string, ascending bool, after string) (ids []string, next string, err error) {
	return s.list(ctx, `SELECT project, id, number FROM builds WHERE project = $1`, "number", ascending, after, project)
}

func (s *Service) list(ctx context.Context, query, column string, ascending bool, after string, args ...any) (ids []string, next string, err error) {
	return s.listPage(ctx, query, column, ascending, after, PageSize, args...)
}

// listPage reads a page of a query for the three columns of "owner:id" and what it is sorted by.
func (s *Service) listPage(ctx context.Context, query, column string, ascending bool, after string, limit int, args ...any) (ids []string, next string, err error) {
	order, than := "DESC", "<"
	if ascending {
		order, than = "ASC", ">"
	}
	if after != "" {
		var c cursor
		if err := c.parse(after); err != nil {
			return nil, "", err
		}
		query += fmt.Sprintf(` AND (%s, id) %s ($%d, $%d)`, column, than, len(args)+1, len(args)+2)
		args = append(args, c.At, c.ID)
	}
	query += fmt.Sprintf(` ORDER BY %s %s, id %s LIMIT %d`, column, order, order, limit+1)
	err = s.cfg.Store.Read(ctx, func(r store.Reader) error {
		ids, next = nil, ""
		rows, err := r.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		var last cursor
		for rows.Next() {
			if len(ids) == limit {
				next = last.String()
				break
			}
			var owner string
			if err := rows.Scan(&owner, &last.ID, &last.At); err != nil {
				return err
			}
			ids = append(ids, owner+":"+last.ID)
		}
		return rows.Err()
	})
	return ids, next, err
}

// Delete forgets a build that has ended; its log and artifacts stay. It reports false for one that still runs.
// ErrNoBuild.
func (s *Service) Delete(ctx context.Context, idOrARN string) (deleted bool, err error) {
	project, id, ok := ParseID(idOrARN)
	if !ok {
		return false, fmt.Errorf("%w: %s", ErrNoBuild, idOrARN)
	}
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error {
		rec, err := load(ctx, tx, id)
		if err == nil && *rec.Build.ProjectName != project {
			err = fmt.Errorf("%w: %s", ErrNoBuild, idOrARN)
		}
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `DELETE FROM builds WHERE id = $1 AND status <> 'IN_PROGRESS'`, id)
		deleted = n == 1
		return err
	})
	return deleted, err
}

// Stop asks a build to end. One that waits ends at once; one that runs ends when its processes are gone, a moment later.
// A build that has ended is returned as it is. ErrNoBuild.
func (s *Service) Stop(ctx context.Context, idOrARN string) (types.Build, error) {
	rec, err := s.find(ctx, idOrARN)
	if err != nil || rec.Build.BuildComplete {
		return rec.Build, err
	}
	err = s.cfg.Store.InTx(ctx, func(tx store.Tx) error { return s.stopIn(ctx, tx, rec.ID) })
	if err != nil {
		return types.Build{}, err
	}
	return s.Get(ctx, idOrARN)
}

// stopIn is Stop in a transaction, of a build with that uuid. ErrNoBuild.
func (s *Service) stopIn(ctx context.Context, tx store.Tx, id string) error {
	if _, err := tx.Exec(ctx, `UPDATE builds SET stop = 1 WHERE id = $1 AND status = 'IN_PROGRESS'`, id); err != nil {
		return err
	}
	tx.AfterCommit(func() { s.cancel(id, errStopped) })
	if s.running(id) != nil {
		return nil
	}
	// Perhaps it runs on another server that has not saved it yet: then this end counts and that run is given up.
	now, err := load(ctx, tx, id)
	if err != nil || now.Build.BuildComplete {
		return err
	}
	if !now.Started {
		return s.endQueued(ctx, tx, now, types.StatusTypeStopped, nil)
	}
	return s.cfg.Store.Notify(ctx, tx, stopChannel)
}

// endQueued ends a build that never ran.
func (s *Service) endQueued(ctx context.Context, tx store.Tx, rec record, status types.StatusType, why *Failure) error {
	p := newProgress(&rec.Build, tx.Now)
	p.leave(status, why)
	p.complete(status)
	_, err := s.finish(ctx, tx, rec, p.build, submitted)
	if err != nil {
		return err
	}
	return s.cfg.Store.Notify(ctx, tx, stopChannel)
}

// finish stores the end of a build and enqueues what whoever started it waits for. It reports false, and does nothing,
// when the build has ended before.
// told is how many phases have been told of.
func (s *Service) finish(ctx context.Context, tx store.Tx, rec record, b *types.Build, told int) (bool, error) {
	limited, err := lockLimited(ctx, tx, *b.ProjectName)
	if err == nil && autoRetried(b) {
		_, err = lockProject(ctx, tx, *b.ProjectName) // before the build's row, as everywhere
	}
	if err != nil {
		return false, err
	}
	ended, err := save(ctx, tx, rec.ID, b)
	if err != nil || !ended {
		return false, err
	}
	if limited != nil {
		if err := s.admit(ctx, tx, *b.ProjectName, limited); err != nil {
			return false, err
		}
	}
	if err := s.tell(ctx, tx, rec.Settings, b, told, true); err != nil {
		return false, err
	}
	if job := rec.Settings.OnFinish; job != nil {
		_, err = s.cfg.Queue.Enqueue(ctx, tx, *job)
	}
	if part := rec.Settings.Batch; part != nil && err == nil {
		err = s.bringOn(ctx, tx, part.ID, "", time.Time{})
	}
	if autoRetried(b) && err == nil {
		err = s.autoRetry(ctx, tx, rec.ID)
	}
	return true, err
}

func (s *Service) cancel(id string, cause error) {
	if r := s.running(id); r != nil {
		r.cancel(cause)
	}
}
