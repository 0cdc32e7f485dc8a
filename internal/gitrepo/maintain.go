package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/conveyor-cd/conveyor/internal/store"
)

const (
	// looseLimit and packLimit are how many loose objects and packs a repository may have before it is repacked.
	looseLimit = 2000
	packLimit  = 30
)

// Maintain repacks the repositories that have become slow to read, and removes objects that nothing has referred to for
// two weeks. It may run beside pushes and reads; call it now and then, outside of any request. While another server is at
// it, it does nothing.
func (s *Store) Maintain(ctx context.Context) error {
	lock, err := lockFile(filepath.Join(s.dir, maintainLock), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("maintain repositories: %w", err)
	}
	defer lock.Close()
	var failed []error
	for after := ""; ; {
		page, err := s.List(ctx, after, 100)
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if len(page) == 0 {
			return errors.Join(failed...)
		}
		for _, r := range page {
			if err := s.maintain(ctx, s.dirOf(r.ID), lock); err != nil {
				failed = append(failed, fmt.Errorf("maintain repository %s: %w", r.Name, err))
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
		after = page[len(page)-1].Name
	}
}

func (s *Store) maintain(ctx context.Context, dir string, lock *os.File) error {
	out, err := s.git.run(ctx, dir, nil, "count-objects", "-v")
	if err != nil {
		return err
	}
	counts := map[string]int{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		counts[key], _ = strconv.Atoi(value)
	}
	if counts["count"] < looseLimit && counts["packs"] < packLimit && counts["garbage"] == 0 {
		return nil
	}
	defer s.readers.drop(dir)
	removeStale(dir)
	cmd := s.git.command(ctx, dir, "gc", "--quiet", "--prune=2.weeks.ago")
	cmd.ExtraFiles = []*os.File{lock} // it may outlive this server
	_, err = s.git.finish(ctx, cmd)
	return err
}

// removeStale removes temporary files of writes that a crash cut short.
func removeStale(dir string) {
	stale, _ := filepath.Glob(filepath.Join(dir, "objects", "[0-9a-f][0-9a-f]", "tmp_obj_*"))
	heads, _ := filepath.Glob(filepath.Join(dir, ".new-*"))
	for _, path := range append(stale, heads...) {
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > 24*time.Hour {
			_ = os.Remove(path) // or the next time
		}
	}
}

// Prune forgets push events older than before, except the last one of each ref, and returns how many.
func (s *Store) Prune(ctx context.Context, before time.Time) (n int64, err error) {
	err = s.db.InTx(ctx, func(tx store.Tx) error {
		n, err = tx.Exec(ctx, `DELETE FROM push_events WHERE created_at < $1 AND EXISTS (SELECT 1 FROM push_events AS newer
			WHERE newer.repository_id = push_events.repository_id AND newer.ref = push_events.ref AND newer.id > push_events.id)`,
			store.Micros(before))
		return err
	})
	return n, err
}
