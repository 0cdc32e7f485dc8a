package pull

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/queue"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// look runs one job of jobLook.
func (s *Service) look(ctx context.Context, job queue.Job) (queue.Completion, error) {
	var l looking
	if err := json.Unmarshal(job.Payload, &l); err != nil {
		return nil, queue.Permanent(err)
	}
	var p Request
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		p, err = request(ctx, r, l.Pull)
		return err
	})
	if errors.Is(err, ErrNoRequest) || err == nil && !p.Open {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if l.After == "" {
		return s.lookAtBranches(ctx, p)
	}
	return s.lookAtDestination(ctx, p, l)
}

// lookAtDestination closes a pull request whose commits a push has brought to the destination.
func (s *Service) lookAtDestination(ctx context.Context, seen Request, l looking) (queue.Completion, error) {
	arrived, err := s.arrived(ctx, seen, l)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx) error {
		p, err := lock(ctx, tx, l.Pull)
		switch {
		case errors.Is(err, ErrNoRequest):
			return nil
		case err != nil || !p.Open:
			return err
		case p.SourceCommit != seen.SourceCommit: // look again
			return s.enqueue(ctx, tx, l)
		case !arrived:
			return nil
		}
		how := ThreeWay
		if l.After == p.SourceCommit {
			how = FastForward
		}
		if l.Before != "" {
			p.DestinationCommit = l.Before // where it was merged
			if _, err := tx.Exec(ctx, `UPDATE pull_requests SET destination_commit = $2 WHERE id = $1`, p.ID, l.Before); err != nil {
				return err
			}
		}
		return s.close(ctx, tx, p, l.Pusher, &Merged{By: l.Pusher, Commit: l.After, How: how})
	}, nil
}

// arrived tells whether the destination holds the source's commits since a push, and did not before.
func (s *Service) arrived(ctx context.Context, p Request, l looking) (bool, error) {
	now, err := s.holds(ctx, p.Repository, l.After, p.SourceCommit)
	if err != nil || !now || l.Before == "" {
		return now, err
	}
	before, err := s.holds(ctx, p.Repository, l.Before, p.SourceCommit)
	return !before, err
}

// holds is Holds of repositories; one that is gone holds nothing.
func (s *Service) holds(ctx context.Context, repository, descendant, ancestor string) (bool, error) {
	ok, err := s.repos.Holds(ctx, repository, descendant, ancestor)
	if errors.Is(err, gitrepo.ErrNoRepository) {
		return false, nil
	}
	return ok, err
}

// lookAtBranches brings a pull request up to date with its branches, for what happened while it was made.
func (s *Service) lookAtBranches(ctx context.Context, seen Request) (queue.Completion, error) {
	source, err := s.tip(ctx, seen.Repository, seen.Source)
	if err != nil {
		return nil, err
	}
	destination, err := s.tip(ctx, seen.Repository, seen.Destination)
	if err != nil {
		return nil, err
	}
	if source == seen.SourceCommit && destination == seen.DestinationCommit {
		return nil, nil
	}
	return func(ctx context.Context, tx store.Tx) error {
		p, err := lock(ctx, tx, seen.ID)
		switch {
		case errors.Is(err, ErrNoRequest):
			return nil
		case err != nil || !p.Open:
			return err
		case p.SourceCommit != seen.SourceCommit || p.DestinationCommit != seen.DestinationCommit:
			return s.enqueue(ctx, tx, looking{Pull: seen.ID})
		case source == "" || destination == "":
			return s.close(ctx, tx, p, "", nil)
		}
		if _, err := tx.Exec(ctx, `UPDATE pull_requests SET destination_commit = $2 WHERE id = $1`, p.ID, destination); err != nil {
			return err
		}
		p.DestinationCommit = destination
		return s.sourceMoved(ctx, tx, p, source, "")
	}, nil
}

// tip is the commit of a branch, "" when it is gone.
func (s *Service) tip(ctx context.Context, repository, branch string) (string, error) {
	c, err := s.repos.Head(ctx, repository, branch)
	if errors.Is(err, gitrepo.ErrNoRef) || errors.Is(err, gitrepo.ErrNoRepository) {
		return "", nil
	}
	return c.ID, err
}
