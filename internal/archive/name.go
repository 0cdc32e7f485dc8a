package archive

import (
	"errors"
	"fmt"
	"strings"
)

// EntryError says which entry of an archive is at fault.
type EntryError struct {
	Name string
	Err  error
}

func (e *EntryError) Error() string { return fmt.Sprintf("zip entry %q: %v", e.Name, e.Err) }

// Unwrap gives the cause.
func (e *EntryError) Unwrap() error { return e.Err }

// What can be wrong with an entry or an archive. Errors of this package wrap one of these, an error of the file system,
// or an error of the zip format.
var (
	ErrName      = errors.New("unsafe name")
	ErrLink      = errors.New("unsafe symbolic link")
	ErrDuplicate = errors.New("the name occurs twice")
	ErrConflict  = errors.New("the name is needed as a directory by another entry")
	ErrOverlap   = errors.New("its data overlaps another entry's")
	ErrKind      = errors.New("unsupported kind of entry")
	ErrLimit     = errors.New("limit exceeded")
	ErrFormat    = errors.New("not a valid zip file")
)

// Bounds on names, as Linux file systems have them. maxDepth keeps a hostile archive from making a million directories
// with one entry.
const (
	maxName      = 4096
	maxComponent = 255
	maxDepth     = 255
)

// checkName refuses every name that could mean something outside the root on any operating system. A name is a relative
// slash path without empty, "." or ".." components.
func checkName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: empty", ErrName)
	case len(name) > maxName:
		return fmt.Errorf("%w: longer than %d bytes", ErrName, maxName)
	case strings.ContainsRune(name, 0):
		return fmt.Errorf("%w: contains a NUL byte", ErrName)
	case strings.Contains(name, `\`):
		return fmt.Errorf("%w: contains a backslash", ErrName)
	case strings.HasPrefix(name, "/"):
		return fmt.Errorf("%w: absolute path", ErrName)
	case hasDriveLetter(name):
		return fmt.Errorf("%w: starts with a drive letter", ErrName)
	}
	depth := 0
	for part := range strings.SplitSeq(name, "/") {
		depth++
		switch {
		case part == "" || part == ".":
			return fmt.Errorf("%w: has an empty or \".\" component", ErrName)
		case part == "..":
			return fmt.Errorf("%w: climbs with \"..\"", ErrName)
		case len(part) > maxComponent:
			return fmt.Errorf("%w: a component is longer than %d bytes", ErrName, maxComponent)
		case depth > maxDepth:
			return fmt.Errorf("%w: deeper than %d directories", ErrName, maxDepth)
		}
	}
	return nil
}

func hasDriveLetter(name string) bool {
	return len(name) >= 2 && name[1] == ':' && (name[0]|0x20) >= 'a' && (name[0]|0x20) <= 'z'
}

// checkLink refuses a symbolic link that could lead outside the root.
//
// ".." may only lead the target, and no further up than the link's own depth. That is enough although links may point at
// links: a link's parents are always real directories (nothing is unpacked through a link), so its leading ".." stay
// inside, and what follows only descends. "x/../y" is refused because x may itself be a link.
func checkLink(name, target string) error {
	switch {
	case target == "":
		return fmt.Errorf("%w: no target", ErrLink)
	case len(target) > maxName:
		return fmt.Errorf("%w: target longer than %d bytes", ErrLink, maxName)
	case strings.ContainsRune(target, 0) || strings.Contains(target, `\`) || hasDriveLetter(target):
		return fmt.Errorf("%w: target %q", ErrLink, target)
	case strings.HasPrefix(target, "/"):
		return fmt.Errorf("%w: it points at the absolute path %q; make it relative", ErrLink, target)
	}
	up, depth, descending := 0, strings.Count(name, "/"), false
	for part := range strings.SplitSeq(target, "/") {
		switch {
		case part == "" || part == ".":
		case part != "..":
			descending = true
		case descending:
			return fmt.Errorf("%w: target %q climbs after descending", ErrLink, target)
		default:
			if up++; up > depth {
				return fmt.Errorf("%w: it points outside the archive, at %q", ErrLink, target)
			}
		}
	}
	return nil
}
