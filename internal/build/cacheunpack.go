package build

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// unpackCache unpacks a cache into a workspace, in which nothing runs yet.
func unpackCache(ctx context.Context, o Object, workspace string) (archive.Stats, error) {
	root, err := os.OpenRoot(workspace)
	if err != nil {
		return archive.Stats{}, err
	}
	defer root.Close()               //nolint:errcheck // nothing is written through it
	defer root.RemoveAll(restoreDir) //nolint:errcheck // it goes with the workspace
	stats, err := archive.Unzip(ctx, o.Body, o.Size, filepath.Join(workspace, restoreDir), archive.Limits{})
	if err != nil {
		return stats, err
	}
	return stats, moveIn(root, restoreDir, ".")
}

// moveIn moves what a directory holds into another one, except what is there already. Links are moved as links and never
// followed.
func moveIn(root *os.Root, from, to string) error {
	list, err := fs.ReadDir(root.FS(), from)
	if err != nil {
		return err
	}
	for _, d := range list {
		src, dest := path.Join(from, d.Name()), path.Join(to, d.Name())
		there, err := root.Lstat(filepath.FromSlash(dest))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			err = root.Rename(filepath.FromSlash(src), filepath.FromSlash(dest))
		case err == nil && there.IsDir() && d.IsDir():
			err = moveIn(root, src, dest)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
