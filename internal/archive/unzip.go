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
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Stats is what an Unzip wrote.
type Stats struct {
	Files, Directories, Links int
	Bytes                     int64
}

// A batch is files of one directory that one worker unpacks: enough to pay for opening the directory, few enough to
// keep all workers busy.
const (
	batchFiles = 128
	batchBytes = 4 << 20
)

type batch struct {
	dir   string
	files []*File
}

// Unzip unpacks an archive of the given size into the directory dest, which is made if it is missing. It refuses, before
// anything is written, archives that break limits or whose entries would leave dest (see Open). It never overwrites:
// an entry whose name exists in dest is an error. Files get mode 0644 or 0755; owners and times are not restored.
//
// After an error dest holds a part of the archive and is the caller's to remove. Errors name the entry.
func Unzip(ctx context.Context, r io.ReaderAt, size int64, dest string, limits Limits) (Stats, error) {
	a, err := Open(r, size, limits)
	if err != nil {
		return Stats{}, err
	}
	if err := os.MkdirAll(dest, 0o755); err != nil {
		return Stats{}, err
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return Stats{}, err
	}
	defer root.Close() //nolint:errcheck // read only
	return a.unpack(ctx, root)
}

func (a *Reader) unpack(ctx context.Context, root *os.Root) (Stats, error) {
	var st Stats
	dirs, links, batches := a.plan(&st)
	for _, dir := range dirs {
		if err := root.Mkdir(filepath.FromSlash(dir), 0o755); err != nil && !isDirectory(root, dir, err) {
			return st, &EntryError{Name: dir + "/", Err: unwrapPath(err)}
		}
	}
	work := make(chan batch)
	g, gctx := errgroup.WithContext(ctx)
	for range min(runtime.GOMAXPROCS(0), len(batches)) {
		g.Go(func() error {
			buf := make([]byte, 256<<10)
			for b := range work {
				if err := b.unpack(gctx, root, buf); err != nil {
					return err
				}
			}
			return nil
		})
	}
	g.Go(func() error {
		defer close(work)
		for _, b := range batches {
			select {
			case work <- b:
			case <-gctx.Done():
				return context.Cause(gctx)
			}
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return st, err
	}
	// Links come last, so that nothing is ever written through one.
	for _, f := range links {
		target, err := f.Link()
		if err != nil {
			return st, err
		}
		if err := root.Symlink(target, filepath.FromSlash(f.Name)); err != nil {
			return st, &EntryError{Name: f.Name, Err: unwrapPath(err)}
		}
	}
	return st, ctx.Err()
}

// isDirectory tells a directory that was there already from something else in its place.
func isDirectory(root *os.Root, dir string, err error) bool {
	if !errors.Is(err, fs.ErrExist) {
		return false
	}
	info, err := root.Lstat(filepath.FromSlash(dir))
	return err == nil && info.IsDir()
}

// plan sorts the work: directories (parents first), links, and files in batches by directory.
func (a *Reader) plan(st *Stats) (dirs []string, links []*File, batches []batch) {
	seen := map[string]struct{}{".": {}}
	var addDir func(dir string)
	addDir = func(dir string) {
		if _, ok := seen[dir]; ok {
			return
		}
		addDir(path.Dir(dir))
		seen[dir] = struct{}{}
		dirs = append(dirs, dir)
	}
	var files []*File
	for _, f := range a.files {
		switch {
		case f.Mode.IsDir():
			addDir(f.Name)
			continue
		case f.Mode&fs.ModeSymlink != 0:
			links = append(links, f)
		default:
			files = append(files, f)
		}
		addDir(path.Dir(f.Name))
	}
	st.Files, st.Directories, st.Links, st.Bytes = len(files), len(dirs), len(links), a.bytes
	return dirs, links, makeBatches(files)
}

func makeBatches(files []*File) []batch {
	slices.SortStableFunc(files, func(a, b *File) int { return strings.Compare(path.Dir(a.Name), path.Dir(b.Name)) })
	var batches []batch
	bytes := int64(0)
	for _, f := range files {
		dir := path.Dir(f.Name)
		last := len(batches) - 1
		if last < 0 || batches[last].dir != dir || len(batches[last].files) == batchFiles || bytes > batchBytes {
			batches = append(batches, batch{dir: dir})
			last, bytes = last+1, 0
		}
		batches[last].files = append(batches[last].files, f)
		bytes += f.Size
	}
	return batches
}

func (b batch) unpack(ctx context.Context, root *os.Root, buf []byte) error {
	dir, err := root.OpenRoot(filepath.FromSlash(b.dir))
	if err != nil {
		return &EntryError{Name: b.dir + "/", Err: unwrapPath(err)}
	}
	defer dir.Close() //nolint:errcheck // read only
	for _, f := range b.files {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if err := f.unpack(ctx, dir, buf); err != nil {
			if _, named := errors.AsType[*EntryError](err); named {
				return err
			}
			return &EntryError{Name: f.Name, Err: unwrapPath(err)}
		}
	}
	return nil
}

// unpack writes one file into its directory. O_EXCL makes every collision an error, also one that only the file system
// sees (names that differ in case, or in Unicode form).
func (f *File) unpack(ctx context.Context, dir *os.Root, buf []byte) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := dir.OpenFile(path.Base(f.Name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, f.Mode.Perm())
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{out}, contextReader{ctx, in}, buf)
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err == nil && n != f.Size {
		err = fmt.Errorf("%w: %d bytes where %d were announced", ErrFormat, n, f.Size)
	}
	return err
}
