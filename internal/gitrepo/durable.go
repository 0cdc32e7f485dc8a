package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// sync makes a push durable that git has finished: git syncs the files it writes, but not the directories in which it
// created or renamed them. since is when the push began.
func (s *Store) sync(id string, refs []string, since time.Time) error {
	dir := s.dirOf(id)
	dirs := map[string]bool{dir: true}
	for _, ref := range refs {
		for d := filepath.Dir(ref); d != "."; d = filepath.Dir(d) {
			dirs[filepath.Join(dir, d)] = true
		}
	}
	objects := filepath.Join(dir, "objects")
	entries, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	dirs[objects] = true
	for _, e := range entries {
		info, err := e.Info()
		// Coarse clocks of file systems lag behind by some milliseconds.
		if err == nil && info.IsDir() && info.ModTime().After(since.Add(-2*time.Second)) {
			dirs[filepath.Join(objects, e.Name())] = true
		}
	}
	for d := range dirs {
		// A folder of refs vanishes when its last ref does.
		if err := syncPaths(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pointHead makes HEAD name the default branch, so that clones check it out.
func (s *Store) pointHead(id, branch string) error {
	if branch == "" {
		return nil
	}
	path := filepath.Join(s.dirOf(id), "HEAD")
	want := "ref: refs/heads/" + branch + "\n"
	if have, err := os.ReadFile(path); err == nil && string(have) == want {
		return nil
	}
	if ValidBranch(branch) != nil || strings.ContainsAny(branch, "\r\n") {
		return fmt.Errorf("default branch %q: %w", branch, ErrBadBranch)
	}
	return writeDurably(path, []byte(want))
}

// writeDurably replaces a file: its readers see the old or the new content, also after a crash.
func writeDurably(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // of a failed attempt
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o600), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncPaths(filepath.Dir(path))
}
