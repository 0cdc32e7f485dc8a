package gitrepo

import (
	"context"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Pushers are the ARNs of those whose push or merge made some ref of a repository name this commit.
func (s *Store) Pushers(ctx context.Context, repository, commit string) ([]string, error) {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return nil, err
	}
	var arns []string
	err = s.db.Read(ctx, func(q store.Reader) error {
		arns = nil
		rows, err := q.Query(ctx, `SELECT DISTINCT pusher_arn FROM push_events WHERE repository_id = $1 AND new_id = $2 ORDER BY pusher_arn`, repo.ID, commit)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var arn string
			if err := rows.Scan(&arn); err != nil {
				return err
			}
			arns = append(arns, arn)
		}
		return rows.Err()
	})
	return arns, err
}
