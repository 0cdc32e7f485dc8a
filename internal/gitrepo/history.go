package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// FileVersion is a file as a commit has left it.
type FileVersion struct {
	Commit Commit
	Path   string // which renames change
	Blob   string
	// Children are the commits with the next versions, toward the one that was asked for.
	Children []string
}

// renames bounds how many renames of one file are followed.
const renames = 64

// History lists the versions a file had up to a commit, the newest first: the commits that changed it, and under another
// name those before a rename. Of versions beyond most only the newest are listed; a file that the commit does not have has
// none. ErrNoRepository, ErrNoRef.
func (s *Store) History(ctx context.Context, repository, commit, path string, most int) ([]FileVersion, error) {
	h := ancestry{s: s, most: most, children: map[string][]string{}}
	err := s.View(ctx, repository, func(v *View) error {
		h.v, h.dir = v, s.dirOf(v.Repository.ID)
		c, err := v.Commit(commit)
		if err != nil {
			return err
		}
		if _, err := v.Lookup(c.Tree, path); errors.Is(err, ErrNoPath) {
			return nil
		} else if err != nil {
			return err
		}
		return h.follow(ctx, commit, path)
	})
	return h.versions, err
}

// ancestry is what is known of a file so far.
type ancestry struct {
	s        *Store
	v        *View
	dir      string
	most     int
	versions []FileVersion
	children map[string][]string // by the commit they follow
}

// follow walks from commit to where path appeared and, when it was renamed there, on with its name before.
func (h *ancestry) follow(ctx context.Context, commit, path string) error {
	for range renames {
		first, err := h.walk(ctx, commit, path)
		if err != nil || first == "" || len(h.versions) >= h.most {
			return err
		}
		parent, before, err := h.renamed(ctx, first, path)
		if err != nil || before == "" {
			return err
		}
		newest, err := h.newest(ctx, parent, before)
		if err != nil || newest == "" {
			return err
		}
		h.children[newest] = append(h.children[newest], first)
		commit, path = newest, before
	}
	return nil
}

// walk lists the commits that changed path, and returns the one in which its history begins.
func (h *ancestry) walk(ctx context.Context, commit, path string) (first string, err error) {
	out, err := h.s.git.run(ctx, h.dir, nil, "rev-list", "--parents", "--topo-order",
		"--max-count="+strconv.Itoa(h.most-len(h.versions)), commit, "--", ":(literal)"+path)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		ids := strings.Fields(line)
		if len(ids) == 0 {
			continue
		}
		if len(ids) == 1 {
			first = ids[0]
		}
		if err := h.add(ids[0], ids[1:], path); err != nil {
			return "", err
		}
	}
	return first, nil
}

// add lists a version. A commit that deleted the file is none; what came after it follows what came before.
func (h *ancestry) add(id string, parents []string, path string) error {
	c, err := h.v.Commit(id)
	if err != nil {
		return err
	}
	follows := []string{id}
	e, err := h.v.Lookup(c.Tree, path)
	switch {
	case errors.Is(err, ErrNoPath):
		follows = h.children[id]
	case err != nil:
		return err
	default:
		h.versions = append(h.versions, FileVersion{Commit: c, Path: path, Blob: e.ID, Children: h.children[id]})
	}
	for _, p := range parents {
		for _, f := range follows {
			if !slices.Contains(h.children[p], f) {
				h.children[p] = append(h.children[p], f)
			}
		}
	}
	return nil
}

// renamed tells from which name, in which parent, commit has renamed a file to path; "" when it made it.
func (h *ancestry) renamed(ctx context.Context, commit, path string) (parent, before string, err error) {
	c, err := h.v.Commit(commit)
	if err != nil || len(c.Parents) == 0 {
		return "", "", err
	}
	parent = c.Parents[0]
	out, err := h.s.git.run(ctx, h.dir, nil, "diff-tree", "-r", "-z", "-M", "-l1000", "--diff-filter=R", "--name-status", parent, commit)
	if err != nil {
		return "", "", err
	}
	fields := bytes.Split(out, []byte{0}) // Rnnn, before, after, ...
	for i := 0; i+2 < len(fields); i += 3 {
		if string(fields[i+2]) == path {
			return parent, string(fields[i+1]), nil
		}
	}
	return "", "", nil
}

// newest is the last commit up to commit that changed path.
func (h *ancestry) newest(ctx context.Context, commit, path string) (string, error) {
	out, err := h.s.git.run(ctx, h.dir, nil, "rev-list", "--max-count=1", commit, "--", ":(literal)"+path)
	return strings.TrimSpace(string(out)), err
}
