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
	if path, ok := strings.CutPrefix(c.Database, "sqlite:"); ok {
		if err := sqlstore.BackupFile(ctx, path, filepath.Join(dest, "conveyor.db")); err != nil {
			return err
		}
	}
	for _, step := range []struct {
		name string
		last func(path string) bool // left for a second pass
	}{
		{name: iam.CredentialsFile},
		{name: "objects"},
		{name: "repositories", last: func(path string) bool { return strings.Contains(path, "/objects/") }},
	} {
		from, to := filepath.Join(c.Data, step.name), filepath.Join(dest, step.name)
		if step.last == nil {
			step.last = func(string) bool { return false }
		}
		if err := copyTree(ctx, from, to, func(path string) bool { return !step.last(path) }); err != nil {
			return err
		}
		if err := copyTree(ctx, from, to, step.last); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies the files below from that are wanted. Files that vanish meanwhile were not needed any more.
func copyTree(ctx context.Context, from, to string, wanted func(path string) bool) error {
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
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o700)
		case !entry.Type().IsRegular() || !wanted(path):
			return nil
		default:
			return copyFile(path, target)
		}
	})
}

func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
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
