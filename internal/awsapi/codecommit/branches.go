package codecommit

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

// CreateBranch implements the operation.
func (s *Service) CreateBranch(ctx context.Context, in *sdk.CreateBranchInput) (*sdk.CreateBranchOutput, error) {
	r, branch, err := s.branch(ctx, in.RepositoryName, in.BranchName)
	if err != nil {
		return nil, err
	}
	commit := aws.ToString(in.CommitId)
	switch {
	case commit == "":
		return nil, &types.CommitIdRequiredException{Message: text("The commit id must be specified.")}
	case !gitrepo.ValidID(commit):
		return nil, &types.InvalidCommitIdException{Message: text("%q is not a full commit id.", commit)}
	}
	err = s.repos.CreateBranch(ctx, r.Name, branch, commit, caller(ctx))
	switch {
	case errors.Is(err, gitrepo.ErrBranchExists):
		return nil, &types.BranchNameExistsException{Message: text("Branch named %s already exists", branch)}
	case errors.Is(err, gitrepo.ErrNoRef):
		return nil, commitDoesNotExist(commit)
	case errors.Is(err, gitrepo.ErrBadBranch):
		return nil, &types.InvalidBranchNameException{Message: text("The branch %s cannot be created: %v", branch, err)}
	}
	return &sdk.CreateBranchOutput{}, missing(err, r.Name)
}

// branch finds the repository that a request names, and checks the name of the branch.
func (s *Service) branch(ctx context.Context, repository, branch *string) (gitrepo.Repository, string, error) {
	r, err := s.repository(ctx, repository)
	if err != nil {
		return gitrepo.Repository{}, "", err
	}
	b, err := branchName(branch)
	return r, b, err
}

// GetBranch implements the operation.
func (s *Service) GetBranch(ctx context.Context, in *sdk.GetBranchInput) (*sdk.GetBranchOutput, error) {
	r, branch, err := s.branch(ctx, in.RepositoryName, in.BranchName)
	if err != nil {
		return nil, err
	}
	c, err := s.repos.Head(ctx, r.Name, branch)
	if errors.Is(err, gitrepo.ErrNoRef) {
		return nil, branchDoesNotExist(branch)
	}
	if err != nil {
		return nil, missing(err, r.Name)
	}
	return &sdk.GetBranchOutput{Branch: &types.BranchInfo{BranchName: aws.String(branch), CommitId: aws.String(c.ID)}}, nil
}

// ListBranches implements the operation.
func (s *Service) ListBranches(ctx context.Context, in *sdk.ListBranchesInput) (*sdk.ListBranchesOutput, error) {
	r, err := s.repository(ctx, in.RepositoryName)
	if err != nil {
		return nil, err
	}
	all, err := s.repos.Branches(ctx, r.Name)
	if err != nil {
		return nil, missing(err, r.Name)
	}
	names, next, err := page(all, "branches", in.NextToken, namesPerPage)
	if err != nil {
		return nil, err
	}
	return &sdk.ListBranchesOutput{Branches: append([]string{}, names...), NextToken: next}, nil
}

// DeleteBranch implements the operation. Deleting what does not exist works, and returns no branch.
func (s *Service) DeleteBranch(ctx context.Context, in *sdk.DeleteBranchInput) (*sdk.DeleteBranchOutput, error) {
	r, branch, err := s.branch(ctx, in.RepositoryName, in.BranchName)
	if err != nil {
		return nil, err
	}
	tip, err := s.repos.DeleteBranch(ctx, r.Name, branch, caller(ctx))
	switch {
	case errors.Is(err, gitrepo.ErrNoRef):
		return &sdk.DeleteBranchOutput{}, nil
	case errors.Is(err, gitrepo.ErrDefaultBranch):
		return nil, &types.DefaultBranchCannotBeDeletedException{Message: text("Branch %s is the default branch of the repository and cannot be deleted", branch)}
	case err != nil:
		return nil, missing(err, r.Name)
	}
	return &sdk.DeleteBranchOutput{DeletedBranch: &types.BranchInfo{BranchName: aws.String(branch), CommitId: aws.String(tip)}}, nil
}

// UpdateDefaultBranch implements the operation.
func (s *Service) UpdateDefaultBranch(ctx context.Context, in *sdk.UpdateDefaultBranchInput) (*sdk.UpdateDefaultBranchOutput, error) {
	r, branch, err := s.branch(ctx, in.RepositoryName, in.DefaultBranchName)
	if err != nil {
		return nil, err
	}
	err = s.repos.SetDefaultBranch(ctx, r.Name, branch)
	if errors.Is(err, gitrepo.ErrNoRef) {
		return nil, branchDoesNotExist(branch)
	}
	return &sdk.UpdateDefaultBranchOutput{}, missing(err, r.Name)
}
