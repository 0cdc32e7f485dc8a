package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/conveyor-cd/conveyor/internal/store"
)

// orphanAge is how old a file must be before it is taken for a leftover of a crash: much longer than any put takes
// from its first byte to its commit.
const orphanAge = 24 * time.Hour

// Swept counts what a Sweep removed.
type Swept struct {
	Bodies int // files of bodies that no object refers to
	Orphan int // files that no row names: their put did not commit
	Staged int // old entries of the stage directory
}

// Sweep removes bodies that nothing has referred to for the grace period, and the leftovers of crashes. It may run at
// any time, beside any other call and on several servers at once.
//
// It is safe against a put that refers to an old body again because both go through the body's row: the put clears
// suspect_at in the transaction that adds the reference, the sweeper deletes the row only while suspect_at is old.
// Whichever comes second sees what the first did. Once the row is gone, the file's name is never used again.
func (s *Store) Sweep(ctx context.Context) (Swept, error) {
	var out Swept
	for {
		files, more, err := s.sweepRows(ctx)
		if err != nil {
			return out, err
		}
		for _, f := range files {
			if err := remove(s.bodyPath(f)); err != nil {
				return out, err
			}
			out.Bodies++
		}
		if !more {
			break
		}
	}
	if err := s.sweepTokens(ctx); err != nil {
		return out, err
	}
	n, err := s.sweepOrphans(ctx)
	out.Orphan = n
	if err != nil {
		return out, err
	}
	out.Staged, err = s.sweepStage()
	if out != (Swept{}) {
		s.log.InfoContext(ctx, "swept bodies nobody refers to", "bodies", out.Bodies, "orphans", out.Orphan, "staged", out.Staged)
	}
	return out, err
}

func remove(path string) error {
	err := os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

const sweepBatch = 200

// sweepRows settles some suspects: rows without a reference go, the others are suspects no more.
func (s *Store) sweepRows(ctx context.Context) (files []string, more bool, err error) {
	const old = ` suspect_at > 0 AND suspect_at < $1`
	const used = ` (EXISTS (SELECT 1 FROM object_versions v WHERE v.blob_id = blobs.id)
		OR EXISTS (SELECT 1 FROM multipart_parts p WHERE p.blob_id = blobs.id))`
	some := ` id IN (SELECT id FROM blobs WHERE` + old + ` ORDER BY suspect_at, id LIMIT $2)`
	cutoff := store.Micros(s.now().Add(-s.grace))
	err = s.inTx(ctx, func(tx store.Tx) error {
		files = nil
		cleared, err := tx.Exec(ctx, `UPDATE blobs SET suspect_at = 0 WHERE`+some+` AND`+old+` AND`+used, cutoff, sweepBatch)
		if err != nil {
			return err
		}
		files, err = store.Strings(ctx, tx, `DELETE FROM blobs WHERE`+some+` AND`+old+` AND NOT`+used+` RETURNING file`, cutoff, sweepBatch)
		more = cleared+int64(len(files)) > 0
		return err
	})
	return files, more, err
}

// sweepOrphans removes installed files that no row names. It reads all directories, so it does so once a day.
func (s *Store) sweepOrphans(ctx context.Context) (int, error) {
	now := s.now()
	s.orphans.Lock()
	defer s.orphans.Unlock()
	if !s.lastOrphans.IsZero() && now.Sub(s.lastOrphans) < orphanAge {
		return 0, nil
	}
	shards, err := os.ReadDir(s.bodyDir)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, shard := range shards {
		n, err := s.sweepShard(ctx, filepath.Join(s.bodyDir, shard.Name()), now.Add(-orphanAge))
		removed += n
		if err != nil {
			return removed, err
		}
	}
	s.lastOrphans = now
	return removed, nil
}

func (s *Store) sweepShard(ctx context.Context, dir string, before time.Time) (int, error) {
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	removed := 0
	for {
		names, err := d.Readdirnames(maxBatch)
		if len(names) == 0 {
			if err == nil || errors.Is(err, io.EOF) {
				return removed, nil
			}
			return removed, err
		}
		var old []string
		for _, n := range names {
			if t, ok := installedAt(n); ok && t.Before(before) {
				old = append(old, n)
			}
		}
		named, err := s.namedFiles(ctx, old)
		if err != nil {
			return removed, err
		}
		for _, n := range old {
			if named[n] {
				continue
			}
			if err := remove(filepath.Join(dir, n)); err != nil {
				return removed, err
			}
			removed++
		}
	}
}

// installedAt reads the time of installation from a body's name.
func installedAt(file string) (time.Time, bool) {
	_, id, ok := strings.Cut(file, "-")
	if !ok {
		return time.Time{}, false
	}
	u, err := uuid.Parse(id)
	if err != nil || u.Version() != 7 {
		return time.Time{}, false
	}
	sec, nsec := u.Time().UnixTime()
	return time.Unix(sec, nsec), true
}

func (s *Store) namedFiles(ctx context.Context, files []string) (map[string]bool, error) {
	named := map[string]bool{}
	if len(files) == 0 {
		return named, nil
	}
	err := s.db.Read(ctx, func(r store.Reader) error {
		rows, err := r.Query(ctx, `SELECT file FROM blobs WHERE file IN `+placeholders(1, 1, len(files)), anys(files)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var f string
			if err := rows.Scan(&f); err != nil {
				return err
			}
			named[f] = true
		}
		return rows.Err()
	})
	return named, err
}

// Recover removes what was being staged when the server crashed. Call it at start, before anything is staged, and only
// when no other server uses the directory: then nobody can be writing what is there. Else Sweep removes it a day later.
func (s *Store) Recover(ctx context.Context) error {
	n, err := s.clearStage(s.now().Add(orphanAge))
	if n > 0 {
		s.log.InfoContext(ctx, "removed what a crash left of bodies that were never stored", "files", n)
	}
	if err != nil {
		return fmt.Errorf("remove what a crash left of bodies: %w", err)
	}
	return nil
}

func (s *Store) sweepStage() (int, error) { return s.clearStage(s.now().Add(-orphanAge)) }

// clearStage removes entries of the stage directory that were last written before a time.
func (s *Store) clearStage(before time.Time) (int, error) {
	entries, err := os.ReadDir(s.stageDir)
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return removed, err
		}
		if !info.ModTime().Before(before) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(s.stageDir, e.Name())); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// SweepEvery sweeps at intervals until ctx ends.
func (s *Store) SweepEvery(ctx context.Context, interval time.Duration) {
	t := time.NewTicker(interval)
	defer t.Stop()
	for {
		if _, err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "sweeping bodies failed; it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
