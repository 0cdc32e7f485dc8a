package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/zip"
)

// Limits bound what an archive may unpack to. A zero field means its default.
type Limits struct {
	Entries int   // default 100,000
	Bytes   int64 // sum of unpacked sizes; default 20 GiB
	// Ratio bounds unpacked bytes per packed byte. Archives that unpack to less than RatioFree are not judged by it,
	// because small ones compress extremely well for innocent reasons. Default 200.
	Ratio int64
}

// RatioFree is how much an archive may unpack to whatever its ratio.
const RatioFree = 64 << 20

// maxNameBytes bounds the memory a hostile directory can take: names, comments and extra fields together.
const maxNameBytes = 64 << 20

func (l Limits) withDefaults() Limits {
	if l.Entries == 0 {
		l.Entries = 100_000
	}
	if l.Bytes == 0 {
		l.Bytes = 20 << 30
	}
	if l.Ratio == 0 {
		l.Ratio = 200
	}
	return l
}

// Reader is an open archive whose directory has been checked: names are safe and unique, limits hold, no data overlaps.
type Reader struct {
	files  []*File
	byName map[string]*File
	bytes  int64
}

// File is one entry. Directories that other entries imply are not listed unless the archive has them.
type File struct {
	Name   string      // slash path, without the trailing slash of directories
	Size   int64       // unpacked; what Open returns is never longer
	Mode   fs.FileMode // type (file, directory or symlink) and 0644, 0755 or 0777
	zf     *zip.File
	offset int64
}

// Open checks an archive of the given size. Nothing but its directory is read, so errors in contents show later.
func Open(r io.ReaderAt, size int64, limits Limits) (*Reader, error) {
	limits = limits.withDefaults()
	zr, err := readDirectory(r, size, limits)
	if err != nil {
		return nil, err
	}
	a := &Reader{files: make([]*File, 0, len(zr.File)), byName: make(map[string]*File, len(zr.File))}
	for _, zf := range zr.File {
		if err := a.admit(zf); err != nil {
			return nil, &EntryError{Name: zf.Name, Err: err}
		}
		if a.bytes > limits.Bytes {
			return nil, &EntryError{Name: zf.Name, Err: fmt.Errorf("%w: the archive unpacks to more than %d bytes", ErrLimit, limits.Bytes)}
		}
	}
	if a.bytes > RatioFree && a.bytes/limits.Ratio > size {
		return nil, fmt.Errorf("%w: %d bytes unpack to %d, more than %d times as many", ErrLimit, size, a.bytes, limits.Ratio)
	}
	if err := a.checkParents(limits); err != nil {
		return nil, err
	}
	return a, a.checkOverlap()
}

// readDirectory reads the central directory, and stops as soon as it is larger than allowed.
func readDirectory(r io.ReaderAt, size int64, limits Limits) (*zip.Reader, error) {
	entries, names := 0, 0
	zr, err := zip.NewReaderWithOptions(r, size, zip.ReaderOptions{NameDecoder: func(h *zip.FileHeader) error {
		entries++
		names += len(h.Name) + len(h.Comment) + len(h.Extra)
		switch {
		case entries > limits.Entries:
			return fmt.Errorf("%w: the archive has more than %d entries", ErrLimit, limits.Entries)
		case names > maxNameBytes:
			return fmt.Errorf("%w: the archive's names take more than %d bytes", ErrLimit, maxNameBytes)
		}
		return nil
	}})
	switch {
	case errors.Is(err, zip.ErrInsecurePath): // names are checked here in any case
	case errors.Is(err, ErrLimit):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return zr, nil
}

// admit checks one entry by itself and against those before it.
func (a *Reader) admit(zf *zip.File) error {
	name := strings.TrimPrefix(zf.Name, "./")
	if name == "" && zf.Name != "" {
		return nil // "./", the root itself
	}
	f := &File{Name: strings.TrimSuffix(name, "/"), zf: zf, Size: int64(zf.UncompressedSize64)}
	if err := checkName(f.Name); err != nil {
		return err
	}
	if err := f.setMode(name); err != nil {
		return err
	}
	switch {
	case zf.Flags&1 != 0:
		return fmt.Errorf("%w: it is encrypted", ErrKind)
	case zf.Method != zip.Store && zf.Method != zip.Deflate:
		return fmt.Errorf("%w: compression method %d", ErrKind, zf.Method)
	case f.Size < 0 || a.bytes+f.Size < 0 || int64(zf.CompressedSize64) < 0:
		return fmt.Errorf("%w: impossible size", ErrFormat)
	case zf.Method == zip.Store && zf.CompressedSize64 != zf.UncompressedSize64 && !f.Mode.IsDir():
		return fmt.Errorf("%w: stored with two different sizes", ErrFormat)
	case f.Mode.IsDir() && f.Size != 0:
		return fmt.Errorf("%w: a directory with content", ErrFormat)
	case f.Mode&fs.ModeSymlink != 0 && f.Size > maxName:
		return fmt.Errorf("%w: target longer than %d bytes", ErrLink, maxName)
	}
	if _, dup := a.byName[f.Name]; dup {
		return ErrDuplicate
	}
	offset, err := zf.DataOffset()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFormat, err)
	}
	f.offset = offset
	a.byName[f.Name] = f
	a.files = append(a.files, f)
	a.bytes += f.Size
	return nil
}

func (f *File) setMode(name string) error {
	mode := f.zf.Mode()
	dir := strings.HasSuffix(name, "/")
	switch {
	case dir || mode.IsDir():
		if mode.Type()&^fs.ModeDir != 0 {
			return fmt.Errorf("%w: a directory's name on a %s", ErrKind, mode.Type())
		}
		f.Mode = fs.ModeDir | 0o755
	case mode&fs.ModeSymlink != 0:
		f.Mode = fs.ModeSymlink | 0o777
	case !mode.IsRegular():
		return fmt.Errorf("%w: %s", ErrKind, mode.Type())
	case mode&0o111 != 0:
		f.Mode = 0o755
	default:
		f.Mode = 0o644
	}
	return nil
}

// checkParents refuses archives in which a file or link is also the directory of another entry: unpacking one would
// replace the other, or write through it. It also counts the directories that names imply: a short archive of deep names
// could ask for millions.
func (a *Reader) checkParents(limits Limits) error {
	checked := make(map[string]struct{})
	for _, f := range a.files {
		for dir := path.Dir(f.Name); dir != "."; dir = path.Dir(dir) {
			if _, done := checked[dir]; done {
				break
			}
			checked[dir] = struct{}{}
			if len(checked) > limits.Entries {
				return &EntryError{Name: f.zf.Name, Err: fmt.Errorf("%w: more than %d directories", ErrLimit, limits.Entries)}
			}
			if p := a.byName[dir]; p != nil && !p.Mode.IsDir() {
				return &EntryError{Name: p.zf.Name, Err: fmt.Errorf("%w: %q", ErrConflict, f.Name)}
			}
		}
	}
	return nil
}

// checkOverlap refuses entries that share data, by which a few kilobytes could stand for terabytes. Before each entry's
// data lies at least its own local header of 30 bytes and its name.
func (a *Reader) checkOverlap() error {
	const localHeader = 30
	byOffset := slices.SortedFunc(slices.Values(a.files), func(x, y *File) int {
		switch {
		case x.offset < y.offset:
			return -1
		case x.offset > y.offset:
			return 1
		}
		return 0
	})
	end := int64(0)
	for _, f := range byOffset {
		if f.offset-localHeader < end {
			return &EntryError{Name: f.zf.Name, Err: ErrOverlap}
		}
		end = f.offset + int64(f.zf.CompressedSize64)
	}
	return nil
}

// Files lists the entries in the archive's order. The slice is the caller's.
func (a *Reader) Files() []*File { return slices.Clone(a.files) }

// File finds an entry by name, or nil.
func (a *Reader) File(name string) *File { return a.byName[name] }

// Open reads one file's content, checked against its size and checksum at its end. Several entries can be read at once.
// For a link it is the target: see Link.
func (f *File) Open() (io.ReadCloser, error) {
	rc, err := f.zf.Open()
	if err != nil {
		return nil, &EntryError{Name: f.Name, Err: err}
	}
	return &fileReader{f, rc}, nil
}

type fileReader struct {
	f  *File
	rc io.ReadCloser
}

func (r *fileReader) Read(p []byte) (int, error) {
	n, err := r.rc.Read(p)
	if err != nil && err != io.EOF {
		err = &EntryError{Name: r.f.Name, Err: err}
	}
	return n, err
}

func (r *fileReader) Close() error { return r.rc.Close() }

// Link reads a symbolic link's target and checks that it stays inside the archive's root.
func (f *File) Link() (string, error) {
	rc, err := f.Open()
	if err != nil {
		return "", err
	}
	defer rc.Close()
	target, err := io.ReadAll(rc)
	if err != nil {
		return "", err
	}
	if err := checkLink(f.Name, string(target)); err != nil {
		return "", &EntryError{Name: f.Name, Err: err}
	}
	return string(target), nil
}
