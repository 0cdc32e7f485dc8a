package codecommit

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

const maxResolutions = 100

// wish is how a client wants to merge, in the words of its request.
type wish struct {
	how                  types.MergeOptionTypeEnum
	level                types.ConflictDetailLevelTypeEnum
	strategy             types.ConflictResolutionStrategyTypeEnum
	resolution           *types.ConflictResolution
	keep                 bool
	name, email, message *string
}

// plan checks a wish, and makes a plan of it.
func (w wish) plan(ctx context.Context) (pull.Plan, error) {
	switch {
	case w.level != "" && !slices.Contains(w.level.Values(), w.level):
		return pull.Plan{}, &types.InvalidConflictDetailLevelException{Message: text("%q is not a conflict detail level; use FILE_LEVEL or LINE_LEVEL.", w.level)}
	case w.strategy != "" && !slices.Contains(w.strategy.Values(), w.strategy):
		return pull.Plan{}, &types.InvalidConflictResolutionStrategyException{Message: text("%q is not a conflict resolution strategy.", w.strategy)}
	case w.resolution != nil && w.strategy != types.ConflictResolutionStrategyTypeEnumAutomerge:
		return pull.Plan{}, &types.InvalidConflictResolutionException{Message: text("A conflict resolution needs the strategy AUTOMERGE.")}
	}
	name, email, err := author{w.name, w.email, w.message}.signature(ctx)
	if err != nil {
		return pull.Plan{}, err
	}
	p := pull.Plan{
		How: pull.How(w.how), KeepFolders: w.keep, Name: name, Email: email, Message: aws.ToString(w.message),
		Resolution: pull.Resolution{LineLevel: w.level == types.ConflictDetailLevelTypeEnumLineLevel, Strategy: pull.Strategy(w.strategy)},
	}
	p.Resolution.Entries, err = resolveEntries(w.resolution)
	return p, err
}

// resolveEntries reads how single conflicts are resolved.
func resolveEntries(r *types.ConflictResolution) ([]pull.ResolveEntry, error) {
	if r == nil {
		return nil, nil
	}
	if n := len(r.ReplaceContents) + len(r.DeleteFiles) + len(r.SetFileModes); n > maxResolutions {
		return nil, &types.MaximumConflictResolutionEntriesExceededException{Message: text("At most %d conflicts can be resolved.", maxResolutions)}
	}
	var list []pull.ResolveEntry
	total := 0
	for _, f := range r.ReplaceContents {
		e, err := replaceEntry(f)
		if err != nil {
			return nil, err
		}
		if total += len(e.Content); total > maxCommitFiles {
			return nil, &types.FolderContentSizeLimitExceededException{Message: text("The contents are larger than %d bytes together.", maxCommitFiles)}
		}
		list = append(list, e)
	}
	changes, err := deletionsAndModes(r.DeleteFiles, r.SetFileModes)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		list = append(list, pull.ResolveEntry{Path: c.Path, Delete: c.Delete, Mode: c.Mode})
	}
	seen := map[string]bool{}
	for _, e := range list {
		if seen[e.Path] {
			return nil, &types.MultipleConflictResolutionEntriesException{Message: text("The conflict in %s is resolved more than once.", e.Path)}
		}
		seen[e.Path] = true
	}
	return list, nil
}

func replaceEntry(f types.ReplaceContentEntry) (pull.ResolveEntry, error) {
	p, mode, err := writtenFile(f.FilePath, f.FileMode, f.Content)
	if err != nil {
		return pull.ResolveEntry{}, err
	}
	e := pull.ResolveEntry{Path: p, Mode: mode}
	switch f.ReplacementType {
	case types.ReplacementTypeEnumKeepBase:
		e.Keep = pull.Base
	case types.ReplacementTypeEnumKeepSource:
		e.Keep = pull.Source
	case types.ReplacementTypeEnumKeepDestination:
		e.Keep = pull.Destination
	case types.ReplacementTypeEnumUseNewContent:
		if f.Content == nil {
			return e, &types.ReplacementContentRequiredException{Message: text("The new content of %s must be specified.", p)}
		}
		e.Content = f.Content
	case "":
		return e, &types.ReplacementTypeRequiredException{Message: text("How %s is replaced must be specified.", p)}
	default:
		return e, &types.InvalidReplacementTypeException{Message: text("%q is not a replacement type.", f.ReplacementType)}
	}
	return e, nil
}

// mergeException turns the errors of merges into exceptions.
func mergeException(err error, repository string) error {
	var rules *pull.RulesError
	var at *gitrepo.PathError
	switch {
	case errors.As(err, &rules):
		return &types.PullRequestApprovalRulesNotSatisfiedException{Message: text("The pull request cannot be merged because one or more approval rules applied to it have conditions that have not been met: %s", strings.Join(rules.Missing, "; "))}
	case errors.Is(err, pull.ErrOtherRepo):
		return &types.RepositoryNotAssociatedWithPullRequestException{Message: text("The repository %s does not contain that pull request", repository)}
	case errors.Is(err, pull.ErrSourceMoved):
		return &types.TipOfSourceReferenceIsDifferentException{Message: text("The source branch has moved on: %v", err)}
	case errors.Is(err, pull.ErrConflicts), errors.Is(err, pull.ErrNotForward):
		return &types.ManualMergeRequiredException{Message: text("The branches cannot be merged automatically: %v", err)}
	case errors.Is(err, pull.ErrResolution), errors.As(err, &at):
		return &types.InvalidConflictResolutionException{Message: text("%v", err)}
	case errors.Is(err, gitrepo.ErrUnrelated):
		return &types.TipsDivergenceExceededException{Message: text("The commits have no common history; merge them with git.")}
	case errors.Is(err, gitrepo.ErrOutdated), errors.Is(err, gitrepo.ErrBusy):
		return &types.ConcurrentReferenceUpdateException{Message: text("The target branch was changed meanwhile. Try again.")}
	}
	return missing(err, repository)
}

// mergePull merges a pull request.
func (s *Service) mergePull(ctx context.Context, id, repository, source *string, w wish) (*types.PullRequest, error) {
	n, err := pullID(id)
	if err != nil {
		return nil, err
	}
	r, err := s.repository(ctx, repository)
	if err != nil {
		return nil, err
	}
	if source != nil && !gitrepo.ValidID(*source) {
		return nil, &types.InvalidCommitIdException{Message: text("%q is not a full commit id.", *source)}
	}
	plan, err := w.plan(ctx)
	if err != nil {
		return nil, err
	}
	plan.Repository = r.Name
	p, err := s.pulls.Merge(ctx, pull.MergeOrder{ID: n, SourceCommit: aws.ToString(source), Plan: plan, By: caller(ctx)})
	if errors.Is(err, gitrepo.ErrNoRef) {
		return nil, &types.ReferenceDoesNotExistException{Message: text("The branch does not exist: %v", err)}
	}
	if err != nil {
		return nil, mergeException(pullException(err, id), r.Name)
	}
	return pullRequest(p), nil
}

// MergePullRequestByFastForward implements the operation.
func (s *Service) MergePullRequestByFastForward(ctx context.Context, in *sdk.MergePullRequestByFastForwardInput) (*sdk.MergePullRequestByFastForwardOutput, error) {
	p, err := s.mergePull(ctx, in.PullRequestId, in.RepositoryName, in.SourceCommitId, wish{how: types.MergeOptionTypeEnumFastForwardMerge})
	return &sdk.MergePullRequestByFastForwardOutput{PullRequest: p}, err
}

// MergePullRequestBySquash implements the operation.
func (s *Service) MergePullRequestBySquash(ctx context.Context, in *sdk.MergePullRequestBySquashInput) (*sdk.MergePullRequestBySquashOutput, error) {
	p, err := s.mergePull(ctx, in.PullRequestId, in.RepositoryName, in.SourceCommitId, wish{
		types.MergeOptionTypeEnumSquashMerge, in.ConflictDetailLevel, in.ConflictResolutionStrategy, in.ConflictResolution, in.KeepEmptyFolders,
		in.AuthorName, in.Email, in.CommitMessage,
	})
	return &sdk.MergePullRequestBySquashOutput{PullRequest: p}, err
}

// MergePullRequestByThreeWay implements the operation.
func (s *Service) MergePullRequestByThreeWay(ctx context.Context, in *sdk.MergePullRequestByThreeWayInput) (*sdk.MergePullRequestByThreeWayOutput, error) {
	p, err := s.mergePull(ctx, in.PullRequestId, in.RepositoryName, in.SourceCommitId, wish{
		types.MergeOptionTypeEnumThreeWayMerge, in.ConflictDetailLevel, in.ConflictResolutionStrategy, in.ConflictResolution, in.KeepEmptyFolders,
		in.AuthorName, in.Email, in.CommitMessage,
	})
	return &sdk.MergePullRequestByThreeWayOutput{PullRequest: p}, err
}

// commits resolves the two commits of a merge, given by what the API calls commit specifiers.
func (s *Service) commits(ctx context.Context, repository, destination, source *string) (d, src gitrepo.Commit, err error) {
	if _, err := repositoryName(repository); err != nil {
		return d, src, err
	}
	if aws.ToString(destination) == "" || aws.ToString(source) == "" {
		return d, src, &types.CommitRequiredException{Message: text("The source and the destination commit must be specified.")}
	}
	err = s.view(ctx, repository, func(v *gitrepo.View) (err error) {
		if d, err = resolve(v, *destination); err != nil {
			return err
		}
		src, err = resolve(v, *source)
		return err
	})
	return d, src, err
}

// mergeBranches merges a commit into a branch.
func (s *Service) mergeBranches(ctx context.Context, repository, source, destination, target *string, w wish) (commit, tree *string, err error) {
	plan, err := w.plan(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, src, err := s.commits(ctx, repository, destination, source)
	if err != nil {
		return nil, nil, err
	}
	plan.Repository, plan.Destination, plan.Source = *repository, d.ID, src.ID
	branch, err := s.targetBranch(ctx, *repository, destination, target, d.ID)
	if err != nil {
		return nil, nil, err
	}
	if plan.Message == "" {
		plan.Message = "Merge " + strings.TrimPrefix(*source, "refs/heads/") + " into " + branch
	}
	made, err := s.pulls.MergeBranches(ctx, plan, branch, caller(ctx))
	if err != nil {
		return nil, nil, mergeException(err, *repository)
	}
	if plan.How == pull.FastForward && !made.Merge.UpToDate() {
		made.Tree = made.Merge.Source.Tree
	}
	return aws.String(made.Commit), aws.String(made.Tree), nil
}

// targetBranch is the branch that a merge moves: the one given, or the destination when that is a branch. Its tip must be
// the destination commit.
func (s *Service) targetBranch(ctx context.Context, repository string, destination, target *string, tip string) (string, error) {
	name := target
	if aws.ToString(target) == "" {
		name = destination
		if gitrepo.ValidID(*destination) {
			return "", branchNameRequired()
		}
	}
	branch, err := branchName(name)
	if err != nil {
		return "", err
	}
	c, err := s.repos.Head(ctx, repository, branch)
	switch {
	case errors.Is(err, gitrepo.ErrNoRef):
		return "", branchDoesNotExist(branch)
	case err != nil:
		return "", missing(err, repository)
	case c.ID != tip:
		return "", &types.InvalidTargetBranchException{Message: text("The tip of the target branch %s is not the destination commit %s.", branch, tip)}
	}
	return branch, nil
}

// MergeBranchesByFastForward implements the operation.
func (s *Service) MergeBranchesByFastForward(ctx context.Context, in *sdk.MergeBranchesByFastForwardInput) (*sdk.MergeBranchesByFastForwardOutput, error) {
	commit, tree, err := s.mergeBranches(ctx, in.RepositoryName, in.SourceCommitSpecifier, in.DestinationCommitSpecifier, in.TargetBranch,
		wish{how: types.MergeOptionTypeEnumFastForwardMerge})
	return &sdk.MergeBranchesByFastForwardOutput{CommitId: commit, TreeId: tree}, err
}

// MergeBranchesBySquash implements the operation.
func (s *Service) MergeBranchesBySquash(ctx context.Context, in *sdk.MergeBranchesBySquashInput) (*sdk.MergeBranchesBySquashOutput, error) {
	commit, tree, err := s.mergeBranches(ctx, in.RepositoryName, in.SourceCommitSpecifier, in.DestinationCommitSpecifier, in.TargetBranch, wish{
		types.MergeOptionTypeEnumSquashMerge, in.ConflictDetailLevel, in.ConflictResolutionStrategy, in.ConflictResolution, in.KeepEmptyFolders,
		in.AuthorName, in.Email, in.CommitMessage,
	})
	return &sdk.MergeBranchesBySquashOutput{CommitId: commit, TreeId: tree}, err
}

// MergeBranchesByThreeWay implements the operation.
func (s *Service) MergeBranchesByThreeWay(ctx context.Context, in *sdk.MergeBranchesByThreeWayInput) (*sdk.MergeBranchesByThreeWayOutput, error) {
	commit, tree, err := s.mergeBranches(ctx, in.RepositoryName, in.SourceCommitSpecifier, in.DestinationCommitSpecifier, in.TargetBranch, wish{
		types.MergeOptionTypeEnumThreeWayMerge, in.ConflictDetailLevel, in.ConflictResolutionStrategy, in.ConflictResolution, in.KeepEmptyFolders,
		in.AuthorName, in.Email, in.CommitMessage,
	})
	return &sdk.MergeBranchesByThreeWayOutput{CommitId: commit, TreeId: tree}, err
}

// CreateUnreferencedMergeCommit implements the operation.
func (s *Service) CreateUnreferencedMergeCommit(ctx context.Context, in *sdk.CreateUnreferencedMergeCommitInput) (*sdk.CreateUnreferencedMergeCommitOutput, error) {
	if err := checkOption(in.MergeOption, false); err != nil {
		return nil, err
	}
	plan, err := wish{
		in.MergeOption, in.ConflictDetailLevel, in.ConflictResolutionStrategy, in.ConflictResolution, in.KeepEmptyFolders,
		in.AuthorName, in.Email, in.CommitMessage,
	}.plan(ctx)
	if err != nil {
		return nil, err
	}
	d, src, err := s.commits(ctx, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	plan.Repository, plan.Destination, plan.Source = *in.RepositoryName, d.ID, src.ID
	made, err := s.pulls.Prepare(ctx, plan)
	if err != nil {
		return nil, mergeException(err, *in.RepositoryName)
	}
	return &sdk.CreateUnreferencedMergeCommitOutput{CommitId: aws.String(made.Commit), TreeId: aws.String(made.Tree)}, nil
}

// checkOption checks the merge option of a request about conflicts.
func checkOption(o types.MergeOptionTypeEnum, fastForward bool) error {
	switch {
	case o == "":
		return &types.MergeOptionRequiredException{Message: text("The merge option must be specified.")}
	case !slices.Contains(o.Values(), o), o == types.MergeOptionTypeEnumFastForwardMerge && !fastForward:
		return &types.InvalidMergeOptionException{Message: text("%q is not a merge option for this operation.", o)}
	}
	return nil
}

// GetMergeCommit implements the operation: the commit in which the source came to the destination.
func (s *Service) GetMergeCommit(ctx context.Context, in *sdk.GetMergeCommitInput) (*sdk.GetMergeCommitOutput, error) {
	if _, err := (wish{level: in.ConflictDetailLevel, strategy: in.ConflictResolutionStrategy}).plan(ctx); err != nil {
		return nil, err
	}
	d, src, err := s.commits(ctx, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	m, err := s.repos.Merge(ctx, *in.RepositoryName, d.ID, src.ID)
	if err != nil {
		return nil, mergeException(err, *in.RepositoryName)
	}
	out := &sdk.GetMergeCommitOutput{SourceCommitId: aws.String(src.ID), DestinationCommitId: aws.String(d.ID), BaseCommitId: aws.String(m.Base.ID)}
	if m.UpToDate() {
		merged, err := s.repos.MergedIn(ctx, *in.RepositoryName, d.ID, src.ID)
		if err != nil {
			return nil, err
		}
		out.MergedCommitId = filled(merged)
	}
	return out, nil
}

// GetMergeOptions implements the operation.
func (s *Service) GetMergeOptions(ctx context.Context, in *sdk.GetMergeOptionsInput) (*sdk.GetMergeOptionsOutput, error) {
	plan, err := wish{how: types.MergeOptionTypeEnumThreeWayMerge, level: in.ConflictDetailLevel, strategy: in.ConflictResolutionStrategy}.plan(ctx)
	if err != nil {
		return nil, err
	}
	m, open, err := s.conflicts(ctx, plan, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetMergeOptionsOutput{
		SourceCommitId: aws.String(m.Source.ID), DestinationCommitId: aws.String(m.Destination.ID), BaseCommitId: aws.String(m.Base.ID),
		MergeOptions: []types.MergeOptionTypeEnum{},
	}
	if m.FastForward() {
		out.MergeOptions = append(out.MergeOptions, types.MergeOptionTypeEnumFastForwardMerge)
	}
	if len(open) == 0 {
		out.MergeOptions = append(out.MergeOptions, types.MergeOptionTypeEnumSquashMerge, types.MergeOptionTypeEnumThreeWayMerge)
	}
	return out, nil
}
