package gitrepo

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// URLPrefix is the path below which repositories are served, by their names.
const URLPrefix = "/v1/repos/"

// zeroID stands for "no commit" in git's protocols.
const zeroID = "0000000000000000000000000000000000000000"

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9_.\-]{1,100}$`)
	idPattern   = regexp.MustCompile(`^[0-9a-f]{40}$`)
)

// ValidName says whether name can be a repository's: 1-100 of letters, digits, `.`, `_` and `-`, not ending in `.git`.
// The error wraps ErrBadName and says what is wrong.
func ValidName(name string) error {
	switch {
	case !namePattern.MatchString(name):
		return fmt.Errorf("repository %q: %w: use 1 to 100 letters, digits, periods, underscores and dashes", name, ErrBadName)
	case strings.HasSuffix(strings.ToLower(name), ".git"):
		return fmt.Errorf("repository %q: %w: it must not end with .git", name, ErrBadName)
	case strings.Trim(name, ".") == "":
		return fmt.Errorf("repository %q: %w: it must not consist of periods", name, ErrBadName)
	}
	return nil
}

// ValidID says whether id is a full object id.
func ValidID(id string) bool { return idPattern.MatchString(id) && id != zeroID }

// ValidBranch says whether branch is a name that git accepts for a branch (git-check-ref-format), at most 256 bytes long.
func ValidBranch(branch string) error {
	if why := badRefName(branch); why != "" {
		return fmt.Errorf("branch %q: %w: %s", branch, ErrBadBranch, why)
	}
	return nil
}

// badRefName applies the rules of git-check-ref-format(1) to what follows refs/heads/ or refs/tags/.
func badRefName(name string) string {
	switch {
	case name == "" || len(name) > 256:
		return "it must be 1 to 256 bytes long"
	case !utf8.ValidString(name):
		return "it must be valid UTF-8"
	case name == "@" || name == "HEAD":
		return "the name is reserved"
	case strings.HasPrefix(name, "-"):
		return "it must not start with a dash"
	case strings.HasSuffix(name, "."):
		return "it must not end with a period"
	case strings.Contains(name, ".."):
		return "it must not contain two periods in a row"
	case strings.Contains(name, "@{"):
		return "it must not contain @{"
	case strings.ContainsAny(name, " ~^:?*[\\\x7f"):
		return "it must not contain spaces or any of ~ ^ : ? * [ \\"
	}
	for _, r := range name {
		if r < 0x20 {
			return "it must not contain control characters"
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return "its parts between slashes must not be empty, start with a period or end with .lock"
		}
	}
	return ""
}

// ValidRef says whether ref may be pushed to: a branch or tag, or another name below refs/ such as refs/notes/x. It is
// stricter than git, which also takes names that are not UTF-8 or very long.
func ValidRef(ref string) error {
	kind, name, ok := strings.Cut(strings.TrimPrefix(ref, "refs/"), "/")
	why := badRefName(name)
	switch {
	case !strings.HasPrefix(ref, "refs/") || !ok || badRefName(kind) != "":
		return fmt.Errorf("ref %.300q: %w: it must begin with refs/heads/ or refs/tags/", ref, ErrBadBranch)
	case why != "":
		return fmt.Errorf("ref %.300q: %w: %s", ref, ErrBadBranch, why)
	}
	return nil
}

// CleanPath turns a file or folder path of the API into a path inside a tree: without surrounding slashes. The error
// wraps ErrBadPath when it could not be one: it is empty, leaves the tree, or is a path that git refuses (`.git` in any
// spelling).
func CleanPath(path string) (string, error) {
	bad := func(why string) (string, error) { return "", fmt.Errorf("path %q: %w: %s", path, ErrBadPath, why) }
	switch {
	case path == "":
		return bad("it is empty")
	case len(path) > 4096:
		return bad("it is longer than 4096 bytes")
	case strings.HasPrefix(path, "/"):
		return bad("it must be relative to the repository's root")
	case strings.ContainsAny(path, "\x00\\"):
		return bad("it must not contain NUL or backslashes")
	case !utf8.ValidString(path):
		return bad("it must be valid UTF-8")
	}
	path = strings.TrimSuffix(path, "/")
	for _, r := range path {
		if r < 0x20 || r == 0x7f {
			return bad("it must not contain control characters")
		}
	}
	for part := range strings.SplitSeq(path, "/") {
		switch {
		case part == "" || part == "." || part == "..":
			return bad("its parts must not be empty, . or ..")
		case isDotGit(part):
			return bad("no part may be .git")
		}
	}
	return path, nil
}

// isDotGit recognises the spellings of .git that some file system would take for it: other case, trailing dots and
// spaces and the short name on NTFS, invisible code points on HFS+.
func isDotGit(part string) bool {
	part = strings.Map(func(r rune) rune {
		switch {
		case r >= 0x200c && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x206a && r <= 0x206f, r == 0xfeff:
			return -1
		}
		return r
	}, part)
	part, _, _ = strings.Cut(strings.ToLower(part), ":")
	part = strings.TrimRight(part, ". ")
	return part == ".git" || part == "git~1"
}
