package gitrepo

import (
	"errors"
	"fmt"
	"strings"
)

// File is one file, symlink or submodule below a folder.
type File struct {
	Path string // from the root of the commit, with slashes
	Mode uint32
	ID   string
}

// maxEntries and maxPathBytes bound what one tree may list: a push of a few kilobytes can hold folders in folders, the
// same ones over and over, that stand for billions of files.
const (
	maxEntries   = 1_000_000
	maxPathBytes = 256 << 20
)

// files lists everything below a tree that is not a folder, sorted by path as bytes. It asks for all trees of one depth
// at once, so that the time goes by the depth and not by the number of folders.
func (r *reader) files(tree string) ([]File, error) {
	type folder struct {
		path, id string
	}
	byFolder := map[string][]Entry{}
	level := []folder{{"", tree}}
	count, length := 0, 0
	for len(level) > 0 {
		asked := make(chan error, 1)
		go func() {
			for _, f := range level {
				if err := r.ask(f.id); err != nil {
					asked <- err
					return
				}
			}
			asked <- nil
		}()
		var next []folder
		for _, f := range level {
			entries, err := r.nextTree(f.id)
			if err != nil {
				return nil, err
			}
			byFolder[f.path] = entries
			for _, e := range entries {
				if err := safeName(e.Name); err != nil {
					return nil, fmt.Errorf("folder %q: %w", f.path, err)
				}
				count, length = count+1, length+len(f.path)+len(e.Name)
				if count > maxEntries || length > maxPathBytes {
					return nil, fmt.Errorf("%w: more than %d files and folders, or their paths take more than %d bytes", ErrTreeTooLarge, maxEntries, maxPathBytes)
				}
				if e.Mode == ModeFolder {
					next = append(next, folder{f.path + e.Name + "/", e.ID})
				}
			}
		}
		if err := <-asked; err != nil {
			return nil, err
		}
		level = next
	}
	var files []File
	var walk func(path string)
	walk = func(path string) {
		for _, e := range byFolder[path] {
			if e.Mode == ModeFolder {
				walk(path + e.Name + "/")
			} else {
				files = append(files, File{Path: path + e.Name, Mode: e.Mode, ID: e.ID})
			}
		}
	}
	walk("") // git's order within a tree makes this the order of whole paths
	return files, nil
}

// nextTree reads the answer to a request for a tree.
func (r *reader) nextTree(id string) ([]Entry, error) {
	o, err := r.next()
	if errors.Is(err, errMissing) || (err == nil && o.Type != "tree") {
		return nil, fmt.Errorf("damaged repository: tree %s is missing", id)
	}
	if err != nil {
		return nil, err
	}
	data, err := o.bytes(smallObject)
	if err != nil {
		return nil, err
	}
	if err := r.finish(o); err != nil {
		return nil, err
	}
	return parseTree(data)
}

// safeName refuses names that would leave the folder they are in. Git checks pushes for them; a repository that was
// copied into place was not checked.
func safeName(name string) error {
	if name == "" || name == "." || name == ".." || strings.Contains(name, "/") || isDotGit(name) {
		return fmt.Errorf("entry %q: %w", name, ErrBadPath)
	}
	return nil
}
