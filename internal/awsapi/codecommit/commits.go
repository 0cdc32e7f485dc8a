package codecommit

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// view reads the repository that a request names.
func (s *Service) view(ctx context.Context, name *string, f func(*gitrepo.View) error) error {
	n, err := repositoryName(name)
	if err != nil {
		return err
	}
	return missing(s.repos.View(ctx, n, f), n)
}

// resolve finds a commit by what the API calls a commit specifier: an id, a branch, a tag, a ref or HEAD.
func resolve(v *gitrepo.View, spec string) (gitrepo.Commit, error) {
	c, err := v.Resolve(spec)
	if !errors.Is(err, gitrepo.ErrNoRef) {
		return c, err
	}
	if spec == "" {
		spec = "HEAD"
	}
	if len(spec) > 512 || strings.ContainsAny(spec, " ~^:?*[\\\x00\n") {
		return c, &types.InvalidCommitException{Message: text("%q is not a branch, tag, commit id or HEAD.", spec)}
	}
	return c, commitDoesNotExist(spec)
}

// commitOf is a commit as the API shows it.
func commitOf(c gitrepo.Commit) *types.Commit {
	return &types.Commit{
		CommitId:       aws.String(c.ID),
		TreeId:         aws.String(c.Tree),
		Parents:        append([]string{}, c.Parents...),
		Message:        aws.String(c.Message),
		Author:         &types.UserInfo{Name: aws.String(c.AuthorName), Email: aws.String(c.AuthorEmail), Date: date(c.AuthorDate)},
		Committer:      &types.UserInfo{Name: aws.String(c.CommitterName), Email: aws.String(c.CommitterEmail), Date: date(c.CommitterDate)},
		AdditionalData: aws.String(c.Additional),
	}
}

// date is a time in git's form: seconds and zone.
func date(t time.Time) *string { return aws.String(fmt.Sprintf("%d %s", t.Unix(), t.Format("-0700"))) }

// GetCommit implements the operation.
func (s *Service) GetCommit(ctx context.Context, in *sdk.GetCommitInput) (*sdk.GetCommitOutput, error) {
	if _, err := repositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	id := aws.ToString(in.CommitId)
	switch {
	case id == "":
		return nil, &types.CommitIdRequiredException{Message: text("The commit id must be specified.")}
	case !gitrepo.ValidID(id):
		return nil, &types.InvalidCommitIdException{Message: text("%q is not a full commit id.", id)}
	}
	var out sdk.GetCommitOutput
	err := s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		c, err := v.Commit(id)
		if errors.Is(err, gitrepo.ErrNoRef) {
			return &types.CommitIdDoesNotExistException{Message: text("Commit %s does not exist", id)}
		}
		out.Commit = commitOf(c)
		return err
	})
	return &out, err
}

// BatchGetCommits implements the operation.
func (s *Service) BatchGetCommits(ctx context.Context, in *sdk.BatchGetCommitsInput) (*sdk.BatchGetCommitsOutput, error) {
	switch {
	case len(in.CommitIds) == 0:
		return nil, &types.CommitIdsListRequiredException{Message: text("At least one commit id must be specified.")}
	case len(in.CommitIds) > maxNames:
		return nil, &types.CommitIdsLimitExceededException{Message: text("At most %d commit ids may be specified.", maxNames)}
	}
	out := &sdk.BatchGetCommitsOutput{Commits: []types.Commit{}, Errors: []types.BatchGetCommitsError{}}
	err := s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		for _, id := range in.CommitIds {
			c, err := v.Commit(id)
			switch {
			case !gitrepo.ValidID(id):
				out.Errors = append(out.Errors, types.BatchGetCommitsError{
					CommitId: aws.String(id), ErrorCode: aws.String("InvalidCommitIdException"), ErrorMessage: text("%q is not a full commit id.", id),
				})
			case errors.Is(err, gitrepo.ErrNoRef):
				out.Errors = append(out.Errors, types.BatchGetCommitsError{
					CommitId: aws.String(id), ErrorCode: aws.String("CommitDoesNotExistException"), ErrorMessage: text("Commit %s does not exist", id),
				})
			case err != nil:
				return err
			default:
				out.Commits = append(out.Commits, *commitOf(c))
			}
		}
		return nil
	})
	return out, err
}

const (
	differencesPerPage = 400
	maxDifferences     = 1000
)

// GetDifferences implements the operation. A renamed file is one deleted and one added.
func (s *Service) GetDifferences(ctx context.Context, in *sdk.GetDifferencesInput) (*sdk.GetDifferencesOutput, error) {
	if _, err := repositoryName(in.RepositoryName); err != nil {
		return nil, err
	}
	size := differencesPerPage
	if in.MaxResults != nil {
		size = int(*in.MaxResults)
	}
	switch {
	case aws.ToString(in.AfterCommitSpecifier) == "":
		return nil, &types.CommitRequiredException{Message: text("The commit to compare with must be specified.")}
	case size < 1:
		return nil, &types.InvalidMaxResultsException{Message: text("The number of results must be at least 1.")}
	}
	var all []types.Difference
	err := s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		before, after, err := sides(v, in)
		if err != nil {
			return err
		}
		all, err = differences(v, before, after)
		return err
	})
	if err != nil {
		return nil, err
	}
	some, next, err := page(all, "differences", in.NextToken, min(size, maxDifferences))
	return &sdk.GetDifferencesOutput{Differences: append([]types.Difference{}, some...), NextToken: next}, err
}

// side is one of two things to compare: a file or a folder of a commit, or nothing.
type side struct {
	path  string
	entry gitrepo.Entry // ID "" is nothing
}

// sides finds what to compare. One path given alone counts for both commits, and need exist only in its own.
func sides(v *gitrepo.View, in *sdk.GetDifferencesInput) (before, after side, err error) {
	beforePath, afterPath := aws.ToString(in.BeforePath), aws.ToString(in.AfterPath)
	if after, err = lookup(v, *in.AfterCommitSpecifier, afterPath, beforePath); err != nil {
		return side{}, side{}, err
	}
	if aws.ToString(in.BeforeCommitSpecifier) != "" {
		before, err = lookup(v, *in.BeforeCommitSpecifier, beforePath, afterPath)
	}
	return before, after, err
}

// lookup finds path, or otherwise when path is "", in a commit.
func lookup(v *gitrepo.View, spec, wanted, otherwise string) (side, error) {
	c, err := resolve(v, spec)
	if err != nil {
		return side{}, err
	}
	p := wanted
	if p == "" {
		p = otherwise
	}
	clean, err := folderPath(p)
	if err != nil {
		return side{}, err
	}
	e, err := v.Lookup(c.Tree, clean)
	if errors.Is(err, gitrepo.ErrNoPath) {
		if wanted == "" {
			return side{path: clean}, nil
		}
		return side{}, &types.PathDoesNotExistException{Message: text("Could not find path %s", p)}
	}
	return side{clean, e}, err
}

// differences compares two sides.
func differences(v *gitrepo.View, before, after side) ([]types.Difference, error) {
	isFolder := func(s side) bool { return s.entry.ID == "" || s.entry.Mode == gitrepo.ModeFolder }
	if !isFolder(before) || !isFolder(after) {
		if before.entry == after.entry || before.entry.Mode == gitrepo.ModeFolder || after.entry.Mode == gitrepo.ModeFolder {
			return nil, nil
		}
		d := gitrepo.Difference{Before: before.entry.ID, After: after.entry.ID, BeforeMode: before.entry.Mode, AfterMode: after.entry.Mode}
		return []types.Difference{difference(d, before.path, after.path)}, nil
	}
	found, err := v.Diff(before.entry.ID, after.entry.ID)
	if err != nil {
		return nil, err
	}
	all := make([]types.Difference, 0, len(found))
	for _, d := range found {
		all = append(all, difference(d, path.Join(before.path, d.Path), path.Join(after.path, d.Path)))
	}
	return all, nil
}

// difference is a difference as the API shows it.
func difference(d gitrepo.Difference, beforePath, afterPath string) types.Difference {
	blob := func(id, path string, mode uint32) *types.BlobMetadata {
		if id == "" {
			return nil
		}
		return &types.BlobMetadata{BlobId: aws.String(id), Path: aws.String(path), Mode: text("%06o", mode)}
	}
	out := types.Difference{
		BeforeBlob: blob(d.Before, beforePath, d.BeforeMode), AfterBlob: blob(d.After, afterPath, d.AfterMode),
		ChangeType: types.ChangeTypeEnumModified,
	}
	switch {
	case d.Before == "":
		out.ChangeType = types.ChangeTypeEnumAdded
	case d.After == "":
		out.ChangeType = types.ChangeTypeEnumDeleted
	}
	return out
}
