package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Errors of Edit, beside those of Store. They arrive inside a PathError where they are about one path.
var (
	// ErrNoChange: the commit would have the tree of its parent.
	ErrNoChange = errors.New("nothing would change")
	// ErrIsFolder: a file cannot take the name of a folder.
	ErrIsFolder = errors.New("a folder has that name")
	// ErrUnderFile: a file cannot lie below another file.
	ErrUnderFile = errors.New("a part of the path is a file")
	// ErrIsSubmodule: submodules cannot be changed this way.
	ErrIsSubmodule = errors.New("a submodule has that name")
	// ErrTwice: one path was given more than once.
	ErrTwice = errors.New("the path was given more than once")
)

// PathError is an error about one path.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *PathError) Unwrap() error { return e.Err }

// Edit is a commit made through the API.
type Edit struct {
	Branch string // created when the repository has no such branch and Parent is ""
	Parent string // the branch's tip; "" when there is none
	// AnyParent builds upon whatever the tip is.
	AnyParent bool
	Changes   []Change
	// KeepFolders puts a .gitkeep into folders that lose their last file.
	KeepFolders             bool
	AuthorName, AuthorEmail string // also the committer
	Message                 string
	At                      time.Time
	PusherArn               string
}

// Change is one changed file of an Edit.
type Change struct {
	Path    string
	Delete  bool
	Mode    uint32 // ModeFile, ModeExecutable or ModeSymlink; 0 keeps the mode, or is ModeFile for a new file
	Content []byte // nil keeps the content: only the mode changes
	// Blob, when set, is the id of an existing blob to use instead of Content.
	Blob string
}

// Edited is what an Edit made.
type Edited struct {
	Commit, Tree string
	Files        []EditedFile // sorted by path
}

// EditedFile is one file that an Edit added, changed or deleted.
type EditedFile struct {
	Path           string
	Mode           uint32
	ID             string // the new blob; of a deleted file the old one
	Added, Deleted bool
}

// File finds a file of the edit by its path.
func (e Edited) File(path string) EditedFile {
	for _, f := range e.Files {
		if f.Path == path {
			return f
		}
	}
	return EditedFile{}
}

// Apply commits an edit to its branch. The commit, the branch and the push event are durable when it returns nil.
// ErrNoRepository, ErrOutdated, ErrNoRef (the parent), ErrBadBranch, ErrNoChange, PathError.
func (s *Store) Apply(ctx context.Context, repository string, e Edit) (Edited, error) {
	if err := ValidBranch(e.Branch); err != nil {
		return Edited{}, err
	}
	if err := checkChanges(e.Changes); err != nil {
		return Edited{}, err
	}
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return Edited{}, err
	}
	unlock, err := s.writing.lock(ctx, repo.ID+" "+e.Branch)
	if err != nil {
		return Edited{}, err
	}
	defer unlock()
	if e.At.Unix() <= 0 { // git knows no times before 1970
		e.At = s.opts.Now()
	}
	since := time.Now()
	var made Edited
	var parent string
	err = s.readers.with(ctx, s.dirOf(repo.ID), func(r *reader) error {
		tip, err := r.commit("refs/heads/" + e.Branch)
		if err != nil && !errors.Is(err, ErrNoRef) {
			return err
		}
		if !e.AnyParent && tip.ID != e.Parent {
			return outdated{branch: e.Branch, tip: tip.ID}
		}
		parent = tip.ID
		w := &editor{r: r, objects: objectWriter{dir: s.dirOf(repo.ID)}, keep: e.KeepFolders}
		made, err = w.commit(tip, e)
		return err
	})
	if err != nil {
		return Edited{}, err
	}
	return made, s.updateRefs(ctx, repo, e.PusherArn, since, RefUpdate{Ref: "refs/heads/" + e.Branch, Old: parent, New: made.Commit})
}

// outdated is ErrOutdated for one branch.
type outdated struct{ branch, tip string }

func (e outdated) Error() string {
	if e.tip == "" {
		return fmt.Sprintf("branch %s: %s: it does not exist", e.branch, ErrOutdated)
	}
	return fmt.Sprintf("branch %s: %s: its tip is %s", e.branch, ErrOutdated, e.tip)
}

func (e outdated) Is(target error) bool { return target == ErrOutdated }

// checkChanges refuses paths that are no paths, and paths given twice.
func checkChanges(changes []Change) error {
	seen := map[string]bool{}
	for _, c := range changes {
		clean, err := CleanPath(c.Path)
		if err == nil && clean != c.Path {
			err = fmt.Errorf("path %q: %w: it must not end in a slash", c.Path, ErrBadPath)
		}
		if err == nil && seen[c.Path] {
			err = ErrTwice
		}
		if err != nil {
			return &PathError{c.Path, err}
		}
		seen[c.Path] = true
	}
	return nil
}

// editor writes the objects of one edit.
type editor struct {
	r       *reader
	objects objectWriter
	keep    bool
	files   []EditedFile
}

// commit writes the trees and the commit of e upon tip, which may be empty.
func (w *editor) commit(tip Commit, e Edit) (Edited, error) {
	tree, _, err := w.tree(tip.Tree, "", e.Changes)
	if err != nil {
		return Edited{}, err
	}
	if tree == "" {
		if tree, err = w.objects.write("tree", nil); err != nil {
			return Edited{}, err
		}
	}
	if tree == tip.Tree {
		return Edited{}, ErrNoChange
	}
	id, err := w.objects.write("commit", commitObject(tree, tip.ID, e))
	if err != nil {
		return Edited{}, err
	}
	slices.SortFunc(w.files, func(a, b EditedFile) int { return strings.Compare(a.Path, b.Path) })
	return Edited{Commit: id, Tree: tree, Files: w.files}, nil
}

// tree applies changes, whose paths begin with prefix, to the tree id ("" is an empty one) and returns the new tree, ""
// when nothing is left in it.
func (w *editor) tree(id, prefix string, changes []Change) (string, bool, error) {
	entries, err := w.load(id)
	if err != nil {
		return "", false, err
	}
	below := map[string][]Change{}
	emptied := false
	for _, c := range changes {
		rest := strings.TrimPrefix(c.Path, prefix)
		if name, _, deeper := strings.Cut(rest, "/"); deeper {
			below[name] = append(below[name], c)
			continue
		}
		if entries, err = w.file(entries, rest, c); err != nil {
			return "", false, &PathError{c.Path, err}
		}
		emptied = emptied || c.Delete
	}
	for name, changes := range below {
		if entries, err = w.folder(entries, prefix, name, changes); err != nil {
			return "", false, err
		}
	}
	if len(entries) == 0 && emptied && w.keep && prefix != "" {
		blob, err := w.objects.write("blob", nil)
		if err != nil {
			return "", false, err
		}
		entries = append(entries, Entry{Name: ".gitkeep", Mode: ModeFile, ID: blob})
		w.files = append(w.files, EditedFile{Path: prefix + ".gitkeep", Mode: ModeFile, ID: blob, Added: true})
	}
	if len(entries) == 0 {
		return "", true, nil
	}
	sortEntries(entries)
	tree, err := w.objects.write("tree", treeObject(entries))
	return tree, false, err
}

// load reads a tree.
func (w *editor) load(id string) ([]Entry, error) {
	if id == "" {
		return nil, nil
	}
	_, data, err := w.r.load(id, "tree")
	if err != nil {
		return nil, err
	}
	return parseTree(data)
}

// file applies a change to one of a tree's own entries.
func (w *editor) file(entries []Entry, name string, c Change) ([]Entry, error) {
	at := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	if at >= 0 {
		switch entries[at].Mode {
		case ModeFolder:
			if c.Delete || (c.Content == nil && c.Blob == "") {
				return nil, ErrNoPath
			}
			return nil, ErrIsFolder
		case ModeSubmodule:
			return nil, ErrIsSubmodule
		}
	}
	keeps := c.Content == nil && c.Blob == ""
	switch {
	case at < 0 && (c.Delete || keeps):
		return nil, ErrNoPath
	case c.Delete:
		w.files = append(w.files, EditedFile{Path: c.Path, Mode: entries[at].Mode, ID: entries[at].ID, Deleted: true})
		return slices.Delete(entries, at, at+1), nil
	}
	e := Entry{Name: name, Mode: ModeFile}
	if at >= 0 {
		e = entries[at]
	}
	if c.Mode != 0 {
		e.Mode = c.Mode
	}
	if c.Blob != "" {
		e.ID = c.Blob
	} else if !keeps {
		var err error
		if e.ID, err = w.objects.write("blob", c.Content); err != nil {
			return nil, err
		}
	}
	w.files = append(w.files, EditedFile{Path: c.Path, Mode: e.Mode, ID: e.ID, Added: at < 0})
	if at >= 0 {
		entries[at] = e
		return entries, nil
	}
	return append(entries, e), nil
}

// folder applies changes to a subfolder.
func (w *editor) folder(entries []Entry, prefix, name string, changes []Change) ([]Entry, error) {
	at := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == name })
	id := ""
	if at >= 0 {
		switch entries[at].Mode {
		case ModeFolder:
			id = entries[at].ID
		case ModeSubmodule:
			return nil, &PathError{changes[0].Path, ErrIsSubmodule}
		default:
			return nil, &PathError{changes[0].Path, ErrUnderFile}
		}
	}
	tree, empty, err := w.tree(id, prefix+name+"/", changes)
	switch {
	case err != nil:
		return nil, err
	case empty && at >= 0:
		return slices.Delete(entries, at, at+1), nil
	case empty:
		return entries, nil
	case at >= 0:
		entries[at].ID = tree
		return entries, nil
	}
	return append(entries, Entry{Name: name, Mode: ModeFolder, ID: tree}), nil
}
