package codecommit

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

const (
	conflictsPerPage = 100
	maxConflicts     = 1000
)

// conflicts lists the conflicts of two commits.
func (s *Service) conflicts(ctx context.Context, plan pull.Plan, repository, destination, source *string) (gitrepo.Merge, []gitrepo.Conflict, error) {
	d, src, err := s.commits(ctx, repository, destination, source)
	if err != nil {
		return gitrepo.Merge{}, nil, err
	}
	plan.Repository, plan.Destination, plan.Source = *repository, d.ID, src.ID
	m, open, err := s.pulls.Conflicts(ctx, plan)
	if err != nil {
		return m, nil, mergeException(err, *repository)
	}
	return m, open, nil
}

// GetMergeConflicts implements the operation.
func (s *Service) GetMergeConflicts(ctx context.Context, in *sdk.GetMergeConflictsInput) (*sdk.GetMergeConflictsOutput, error) {
	if err := checkOption(in.MergeOption, true); err != nil {
		return nil, err
	}
	size, err := conflictFiles(in.MaxConflictFiles)
	if err != nil {
		return nil, err
	}
	plan, err := wish{how: in.MergeOption, level: in.ConflictDetailLevel, strategy: in.ConflictResolutionStrategy}.plan(ctx)
	if err != nil {
		return nil, err
	}
	m, open, err := s.conflicts(ctx, plan, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	some, next, err := page(open, "conflicts", in.NextToken, size)
	if err != nil {
		return nil, err
	}
	out := &sdk.GetMergeConflictsOutput{
		Mergeable:      len(open) == 0 && (plan.How != pull.FastForward || m.FastForward() || m.UpToDate()),
		SourceCommitId: aws.String(m.Source.ID), DestinationCommitId: aws.String(m.Destination.ID), BaseCommitId: aws.String(m.Base.ID),
		ConflictMetadataList: []types.ConflictMetadata{}, NextToken: next,
	}
	for _, c := range some {
		d, err := s.describe(ctx, *in.RepositoryName, c)
		if err != nil {
			return nil, err
		}
		out.ConflictMetadataList = append(out.ConflictMetadataList, *d.ConflictMetadata)
	}
	return out, nil
}

func conflictFiles(wanted *int32) (int, error) {
	if wanted != nil && *wanted < 1 {
		return 0, &types.InvalidMaxConflictFilesException{Message: text("The number of files must be at least 1.")}
	}
	return pageSize(wanted, conflictsPerPage, maxConflicts)
}

func mergeHunks(wanted *int32) (int, error) {
	if wanted != nil && *wanted < 1 {
		return 0, &types.InvalidMaxMergeHunksException{Message: text("The number of merge hunks must be at least 1.")}
	}
	return pageSize(wanted, conflictsPerPage, maxConflicts)
}

// DescribeMergeConflicts implements the operation.
func (s *Service) DescribeMergeConflicts(ctx context.Context, in *sdk.DescribeMergeConflictsInput) (*sdk.DescribeMergeConflictsOutput, error) {
	p, err := readPath(in.FilePath)
	if err = errors.Join(checkOption(in.MergeOption, false), err); err != nil {
		return nil, firstOf(err)
	}
	size, err := mergeHunks(in.MaxMergeHunks)
	if err != nil {
		return nil, err
	}
	plan, err := wish{how: in.MergeOption, level: in.ConflictDetailLevel, strategy: in.ConflictResolutionStrategy}.plan(ctx)
	if err != nil {
		return nil, err
	}
	m, open, err := s.conflicts(ctx, plan, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(open, func(c gitrepo.Conflict) bool { return c.Path == p })
	if at < 0 {
		return nil, &types.FileDoesNotExistException{Message: text("There is no conflict in %s", p)}
	}
	d, err := s.describe(ctx, *in.RepositoryName, open[at])
	if err != nil {
		return nil, err
	}
	hunks, next, err := page(d.MergeHunks, "hunks", in.NextToken, size)
	return &sdk.DescribeMergeConflictsOutput{
		ConflictMetadata: d.ConflictMetadata, MergeHunks: append([]types.MergeHunk{}, hunks...), NextToken: next,
		SourceCommitId: aws.String(m.Source.ID), DestinationCommitId: aws.String(m.Destination.ID), BaseCommitId: aws.String(m.Base.ID),
	}, err
}

// BatchDescribeMergeConflicts implements the operation.
func (s *Service) BatchDescribeMergeConflicts(ctx context.Context, in *sdk.BatchDescribeMergeConflictsInput) (*sdk.BatchDescribeMergeConflictsOutput, error) {
	if err := checkOption(in.MergeOption, false); err != nil {
		return nil, err
	}
	files, err := conflictFiles(in.MaxConflictFiles)
	hunks, herr := mergeHunks(in.MaxMergeHunks)
	if err = errors.Join(err, herr); err != nil {
		return nil, firstOf(err)
	}
	plan, err := wish{how: in.MergeOption, level: in.ConflictDetailLevel, strategy: in.ConflictResolutionStrategy}.plan(ctx)
	if err != nil {
		return nil, err
	}
	m, open, err := s.conflicts(ctx, plan, in.RepositoryName, in.DestinationCommitSpecifier, in.SourceCommitSpecifier)
	if err != nil {
		return nil, err
	}
	out := &sdk.BatchDescribeMergeConflictsOutput{
		SourceCommitId: aws.String(m.Source.ID), DestinationCommitId: aws.String(m.Destination.ID), BaseCommitId: aws.String(m.Base.ID),
		Conflicts: []types.Conflict{}, Errors: []types.BatchDescribeMergeConflictsError{},
	}
	open, out.Errors = wantedConflicts(open, in.FilePaths)
	some, next, err := page(open, "conflicts", in.NextToken, files)
	if err != nil {
		return nil, err
	}
	out.NextToken = next
	for _, c := range some {
		d, err := s.describe(ctx, *in.RepositoryName, c)
		if err != nil {
			return nil, err
		}
		d.MergeHunks = d.MergeHunks[:min(len(d.MergeHunks), hunks)]
		out.Conflicts = append(out.Conflicts, d)
	}
	return out, nil
}

// wantedConflicts are the conflicts of certain files, or all.
func wantedConflicts(open []gitrepo.Conflict, paths []string) ([]gitrepo.Conflict, []types.BatchDescribeMergeConflictsError) {
	failed := []types.BatchDescribeMergeConflictsError{}
	if len(paths) == 0 {
		return open, failed
	}
	var wanted []gitrepo.Conflict
	for _, p := range paths {
		at := slices.IndexFunc(open, func(c gitrepo.Conflict) bool { return c.Path == p })
		if at < 0 {
			failed = append(failed, types.BatchDescribeMergeConflictsError{
				FilePath: aws.String(p), ExceptionName: aws.String("FileDoesNotExistException"), Message: text("There is no conflict in %s", p),
			})
			continue
		}
		wanted = append(wanted, open[at])
	}
	return wanted, failed
}

// describe is a conflict as the API shows it.
func (s *Service) describe(ctx context.Context, repository string, c gitrepo.Conflict) (types.Conflict, error) {
	d := &types.ConflictMetadata{
		FilePath:    aws.String(c.Path),
		FileModes:   &types.FileModes{Source: modeIf(c.Source), Destination: modeIf(c.Destination), Base: modeIf(c.Base)},
		ObjectTypes: &types.ObjectTypes{Source: objectType(c.Source), Destination: objectType(c.Destination), Base: objectType(c.Base)},
		FileSizes:   &types.FileSizes{}, IsBinaryFile: &types.IsBinaryFile{},
		MergeOperations: &types.MergeOperations{Source: operation(c.Base, c.Source), Destination: operation(c.Base, c.Destination)},
		ContentConflict: c.Source.ID != c.Destination.ID,
	}
	both := c.Source.ID != "" && c.Destination.ID != ""
	d.FileModeConflict = both && c.Source.Mode != c.Destination.Mode
	d.ObjectTypeConflict = both && objectType(c.Source) != objectType(c.Destination)
	err := s.repos.View(ctx, repository, func(v *gitrepo.View) error {
		for _, side := range []struct {
			e      gitrepo.Entry
			size   *int64
			binary **bool
		}{
			{c.Source, &d.FileSizes.Source, &d.IsBinaryFile.Source},
			{c.Destination, &d.FileSizes.Destination, &d.IsBinaryFile.Destination},
			{c.Base, &d.FileSizes.Base, &d.IsBinaryFile.Base},
		} {
			if side.e.ID == "" || side.e.Mode == gitrepo.ModeSubmodule {
				continue
			}
			head, size, err := v.Peek(side.e.ID, 8000)
			if err != nil {
				return err
			}
			*side.size, *side.binary = size, aws.Bool(gitrepo.IsBinary(head))
		}
		return nil
	})
	if err != nil {
		return types.Conflict{}, missing(err, repository)
	}
	out := types.Conflict{ConflictMetadata: d, MergeHunks: []types.MergeHunk{}}
	if out.MergeHunks, err = s.hunks(ctx, repository, c); err != nil {
		return out, err
	}
	d.NumberOfConflicts = int32(max(1, len(out.MergeHunks))) //nolint:gosec // bounded by the size of the file
	return out, nil
}

// hunks lists the conflicting lines of a text file.
func (s *Service) hunks(ctx context.Context, repository string, c gitrepo.Conflict) ([]types.MergeHunk, error) {
	out := []types.MergeHunk{}
	found, err := s.pulls.Hunks(ctx, repository, c)
	if errors.Is(err, gitrepo.ErrBinary) || errors.Is(err, gitrepo.ErrTooLarge) || errors.Is(err, gitrepo.ErrNoPath) {
		return out, nil
	}
	if err != nil {
		return nil, missing(err, repository)
	}
	detail := func(line int, content string) *types.MergeHunkDetail {
		end := line + max(0, strings.Count(content, "\n")-1)
		return &types.MergeHunkDetail{
			StartLine: aws.Int32(int32(line)), EndLine: aws.Int32(int32(end)), //nolint:gosec // bounded by the size of the file
			HunkContent: aws.String(base64.StdEncoding.EncodeToString([]byte(content))),
		}
	}
	for _, h := range found {
		out = append(out, types.MergeHunk{
			IsConflict: true, Source: detail(h.Line, h.Source), Destination: detail(h.Line, h.Destination), Base: detail(h.Line, h.Base),
		})
	}
	return out, nil
}

func modeIf(e gitrepo.Entry) types.FileModeTypeEnum {
	if e.ID == "" {
		return ""
	}
	return fileMode(e.Mode)
}

func objectType(e gitrepo.Entry) types.ObjectTypeEnum {
	switch {
	case e.ID == "":
		return ""
	case e.Mode == gitrepo.ModeSubmodule:
		return types.ObjectTypeEnumGitLink
	case e.Mode == gitrepo.ModeSymlink:
		return types.ObjectTypeEnumSymbolicLink
	case e.Mode == gitrepo.ModeFolder:
		return types.ObjectTypeEnumDirectory
	}
	return types.ObjectTypeEnumFile
}

func operation(base, e gitrepo.Entry) types.ChangeTypeEnum {
	switch {
	case base.ID == "":
		return types.ChangeTypeEnumAdded
	case e.ID == "":
		return types.ChangeTypeEnumDeleted
	}
	return types.ChangeTypeEnumModified
}
