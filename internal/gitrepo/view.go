package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// View reads one repository. It is only valid inside the function that View was called with, and not from several
// goroutines at once.
type View struct {
	Repository Repository
	r          *reader
}

// View calls f with a View of a repository. ErrNoRepository, and what f returns.
func (s *Store) View(ctx context.Context, repository string, f func(*View) error) error {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return err
	}
	return s.readers.with(ctx, s.dirOf(repo.ID), func(r *reader) error { return f(&View{Repository: repo, r: r}) })
}

// Resolve reads the commit that spec names: a full commit id, HEAD or "" (the default branch), a full ref, a branch or a
// tag. ErrNoRef.
func (v *View) Resolve(spec string) (Commit, error) {
	switch {
	case ValidID(spec):
		return v.Commit(spec)
	case spec == "" || spec == "HEAD":
		if v.Repository.DefaultBranch == "" {
			return Commit{}, noRef{"HEAD"}
		}
		return v.r.commit("refs/heads/" + v.Repository.DefaultBranch)
	case strings.HasPrefix(spec, "refs/"):
		if ValidRef(spec) != nil {
			return Commit{}, noRef{spec}
		}
		return v.r.commit(spec)
	case ValidBranch(spec) != nil:
		return Commit{}, noRef{spec}
	}
	c, err := v.r.commit("refs/heads/" + spec)
	if errors.Is(err, ErrNoRef) {
		c, err = v.r.commit("refs/tags/" + spec)
	}
	if errors.Is(err, ErrNoRef) {
		err = noRef{spec}
	}
	return c, err
}

// Commit reads a commit by its full id. ErrNoRef.
func (v *View) Commit(id string) (Commit, error) {
	if !ValidID(id) {
		return Commit{}, noRef{id}
	}
	c, err := v.r.commit(id)
	if err == nil && c.ID != id { // the id of an annotated tag
		err = noRef{id}
	}
	return c, err
}

// Lookup finds an entry below a tree by its clean path (CleanPath); "" is the tree itself. ErrNoPath.
func (v *View) Lookup(tree, path string) (Entry, error) {
	e := Entry{Mode: ModeFolder, ID: tree}
	if path == "" {
		return e, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		if e.Mode != ModeFolder {
			return Entry{}, noPath{path}
		}
		entries, err := v.Folder(e.ID)
		if err != nil {
			return Entry{}, err
		}
		at := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
		if at < 0 {
			return Entry{}, noPath{path}
		}
		e = entries[at]
	}
	return e, nil
}

// Folder reads the entries of a tree, in git's order.
func (v *View) Folder(tree string) ([]Entry, error) {
	_, data, err := v.r.load(tree, "tree")
	if err != nil {
		return nil, err
	}
	return parseTree(data)
}

// ErrTooLarge says that a blob is larger than the limit it was read with.
var ErrTooLarge = errors.New("larger than may be read")

// Blob reads a blob of at most limit bytes. ErrNoPath: there is no such blob. ErrTooLarge.
func (v *View) Blob(id string, limit int64) ([]byte, error) {
	if !ValidID(id) {
		return nil, noPath{id}
	}
	var data []byte
	err := v.r.open(id, "blob", func(o object) error {
		if o.Size > limit {
			return fmt.Errorf("blob %s of %d bytes: %w", id, o.Size, ErrTooLarge)
		}
		var err error
		data, err = o.bytes(limit)
		return err
	})
	if errors.Is(err, errMissing) {
		return nil, noPath{id}
	}
	return data, err
}

// noPath is ErrNoPath for one path.
type noPath struct{ path string }

func (e noPath) Error() string { return e.path + ": " + ErrNoPath.Error() }

func (e noPath) Is(target error) bool { return target == ErrNoPath }

// Difference is a file that differs between two trees.
type Difference struct {
	Path                  string
	Before, After         string // blob ids; "" where the file does not exist
	BeforeMode, AfterMode uint32
}

// Diff lists the files that differ between the trees before and after ("" is an empty tree), sorted by path. A renamed
// file is one removed and one added.
func (v *View) Diff(before, after string) ([]Difference, error) {
	return v.diff(nil, "", before, after, 0)
}

// diff adds to found what differs below prefix; with a limit it stops there.
func (v *View) diff(found []Difference, prefix, before, after string, limit int) ([]Difference, error) {
	if before == after {
		return found, nil
	}
	old, err := v.folderOrNone(before)
	if err != nil {
		return nil, err
	}
	now, err := v.folderOrNone(after)
	if err != nil {
		return nil, err
	}
	for (len(old) > 0 || len(now) > 0) && (limit == 0 || len(found) < limit) {
		var a, b Entry
		switch order := compareHeads(old, now); {
		case order < 0:
			a, old = old[0], old[1:]
		case order > 0:
			b, now = now[0], now[1:]
		default:
			a, b, old, now = old[0], now[0], old[1:], now[1:]
		}
		if a.ID == b.ID && a.Mode == b.Mode {
			continue
		}
		name := prefix + a.Name
		if a.Name == "" {
			name = prefix + b.Name
		}
		if a.Mode == ModeFolder || b.Mode == ModeFolder {
			found, err = v.diff(found, name+"/", a.ID, b.ID, limit)
			if err != nil {
				return nil, err
			}
			continue
		}
		found = append(found, Difference{Path: name, Before: a.ID, After: b.ID, BeforeMode: a.Mode, AfterMode: b.Mode})
	}
	return found, nil
}

func (v *View) folderOrNone(tree string) ([]Entry, error) {
	if tree == "" {
		return nil, nil
	}
	return v.Folder(tree)
}

// compareHeads says which list's first entry comes first. A file and a folder of one name are different entries, since
// git sorts them apart.
func compareHeads(a, b []Entry) int {
	switch {
	case len(a) == 0:
		return 1
	case len(b) == 0:
		return -1
	}
	return strings.Compare(sortKey(a[0]), sortKey(b[0]))
}
