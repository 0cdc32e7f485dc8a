package gitrepo

import (
	"context"
	"errors"
	"strconv"
	"strings"
)

// Reference is a branch or a tag and the commit it stands for.
type Reference struct {
	Tag    bool
	Name   string
	Commit Commit
}

// References lists branches and tags, those with the newest commits first, at most limit of them. What points to no
// commit is left out. ErrNoRepository.
func (s *Store) References(ctx context.Context, repository string, limit int) ([]Reference, error) {
	var found []Reference
	err := s.View(ctx, repository, func(v *View) error {
		out, err := s.git.run(ctx, v.r.dir, nil, "for-each-ref", "--count="+strconv.Itoa(limit), "--sort=-creatordate",
			"--format=%(refname)", "refs/heads/", "refs/tags/")
		if err != nil {
			return err
		}
		for ref := range strings.Lines(string(out)) {
			ref = strings.TrimSuffix(ref, "\n")
			c, err := v.r.commit(ref)
			if errors.Is(err, ErrNoRef) {
				continue
			}
			if err != nil {
				return err
			}
			name, tag := strings.CutPrefix(ref, "refs/tags/")
			found = append(found, Reference{Tag: tag, Name: strings.TrimPrefix(name, "refs/heads/"), Commit: c})
		}
		return nil
	})
	return found, err
}

// LogOptions choose commits of a history.
type LogOptions struct {
	Tip   string // what Resolve takes; "" is the default branch
	Base  string // when it is set, what it holds is left out
	Path  string // when it is set, only commits that changed this file or folder
	Skip  int
	Limit int
}

// Log lists commits, the newest first. ErrNoRepository, ErrNoRef, ErrBadPath.
func (s *Store) Log(ctx context.Context, repository string, o LogOptions) ([]Commit, error) {
	var found []Commit
	err := s.View(ctx, repository, func(v *View) error {
		args, err := logArgs(v, o)
		if err != nil {
			return err
		}
		out, err := s.git.run(ctx, v.r.dir, nil, args...)
		if err != nil {
			return err
		}
		for id := range strings.Lines(string(out)) {
			c, err := v.Commit(strings.TrimSpace(id))
			if err != nil {
				return err
			}
			found = append(found, c)
		}
		return nil
	})
	return found, err
}

func logArgs(v *View, o LogOptions) ([]string, error) {
	tip, err := v.Resolve(o.Tip)
	if err != nil {
		return nil, err
	}
	args := []string{"rev-list", "--max-count=" + strconv.Itoa(o.Limit), "--skip=" + strconv.Itoa(o.Skip), tip.ID}
	if o.Base != "" {
		base, err := v.Resolve(o.Base)
		if err != nil {
			return nil, err
		}
		args = append(args, "^"+base.ID)
	}
	args = append(args, "--")
	if o.Path != "" {
		path, err := CleanPath(o.Path)
		if err != nil {
			return nil, err
		}
		args = append(args, ":(literal)"+path)
	}
	return args, nil
}
