package codecommit_test

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
)

// operations is what the suite calls: the service itself, or the SDK's client over HTTP.
type operations interface {
	CreateRepository(context.Context, *sdk.CreateRepositoryInput) (*sdk.CreateRepositoryOutput, error)
	GetRepository(context.Context, *sdk.GetRepositoryInput) (*sdk.GetRepositoryOutput, error)
	DeleteRepository(context.Context, *sdk.DeleteRepositoryInput) (*sdk.DeleteRepositoryOutput, error)
	ListRepositories(context.Context, *sdk.ListRepositoriesInput) (*sdk.ListRepositoriesOutput, error)
	BatchGetRepositories(context.Context, *sdk.BatchGetRepositoriesInput) (*sdk.BatchGetRepositoriesOutput, error)
	UpdateRepositoryDescription(context.Context, *sdk.UpdateRepositoryDescriptionInput) (*sdk.UpdateRepositoryDescriptionOutput, error)
	UpdateRepositoryName(context.Context, *sdk.UpdateRepositoryNameInput) (*sdk.UpdateRepositoryNameOutput, error)
	UpdateRepositoryEncryptionKey(context.Context, *sdk.UpdateRepositoryEncryptionKeyInput) (*sdk.UpdateRepositoryEncryptionKeyOutput, error)
	UpdateDefaultBranch(context.Context, *sdk.UpdateDefaultBranchInput) (*sdk.UpdateDefaultBranchOutput, error)
	TagResource(context.Context, *sdk.TagResourceInput) (*sdk.TagResourceOutput, error)
	UntagResource(context.Context, *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error)
	ListTagsForResource(context.Context, *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error)
	CreateBranch(context.Context, *sdk.CreateBranchInput) (*sdk.CreateBranchOutput, error)
	GetBranch(context.Context, *sdk.GetBranchInput) (*sdk.GetBranchOutput, error)
	ListBranches(context.Context, *sdk.ListBranchesInput) (*sdk.ListBranchesOutput, error)
	DeleteBranch(context.Context, *sdk.DeleteBranchInput) (*sdk.DeleteBranchOutput, error)
	GetCommit(context.Context, *sdk.GetCommitInput) (*sdk.GetCommitOutput, error)
	BatchGetCommits(context.Context, *sdk.BatchGetCommitsInput) (*sdk.BatchGetCommitsOutput, error)
	GetDifferences(context.Context, *sdk.GetDifferencesInput) (*sdk.GetDifferencesOutput, error)
	GetBlob(context.Context, *sdk.GetBlobInput) (*sdk.GetBlobOutput, error)
	GetFile(context.Context, *sdk.GetFileInput) (*sdk.GetFileOutput, error)
	GetFolder(context.Context, *sdk.GetFolderInput) (*sdk.GetFolderOutput, error)
	PutFile(context.Context, *sdk.PutFileInput) (*sdk.PutFileOutput, error)
	DeleteFile(context.Context, *sdk.DeleteFileInput) (*sdk.DeleteFileOutput, error)
	CreateCommit(context.Context, *sdk.CreateCommitInput) (*sdk.CreateCommitOutput, error)
}

// overHTTP is operations through the SDK's client.
type overHTTP struct{ *sdk.Client }

func (c overHTTP) CreateRepository(ctx context.Context, in *sdk.CreateRepositoryInput) (*sdk.CreateRepositoryOutput, error) {
	return c.Client.CreateRepository(ctx, in)
}

func (c overHTTP) GetRepository(ctx context.Context, in *sdk.GetRepositoryInput) (*sdk.GetRepositoryOutput, error) {
	return c.Client.GetRepository(ctx, in)
}

func (c overHTTP) DeleteRepository(ctx context.Context, in *sdk.DeleteRepositoryInput) (*sdk.DeleteRepositoryOutput, error) {
	return c.Client.DeleteRepository(ctx, in)
}

func (c overHTTP) ListRepositories(ctx context.Context, in *sdk.ListRepositoriesInput) (*sdk.ListRepositoriesOutput, error) {
	return c.Client.ListRepositories(ctx, in)
}

func (c overHTTP) BatchGetRepositories(ctx context.Context, in *sdk.BatchGetRepositoriesInput) (*sdk.BatchGetRepositoriesOutput, error) {
	return c.Client.BatchGetRepositories(ctx, in)
}

func (c overHTTP) UpdateRepositoryDescription(ctx context.Context, in *sdk.UpdateRepositoryDescriptionInput) (*sdk.UpdateRepositoryDescriptionOutput, error) {
	return c.Client.UpdateRepositoryDescription(ctx, in)
}

func (c overHTTP) UpdateRepositoryName(ctx context.Context, in *sdk.UpdateRepositoryNameInput) (*sdk.UpdateRepositoryNameOutput, error) {
	return c.Client.UpdateRepositoryName(ctx, in)
}

func (c overHTTP) UpdateRepositoryEncryptionKey(ctx context.Context, in *sdk.UpdateRepositoryEncryptionKeyInput) (*sdk.UpdateRepositoryEncryptionKeyOutput, error) {
	return c.Client.UpdateRepositoryEncryptionKey(ctx, in)
}

func (c overHTTP) UpdateDefaultBranch(ctx context.Context, in *sdk.UpdateDefaultBranchInput) (*sdk.UpdateDefaultBranchOutput, error) {
	return c.Client.UpdateDefaultBranch(ctx, in)
}

func (c overHTTP) TagResource(ctx context.Context, in *sdk.TagResourceInput) (*sdk.TagResourceOutput, error) {
	return c.Client.TagResource(ctx, in)
}

func (c overHTTP) UntagResource(ctx context.Context, in *sdk.UntagResourceInput) (*sdk.UntagResourceOutput, error) {
	return c.Client.UntagResource(ctx, in)
}

func (c overHTTP) ListTagsForResource(ctx context.Context, in *sdk.ListTagsForResourceInput) (*sdk.ListTagsForResourceOutput, error) {
	return c.Client.ListTagsForResource(ctx, in)
}

func (c overHTTP) CreateBranch(ctx context.Context, in *sdk.CreateBranchInput) (*sdk.CreateBranchOutput, error) {
	return c.Client.CreateBranch(ctx, in)
}

func (c overHTTP) GetBranch(ctx context.Context, in *sdk.GetBranchInput) (*sdk.GetBranchOutput, error) {
	return c.Client.GetBranch(ctx, in)
}

func (c overHTTP) ListBranches(ctx context.Context, in *sdk.ListBranchesInput) (*sdk.ListBranchesOutput, error) {
	return c.Client.ListBranches(ctx, in)
}

func (c overHTTP) DeleteBranch(ctx context.Context, in *sdk.DeleteBranchInput) (*sdk.DeleteBranchOutput, error) {
	return c.Client.DeleteBranch(ctx, in)
}

func (c overHTTP) GetCommit(ctx context.Context, in *sdk.GetCommitInput) (*sdk.GetCommitOutput, error) {
	return c.Client.GetCommit(ctx, in)
}

func (c overHTTP) BatchGetCommits(ctx context.Context, in *sdk.BatchGetCommitsInput) (*sdk.BatchGetCommitsOutput, error) {
	return c.Client.BatchGetCommits(ctx, in)
}

func (c overHTTP) GetDifferences(ctx context.Context, in *sdk.GetDifferencesInput) (*sdk.GetDifferencesOutput, error) {
	return c.Client.GetDifferences(ctx, in)
}

func (c overHTTP) GetBlob(ctx context.Context, in *sdk.GetBlobInput) (*sdk.GetBlobOutput, error) {
	return c.Client.GetBlob(ctx, in)
}

func (c overHTTP) GetFile(ctx context.Context, in *sdk.GetFileInput) (*sdk.GetFileOutput, error) {
	return c.Client.GetFile(ctx, in)
}

func (c overHTTP) GetFolder(ctx context.Context, in *sdk.GetFolderInput) (*sdk.GetFolderOutput, error) {
	return c.Client.GetFolder(ctx, in)
}

func (c overHTTP) PutFile(ctx context.Context, in *sdk.PutFileInput) (*sdk.PutFileOutput, error) {
	return c.Client.PutFile(ctx, in)
}

func (c overHTTP) DeleteFile(ctx context.Context, in *sdk.DeleteFileInput) (*sdk.DeleteFileOutput, error) {
	return c.Client.DeleteFile(ctx, in)
}

func (c overHTTP) CreateCommit(ctx context.Context, in *sdk.CreateCommitInput) (*sdk.CreateCommitOutput, error) {
	return c.Client.CreateCommit(ctx, in)
}
