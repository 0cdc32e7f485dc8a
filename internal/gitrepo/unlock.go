package gitrepo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// A git process that is killed while it changes refs, together with its server or alone, leaves its lock files behind, and
// nobody could ever change those refs again. git itself cannot tell such a file from one in use; the journal can: a git
// process that lives holds the lock of its push, or the one of maintenance.

// sharedLocks are the lock files that git makes beside those of the refs it changes.
var sharedLocks = []string{"HEAD.lock", "packed-refs.lock"}

// unlock removes the lock files that a dead git process may have left while it changed refs. While others work on the
// repository it keeps trying, in the background.
func (s *Store) unlock(ctx context.Context, repositoryID string, refs []string) {
	if s.tryUnlock(ctx, repositoryID, refs) {
		return
	}
	s.background(func(ctx context.Context) {
		for wait := 50 * time.Millisecond; !s.tryUnlock(ctx, repositoryID, refs); wait = min(2*wait, 10*time.Second) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
	})
}

// tryUnlock reports whether there is nothing left to remove.
func (s *Store) tryUnlock(ctx context.Context, repositoryID string, refs []string) bool {
	left := s.lockFiles(repositoryID, refs)
	if len(left) == 0 {
		return true
	}
	maintaining, err := lockFile(filepath.Join(s.dir, maintainLock), unix.LOCK_EX|unix.LOCK_NB)
	if err != nil {
		return false
	}
	defer maintaining.Close()
	// In this order: a process that lives recorded its push before it made its lock file.
	busy, err := s.pushing(ctx, repositoryID)
	if err != nil || busy {
		return false
	}
	for path, seen := range left {
		if now, err := os.Lstat(path); err == nil && os.SameFile(seen, now) {
			s.opts.Log.Warn("removing the lock file of a git process that was killed", "path", path)
			if err := os.Remove(path); err != nil {
				s.opts.Log.Error("the lock file of a git process that was killed cannot be removed", "error", err)
				return false
			}
		}
	}
	return true
}

// lockFiles are the lock files there are.
func (s *Store) lockFiles(repositoryID string, refs []string) map[string]os.FileInfo {
	found := map[string]os.FileInfo{}
	look := func(name string) {
		path := filepath.Join(s.dirOf(repositoryID), name)
		if info, err := os.Lstat(path); err == nil {
			found[path] = info
		}
	}
	for _, name := range sharedLocks {
		look(name)
	}
	for _, ref := range refs {
		look(filepath.FromSlash(ref) + ".lock")
	}
	return found
}

// pushing tells whether a git process may be changing refs of a repository.
func (s *Store) pushing(ctx context.Context, repositoryID string) (bool, error) {
	var pushes []string
	err := s.db.Read(ctx, func(q store.Reader) (err error) {
		pushes, err = store.Strings(ctx, q, `SELECT DISTINCT push_id FROM push_intents WHERE repository_id = $1`, repositoryID)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, id := range pushes {
		f, err := s.lockPush(id, 0)
		if err == nil {
			_ = f.Close()
		} else if !errors.Is(err, os.ErrNotExist) {
			return true, nil
		}
	}
	return false, nil
}
