// Package worktree packs the directory somebody works in as it is: with what is not committed yet, without what git
// ignores. It asks the user's own git, whose settings (such as a global list of ignored files) count.
package worktree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/archive"
)

// Options say what of a directory is packed.
type Options struct {
	// History adds the repository itself, .git, when the directory is the top of one.
	History bool
	// LeaveOut are slash paths below the directory that are not packed, with all they hold.
	LeaveOut []string
}

// Pack writes the directory as a zip to w.
func Pack(ctx context.Context, dir string, w io.Writer, o Options) error {
	names, err := list(ctx, dir)
	if err != nil {
		return err
	}
	var entries []archive.Entry
	for _, name := range names {
		if !o.leavesOut(name) {
			entries = append(entries, archive.Entry{Name: name})
		}
	}
	if o.History {
		history, err := repository(dir)
		if err != nil {
			return err
		}
		entries = append(entries, history...)
	}
	return archive.Zip(ctx, w, dir, entries, archive.Options{Links: archive.KeepLinks})
}

func (o Options) leavesOut(name string) bool {
	return slices.ContainsFunc(o.LeaveOut, func(out string) bool { return name == out || strings.HasPrefix(name, out+"/") })
}

// list names the files of a directory: those git knows or would add, or all of them where git has no say.
func list(ctx context.Context, dir string) ([]string, error) {
	out, err := git(ctx, dir, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	if errors.Is(err, errNoRepository) || err == nil && out == "" {
		return everything(dir) // a directory that git ignores as a whole was meant to be run all the same
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")))) {
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // deleted, and not committed yet
		case err != nil:
			return nil, err
		case info.IsDir(): // a submodule, or a repository of its own
			inner, err := list(ctx, filepath.Join(dir, filepath.FromSlash(name)))
			if err != nil {
				return nil, err
			}
			for _, n := range inner {
				names = append(names, path.Join(name, n))
			}
		default:
			names = append(names, name)
		}
	}
	return names, nil
}

func everything(dir string) ([]string, error) {
	entries, err := archive.Tree(dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name != ".git" && !strings.HasPrefix(e.Name, ".git/") {
			names = append(names, e.Name)
		}
	}
	return names, nil
}

// repository lists .git without its locks, which belong to whatever git runs just now.
func repository(dir string) ([]archive.Entry, error) {
	if info, err := os.Lstat(filepath.Join(dir, ".git")); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the history of %s cannot be handed over: it has no .git directory of its own; run from the top of the repository's first work tree", dir)
	}
	entries, err := archive.Tree(filepath.Join(dir, ".git"))
	if err != nil {
		return nil, err
	}
	var kept []archive.Entry
	for _, e := range entries {
		if !strings.HasSuffix(e.Name, ".lock") {
			kept = append(kept, archive.Entry{Name: path.Join(".git", e.Name)})
		}
	}
	return kept, nil
}

// Head is the commit a directory's files are based on.
type Head struct {
	Commit, Branch, Message string
	Authored, Committed     time.Time
}

// Describe finds the commit that is checked out. It is the zero Head where there is none.
func Describe(ctx context.Context, dir string) (Head, error) {
	out, err := git(ctx, dir, "log", "-1", "--format=%H%x00%aI%x00%cI%x00%B")
	if errors.Is(err, errNoRepository) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, err
	}
	fields := strings.SplitN(out, "\x00", 4)
	if len(fields) < 4 {
		return Head{}, fmt.Errorf("git log in %s answered %q", dir, out)
	}
	h := Head{Commit: fields[0], Message: strings.TrimSpace(fields[3])}
	for to, text := range map[*time.Time]string{&h.Authored: fields[1], &h.Committed: fields[2]} {
		if *to, err = time.Parse(time.RFC3339, text); err != nil {
			return Head{}, err
		}
	}
	branch, err := git(ctx, dir, "rev-parse", "--abbrev-ref", "HEAD")
	if h.Branch = strings.TrimSpace(branch); h.Branch == "HEAD" {
		h.Branch = "" // detached
	}
	return h, err
}

// errNoRepository says that git has no say in a directory: it is in no repository or in one without commits, or there is
// no git.
var errNoRepository = errors.New("no repository")

func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", dir}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "GIT_OPTIONAL_LOCKS=0")
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	switch {
	case err == nil:
		return out.String(), nil
	case errors.Is(err, exec.ErrNotFound), strings.Contains(problem.String(), "not a git repository"), strings.Contains(problem.String(), "does not have any commits yet"):
		return "", errNoRepository
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	}
	return "", fmt.Errorf("git %s in %s: %w: %s", args[0], dir, err, strings.TrimSpace(problem.String()))
}
