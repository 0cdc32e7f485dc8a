package gitrepo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// Recover repairs what a crash left behind: it records the push events that are owed, points HEAD of every repository
// at its default branch, and removes the directories of repositories that were deleted. Pushes whose git process still
// runs are settled in the background when it ends, and so are those of a repository that cannot be read: one damaged
// repository does not keep all others from being served. Call it at start, after OnPush; calling it again does no harm.
func (s *Store) Recover(ctx context.Context) error {
	if err := s.Settle(ctx); err != nil {
		return err
	}
	if err := errors.Join(s.pointHeads(ctx), s.sweep(ctx)); err != nil {
		return fmt.Errorf("recover repositories: %w", err)
	}
	return nil
}

// Settle is the part of Recover that records the push events which are owed. Call it, too, when another server that
// shares the repositories has ended. It leaves pushes alone that a living server is about to settle: their lock files are
// held.
func (s *Store) Settle(ctx context.Context) error {
	pushes, err := s.pendingPushes(ctx)
	if err != nil {
		return fmt.Errorf("recover pushes: %w", err)
	}
	for _, id := range pushes {
		err := s.adopt(ctx, id)
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("recover push %s: %w", id, err)
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			s.opts.Log.Error("a push that a crash cut off cannot be settled; it is tried again until it can", "push", id, "error", err)
		}
		s.background(func(ctx context.Context) { s.resolveUntilDone(ctx, id) })
	}
	return nil
}

// pendingPushes lists the pushes that have intents.
func (s *Store) pendingPushes(ctx context.Context) ([]string, error) {
	var ids []string
	err := s.db.Read(ctx, func(q store.Reader) (err error) {
		ids, err = store.Strings(ctx, q, `SELECT push_id FROM push_intents GROUP BY push_id ORDER BY min(id)`)
		return err
	})
	return ids, err
}

// adopt settles a push of which no process is left. unix.EWOULDBLOCK: one is.
func (s *Store) adopt(ctx context.Context, push string) error {
	lock, err := s.lockPush(push, os.O_CREATE)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := s.resolve(ctx, push); err != nil {
		return err
	}
	return os.Remove(lock.Name())
}

// resolveUntilDone settles a push as soon as its process has ended and the database works.
func (s *Store) resolveUntilDone(ctx context.Context, push string) {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := s.adopt(ctx, push)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			s.opts.Log.Error("push is not recorded yet; trying again", "push", push, "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// resolve settles a push whose git process has ended, by looking at what its refs are now.
func (s *Store) resolve(ctx context.Context, push string) error {
	var mine []intent
	err := s.db.Read(ctx, func(q store.Reader) (err error) {
		mine, err = intents(ctx, q, `push_id = $1`, push)
		return err
	})
	if err != nil {
		return err
	}
	for range 10 {
		repositoryID, event, err := s.journalState(ctx, push)
		if err != nil || repositoryID == "" {
			return err
		}
		dir := s.dirOf(repositoryID)
		refs, err := s.refs(ctx, dir)
		if err != nil {
			if _, missing := os.Stat(dir); errors.Is(missing, fs.ErrNotExist) {
				return s.forgetDeleted(ctx, repositoryID)
			}
			return err
		}
		if err := s.sync(repositoryID, slices.Collect(maps.Keys(refs)), time.Time{}); err != nil {
			return err
		}
		err = s.settle(ctx, repositoryID, push, event, func(i intent) outcome { return outcome{now: orZero(refs[i.ref])} })
		if errors.Is(err, ErrNoRepository) {
			return s.forgetDeleted(ctx, repositoryID)
		}
		if err == nil {
			touched := make([]string, len(mine))
			for k, i := range mine {
				touched[k] = i.ref
			}
			s.unlock(ctx, repositoryID, touched)
		}
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("push %s: its repository is too busy to find out what became of it", push)
}

// journalState is the repository of a push that has intents ("" when it has none) and the repository's last event.
func (s *Store) journalState(ctx context.Context, push string) (repositoryID string, event int64, err error) {
	err = s.db.Read(ctx, func(q store.Reader) error {
		err := q.QueryRow(ctx, `SELECT repository_id FROM push_intents WHERE push_id = $1 LIMIT 1`, push).Scan(&repositoryID)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		event, err = lastEventOf(ctx, q, repositoryID)
		return err
	})
	return repositoryID, event, err
}

// refs reads all refs of a repository.
func (s *Store) refs(ctx context.Context, dir string) (map[string]string, error) {
	out, err := s.git.run(ctx, dir, nil, "for-each-ref", "--format=%(objectname) %(refname)")
	if err != nil {
		return nil, err
	}
	refs := map[string]string{}
	for line := range strings.Lines(string(out)) {
		id, name, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		refs[name] = id
	}
	return refs, nil
}

// forgetDeleted drops the intents of a repository that is gone. One that has a row, but no directory, keeps them: it
// lies on another machine, or a disk is not mounted.
func (s *Store) forgetDeleted(ctx context.Context, repositoryID string) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		var rows int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM repositories WHERE id = $1`, repositoryID).Scan(&rows); err != nil {
			return err
		}
		if rows > 0 {
			s.opts.Log.Warn("a repository with pushes to be settled is not in this data directory", "id", repositoryID, "directory", s.dirOf(repositoryID))
			return nil
		}
		_, err := tx.Exec(ctx, `DELETE FROM push_intents WHERE repository_id = $1`, repositoryID)
		return err
	})
}

// pointHeads sets HEAD of every repository, which needs that no lock is left on it.
func (s *Store) pointHeads(ctx context.Context) error {
	for after := ""; ; {
		page, err := s.List(ctx, after, 1000)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if err := s.pointHead(ctx, r.ID, r.DefaultBranch); err != nil {
				s.opts.Log.Warn("cannot set the default branch of a repository", "repository", r.Name, "error", err)
			}
			s.unlock(ctx, r.ID, nil) // also maintenance may have been killed
		}
		after = page[len(page)-1].Name
	}
}

// sweep removes the directories of deleted repositories, and lock files that nobody holds.
func (s *Store) sweep(ctx context.Context) error {
	var deleted []string
	err := s.db.Read(ctx, func(q store.Reader) (err error) {
		deleted, err = store.Strings(ctx, q, `SELECT id FROM deleted_repositories`)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range deleted {
		if err := s.discard(ctx, id); err != nil {
			s.opts.Log.Warn("cannot remove the directory of a deleted repository", "id", id, "error", err)
		}
	}
	files, err := filepath.Glob(filepath.Join(s.dir, pushDir, "*"))
	for _, path := range files {
		// A young one may be about to be locked.
		if info, err := os.Stat(path); err != nil || time.Since(info.ModTime()) < time.Hour {
			continue
		}
		if f, err := s.lockPush(filepath.Base(path), 0); err == nil {
			_ = os.Remove(path) // or the next time
			f.Close()
		}
	}
	return err
}
