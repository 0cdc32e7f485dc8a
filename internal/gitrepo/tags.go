package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// CreateTag makes a tag at a commit, which is given by its full id. ErrNoRepository, ErrBadBranch (the name), ErrNoRef
// (the commit), ErrTagExists.
func (s *Store) CreateTag(ctx context.Context, repository, tag, commit, pusher string) error {
	ref := "refs/tags/" + tag
	if err := ValidRef(ref); err != nil {
		return err
	}
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return err
	}
	if _, err := s.Commit(ctx, repository, commit); err != nil {
		return err
	}
	err = s.updateRefs(ctx, repo, pusher, time.Now(), RefUpdate{Ref: ref, New: commit})
	if errors.Is(err, ErrOutdated) {
		err = fmt.Errorf("tag %s: %w", tag, ErrTagExists)
	}
	return err
}

// DeleteTag removes a tag. ErrNoRepository, ErrNoRef, ErrOutdated (it was moved meanwhile).
func (s *Store) DeleteTag(ctx context.Context, repository, tag, pusher string) error {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return err
	}
	now, err := s.refs(ctx, s.dirOf(repo.ID))
	if err != nil {
		return err
	}
	ref := "refs/tags/" + tag
	if now[ref] == "" {
		return noRef{ref}
	}
	return s.updateRefs(ctx, repo, pusher, time.Now(), RefUpdate{Ref: ref, Old: now[ref]})
}
