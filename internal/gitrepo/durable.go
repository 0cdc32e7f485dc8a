package gitrepo

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/store"
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
	for d := range dirs {
		// A folder of refs vanishes when its last ref does.
		if err := syncPaths(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.syncObjects(dir, since)
}

// syncObjects makes the names of the objects durable that were written since then.
func (s *Store) syncObjects(dir string, since time.Time) error {
	objects := filepath.Join(dir, "objects")
	entries, err := os.ReadDir(objects)
	if err != nil {
		return err
	}
	dirs := []string{objects}
	for _, e := range entries {
		info, err := e.Info()
		// Coarse clocks of file systems lag behind by some milliseconds.
		if err == nil && info.IsDir() && info.ModTime().After(since.Add(-2*time.Second)) {
			dirs = append(dirs, filepath.Join(objects, e.Name()))
		}
	}
	for _, d := range dirs {
		if err := syncPaths(d); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// pointHead makes HEAD name the default branch, so that clones check it out, for a caller that did not change it. branch is
// what the caller last knew it to be.
func (s *Store) pointHead(ctx context.Context, id, branch string) error {
	if branch == "" || s.headIs(id, branch) {
		return nil
	}
	return s.moveHead(ctx, id)
}

// moveHead makes HEAD name what the database has as the default branch. Whoever has changed that must call it, also when
// HEAD looks right: another server may be about to write what it read before, and holds the lock meanwhile.
func (s *Store) moveHead(ctx context.Context, id string) error {
	lock, err := lockFile(filepath.Join(s.dir, headLock), unix.LOCK_EX)
	if err != nil {
		return fmt.Errorf("set the default branch: %w", err)
	}
	defer lock.Close()
	var branch string
	err = s.db.Read(ctx, func(q store.Reader) error {
		return q.QueryRow(ctx, `SELECT default_branch FROM repositories WHERE id = $1`, id).Scan(&branch)
	})
	if errors.Is(err, sql.ErrNoRows) || err == nil && s.headIs(id, branch) { // deleted meanwhile, or done by another server
		return nil
	}
	if err != nil {
		return err
	}
	if ValidBranch(branch) != nil || strings.ContainsAny(branch, "\r\n") {
		return fmt.Errorf("default branch %q: %w", branch, ErrBadBranch)
	}
	return writeDurably(s.headOf(id), headText(branch))
}

func (s *Store) headOf(id string) string { return filepath.Join(s.dirOf(id), "HEAD") }

func headText(branch string) []byte { return []byte("ref: refs/heads/" + branch + "\n") }

func (s *Store) headIs(id, branch string) bool {
	have, err := os.ReadFile(s.headOf(id))
	return err == nil && bytes.Equal(have, headText(branch))
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
