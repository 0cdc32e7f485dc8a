package buildspec

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// Selector says which files of a tree belong to an artifact. Paths are relative to the base directory, with slashes.
type Selector struct {
	include, exclude []string
}

// NewSelector compiles files and exclude-paths. A pattern that is absolute or climbs out of the base directory is
// refused: an artifact never holds a file from outside the workspace.
func NewSelector(files, exclude []string) (Selector, error) {
	var s Selector
	var err error
	if s.include, err = patterns(files); err != nil {
		return Selector{}, err
	}
	if s.exclude, err = patterns(exclude); err != nil {
		return Selector{}, err
	}
	return s, nil
}

func patterns(in []string) ([]string, error) {
	out := make([]string, 0, len(in))
	for _, raw := range in {
		p, err := CleanPattern(raw)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// CleanPattern checks one path or pattern and writes it without "./" and doubled slashes.
func CleanPattern(raw string) (string, error) {
	if strings.ContainsAny(raw, "\x00") {
		return "", fmt.Errorf("path %q contains a NUL character", raw)
	}
	if path.IsAbs(raw) {
		return "", fmt.Errorf("path %q is absolute; paths of an artifact are relative to the source or to base-directory", raw)
	}
	if slices.Contains(strings.Split(raw, "/"), "..") {
		return "", fmt.Errorf("path %q contains \"..\"; an artifact cannot hold files from outside the source", raw)
	}
	p := path.Clean(raw)
	if !doublestar.ValidatePattern(GlobPattern(p)) {
		return "", fmt.Errorf("path %q is not a valid pattern", raw)
	}
	return p, nil
}

// HasMeta reports whether p is a pattern rather than the name of one file.
func HasMeta(p string) bool { return strings.ContainsAny(p, `*?[`) }

var literal = strings.NewReplacer(`\`, `\\`, `{`, `\{`, `}`, `\}`)

// GlobPattern is p for the glob library: only *, **, ? and [] have a meaning. Alternatives in braces, which buildspecs
// do not have, take exponential time to match.
func GlobPattern(p string) string { return literal.Replace(p) }

// Match reports whether the file belongs to the artifact. A pattern without wildcards that names a directory stands
// for everything below it.
func (s Selector) Match(file string) bool {
	return anyMatch(s.include, file) && !anyMatch(s.exclude, file)
}

func anyMatch(patterns []string, file string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, file) })
}

func match(p, file string) bool {
	if p == file || p == "." {
		return true
	}
	if !HasMeta(p) {
		return strings.HasPrefix(file, p+"/")
	}
	ok, err := doublestar.Match(GlobPattern(p), file)
	return ok && err == nil
}

// Enter reports whether anything below the directory can belong to the artifact, so that a walk may skip the rest.
func (s Selector) Enter(dir string) bool {
	return slices.ContainsFunc(s.include, func(p string) bool { return reaches(p, dir) }) &&
		!slices.ContainsFunc(s.exclude, func(p string) bool { return swallows(p, dir) })
}

// reaches reports whether pattern p can match something below dir.
func reaches(p, dir string) bool {
	if p == "." || dir == "." {
		return true
	}
	if !HasMeta(p) {
		return p == dir || strings.HasPrefix(p, dir+"/") || strings.HasPrefix(dir, p+"/")
	}
	base, rest := split(p)
	if base != "." && base != dir && !strings.HasPrefix(dir, base+"/") {
		return strings.HasPrefix(base, dir+"/")
	}
	if strings.Contains(rest, "**") {
		return true
	}
	return strings.Count(dir, "/") < strings.Count(p, "/")
}

// split divides a pattern into the directories before its first wildcard ("." for none) and the rest.
func split(p string) (base, rest string) {
	i := strings.LastIndexByte(p[:strings.IndexAny(p, `*?[`)], '/')
	if i < 0 {
		return ".", p
	}
	return p[:i], p[i+1:]
}

// swallows reports whether exclude pattern p certainly excludes everything below dir.
func swallows(p, dir string) bool {
	if !HasMeta(p) {
		return p == dir || strings.HasPrefix(dir, p+"/")
	}
	for _, end := range []string{"/**/*", "/**"} {
		if head, ok := strings.CutSuffix(p, end); ok && match(head, dir) {
			return true
		}
	}
	return false
}

// Entry is one file of an artifact: where it lies below the base directory and what it is called inside.
type Entry struct{ Path, Name string }

// Plan names the selected files inside the artifact. With discard every file moves to the root; of two with the same
// name the last one, by path, stays. The result is sorted by name, so that the same files make the same archive.
func Plan(files []string, discard bool) []Entry {
	byName := make(map[string]Entry, len(files))
	for _, f := range slices.Sorted(slices.Values(files)) {
		e := Entry{Path: f, Name: f}
		if discard {
			e.Name = path.Base(f)
		}
		byName[e.Name] = e
	}
	out := make([]Entry, 0, len(byName))
	for _, e := range byName {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
