package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Entry is one file, link or empty directory to pack.
type Entry struct {
	// Name is its slash path in the archive.
	Name string
	// Path is its slash path below the root; empty means Name.
	Path string
}

// Zip writes the entries, which lie below the directory root, as a zip to w, sorted by name. Times and owners are not
// kept; executable bits are. A directory is packed as an empty directory: to pack what it holds, list that (see Tree).
// An entry that is missing, that leads outside root, or that is neither file, link nor directory is an error naming it.
func Zip(ctx context.Context, w io.Writer, root string, entries []Entry, o Options) (err error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return fmt.Errorf("zip %s: %w", root, err)
	}
	defer dir.Close() //nolint:errcheck // read only
	sorted := slices.Clone(entries)
	slices.SortFunc(sorted, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })

	zw := NewWriter(ctx, w, o)
	for _, e := range sorted {
		if e.Path == "" {
			e.Path = e.Name
		}
		if err := addFrom(zw, dir, e, o.Links); err != nil {
			break // Close reports the first error
		}
	}
	return zw.Close()
}

func addFrom(w *Writer, dir *os.Root, e Entry, links Links) error {
	p := filepath.FromSlash(e.Path)
	info, err := dir.Lstat(p)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 && links == FollowLinks {
		info, err = dir.Stat(p)
		if err == nil && info.IsDir() {
			return w.fail(e.Name, fmt.Errorf("%w: a link to a directory; list what the directory holds instead", ErrKind))
		}
	}
	if err != nil {
		return w.fail(e.Name, unwrapPath(err))
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return w.AddFile(e.Name, mode, info.Size(), func() (io.ReadCloser, error) { return dir.Open(p) })
	case mode.IsDir():
		return w.AddDirectory(e.Name)
	case mode&fs.ModeSymlink != 0:
		target, err := dir.Readlink(p)
		if err != nil {
			return w.fail(e.Name, unwrapPath(err))
		}
		return w.AddLink(e.Name, target)
	default:
		return w.fail(e.Name, fmt.Errorf("%w: %s", ErrKind, mode.Type()))
	}
}

// unwrapPath drops the operation and path of a file system error: EntryError already names the entry.
func unwrapPath(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Tree lists everything below root for Zip: files, links (not what they point at) and directories that hold nothing.
func Tree(root string) ([]Entry, error) {
	var entries []Entry
	var walk func(dir string) (int, error)
	walk = func(dir string) (int, error) {
		list, err := os.ReadDir(filepath.Join(root, filepath.FromSlash(dir)))
		if err != nil {
			return 0, err
		}
		for _, d := range list {
			name := path.Join(dir, d.Name())
			if !d.IsDir() {
				entries = append(entries, Entry{Name: name})
				continue
			}
			n, err := walk(name)
			if err != nil {
				return 0, err
			}
			if n == 0 {
				entries = append(entries, Entry{Name: name})
			}
		}
		return len(list), nil
	}
	_, err := walk("")
	return entries, err
}
