package pull

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/store"
)

// Plan is how one commit is to be merged into another.
type Plan struct {
	Repository          string
	Destination, Source string // ids of commits
	How                 How
	Resolution          Resolution
	KeepFolders         bool   // that lose their last file: with a .gitkeep
	Name, Email         string // of the author of the merge commit
	Message             string
}

// Prepared is a merge that only has to be made known by moving a branch.
type Prepared struct {
	Merge  gitrepo.Merge
	Commit string // what the branch is to be moved to
	Tree   string
	since  time.Time
}

// Prepare makes the commit of a merge, and moves no branch. ErrConflicts, ErrNotForward, ErrResolution, gitrepo.ErrUnrelated,
// gitrepo.ErrNoRef, gitrepo.ErrNoRepository.
func (s *Service) Prepare(ctx context.Context, plan Plan) (Prepared, error) {
	since := time.Now()
	m, err := s.repos.Merge(ctx, plan.Repository, plan.Destination, plan.Source)
	if err != nil {
		return Prepared{}, err
	}
	made := Prepared{Merge: m, Tree: m.Tree, Commit: m.Destination.ID, since: since}
	switch {
	case m.UpToDate():
		return made, nil
	case plan.How == FastForward && !m.FastForward():
		return Prepared{}, ErrNotForward
	case plan.How == FastForward:
		made.Commit = m.Source.ID
		return made, nil
	}
	if made.Tree, err = s.resolvedTree(ctx, plan, m); err != nil {
		return Prepared{}, err
	}
	parents := []string{m.Destination.ID}
	if plan.How == ThreeWay {
		parents = append(parents, m.Source.ID)
	}
	made.Commit, err = s.repos.WriteCommit(ctx, plan.Repository, gitrepo.MergeCommit{
		Tree: made.Tree, Parents: parents, Name: plan.Name, Email: plan.Email, Message: plan.Message, At: s.opts.Now(),
	})
	return made, err
}

// resolvedTree is the merged tree with its conflicts resolved. ErrConflicts, ErrResolution.
func (s *Service) resolvedTree(ctx context.Context, plan Plan, m gitrepo.Merge) (string, error) {
	changes, open, err := s.resolve(ctx, plan.Repository, m, plan.Resolution)
	if err != nil {
		return "", err
	}
	if len(open) > 0 {
		return "", fmt.Errorf("%w in %s", ErrConflicts, somePaths(open))
	}
	tree, err := s.repos.WriteTree(ctx, plan.Repository, m.Tree, changes)
	if err != nil || !plan.KeepFolders {
		return tree, err
	}
	kept, err := s.keptFolders(ctx, plan.Repository, m.Destination.Tree, tree)
	if err != nil {
		return "", err
	}
	return s.repos.WriteTree(ctx, plan.Repository, tree, kept)
}

// somePaths names the first of the files that have conflicts.
func somePaths(list []gitrepo.Conflict) string {
	var names []string
	for _, c := range list[:min(len(list), 5)] {
		names = append(names, c.Path)
	}
	text := strings.Join(names, ", ")
	if more := len(list) - len(names); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// keptFolders puts a .gitkeep into every folder that a merge has emptied.
func (s *Service) keptFolders(ctx context.Context, repository, before, after string) ([]gitrepo.Change, error) {
	var kept []gitrepo.Change
	seen := map[string]bool{}
	err := s.repos.View(ctx, repository, func(v *gitrepo.View) error {
		differences, err := v.Diff(before, after)
		if err != nil {
			return err
		}
		for _, d := range differences {
			folder := path.Dir(d.Path)
			if d.After != "" || folder == "." || seen[folder] {
				continue
			}
			seen[folder] = true
			_, err := v.Lookup(after, folder)
			if errors.Is(err, gitrepo.ErrNoPath) {
				kept = append(kept, gitrepo.Change{Path: folder + "/.gitkeep", Content: []byte{}})
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	return kept, err
}

// MergeBranches merges a commit into a branch whose tip is plan.Destination. Errors as of Prepare; gitrepo.ErrOutdated,
// gitrepo.ErrBusy: somebody else moved the branch.
func (s *Service) MergeBranches(ctx context.Context, plan Plan, branch, by string) (Prepared, error) {
	made, err := s.Prepare(ctx, plan)
	if err != nil || made.Merge.UpToDate() {
		return made, err
	}
	return made, s.repos.Advance(ctx, plan.Repository, gitrepo.Advance{
		Branch: branch, Old: plan.Destination, New: made.Commit, Since: made.since, PusherArn: by,
	})
}

// MergeOrder asks to merge a pull request. Plan needs no commits.
type MergeOrder struct {
	ID           int64
	SourceCommit string // that the source must be at; "" is any
	Plan
	By string // ARN
}

// Merge merges a pull request into its destination and closes it. Of several who do so at once, or who push to one of its
// branches meanwhile, exactly one succeeds. ErrNoRequest, ErrOtherRepo, ErrClosed, ErrSourceMoved, *RulesError; errors as of
// Prepare; gitrepo.ErrOutdated, gitrepo.ErrBusy: somebody else moved the destination.
func (s *Service) Merge(ctx context.Context, o MergeOrder) (Request, error) {
	p, err := s.mergeable(ctx, o)
	if err != nil {
		return Request{}, err
	}
	destination, err := s.repos.Head(ctx, p.Repository, p.Destination)
	if err != nil {
		return Request{}, err
	}
	plan := o.Plan
	plan.Repository, plan.Source, plan.Destination = p.Repository, p.SourceCommit, destination.ID
	if plan.Message == "" {
		plan.Message = fmt.Sprintf("Merge pull request %d: %s", p.ID, p.Title)
	}
	made, err := s.Prepare(ctx, plan)
	if err != nil {
		return Request{}, err
	}
	if err := s.intend(ctx, p, made, o); err != nil || made.Merge.UpToDate() {
		return s.after(ctx, o.ID, err)
	}
	err = s.repos.Advance(ctx, p.Repository, gitrepo.Advance{
		Branch: p.Destination, Old: destination.ID, New: made.Commit, Source: p.Source, SourceTip: p.SourceCommit,
		Since: made.since, PusherArn: o.By,
	})
	if errors.Is(err, gitrepo.ErrOutdated) || errors.Is(err, gitrepo.ErrBusy) {
		err = s.lost(ctx, p, err)
	}
	return s.after(ctx, o.ID, err)
}

// after reads a pull request when err is nil.
func (s *Service) after(ctx context.Context, id int64, err error) (Request, error) {
	if err != nil {
		return Request{}, err
	}
	return s.Get(ctx, id)
}

// mergeable reads a pull request and checks what can be checked before anything is merged.
func (s *Service) mergeable(ctx context.Context, o MergeOrder) (Request, error) {
	var p Request
	err := s.db.Read(ctx, func(r store.Reader) (err error) {
		if p, err = request(ctx, r, o.ID); err != nil {
			return err
		}
		return o.check(ctx, r, p)
	})
	return p, err
}

func (o MergeOrder) check(ctx context.Context, r store.Reader, p Request) error {
	switch {
	case p.Repository != o.Repository:
		return ErrOtherRepo
	case !p.Open:
		return fmt.Errorf("pull request %d: %w", p.ID, ErrClosed)
	case o.SourceCommit != "" && o.SourceCommit != p.SourceCommit:
		return fmt.Errorf("%w: it is %s", ErrSourceMoved, p.SourceCommit)
	}
	e, err := evaluate(ctx, r, p)
	if err == nil && !e.MayMerge() {
		err = &RulesError{Missing: e.missing}
	}
	return err
}

// intend writes down what a pull request is about to be merged with, if it still may be. When the destination holds the
// commits already there is nothing to push, and the pull request is closed at once.
func (s *Service) intend(ctx context.Context, seen Request, made Prepared, o MergeOrder) error {
	return s.db.InTx(ctx, func(tx store.Tx) error {
		p, err := lock(ctx, tx, seen.ID)
		if err != nil {
			return err
		}
		if err := o.check(ctx, tx, p); err != nil {
			return err
		}
		if p.Revision != seen.Revision {
			return fmt.Errorf("%w: it is %s", ErrSourceMoved, p.SourceCommit)
		}
		if made.Merge.UpToDate() {
			return s.close(ctx, tx, p, o.By, &Merged{By: o.By, Commit: made.Commit, How: o.How})
		}
		_, err = tx.Exec(ctx, `INSERT INTO pull_merges (pull_id, commit_id, how, actor, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (pull_id, commit_id) DO UPDATE SET how = excluded.how, actor = excluded.actor`,
			p.ID, made.Commit, string(o.How), o.By, store.Micros(tx.Now()))
		return err
	})
}

// lost finds out why a merge could not move the destination: the other one may have been a merge of the same request. What
// was written down stays: another merge may be about to move the branch to the very same commit.
func (s *Service) lost(ctx context.Context, seen Request, why error) error {
	p, err := s.Get(ctx, seen.ID)
	switch {
	case err != nil:
		return err
	case !p.Open:
		return fmt.Errorf("pull request %d: %w", p.ID, ErrClosed)
	case p.SourceCommit != seen.SourceCommit:
		return fmt.Errorf("%w: it is %s", ErrSourceMoved, p.SourceCommit)
	}
	return why
}
