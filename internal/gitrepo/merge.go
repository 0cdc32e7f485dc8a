package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrUnrelated says that two commits have no history in common.
var ErrUnrelated = errors.New("the commits have no common history")

// Merge is what merging the commit Source into the commit Destination gives, as git's own merge (ort) decides.
type Merge struct {
	Base, Destination, Source Commit
	// Tree is the merged tree; conflicted files in it hold conflict markers.
	Tree string
	// Conflicts are the files that both sides changed in different ways, sorted by path.
	Conflicts []Conflict
}

// Conflict is a file that both sides of a merge changed. The entry of a side where the file does not exist has no ID.
type Conflict struct {
	Path                      string
	Base, Destination, Source Entry
	// Unmerged: git could not merge the two, either. When it is false they changed different lines.
	Unmerged bool
}

// FastForward tells whether the destination only has to follow the source.
func (m Merge) FastForward() bool { return m.Base.ID == m.Destination.ID }

// UpToDate tells whether the destination holds the source already.
func (m Merge) UpToDate() bool { return m.Base.ID == m.Source.ID }

// MergeBase is the newest commit that two commits, given by their ids, both build upon. ErrNoRepository, ErrNoRef,
// ErrUnrelated.
func (s *Store) MergeBase(ctx context.Context, repository, a, b string) (string, error) {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return "", err
	}
	return s.mergeBase(ctx, dir, a, b)
}

func (s *Store) mergeBase(ctx context.Context, dir, a, b string) (string, error) {
	for _, id := range []string{a, b} {
		if !ValidID(id) {
			return "", noRef{id}
		}
	}
	out, err := s.git.run(ctx, dir, nil, "merge-base", a, b)
	var failed *gitError
	switch {
	case exitCode(err) == 1:
		return "", fmt.Errorf("%s and %s: %w", a, b, ErrUnrelated)
	case errors.As(err, &failed) && exitCode(err) == 128: // git does not know one of them
		return "", fmt.Errorf("%w: %w", noRef{a + " or " + b}, err)
	}
	return strings.TrimSpace(string(out)), err
}

// exitCode is the exit code a git process ended with; -1 when err says something else.
func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// Holds tells whether the commit descendant is, or builds upon, the commit ancestor. A commit that is gone builds upon
// nothing.
func (s *Store) Holds(ctx context.Context, repository, descendant, ancestor string) (bool, error) {
	base, err := s.MergeBase(ctx, repository, ancestor, descendant)
	if errors.Is(err, ErrUnrelated) || errors.Is(err, ErrNoRef) {
		return false, nil
	}
	return base == ancestor, err
}

// Merge merges two commits, given by their ids, and moves no ref. ErrNoRepository, ErrNoRef, ErrUnrelated.
func (s *Store) Merge(ctx context.Context, repository, destination, source string) (Merge, error) {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return Merge{}, err
	}
	base, err := s.mergeBase(ctx, dir, destination, source)
	if err != nil {
		return Merge{}, err
	}
	var m Merge
	err = s.View(ctx, repository, func(v *View) error {
		for _, side := range []struct {
			id string
			to *Commit
		}{{base, &m.Base}, {destination, &m.Destination}, {source, &m.Source}} {
			c, err := v.Commit(side.id)
			if err != nil {
				return err
			}
			*side.to = c
		}
		var err error
		m.Conflicts, err = v.bothChanged(m)
		return err
	})
	switch {
	case err != nil:
		return Merge{}, err
	case m.UpToDate():
		m.Tree, m.Conflicts = m.Destination.Tree, nil
		return m, nil
	case m.FastForward():
		m.Tree, m.Conflicts = m.Source.Tree, nil
		return m, nil
	}
	return m, s.mergeTree(ctx, dir, &m)
}

// bothChanged lists the files that both sides changed, unless they did the same.
func (v *View) bothChanged(m Merge) ([]Conflict, error) {
	ours, err := v.Diff(m.Base.Tree, m.Destination.Tree)
	if err != nil {
		return nil, err
	}
	theirs, err := v.Diff(m.Base.Tree, m.Source.Tree)
	if err != nil {
		return nil, err
	}
	byPath := make(map[string]Difference, len(ours))
	for _, d := range ours {
		byPath[d.Path] = d
	}
	var found []Conflict
	for _, t := range theirs {
		o, both := byPath[t.Path]
		if !both || o.After == t.After && o.AfterMode == t.AfterMode {
			continue
		}
		found = append(found, Conflict{
			Path: t.Path, Base: Entry{Mode: t.BeforeMode, ID: t.Before},
			Destination: Entry{Mode: o.AfterMode, ID: o.After}, Source: Entry{Mode: t.AfterMode, ID: t.After},
		})
	}
	return found, nil
}

// mergeTree lets git merge: it fills in the tree and marks the conflicts that git could not resolve.
func (s *Store) mergeTree(ctx context.Context, dir string, m *Merge) error {
	cmd := s.git.command(ctx, dir, "merge-tree", "--write-tree", "--no-messages", "-z", m.Destination.ID, m.Source.ID)
	var out strings.Builder
	errs := &Tail{Max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &out, errs
	err := cmd.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && exitCode(err) != 1 {
		return &gitError{verb: "merge-tree", said: strings.TrimSpace(errs.String()), err: err}
	}
	tree, rest, _ := strings.Cut(out.String(), "\x00")
	if !ValidID(tree) {
		return fmt.Errorf("git merge-tree said %.200q", out.String())
	}
	m.Tree = tree
	unmerged, err := parseStages(rest)
	if err != nil {
		return err
	}
	for _, c := range unmerged {
		if k := slices.IndexFunc(m.Conflicts, func(o Conflict) bool { return o.Path == c.Path }); k >= 0 {
			m.Conflicts[k].Unmerged = true
		} else {
			m.Conflicts = append(m.Conflicts, c)
		}
	}
	slices.SortFunc(m.Conflicts, func(a, b Conflict) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// parseStages reads what git lists of conflicted files: "MODE ID STAGE\tPATH", the stages 1 to 3 being the base, the
// destination and the source.
func parseStages(text string) ([]Conflict, error) {
	var list []Conflict
	for line := range strings.SplitSeq(text, "\x00") {
		if line == "" {
			continue
		}
		info, path, ok := strings.Cut(line, "\t")
		fields := strings.Fields(info)
		if !ok || len(fields) != 3 {
			return nil, fmt.Errorf("git merge-tree said %.200q", line)
		}
		mode, err := strconv.ParseUint(fields[0], 8, 32)
		if err != nil {
			return nil, fmt.Errorf("git merge-tree said %.200q", line)
		}
		if len(list) == 0 || list[len(list)-1].Path != path {
			list = append(list, Conflict{Path: path, Unmerged: true})
		}
		c, e := &list[len(list)-1], Entry{Mode: normalMode(uint32(mode)), ID: fields[1]}
		switch fields[2] {
		case "1":
			c.Base = e
		case "2":
			c.Destination = e
		case "3":
			c.Source = e
		}
	}
	return list, nil
}

// MergeCommit is a commit that a merge makes.
type MergeCommit struct {
	Tree        string
	Parents     []string // ids
	Name, Email string   // of the author, who is the committer, too
	Message     string
	At          time.Time
}

// WriteTree changes files of a tree, for a merge that is resolved, and returns the new tree. PathError.
func (s *Store) WriteTree(ctx context.Context, repository, tree string, changes []Change) (string, error) {
	if len(changes) == 0 {
		return tree, nil
	}
	if err := checkChanges(changes); err != nil {
		return "", err
	}
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return "", err
	}
	err = s.readers.with(ctx, dir, func(r *reader) error {
		w := &editor{r: r, objects: objectWriter{dir: dir}}
		made, _, err := w.tree(tree, "", changes)
		if err == nil && made == "" {
			made, err = w.objects.write("tree", nil)
		}
		tree = made
		return err
	})
	return tree, err
}

// WriteCommit makes a commit that no ref names yet and returns its id. ErrNoRepository.
func (s *Store) WriteCommit(ctx context.Context, repository string, c MergeCommit) (string, error) {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return "", err
	}
	since := time.Now()
	if c.At.Unix() <= 0 { // git knows no times before 1970
		c.At = s.opts.Now()
	}
	id, err := objectWriter{dir: dir}.write("commit", commitText(c))
	if err != nil {
		return "", err
	}
	return id, s.syncObjects(dir, since)
}

// Advance moves a branch to a commit, such as that of a merge.
type Advance struct {
	Branch, Old, New string
	// Source, when set, is a branch that must still be at the commit SourceTip.
	Source, SourceTip string
	Since             time.Time // when the objects of New began to be written
	PusherArn         string
}

// Advance moves a branch and records the push, like a push of it would. Of several who want to move the branch from the
// same commit exactly one succeeds. ErrNoRepository, ErrOutdated, ErrBusy.
func (s *Store) Advance(ctx context.Context, repository string, a Advance) error {
	repo, err := s.Get(ctx, repository)
	if err != nil {
		return err
	}
	unlock, err := s.writing.lock(ctx, repo.ID+" "+a.Branch)
	if err != nil {
		return err
	}
	defer unlock()
	var unchanged []RefUpdate
	if a.Source != "" {
		unchanged = append(unchanged, RefUpdate{Ref: "refs/heads/" + a.Source, Old: a.SourceTip, New: a.SourceTip})
	}
	return s.changeRefs(ctx, repo, a.PusherArn, a.Since, unchanged, []RefUpdate{{Ref: "refs/heads/" + a.Branch, Old: a.Old, New: a.New}})
}

// maxHunkFile bounds the files whose conflicting lines are looked at, maxHunks how many of them are kept.
const (
	maxHunkFile = 6 << 20
	markerSize  = 61
)

// Hunk is a part of a file that both sides changed in different ways.
type Hunk struct {
	Line                      int // where it begins in the merged file, from 1
	Base, Destination, Source string
}

// Hunks lists the parts of a conflicted file that git cannot merge, and the merged file in which each of them is replaced
// by that of one side ("source" or "destination"), or nil when there is no side. ErrTooLarge: a side has more than 6 MB.
// Binary files have no parts: ErrBinary.
func (s *Store) Hunks(ctx context.Context, repository string, c Conflict, side string) ([]Hunk, []byte, error) {
	contents, err := s.contents(ctx, repository, c)
	if err != nil {
		return nil, nil, err
	}
	for _, data := range contents {
		if IsBinary(data) {
			return nil, nil, fmt.Errorf("%s: %w", c.Path, ErrBinary)
		}
	}
	dir, err := os.MkdirTemp("", "conveyor-merge-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	args := []string{"merge-file", "-p", "--diff3", "--marker-size=" + strconv.Itoa(markerSize), "-L", "d", "-L", "b", "-L", "s"}
	switch side {
	case "source":
		args = append(args[:2:2], "--theirs")
	case "destination":
		args = append(args[:2:2], "--ours")
	}
	for _, name := range []string{"destination", "base", "source"} {
		if err := os.WriteFile(dir+"/"+name, contents[name], 0o600); err != nil {
			return nil, nil, err
		}
		args = append(args, name)
	}
	cmd := s.git.command(ctx, dir, args...)
	var out strings.Builder
	errs := &Tail{Max: 4 << 10}
	cmd.Stdout, cmd.Stderr = &out, errs
	// Its exit code is how many conflicts there are, up to 127; beyond that something is wrong.
	if err := cmd.Run(); err != nil && (exitCode(err) < 0 || exitCode(err) > 127) {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		return nil, nil, &gitError{verb: "merge-file", said: strings.TrimSpace(errs.String()), err: err}
	}
	if side != "" {
		return nil, []byte(out.String()), nil
	}
	return parseHunks(out.String()), nil, nil
}

// ErrBinary says that a file does not consist of lines.
var ErrBinary = errors.New("not a text file")

// IsBinary tells, as git does, whether content is not a text.
func IsBinary(data []byte) bool { return slices.Contains(data[:min(len(data), 8000)], 0) }

// contents reads the three sides of a conflict.
func (s *Store) contents(ctx context.Context, repository string, c Conflict) (map[string][]byte, error) {
	contents := map[string][]byte{}
	err := s.View(ctx, repository, func(v *View) error {
		for name, e := range map[string]Entry{"base": c.Base, "destination": c.Destination, "source": c.Source} {
			if e.ID == "" {
				continue
			}
			data, err := v.Blob(e.ID, maxHunkFile)
			if err != nil {
				return err
			}
			contents[name] = data
		}
		return nil
	})
	return contents, err
}

// parseHunks finds the conflicts in a merged text by their markers, which are longer than anybody's own. Each marker
// counts only where it can stand.
func parseHunks(text string) []Hunk {
	markers := []string{
		strings.Repeat("<", markerSize) + " d", strings.Repeat("|", markerSize) + " b",
		strings.Repeat("=", markerSize), strings.Repeat(">", markerSize) + " s",
	}
	var hunks []Hunk
	var h Hunk
	line, next := 1, 0 // the marker that comes next
	for l := range strings.Lines(text) {
		if strings.TrimRight(l, "\r\n") == markers[next] {
			if next == 0 {
				h = Hunk{Line: line}
			}
			if next = (next + 1) % len(markers); next == 0 {
				hunks = append(hunks, h)
				line += strings.Count(h.Destination, "\n")
			}
			continue
		}
		switch next {
		case 0:
			line++
		case 1:
			h.Destination += l
		case 2:
			h.Base += l
		case 3:
			h.Source += l
		}
	}
	return hunks
}

// MergedIn is the oldest commit on the first-parent line of a branch that holds a commit; "" when none does. Both are
// given by their ids. ErrNoRepository.
func (s *Store) MergedIn(ctx context.Context, repository, tip, commit string) (string, error) {
	dir, err := s.Path(ctx, repository)
	if err != nil {
		return "", err
	}
	if !ValidID(tip) || !ValidID(commit) {
		return "", noRef{commit}
	}
	if tip == commit {
		return tip, nil
	}
	path, err := s.git.run(ctx, dir, nil, "rev-list", "--ancestry-path", "--reverse", commit+".."+tip)
	if err != nil {
		return "", err
	}
	line, err := s.git.run(ctx, dir, nil, "rev-list", "--first-parent", commit+".."+tip)
	if err != nil {
		return "", err
	}
	first := map[string]bool{}
	for id := range strings.FieldsSeq(string(line)) {
		first[id] = true
	}
	for id := range strings.FieldsSeq(string(path)) {
		if first[id] {
			return id, nil
		}
	}
	return commit, nil
}

// Peek reads the beginning of a blob, at most limit bytes, and its size. ErrNoPath: there is no such blob.
func (v *View) Peek(id string, limit int64) (head []byte, size int64, err error) {
	err = v.r.open(id, "blob", func(o object) error {
		head, size = make([]byte, min(limit, o.Size)), o.Size
		_, err := io.ReadFull(o.Body, head)
		return err
	})
	if errors.Is(err, errMissing) {
		err = noPath{id}
	}
	return head, size, err
}
