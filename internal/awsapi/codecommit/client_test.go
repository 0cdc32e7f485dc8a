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
	ListFileCommitHistory(context.Context, *sdk.ListFileCommitHistoryInput) (*sdk.ListFileCommitHistoryOutput, error)
	PutRepositoryTriggers(context.Context, *sdk.PutRepositoryTriggersInput) (*sdk.PutRepositoryTriggersOutput, error)
	GetRepositoryTriggers(context.Context, *sdk.GetRepositoryTriggersInput) (*sdk.GetRepositoryTriggersOutput, error)
	TestRepositoryTriggers(context.Context, *sdk.TestRepositoryTriggersInput) (*sdk.TestRepositoryTriggersOutput, error)
	PutFile(context.Context, *sdk.PutFileInput) (*sdk.PutFileOutput, error)
	DeleteFile(context.Context, *sdk.DeleteFileInput) (*sdk.DeleteFileOutput, error)
	CreateCommit(context.Context, *sdk.CreateCommitInput) (*sdk.CreateCommitOutput, error)
	CreatePullRequest(context.Context, *sdk.CreatePullRequestInput) (*sdk.CreatePullRequestOutput, error)
	GetPullRequest(context.Context, *sdk.GetPullRequestInput) (*sdk.GetPullRequestOutput, error)
	ListPullRequests(context.Context, *sdk.ListPullRequestsInput) (*sdk.ListPullRequestsOutput, error)
	UpdatePullRequestTitle(context.Context, *sdk.UpdatePullRequestTitleInput) (*sdk.UpdatePullRequestTitleOutput, error)
	UpdatePullRequestDescription(context.Context, *sdk.UpdatePullRequestDescriptionInput) (*sdk.UpdatePullRequestDescriptionOutput, error)
	UpdatePullRequestStatus(context.Context, *sdk.UpdatePullRequestStatusInput) (*sdk.UpdatePullRequestStatusOutput, error)
	DescribePullRequestEvents(context.Context, *sdk.DescribePullRequestEventsInput) (*sdk.DescribePullRequestEventsOutput, error)
	MergePullRequestByFastForward(context.Context, *sdk.MergePullRequestByFastForwardInput) (*sdk.MergePullRequestByFastForwardOutput, error)
	MergePullRequestBySquash(context.Context, *sdk.MergePullRequestBySquashInput) (*sdk.MergePullRequestBySquashOutput, error)
	MergePullRequestByThreeWay(context.Context, *sdk.MergePullRequestByThreeWayInput) (*sdk.MergePullRequestByThreeWayOutput, error)
	MergeBranchesByFastForward(context.Context, *sdk.MergeBranchesByFastForwardInput) (*sdk.MergeBranchesByFastForwardOutput, error)
	MergeBranchesBySquash(context.Context, *sdk.MergeBranchesBySquashInput) (*sdk.MergeBranchesBySquashOutput, error)
	MergeBranchesByThreeWay(context.Context, *sdk.MergeBranchesByThreeWayInput) (*sdk.MergeBranchesByThreeWayOutput, error)
	CreateUnreferencedMergeCommit(context.Context, *sdk.CreateUnreferencedMergeCommitInput) (*sdk.CreateUnreferencedMergeCommitOutput, error)
	GetMergeCommit(context.Context, *sdk.GetMergeCommitInput) (*sdk.GetMergeCommitOutput, error)
	GetMergeOptions(context.Context, *sdk.GetMergeOptionsInput) (*sdk.GetMergeOptionsOutput, error)
	GetMergeConflicts(context.Context, *sdk.GetMergeConflictsInput) (*sdk.GetMergeConflictsOutput, error)
	DescribeMergeConflicts(context.Context, *sdk.DescribeMergeConflictsInput) (*sdk.DescribeMergeConflictsOutput, error)
	BatchDescribeMergeConflicts(context.Context, *sdk.BatchDescribeMergeConflictsInput) (*sdk.BatchDescribeMergeConflictsOutput, error)
	CreatePullRequestApprovalRule(context.Context, *sdk.CreatePullRequestApprovalRuleInput) (*sdk.CreatePullRequestApprovalRuleOutput, error)
	UpdatePullRequestApprovalRuleContent(context.Context, *sdk.UpdatePullRequestApprovalRuleContentInput) (*sdk.UpdatePullRequestApprovalRuleContentOutput, error)
	DeletePullRequestApprovalRule(context.Context, *sdk.DeletePullRequestApprovalRuleInput) (*sdk.DeletePullRequestApprovalRuleOutput, error)
	UpdatePullRequestApprovalState(context.Context, *sdk.UpdatePullRequestApprovalStateInput) (*sdk.UpdatePullRequestApprovalStateOutput, error)
	GetPullRequestApprovalStates(context.Context, *sdk.GetPullRequestApprovalStatesInput) (*sdk.GetPullRequestApprovalStatesOutput, error)
	EvaluatePullRequestApprovalRules(context.Context, *sdk.EvaluatePullRequestApprovalRulesInput) (*sdk.EvaluatePullRequestApprovalRulesOutput, error)
	OverridePullRequestApprovalRules(context.Context, *sdk.OverridePullRequestApprovalRulesInput) (*sdk.OverridePullRequestApprovalRulesOutput, error)
	GetPullRequestOverrideState(context.Context, *sdk.GetPullRequestOverrideStateInput) (*sdk.GetPullRequestOverrideStateOutput, error)
	CreateApprovalRuleTemplate(context.Context, *sdk.CreateApprovalRuleTemplateInput) (*sdk.CreateApprovalRuleTemplateOutput, error)
	GetApprovalRuleTemplate(context.Context, *sdk.GetApprovalRuleTemplateInput) (*sdk.GetApprovalRuleTemplateOutput, error)
	ListApprovalRuleTemplates(context.Context, *sdk.ListApprovalRuleTemplatesInput) (*sdk.ListApprovalRuleTemplatesOutput, error)
	UpdateApprovalRuleTemplateContent(context.Context, *sdk.UpdateApprovalRuleTemplateContentInput) (*sdk.UpdateApprovalRuleTemplateContentOutput, error)
	UpdateApprovalRuleTemplateDescription(context.Context, *sdk.UpdateApprovalRuleTemplateDescriptionInput) (*sdk.UpdateApprovalRuleTemplateDescriptionOutput, error)
	UpdateApprovalRuleTemplateName(context.Context, *sdk.UpdateApprovalRuleTemplateNameInput) (*sdk.UpdateApprovalRuleTemplateNameOutput, error)
	DeleteApprovalRuleTemplate(context.Context, *sdk.DeleteApprovalRuleTemplateInput) (*sdk.DeleteApprovalRuleTemplateOutput, error)
	AssociateApprovalRuleTemplateWithRepository(context.Context, *sdk.AssociateApprovalRuleTemplateWithRepositoryInput) (*sdk.AssociateApprovalRuleTemplateWithRepositoryOutput, error)
	DisassociateApprovalRuleTemplateFromRepository(context.Context, *sdk.DisassociateApprovalRuleTemplateFromRepositoryInput) (*sdk.DisassociateApprovalRuleTemplateFromRepositoryOutput, error)
	BatchAssociateApprovalRuleTemplateWithRepositories(context.Context, *sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesInput) (*sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesOutput, error)
	BatchDisassociateApprovalRuleTemplateFromRepositories(context.Context, *sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesInput) (*sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesOutput, error)
	ListAssociatedApprovalRuleTemplatesForRepository(context.Context, *sdk.ListAssociatedApprovalRuleTemplatesForRepositoryInput) (*sdk.ListAssociatedApprovalRuleTemplatesForRepositoryOutput, error)
	ListRepositoriesForApprovalRuleTemplate(context.Context, *sdk.ListRepositoriesForApprovalRuleTemplateInput) (*sdk.ListRepositoriesForApprovalRuleTemplateOutput, error)
	PostCommentForPullRequest(context.Context, *sdk.PostCommentForPullRequestInput) (*sdk.PostCommentForPullRequestOutput, error)
	PostCommentForComparedCommit(context.Context, *sdk.PostCommentForComparedCommitInput) (*sdk.PostCommentForComparedCommitOutput, error)
	PostCommentReply(context.Context, *sdk.PostCommentReplyInput) (*sdk.PostCommentReplyOutput, error)
	GetComment(context.Context, *sdk.GetCommentInput) (*sdk.GetCommentOutput, error)
	UpdateComment(context.Context, *sdk.UpdateCommentInput) (*sdk.UpdateCommentOutput, error)
	DeleteCommentContent(context.Context, *sdk.DeleteCommentContentInput) (*sdk.DeleteCommentContentOutput, error)
	GetCommentsForPullRequest(context.Context, *sdk.GetCommentsForPullRequestInput) (*sdk.GetCommentsForPullRequestOutput, error)
	GetCommentsForComparedCommit(context.Context, *sdk.GetCommentsForComparedCommitInput) (*sdk.GetCommentsForComparedCommitOutput, error)
	PutCommentReaction(context.Context, *sdk.PutCommentReactionInput) (*sdk.PutCommentReactionOutput, error)
	GetCommentReactions(context.Context, *sdk.GetCommentReactionsInput) (*sdk.GetCommentReactionsOutput, error)
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

func (c overHTTP) CreatePullRequest(ctx context.Context, in *sdk.CreatePullRequestInput) (*sdk.CreatePullRequestOutput, error) {
	return c.Client.CreatePullRequest(ctx, in)
}

func (c overHTTP) GetPullRequest(ctx context.Context, in *sdk.GetPullRequestInput) (*sdk.GetPullRequestOutput, error) {
	return c.Client.GetPullRequest(ctx, in)
}

func (c overHTTP) ListPullRequests(ctx context.Context, in *sdk.ListPullRequestsInput) (*sdk.ListPullRequestsOutput, error) {
	return c.Client.ListPullRequests(ctx, in)
}

func (c overHTTP) UpdatePullRequestTitle(ctx context.Context, in *sdk.UpdatePullRequestTitleInput) (*sdk.UpdatePullRequestTitleOutput, error) {
	return c.Client.UpdatePullRequestTitle(ctx, in)
}

func (c overHTTP) UpdatePullRequestDescription(ctx context.Context, in *sdk.UpdatePullRequestDescriptionInput) (*sdk.UpdatePullRequestDescriptionOutput, error) {
	return c.Client.UpdatePullRequestDescription(ctx, in)
}

func (c overHTTP) UpdatePullRequestStatus(ctx context.Context, in *sdk.UpdatePullRequestStatusInput) (*sdk.UpdatePullRequestStatusOutput, error) {
	return c.Client.UpdatePullRequestStatus(ctx, in)
}

func (c overHTTP) DescribePullRequestEvents(ctx context.Context, in *sdk.DescribePullRequestEventsInput) (*sdk.DescribePullRequestEventsOutput, error) {
	return c.Client.DescribePullRequestEvents(ctx, in)
}

func (c overHTTP) MergePullRequestByFastForward(ctx context.Context, in *sdk.MergePullRequestByFastForwardInput) (*sdk.MergePullRequestByFastForwardOutput, error) {
	return c.Client.MergePullRequestByFastForward(ctx, in)
}

func (c overHTTP) MergePullRequestBySquash(ctx context.Context, in *sdk.MergePullRequestBySquashInput) (*sdk.MergePullRequestBySquashOutput, error) {
	return c.Client.MergePullRequestBySquash(ctx, in)
}

func (c overHTTP) MergePullRequestByThreeWay(ctx context.Context, in *sdk.MergePullRequestByThreeWayInput) (*sdk.MergePullRequestByThreeWayOutput, error) {
	return c.Client.MergePullRequestByThreeWay(ctx, in)
}

func (c overHTTP) MergeBranchesByFastForward(ctx context.Context, in *sdk.MergeBranchesByFastForwardInput) (*sdk.MergeBranchesByFastForwardOutput, error) {
	return c.Client.MergeBranchesByFastForward(ctx, in)
}

func (c overHTTP) MergeBranchesBySquash(ctx context.Context, in *sdk.MergeBranchesBySquashInput) (*sdk.MergeBranchesBySquashOutput, error) {
	return c.Client.MergeBranchesBySquash(ctx, in)
}

func (c overHTTP) MergeBranchesByThreeWay(ctx context.Context, in *sdk.MergeBranchesByThreeWayInput) (*sdk.MergeBranchesByThreeWayOutput, error) {
	return c.Client.MergeBranchesByThreeWay(ctx, in)
}

func (c overHTTP) CreateUnreferencedMergeCommit(ctx context.Context, in *sdk.CreateUnreferencedMergeCommitInput) (*sdk.CreateUnreferencedMergeCommitOutput, error) {
	return c.Client.CreateUnreferencedMergeCommit(ctx, in)
}

func (c overHTTP) GetMergeCommit(ctx context.Context, in *sdk.GetMergeCommitInput) (*sdk.GetMergeCommitOutput, error) {
	return c.Client.GetMergeCommit(ctx, in)
}

func (c overHTTP) GetMergeOptions(ctx context.Context, in *sdk.GetMergeOptionsInput) (*sdk.GetMergeOptionsOutput, error) {
	return c.Client.GetMergeOptions(ctx, in)
}

func (c overHTTP) GetMergeConflicts(ctx context.Context, in *sdk.GetMergeConflictsInput) (*sdk.GetMergeConflictsOutput, error) {
	return c.Client.GetMergeConflicts(ctx, in)
}

func (c overHTTP) DescribeMergeConflicts(ctx context.Context, in *sdk.DescribeMergeConflictsInput) (*sdk.DescribeMergeConflictsOutput, error) {
	return c.Client.DescribeMergeConflicts(ctx, in)
}

func (c overHTTP) BatchDescribeMergeConflicts(ctx context.Context, in *sdk.BatchDescribeMergeConflictsInput) (*sdk.BatchDescribeMergeConflictsOutput, error) {
	return c.Client.BatchDescribeMergeConflicts(ctx, in)
}

func (c overHTTP) CreatePullRequestApprovalRule(ctx context.Context, in *sdk.CreatePullRequestApprovalRuleInput) (*sdk.CreatePullRequestApprovalRuleOutput, error) {
	return c.Client.CreatePullRequestApprovalRule(ctx, in)
}

func (c overHTTP) UpdatePullRequestApprovalRuleContent(ctx context.Context, in *sdk.UpdatePullRequestApprovalRuleContentInput) (*sdk.UpdatePullRequestApprovalRuleContentOutput, error) {
	return c.Client.UpdatePullRequestApprovalRuleContent(ctx, in)
}

func (c overHTTP) DeletePullRequestApprovalRule(ctx context.Context, in *sdk.DeletePullRequestApprovalRuleInput) (*sdk.DeletePullRequestApprovalRuleOutput, error) {
	return c.Client.DeletePullRequestApprovalRule(ctx, in)
}

func (c overHTTP) UpdatePullRequestApprovalState(ctx context.Context, in *sdk.UpdatePullRequestApprovalStateInput) (*sdk.UpdatePullRequestApprovalStateOutput, error) {
	return c.Client.UpdatePullRequestApprovalState(ctx, in)
}

func (c overHTTP) GetPullRequestApprovalStates(ctx context.Context, in *sdk.GetPullRequestApprovalStatesInput) (*sdk.GetPullRequestApprovalStatesOutput, error) {
	return c.Client.GetPullRequestApprovalStates(ctx, in)
}

func (c overHTTP) EvaluatePullRequestApprovalRules(ctx context.Context, in *sdk.EvaluatePullRequestApprovalRulesInput) (*sdk.EvaluatePullRequestApprovalRulesOutput, error) {
	return c.Client.EvaluatePullRequestApprovalRules(ctx, in)
}

func (c overHTTP) OverridePullRequestApprovalRules(ctx context.Context, in *sdk.OverridePullRequestApprovalRulesInput) (*sdk.OverridePullRequestApprovalRulesOutput, error) {
	return c.Client.OverridePullRequestApprovalRules(ctx, in)
}

func (c overHTTP) GetPullRequestOverrideState(ctx context.Context, in *sdk.GetPullRequestOverrideStateInput) (*sdk.GetPullRequestOverrideStateOutput, error) {
	return c.Client.GetPullRequestOverrideState(ctx, in)
}

func (c overHTTP) CreateApprovalRuleTemplate(ctx context.Context, in *sdk.CreateApprovalRuleTemplateInput) (*sdk.CreateApprovalRuleTemplateOutput, error) {
	return c.Client.CreateApprovalRuleTemplate(ctx, in)
}

func (c overHTTP) GetApprovalRuleTemplate(ctx context.Context, in *sdk.GetApprovalRuleTemplateInput) (*sdk.GetApprovalRuleTemplateOutput, error) {
	return c.Client.GetApprovalRuleTemplate(ctx, in)
}

func (c overHTTP) ListApprovalRuleTemplates(ctx context.Context, in *sdk.ListApprovalRuleTemplatesInput) (*sdk.ListApprovalRuleTemplatesOutput, error) {
	return c.Client.ListApprovalRuleTemplates(ctx, in)
}

func (c overHTTP) UpdateApprovalRuleTemplateContent(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateContentInput) (*sdk.UpdateApprovalRuleTemplateContentOutput, error) {
	return c.Client.UpdateApprovalRuleTemplateContent(ctx, in)
}

func (c overHTTP) UpdateApprovalRuleTemplateDescription(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateDescriptionInput) (*sdk.UpdateApprovalRuleTemplateDescriptionOutput, error) {
	return c.Client.UpdateApprovalRuleTemplateDescription(ctx, in)
}

func (c overHTTP) UpdateApprovalRuleTemplateName(ctx context.Context, in *sdk.UpdateApprovalRuleTemplateNameInput) (*sdk.UpdateApprovalRuleTemplateNameOutput, error) {
	return c.Client.UpdateApprovalRuleTemplateName(ctx, in)
}

func (c overHTTP) DeleteApprovalRuleTemplate(ctx context.Context, in *sdk.DeleteApprovalRuleTemplateInput) (*sdk.DeleteApprovalRuleTemplateOutput, error) {
	return c.Client.DeleteApprovalRuleTemplate(ctx, in)
}

func (c overHTTP) AssociateApprovalRuleTemplateWithRepository(ctx context.Context, in *sdk.AssociateApprovalRuleTemplateWithRepositoryInput) (*sdk.AssociateApprovalRuleTemplateWithRepositoryOutput, error) {
	return c.Client.AssociateApprovalRuleTemplateWithRepository(ctx, in)
}

func (c overHTTP) DisassociateApprovalRuleTemplateFromRepository(ctx context.Context, in *sdk.DisassociateApprovalRuleTemplateFromRepositoryInput) (*sdk.DisassociateApprovalRuleTemplateFromRepositoryOutput, error) {
	return c.Client.DisassociateApprovalRuleTemplateFromRepository(ctx, in)
}

func (c overHTTP) BatchAssociateApprovalRuleTemplateWithRepositories(ctx context.Context, in *sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesInput) (*sdk.BatchAssociateApprovalRuleTemplateWithRepositoriesOutput, error) {
	return c.Client.BatchAssociateApprovalRuleTemplateWithRepositories(ctx, in)
}

func (c overHTTP) BatchDisassociateApprovalRuleTemplateFromRepositories(ctx context.Context, in *sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesInput) (*sdk.BatchDisassociateApprovalRuleTemplateFromRepositoriesOutput, error) {
	return c.Client.BatchDisassociateApprovalRuleTemplateFromRepositories(ctx, in)
}

func (c overHTTP) ListAssociatedApprovalRuleTemplatesForRepository(ctx context.Context, in *sdk.ListAssociatedApprovalRuleTemplatesForRepositoryInput) (*sdk.ListAssociatedApprovalRuleTemplatesForRepositoryOutput, error) {
	return c.Client.ListAssociatedApprovalRuleTemplatesForRepository(ctx, in)
}

func (c overHTTP) ListRepositoriesForApprovalRuleTemplate(ctx context.Context, in *sdk.ListRepositoriesForApprovalRuleTemplateInput) (*sdk.ListRepositoriesForApprovalRuleTemplateOutput, error) {
	return c.Client.ListRepositoriesForApprovalRuleTemplate(ctx, in)
}

func (c overHTTP) PostCommentForPullRequest(ctx context.Context, in *sdk.PostCommentForPullRequestInput) (*sdk.PostCommentForPullRequestOutput, error) {
	return c.Client.PostCommentForPullRequest(ctx, in)
}

func (c overHTTP) PostCommentForComparedCommit(ctx context.Context, in *sdk.PostCommentForComparedCommitInput) (*sdk.PostCommentForComparedCommitOutput, error) {
	return c.Client.PostCommentForComparedCommit(ctx, in)
}

func (c overHTTP) PostCommentReply(ctx context.Context, in *sdk.PostCommentReplyInput) (*sdk.PostCommentReplyOutput, error) {
	return c.Client.PostCommentReply(ctx, in)
}

func (c overHTTP) GetComment(ctx context.Context, in *sdk.GetCommentInput) (*sdk.GetCommentOutput, error) {
	return c.Client.GetComment(ctx, in)
}

func (c overHTTP) UpdateComment(ctx context.Context, in *sdk.UpdateCommentInput) (*sdk.UpdateCommentOutput, error) {
	return c.Client.UpdateComment(ctx, in)
}

func (c overHTTP) DeleteCommentContent(ctx context.Context, in *sdk.DeleteCommentContentInput) (*sdk.DeleteCommentContentOutput, error) {
	return c.Client.DeleteCommentContent(ctx, in)
}

func (c overHTTP) GetCommentsForPullRequest(ctx context.Context, in *sdk.GetCommentsForPullRequestInput) (*sdk.GetCommentsForPullRequestOutput, error) {
	return c.Client.GetCommentsForPullRequest(ctx, in)
}

func (c overHTTP) GetCommentsForComparedCommit(ctx context.Context, in *sdk.GetCommentsForComparedCommitInput) (*sdk.GetCommentsForComparedCommitOutput, error) {
	return c.Client.GetCommentsForComparedCommit(ctx, in)
}

func (c overHTTP) PutCommentReaction(ctx context.Context, in *sdk.PutCommentReactionInput) (*sdk.PutCommentReactionOutput, error) {
	return c.Client.PutCommentReaction(ctx, in)
}

func (c overHTTP) GetCommentReactions(ctx context.Context, in *sdk.GetCommentReactionsInput) (*sdk.GetCommentReactionsOutput, error) {
	return c.Client.GetCommentReactions(ctx, in)
}

func (c overHTTP) ListFileCommitHistory(ctx context.Context, in *sdk.ListFileCommitHistoryInput) (*sdk.ListFileCommitHistoryOutput, error) {
	return c.Client.ListFileCommitHistory(ctx, in)
}

func (c overHTTP) PutRepositoryTriggers(ctx context.Context, in *sdk.PutRepositoryTriggersInput) (*sdk.PutRepositoryTriggersOutput, error) {
	return c.Client.PutRepositoryTriggers(ctx, in)
}

func (c overHTTP) GetRepositoryTriggers(ctx context.Context, in *sdk.GetRepositoryTriggersInput) (*sdk.GetRepositoryTriggersOutput, error) {
	return c.Client.GetRepositoryTriggers(ctx, in)
}

func (c overHTTP) TestRepositoryTriggers(ctx context.Context, in *sdk.TestRepositoryTriggersInput) (*sdk.TestRepositoryTriggersOutput, error) {
	return c.Client.TestRepositoryTriggers(ctx, in)
}
