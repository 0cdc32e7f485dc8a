package build

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Shelf keeps the caches of builds as files of this machine, DIR/PROJECT/NAME.zip, and throws away those that were used least
// recently when they get too large together. Several servers may share a directory. A cache appears by a rename: whoever is
// killed while writing one leaves none.
type Shelf struct {
	dir  string
	most int64 // bytes of all caches together
}

// fresh is where caches are written.
const fresh = ".new"

// OpenShelf makes the directory when it is missing.
func OpenShelf(dir string, most int64) (*Shelf, error) {
	if err := os.MkdirAll(filepath.Join(dir, fresh), 0o700); err != nil {
		return nil, fmt.Errorf("directory of caches: %w", err)
	}
	return &Shelf{dir, most}, nil
}

const zipped = ".zip"

// find opens the cache of that name, or the newest whose name begins with one of the prefixes. Without one f is nil.
func (s *Shelf) find(project, name string, prefixes []string) (found string, f *os.File, err error) {
	if f, err = s.open(project, name); f != nil || err != nil {
		return name, f, err
	}
	all, err := s.caches(project)
	if err != nil {
		return "", nil, err
	}
	slices.SortFunc(all, func(a, b kept) int { return b.at.Compare(a.at) })
	for _, p := range prefixes {
		for _, c := range all {
			if !strings.HasPrefix(c.name, p) {
				continue
			}
			if f, err := s.open(project, c.name); f != nil || err != nil {
				return c.name, f, err
			}
		}
	}
	return "", nil, nil
}

// open opens a cache, and notes that it is used. Without one both results are nil.
func (s *Shelf) open(project, name string) (*os.File, error) {
	at := filepath.Join(s.dir, project, name+zipped)
	f, err := os.Open(at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		now := time.Now()
		_ = os.Chtimes(at, now, now) // another server may just have thrown it away
	}
	return f, err
}

// put stores what write writes under a name, in the place of what had it before.
func (s *Shelf) put(project, name string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Join(s.dir, fresh), "cache-*"+zipped)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // after a success it has moved away
	defer f.Close()
	if err := errors.Join(write(f), f.Sync()); err != nil {
		return err
	}
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() > s.most {
		return clientFailure("it has %d bytes, and all caches together may have %d (setting build-cache-size)", st.Size(), s.most)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, project), 0o700); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(s.dir, project, name+zipped)); err != nil {
		return err
	}
	return s.evict()
}

// kept is a cache on the shelf.
type kept struct {
	project, name string
	size          int64
	at            time.Time // when it was made or used last
}

// caches lists those of a project.
func (s *Shelf) caches(project string) ([]kept, error) {
	list, err := os.ReadDir(filepath.Join(s.dir, project))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []kept
	for _, d := range list {
		name, ok := strings.CutSuffix(d.Name(), zipped)
		st, serr := d.Info()
		if !ok || serr != nil { // another server may just have thrown it away
			continue
		}
		all = append(all, kept{project, name, st.Size(), st.ModTime()})
	}
	return all, err
}

// evict throws caches away until the rest is small enough, and what a server left that was killed while writing.
func (s *Shelf) evict() error {
	projects, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var all []kept
	total := int64(0)
	for _, p := range projects {
		caches, err := s.caches(p.Name())
		if err != nil {
			return err
		}
		for _, c := range caches {
			if p.Name() == fresh {
				if time.Since(c.at) > 24*time.Hour {
					err = errors.Join(err, s.remove(c))
				}
				continue
			}
			all, total = append(all, c), total+c.size
		}
		if err != nil {
			return err
		}
	}
	slices.SortFunc(all, func(a, b kept) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.name, b.name)) })
	for _, c := range all {
		if total <= s.most {
			break
		}
		if err := s.remove(c); err != nil {
			return err
		}
		total -= c.size
	}
	return nil
}

// forget removes the caches of a project.
func (s *Shelf) forget(project string) error {
	all, err := s.caches(project)
	for _, c := range all {
		err = errors.Join(err, s.remove(c))
	}
	return err
}

func (s *Shelf) remove(c kept) error {
	err := os.Remove(filepath.Join(s.dir, c.project, c.name+zipped))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
