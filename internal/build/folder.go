package build

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// Limits of an S3 source that is a folder, as archives have them.
const (
	maxFolderFiles = 100_000
	maxFolderBytes = 20 << 30
	folderReaders  = 8
)

// isFolder tells whether the key of an S3 source stands for all objects below it.
func isFolder(key string) bool { return strings.HasSuffix(key, "/") }

// fetchFolder copies all objects below a key, which ends with a slash.
func (r *run) fetchFolder(ctx context.Context, bucket, folder, version, dest string) error {
	if version != "" {
		return clientFailure("the source %s/%s is a folder, and %q names a version of one object: leave sourceVersion out", bucket, folder, version)
	}
	files, err := r.listFolder(ctx, bucket, folder)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return err
	}
	defer root.Close() //nolint:errcheck // nothing is lost
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(folderReaders)
	for _, f := range files {
		g.Go(func() error { return r.fetchFile(ctx, root, bucket, f.Key, strings.TrimPrefix(f.Key, folder)) })
	}
	return g.Wait()
}

// listFolder finds the objects below a key.
func (r *run) listFolder(ctx context.Context, bucket, folder string) (files []Listed, err error) {
	size := int64(0)
	for after := ""; ; {
		var page []Listed
		var next string
		err := r.again(ctx, func() (err error) {
			page, next, err = r.s.cfg.Objects.List(ctx, bucket, folder, after)
			if errors.Is(err, ErrNoBucket) {
				err = clientFailure("the bucket %s does not exist", bucket)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, f := range page {
			size += f.Size
		}
		files = append(files, page...)
		switch {
		case len(files) > maxFolderFiles:
			return nil, clientFailure("there are more than %d objects below %s/%s; use a zip file", maxFolderFiles, bucket, folder)
		case size > maxFolderBytes:
			return nil, clientFailure("the objects below %s/%s have more than %d bytes together", bucket, folder, int64(maxFolderBytes))
		case next == "" && len(files) == 0:
			return nil, clientFailure("there is no object below %s/%s", bucket, folder)
		case next == "":
			return files, nil
		}
		after = next
	}
}

// fetchFile copies one object of a folder to its place. Consoles make empty objects whose keys end with a slash to show a
// folder: they are directories here.
func (r *run) fetchFile(ctx context.Context, root *os.Root, bucket, key, name string) error {
	local := strings.TrimSuffix(name, "/")
	if local == "" {
		return nil // the folder itself
	}
	if path.Clean(local) != local || !filepath.IsLocal(local) || strings.Contains(local, "\x00") {
		return clientFailure("the object %s cannot be a file in the source: its name leads elsewhere", key)
	}
	dir := path.Dir(local)
	if name != local {
		dir = local
	}
	err := root.MkdirAll(dir, 0o755)
	if err == nil && name == local {
		var o Object
		if o, err = r.open(ctx, bucket, key, ""); err != nil {
			return err
		}
		err = errors.Join(writeNew(root, local, o.Body), o.Body.Close())
	}
	if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return clientFailure("the object %s cannot be a file in the source: another object makes its name a directory", key)
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		return clientFailure("the object %s cannot be a file in the source: its name is too long", key)
	}
	return err
}

// writeNew writes a new file.
func writeNew(root *os.Root, name string, from io.Reader) error {
	f, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Close())
}
