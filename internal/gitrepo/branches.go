package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Branches lists the names of all branches, sorted.
func (s *Store) Branches(ctx context.Context, repository string) ([]string, error) {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return nil, err
	}
	out, err := s.git.run(ctx, dir, nil, "for-each-ref", "--format=%(refname)", "refs/heads/")
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(out)) {
		names = append(names, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "refs/heads/"))
	}
	slices.Sort(names)
	return names, nil
}

// CreateBranch makes a branch at a commit, which is given by its full id. ErrNoRepository, ErrBadBranch, ErrNoRef (the
// commit), ErrBranchExists.
func (s *Store) CreateBranch(ctx context.Context, repository, branch, commit, pusher string) error {
	if err := ValidBranch(branch); err != nil {
		return err
	}
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return err
	}
	if _, err := s.Head(ctx, repository, branch); err == nil {
		return fmt.Errorf("branch %s: %w", branch, ErrBranchExists)
	} else if !errors.Is(err, ErrNoRef) {
		return err
	}
	if _, err := s.Commit(ctx, repository, commit); err != nil {
		return err
	}
	err = s.updateRefs(ctx, repo, pusher, time.Now(), RefUpdate{Ref: "refs/heads/" + branch, New: commit})
	if errors.Is(err, ErrOutdated) {
		err = fmt.Errorf("branch %s: %w", branch, ErrBranchExists)
	}
	return err
}

// DeleteBranch removes a branch and returns its tip. ErrNoRepository, ErrNoRef, ErrDefaultBranch.
func (s *Store) DeleteBranch(ctx context.Context, repository, branch, pusher string) (tip string, err error) {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return "", err
	}
	for range 5 {
		c, err := s.Head(ctx, repository, branch)
		if err != nil {
			return "", err
		}
		if branch == repo.DefaultBranch {
			return "", fmt.Errorf("branch %s: %w", branch, ErrDefaultBranch)
		}
		err = s.updateRefs(ctx, repo, pusher, time.Now(), RefUpdate{Ref: "refs/heads/" + branch, Old: c.ID})
		if !errors.Is(err, ErrOutdated) {
			return c.ID, err
		}
	}
	return "", fmt.Errorf("branch %s: %w", branch, ErrBusy)
}

// SetDefaultBranch makes an existing branch the default one. ErrNoRepository, ErrNoRef.
func (s *Store) SetDefaultBranch(ctx context.Context, repository, branch string) error {
	if _, err := s.Head(ctx, repository, branch); err != nil {
		return err
	}
	var id string
	err := s.db.InTx(ctx, func(tx store.Tx) error {
		repo, err := s.lock(ctx, tx, repository)
		if err != nil {
			return err
		}
		id = repo.ID
		_, err = tx.Exec(ctx, `UPDATE repositories SET default_branch = $2, modified_at = $3 WHERE id = $1`, id, branch, store.Micros(tx.Now()))
		return err
	})
	if err != nil {
		return err
	}
	return s.moveHead(ctx, id)
}

// updateRefs changes refs, all or none, if they still have their old values, and records the push. since is when the
// objects they need began to be written. ErrOutdated, ErrBadBranch, ErrBusy.
func (s *Store) updateRefs(ctx context.Context, repo Repository, pusher string, since time.Time, updates ...RefUpdate) error {
	return s.changeRefs(ctx, repo, pusher, since, nil, updates)
}

// changeRefs is updateRefs, provided that the refs of unchanged still have their values, too.
func (s *Store) changeRefs(ctx context.Context, repo Repository, pusher string, since time.Time, unchanged, updates []RefUpdate) error {
	in, err := s.Intend(ctx, repo, pusher, updates)
	if err != nil {
		return err
	}
	in.since = since
	var script bytes.Buffer
	var refs []string
	for _, u := range unchanged {
		fmt.Fprintf(&script, "verify %s\x00%s\x00", u.Ref, orZero(u.Old))
	}
	for _, u := range updates {
		fmt.Fprintf(&script, "update %s\x00%s\x00%s\x00", u.Ref, orZero(u.New), orZero(u.Old))
		refs = append(refs, u.Ref)
	}
	// From here on nobody can say "stop" half way.
	ctx = context.WithoutCancel(ctx)
	cmd := s.git.command(ctx, s.dirOf(repo.ID), "update-ref", "--stdin", "-z")
	errs := &Tail{Max: 4 << 10}
	cmd.Stdin, cmd.Stderr = &script, errs
	cmd.ExtraFiles = append(cmd.ExtraFiles, in.Lock())
	if failed := cmd.Run(); failed != nil {
		why := &gitError{verb: "update-ref", said: strings.TrimSpace(errs.String()), err: failed}
		if err := in.Unknown(ctx); err != nil {
			return err
		}
		return s.whyNot(ctx, repo, slices.Concat(updates, unchanged), why)
	}
	return in.Landed(ctx, refs)
}

// whyNot finds out why git refused to change refs.
func (s *Store) whyNot(ctx context.Context, repo Repository, updates []RefUpdate, why error) error {
	now, err := s.refs(ctx, s.dirOf(repo.ID))
	if err != nil {
		return err
	}
	for _, u := range updates {
		if now[u.Ref] != u.Old {
			return outdated{branch: strings.TrimPrefix(u.Ref, "refs/heads/"), tip: now[u.Ref]}
		}
		for other := range now {
			if strings.HasPrefix(other, u.Ref+"/") || strings.HasPrefix(u.Ref, other+"/") {
				return fmt.Errorf("%s: %w: %s exists", u.Ref, ErrBadBranch, other)
			}
		}
	}
	return fmt.Errorf("%w: %w", ErrBusy, why)
}
