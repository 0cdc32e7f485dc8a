package pull

import (
	"context"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Succeeded is the only state of an execution that approves of a commit.
const Succeeded = "Succeeded"

// Status is what the newest execution of a pipeline says of a commit.
type Status struct {
	RepositoryID, Commit string
	Pipeline             string // ARN
	Execution            string
	Started              time.Time
	State, Reason        string
	Updated              time.Time
}

// SetStatus records the state of an execution that runs a commit of the named repository. What an older execution of the
// pipeline says later does not count. The open pull requests of the commit are approved of by a pipeline that has
// succeeded, and no longer when it runs again.
func (s *Service) SetStatus(ctx context.Context, tx store.Tx, repository string, st Status) error {
	ids, err := store.Strings(ctx, tx, `SELECT id FROM repositories WHERE name = $1`, repository)
	if err != nil || len(ids) == 0 {
		return err
	}
	st.RepositoryID = ids[0]
	before, err := readStatuses(ctx, tx, `repository_id = $1 AND commit_id = $2 AND pipeline = $3`, st.RepositoryID, st.Commit, st.Pipeline)
	if err != nil {
		return err
	}
	if len(before) > 0 && before[0].Execution != st.Execution && before[0].Started.After(st.Started) {
		return nil
	}
	if _, err := tx.Exec(ctx, `INSERT INTO pull_statuses (repository_id, commit_id, pipeline, execution, started_at, state, reason, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (repository_id, commit_id, pipeline) DO UPDATE SET execution = excluded.execution, started_at = excluded.started_at,
			state = excluded.state, reason = excluded.reason, updated_at = excluded.updated_at`,
		st.RepositoryID, st.Commit, st.Pipeline, st.Execution, store.Micros(st.Started), st.State, st.Reason, store.Micros(tx.Now())); err != nil {
		return err
	}
	approved := len(before) > 0 && before[0].State == Succeeded
	if approves := st.State == Succeeded; approves != approved {
		return s.pipelineApproves(ctx, tx, st, approves)
	}
	return nil
}

// pipelineApproves tells the pull requests of a commit that a pipeline approves of it, or does not any more.
func (s *Service) pipelineApproves(ctx context.Context, tx store.Tx, st Status, approves bool) error {
	ids, err := int64s(ctx, tx, `SELECT id FROM pull_requests WHERE repository_id = $1 AND source_commit = $2 AND is_open = 1 ORDER BY id`,
		st.RepositoryID, st.Commit)
	if err != nil {
		return err
	}
	for _, id := range ids {
		p, err := lock(ctx, tx, id)
		if err != nil {
			return err
		}
		if !p.Open || p.SourceCommit != st.Commit {
			continue
		}
		e := Event{Kind: EventApproval, Actor: st.Pipeline, EventBody: EventBody{Revision: p.Revision, State: "REVOKE"}}
		if approves {
			e.State = "APPROVE"
		}
		if err := s.note(ctx, tx, p, e, ""); err != nil {
			return err
		}
	}
	return nil
}

// Statuses lists what pipelines say of the source commit of a pull request, by their ARNs. ErrNoRequest.
func (s *Service) Statuses(ctx context.Context, id int64) (Request, []Status, error) {
	var p Request
	var list []Status
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		if p, err = request(ctx, r, id); err != nil {
			return err
		}
		list, err = statuses(ctx, r, p)
		return err
	})
	return p, list, err
}

func statuses(ctx context.Context, r store.Reader, p Request) ([]Status, error) {
	return readStatuses(ctx, r, `repository_id = $1 AND commit_id = $2`, p.RepositoryID, p.SourceCommit)
}

func readStatuses(ctx context.Context, r store.Reader, where string, args ...any) ([]Status, error) {
	rows, err := r.Query(ctx, `SELECT repository_id, commit_id, pipeline, execution, started_at, state, reason, updated_at
		FROM pull_statuses WHERE `+where+` ORDER BY pipeline`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Status
	for rows.Next() {
		var st Status
		var started, updated int64
		if err := rows.Scan(&st.RepositoryID, &st.Commit, &st.Pipeline, &st.Execution, &started, &st.State, &st.Reason, &updated); err != nil {
			return nil, err
		}
		st.Started, st.Updated = store.FromMicros(started), store.FromMicros(updated)
		list = append(list, st)
	}
	return list, rows.Err()
}

// Prune forgets what pipelines said of commits that no pull request is about, before a time, and merges that never were.
func (s *Service) Prune(ctx context.Context, before time.Time) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, `DELETE FROM pull_statuses WHERE updated_at < $1 AND NOT EXISTS (SELECT 1 FROM pull_requests p
			WHERE p.repository_id = pull_statuses.repository_id AND p.source_commit = pull_statuses.commit_id)`, store.Micros(before)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM pull_merges WHERE created_at < $1`, store.Micros(before))
		return err
	})
}
