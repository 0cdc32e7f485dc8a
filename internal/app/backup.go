package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/conveyor-cd/conveyor/internal/config"
	"github.com/conveyor-cd/conveyor/internal/iam"
	"github.com/conveyor-cd/conveyor/internal/secret"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore"
)

// Backup copies the data directory of a server, which may be running, into dest, which must not exist.
//
// The database is copied first: bodies are never changed, and those it refers to stay for an hour after their last use
// ends, so whatever the copy names is still there when its turn comes. Of a repository the refs are copied before the
// objects, because objects are written before the refs that need them.
func Backup(ctx context.Context, c config.Config, dest string) error {
	if err := os.Mkdir(dest, 0o700); err != nil {
		return fmt.Errorf("the backup needs a directory of its own: %w", err)
	}
	if path, ok := c.SQLite(); ok {
		if err := sqlstore.BackupFile(ctx, path, filepath.Join(dest, "conveyor.db")); err != nil {
			return err
		}
	}
	return backupFiles(ctx, c.Data, dest, backupSteps)
}

func backupFiles(ctx context.Context, data, dest string, steps []backupStep) error {
	for _, step := range steps {
		if err := step.run(ctx, filepath.Join(data, step.dir), filepath.Join(dest, step.dir)); err != nil {
			return err
		}
	}
	return nil
}

// backupStep copies those files of a part of the data directory that are wanted, by their path within that part.
type backupStep struct {
	dir    string
	wanted func(path string) bool
}

// backupSteps are in the order in which a repository that is repacked meanwhile stays whole: a ref moves from its file
// into packed-refs, and an object from its file, or from an old pack, into a new pack. What is copied later has what is
// gone from what was copied before.
var backupSteps = []backupStep{
	{iam.CredentialsFile, func(string) bool { return true }},
	{secret.KeyFile, func(string) bool { return true }},
	{"known_hosts", func(string) bool { return true }},
	{serviceFile, func(string) bool { return true }},
	{"objects", func(string) bool { return true }},
	{"repositories", func(path string) bool { return !isPackedRefs(path) && !isGitObject(path) }},
	{"repositories", isPackedRefs},
	{"repositories", isGitObject},
}

func isPackedRefs(path string) bool { return inRepository(path) == "packed-refs" }

func isGitObject(path string) bool { return strings.HasPrefix(inRepository(path), "objects/") }

// inRepository is what follows the repository in SHARD/REPOSITORY/PATH. A branch may be called objects/x, so the place
// counts.
func inRepository(path string) string {
	parts := strings.SplitN(filepath.ToSlash(path), "/", 3)
	return parts[len(parts)-1]
}

// maxPasses is how often a part is walked at most because a pack vanished under the walk.
const maxPasses = 10

func (s backupStep) run(ctx context.Context, from, to string) error {
	for range maxPasses {
		lost := false
		err := copyTree(ctx, from, to, s.wanted, func(path string) { lost = lost || filepath.Base(filepath.Dir(path)) == "pack" })
		if err != nil || !lost {
			return err
		}
	}
	return fmt.Errorf("the packs in %s change all the time; try again later", from)
}

// copyTree copies the files below from that are wanted and not copied yet, and tells of those that vanish meanwhile: all
// but packs were not needed any more, or come later.
func copyTree(ctx context.Context, from, to string, wanted func(path string) bool, vanished func(path string)) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		inside, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, inside)
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular() || !wanted(inside):
			return nil
		default:
			err := copyFile(path, target)
			if errors.Is(err, fs.ErrNotExist) {
				vanished(path)
				return nil
			}
			return err
		}
	})
}

func copyFile(from, to string) (err error) {
	if _, err := os.Lstat(to); err == nil {
		return nil // by an earlier pass
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}
