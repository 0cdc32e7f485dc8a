package build

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/conveyor-cd/conveyor/internal/archive"
	"github.com/conveyor-cd/conveyor/internal/buildspec"
)

// collector finds the files of artifacts in a workspace. Nothing of the build may run meanwhile: what it finds is
// packed afterwards, by a packer that also refuses to leave the workspace.
type collector struct {
	root   string // of the workspace, absolute and without symbolic links
	source string // below root, with slashes
	see    func(rel string) string
	warn   func(format string, args ...any)
}

// collect lists the files of an artifact, as paths below the workspace's root, sorted by their name in the artifact.
func (c *collector) collect(a buildspec.Artifacts) ([]archive.Entry, error) {
	entries, err := c.matching(a)
	if err == nil && len(entries) == 0 {
		err = clientFailure("no matching artifact paths found for %s", strings.Join(a.Files, ", "))
	}
	return entries, err
}

// matching is collect of what may be nothing.
func (c *collector) matching(a buildspec.Artifacts) ([]archive.Entry, error) {
	sel, err := buildspec.NewSelector(c.relative(a.Files, a.BaseDirectory), c.relative(a.ExcludePaths, a.BaseDirectory))
	if err != nil {
		return nil, clientFailure("%v", err)
	}
	bases, err := c.bases(a.BaseDirectory)
	if err != nil {
		return nil, err
	}
	real := map[string]string{} // selected file, relative to its base -> path below root
	for _, base := range bases {
		w := walk{collector: c, sel: sel, keepLinks: a.EnableSymlinks, found: real}
		if err := w.dir(base, "", []string{base}); err != nil {
			return nil, err
		}
	}
	files := make([]string, 0, len(real))
	for f := range real {
		files = append(files, f)
	}
	var entries []archive.Entry
	for _, e := range buildspec.Plan(files, a.DiscardPaths) {
		entries = append(entries, archive.Entry{Name: e.Name, Path: real[e.Path]})
	}
	return entries, nil
}

// relative turns patterns that name the base directory in full, as $CODEBUILD_SRC_DIR/dist/* does, into relative ones.
func (c *collector) relative(patterns []string, base string) []string {
	prefix := c.see(c.source)
	if path.IsAbs(base) {
		prefix = path.Clean(base)
	}
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = strings.TrimPrefix(p, prefix+"/")
	}
	return out
}

// bases resolves base-directory to directories of the workspace, without symbolic links, with slashes. A pattern may
// mean several.
func (c *collector) bases(pattern string) ([]string, error) {
	if pattern == "" {
		real, err := c.resolve(c.source)
		if errors.Is(err, fs.ErrNotExist) {
			err = clientFailure("no matching base directory path found: the source directory is gone")
		}
		return []string{real}, err
	}
	at := c.source
	if path.IsAbs(pattern) {
		rel, err := filepath.Rel(c.see(""), path.Clean(pattern))
		if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
			return nil, clientFailure("base-directory %s lies outside the build's workspace; copy what it holds into the source directory", pattern)
		}
		at, pattern = ".", rel
	}
	pattern, err := buildspec.CleanPattern(pattern)
	if err != nil {
		return nil, clientFailure("base-directory: %v", err)
	}
	names := []string{pattern}
	if _, err := os.Stat(c.abs(path.Join(at, pattern))); err != nil && buildspec.HasMeta(pattern) {
		if names, err = c.glob(at, pattern); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, n := range names {
		real, err := c.resolve(path.Join(at, n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if st, err := os.Stat(c.abs(real)); err == nil && st.IsDir() {
			out = append(out, real)
		}
	}
	if len(out) == 0 {
		return nil, clientFailure("no matching base directory path found for %s", pattern)
	}
	return out, nil
}

func (c *collector) glob(at, pattern string) ([]string, error) {
	root, err := os.OpenRoot(c.abs(at))
	if err != nil {
		return nil, err
	}
	defer root.Close() //nolint:errcheck // read only
	names, err := doublestar.Glob(root.FS(), buildspec.GlobPattern(pattern), doublestar.WithNoFollow())
	slices.Sort(names)
	return names, err
}

func (c *collector) abs(rel string) string { return filepath.Join(c.root, filepath.FromSlash(rel)) }

// resolve follows the symbolic links of a path of the workspace and refuses those that lead out of it.
func (c *collector) resolve(rel string) (string, error) {
	real, err := filepath.EvalSymlinks(c.abs(rel))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return "", clientFailure("%s cannot be read: %v", rel, err)
	}
	in, err := filepath.Rel(c.root, real)
	if err != nil || in == ".." || strings.HasPrefix(in, ".."+string(filepath.Separator)) {
		return "", clientFailure("the symbolic link %s leads out of the build's workspace; exclude it with exclude-paths", c.shown(rel))
	}
	return filepath.ToSlash(in), nil
}

// shown is a path as the build's author knows it.
func (c *collector) shown(rel string) string { return strings.TrimPrefix(rel, c.source+"/") }

// maxFiles bounds an artifact as unpacking it is bounded.
const maxFiles = 100_000

type walk struct {
	*collector
	sel       buildspec.Selector
	keepLinks bool
	found     map[string]string
}

// dir looks at a directory. real is where it is below root, name what it is called relative to the base directory, and
// trail the directories above it, by which a link that leads back up is recognised.
func (w *walk) dir(real, name string, trail []string) error {
	list, err := os.ReadDir(w.abs(real))
	if err != nil {
		return clientFailure("the directory %s cannot be read: %v", w.shown(real), err)
	}
	for _, d := range list {
		if err := w.entry(path.Join(real, d.Name()), path.Join(name, d.Name()), d.Type(), trail); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(real, name string, mode fs.FileMode, trail []string) error {
	if !w.sel.Match(name) && !w.sel.Enter(name) {
		return nil
	}
	if mode&fs.ModeSymlink != 0 && !w.keepLinks {
		to, err := w.resolve(real)
		if errors.Is(err, fs.ErrNotExist) {
			if w.sel.Match(name) {
				return clientFailure("the symbolic link %s points at nothing; exclude it with exclude-paths", w.shown(real))
			}
			return nil
		}
		if err != nil {
			return err
		}
		st, err := os.Stat(w.abs(to))
		if err != nil {
			return clientFailure("%s cannot be read: %v", w.shown(real), err)
		}
		if st.IsDir() && slices.Contains(trail, to) {
			w.warn("Skipping the symbolic link %s, which leads to a directory it lies in", w.shown(real))
			return nil
		}
		real, mode = to, st.Mode().Type()
	}
	switch {
	case mode.IsDir():
		if !w.sel.Enter(name) {
			return nil
		}
		return w.dir(real, name, append(slices.Clip(trail), real))
	case !w.sel.Match(name):
		return nil
	case !mode.IsRegular() && mode&fs.ModeSymlink == 0:
		w.warn("Skipping %s, which is neither a file nor a directory", w.shown(real))
		return nil
	}
	if len(w.found) >= maxFiles {
		return clientFailure("the artifact has more than %d files", maxFiles)
	}
	w.found[name] = real
	return nil
}
