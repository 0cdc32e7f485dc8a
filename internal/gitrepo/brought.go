package gitrepo

import (
	"context"
	"errors"
)

// Brought is what a push brought to a ref.
type Brought struct {
	Commit Commit   // the one the ref names now
	Files  []string // that differ from before, sorted
}

// Brought reads what a push from before to after brought. after is the id of a commit or of an annotated tag; before is the
// commit the ref named until then. At most limit files are listed, and none when the ref is new (before is "") or when
// before is gone since. ErrNoRepository, ErrNoRef.
func (s *Store) Brought(ctx context.Context, repository, before, after string, limit int) (Brought, error) {
	var c Brought
	if !ValidID(after) {
		return c, noRef{after}
	}
	err := s.View(ctx, repository, func(v *View) (err error) {
		c, err = v.brought(before, after, limit)
		return err
	})
	return c, err
}

func (v *View) brought(before, after string, limit int) (c Brought, err error) {
	if c.Commit, err = v.r.commit(after); err != nil || !ValidID(before) {
		return c, err
	}
	old, err := v.r.commit(before)
	if errors.Is(err, ErrNoRef) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	differences, err := v.diff(nil, "", old.Tree, c.Commit.Tree, limit)
	for _, d := range differences {
		c.Files = append(c.Files, d.Path)
	}
	return c, err
}

// BroughtTo reads what the commits of source bring that destination does not have: the files that differ from where the two
// parted. ErrNoRepository, ErrNoRef.
func (s *Store) BroughtTo(ctx context.Context, repository, destination, source string, limit int) (Brought, error) {
	base, err := s.MergeBase(ctx, repository, destination, source)
	if err != nil && !errors.Is(err, ErrUnrelated) && !errors.Is(err, ErrNoRef) {
		return Brought{}, err
	}
	return s.Brought(ctx, repository, base, source, limit)
}
