package pull

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// ErrResolution says that the entries by which conflicts are to be resolved make no sense; the text says why.
var ErrResolution = errors.New("the conflict resolution is not valid")

// Strategy is how conflicts are resolved, by the name the API gives it.
type Strategy string

// The strategies. With None a conflict keeps from merging; Automerge resolves by entries what git cannot.
const (
	None              Strategy = "NONE"
	AcceptSource      Strategy = "ACCEPT_SOURCE"
	AcceptDestination Strategy = "ACCEPT_DESTINATION"
	Automerge         Strategy = "AUTOMERGE"
)

// Resolution is what counts as a conflict, and how conflicts are resolved.
type Resolution struct {
	LineLevel bool // only changes of the same lines are conflicts; otherwise changes of the same file
	Strategy  Strategy
	Entries   []ResolveEntry // of Automerge
}

// ResolveEntry resolves the conflict of one file.
type ResolveEntry struct {
	Path    string
	Keep    Side   // "": Content, or only the mode
	Content []byte // nil: the file as far as git could merge it
	Mode    uint32 // 0 keeps it
	Delete  bool
}

// Side is one of the three files of a conflict.
type Side string

// The sides.
const (
	Base        Side = "base"
	Source      Side = "source"
	Destination Side = "destination"
)

// of is a side's file.
func (s Side) of(c gitrepo.Conflict) gitrepo.Entry {
	switch s {
	case Base:
		return c.Base
	case Source:
		return c.Source
	}
	return c.Destination
}

// Conflicts lists what keeps two commits from being merged. Errors as of gitrepo.Store.Merge.
func (s *Service) Conflicts(ctx context.Context, plan Plan) (gitrepo.Merge, []gitrepo.Conflict, error) {
	m, err := s.repos.Merge(ctx, plan.Repository, plan.Destination, plan.Source)
	if err != nil || plan.How == FastForward {
		return m, nil, err
	}
	_, open, err := s.resolve(ctx, plan.Repository, m, plan.Resolution)
	return m, open, err
}

// Hunks lists the conflicting lines of a file. Errors as of gitrepo.Store.Hunks.
func (s *Service) Hunks(ctx context.Context, repository string, c gitrepo.Conflict) ([]gitrepo.Hunk, error) {
	if c.Base.ID == "" && (c.Source.ID == "" || c.Destination.ID == "") {
		return nil, nil
	}
	hunks, _, err := s.repos.Hunks(ctx, repository, c, "")
	return hunks, err
}

// resolve decides every conflict of a merge: changes of the merged tree, and what stays open.
func (s *Service) resolve(ctx context.Context, repository string, m gitrepo.Merge, r Resolution) (changes []gitrepo.Change, open []gitrepo.Conflict, err error) {
	entries := map[string]ResolveEntry{}
	for _, e := range r.Entries {
		entries[e.Path] = e
	}
	for _, c := range m.Conflicts {
		entry, given := entries[c.Path]
		delete(entries, c.Path)
		change, resolved, err := s.decide(ctx, repository, m, r, c, entry, given)
		switch {
		case err != nil:
			return nil, nil, err
		case !resolved:
			open = append(open, c)
		case change != nil:
			changes = append(changes, *change)
		}
	}
	for p := range entries {
		return nil, nil, fmt.Errorf("%w: there is no conflict in %s", ErrResolution, p)
	}
	return changes, open, nil
}

// decide decides one conflict: whether it is resolved and what to change for that in the merged tree.
func (s *Service) decide(ctx context.Context, repository string, m gitrepo.Merge, r Resolution, c gitrepo.Conflict, entry ResolveEntry, given bool) (change *gitrepo.Change, resolved bool, err error) {
	if renamedByGit(m, c.Path) {
		return nil, false, nil // a file against a folder: that is for people
	}
	side := Source
	switch r.Strategy {
	case AcceptDestination:
		side = Destination
	case AcceptSource:
	case Automerge:
		if given {
			change, err := s.take(ctx, repository, m, c, entry)
			return change, err == nil, err
		}
		return nil, !c.Unmerged, nil
	default:
		return nil, r.LineLevel && !c.Unmerged, nil
	}
	if !c.Unmerged && (r.LineLevel || c.Source.ID == "" || c.Destination.ID == "") {
		return nil, true, nil // also a file that one side renamed
	}
	if r.LineLevel && isText(c.Source) && isText(c.Destination) {
		_, merged, err := s.repos.Hunks(ctx, repository, c, string(side))
		if err == nil {
			return &gitrepo.Change{Path: c.Path, Content: merged, Mode: side.of(c).Mode}, true, nil
		}
		if !errors.Is(err, gitrepo.ErrBinary) && !errors.Is(err, gitrepo.ErrTooLarge) {
			return nil, false, err
		}
	}
	change, err = s.take(ctx, repository, m, c, ResolveEntry{Path: c.Path, Keep: side})
	return change, err == nil, err
}

// renamedByGit tells whether git gave a file that could not stay beside a folder another name.
func renamedByGit(m gitrepo.Merge, path string) bool {
	return strings.Contains(path, "~"+m.Destination.ID) || strings.Contains(path, "~"+m.Source.ID)
}

func isText(e gitrepo.Entry) bool {
	return e.ID != "" && (e.Mode == gitrepo.ModeFile || e.Mode == gitrepo.ModeExecutable)
}

// take resolves a conflict as an entry says.
func (s *Service) take(ctx context.Context, repository string, m gitrepo.Merge, c gitrepo.Conflict, e ResolveEntry) (*gitrepo.Change, error) {
	change := gitrepo.Change{Path: c.Path, Mode: e.Mode, Content: e.Content}
	kept := e.Keep.of(c)
	switch {
	case e.Delete || e.Keep != "" && kept.ID == "":
		change = gitrepo.Change{Path: c.Path, Delete: true}
	case e.Keep != "":
		if kept.Mode == gitrepo.ModeSubmodule {
			return nil, fmt.Errorf("%w: %s is a submodule; merge it with git", ErrResolution, c.Path)
		}
		change.Blob, change.Content = kept.ID, nil
		if change.Mode == 0 {
			change.Mode = kept.Mode
		}
	case e.Content == nil && c.Unmerged:
		return nil, fmt.Errorf("%w: %s needs content, not only a mode", ErrResolution, c.Path)
	}
	there, err := s.isFile(ctx, repository, m.Tree, c.Path)
	if err != nil {
		return nil, err
	}
	if !there && (change.Delete || change.Blob == "" && change.Content == nil) {
		return nil, nil // it is not there, as wanted
	}
	return &change, nil
}

// isFile tells whether a tree has a file of that path.
func (s *Service) isFile(ctx context.Context, repository, tree, path string) (bool, error) {
	var there bool
	err := s.repos.View(ctx, repository, func(v *gitrepo.View) error {
		e, err := v.Lookup(tree, path)
		if errors.Is(err, gitrepo.ErrNoPath) {
			return nil
		}
		there = e.Mode != gitrepo.ModeFolder
		return err
	})
	return there, err
}
