// Package codecommit answers CodeCommit's API from the repositories of gitrepo.
//
// CodeCommit has exceptions of its own for missing and malformed members (RepositoryNameRequiredException,
// InvalidRepositoryNameException and many more), so the methods check their input themselves.
package codecommit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/gitrepo"
	"github.com/conveyor-cd/conveyor/internal/pull"
	"github.com/conveyor-cd/conveyor/internal/repotrigger"
)

// Options tune a Service.
type Options struct {
	Place awsapi.Place
	// PublicURL is where clients reach the server ("http://127.0.0.1:4566"); clone URLs are made of it.
	PublicURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Service is the operations.
type Service struct {
	repos    *gitrepo.Store
	pulls    *pull.Service
	triggers *repotrigger.Store
	opts     Options
}

// New makes a Service.
func New(repos *gitrepo.Store, pulls *pull.Service, triggers *repotrigger.Store, o Options) *Service {
	o.Place = o.Place.WithDefaults()
	o.PublicURL = strings.TrimRight(o.PublicURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{repos: repos, pulls: pulls, triggers: triggers, opts: o}
}

// API lists the operations for the wire.
func (s *Service) API() awsapi.API {
	const filesLimit = 30 << 20 // 20 MB of files in base64, and some air
	return awsapi.NewJSON("codecommit", "CodeCommit_20150413",
		awsapi.Handle(s.CreateRepository),
		awsapi.Handle(s.GetRepository),
		awsapi.Handle(s.DeleteRepository),
		awsapi.Handle(s.ListRepositories),
		awsapi.Handle(s.BatchGetRepositories),
		awsapi.Handle(s.UpdateRepositoryDescription),
		awsapi.Handle(s.UpdateRepositoryName),
		awsapi.Handle(s.UpdateRepositoryEncryptionKey),
		awsapi.Handle(s.UpdateDefaultBranch),
		awsapi.Handle(s.TagResource),
		awsapi.Handle(s.UntagResource),
		awsapi.Handle(s.ListTagsForResource),
		awsapi.Handle(s.CreateBranch),
		awsapi.Handle(s.GetBranch),
		awsapi.Handle(s.ListBranches),
		awsapi.Handle(s.DeleteBranch),
		awsapi.Handle(s.GetCommit),
		awsapi.Handle(s.BatchGetCommits),
		awsapi.Handle(s.GetDifferences),
		awsapi.Handle(s.GetBlob),
		awsapi.Handle(s.GetFile),
		awsapi.Handle(s.GetFolder),
		awsapi.Handle(s.ListFileCommitHistory),
		awsapi.Handle(s.PutFile).MaxBody(filesLimit),
		awsapi.Handle(s.DeleteFile),
		awsapi.Handle(s.CreateCommit).MaxBody(filesLimit),
		awsapi.Handle(s.CreatePullRequest),
		awsapi.Handle(s.GetPullRequest),
		awsapi.Handle(s.ListPullRequests),
		awsapi.Handle(s.UpdatePullRequestTitle),
		awsapi.Handle(s.UpdatePullRequestDescription),
		awsapi.Handle(s.UpdatePullRequestStatus),
		awsapi.Handle(s.DescribePullRequestEvents),
		awsapi.Handle(s.MergePullRequestByFastForward),
		awsapi.Handle(s.MergePullRequestBySquash).MaxBody(filesLimit),
		awsapi.Handle(s.MergePullRequestByThreeWay).MaxBody(filesLimit),
		awsapi.Handle(s.MergeBranchesByFastForward),
		awsapi.Handle(s.MergeBranchesBySquash).MaxBody(filesLimit),
		awsapi.Handle(s.MergeBranchesByThreeWay).MaxBody(filesLimit),
		awsapi.Handle(s.CreateUnreferencedMergeCommit).MaxBody(filesLimit),
		awsapi.Handle(s.GetMergeCommit),
		awsapi.Handle(s.GetMergeOptions),
		awsapi.Handle(s.GetMergeConflicts),
		awsapi.Handle(s.DescribeMergeConflicts),
		awsapi.Handle(s.BatchDescribeMergeConflicts),
		awsapi.Handle(s.CreatePullRequestApprovalRule),
		awsapi.Handle(s.UpdatePullRequestApprovalRuleContent),
		awsapi.Handle(s.DeletePullRequestApprovalRule),
		awsapi.Handle(s.UpdatePullRequestApprovalState),
		awsapi.Handle(s.GetPullRequestApprovalStates),
		awsapi.Handle(s.EvaluatePullRequestApprovalRules),
		awsapi.Handle(s.OverridePullRequestApprovalRules),
		awsapi.Handle(s.GetPullRequestOverrideState),
		awsapi.Handle(s.CreateApprovalRuleTemplate),
		awsapi.Handle(s.GetApprovalRuleTemplate),
		awsapi.Handle(s.ListApprovalRuleTemplates),
		awsapi.Handle(s.UpdateApprovalRuleTemplateContent),
		awsapi.Handle(s.UpdateApprovalRuleTemplateDescription),
		awsapi.Handle(s.UpdateApprovalRuleTemplateName),
		awsapi.Handle(s.DeleteApprovalRuleTemplate),
		awsapi.Handle(s.AssociateApprovalRuleTemplateWithRepository),
		awsapi.Handle(s.DisassociateApprovalRuleTemplateFromRepository),
		awsapi.Handle(s.BatchAssociateApprovalRuleTemplateWithRepositories),
		awsapi.Handle(s.BatchDisassociateApprovalRuleTemplateFromRepositories),
		awsapi.Handle(s.ListAssociatedApprovalRuleTemplatesForRepository),
		awsapi.Handle(s.ListRepositoriesForApprovalRuleTemplate),
		awsapi.Handle(s.PostCommentForPullRequest),
		awsapi.Handle(s.PostCommentForComparedCommit),
		awsapi.Handle(s.PostCommentReply),
		awsapi.Handle(s.GetComment),
		awsapi.Handle(s.UpdateComment),
		awsapi.Handle(s.DeleteCommentContent),
		awsapi.Handle(s.GetCommentsForPullRequest),
		awsapi.Handle(s.GetCommentsForComparedCommit),
		awsapi.Handle(s.PutCommentReaction),
		awsapi.Handle(s.GetCommentReactions),
		awsapi.Handle(s.PutRepositoryTriggers),
		awsapi.Handle(s.GetRepositoryTriggers),
		awsapi.Handle(s.TestRepositoryTriggers),
	).WithoutConstraints().About(awsapi.About{Members: aboutMembers, Resources: s.resources, Conditions: s.references})
}

// caller is who changes something.
func caller(ctx context.Context) string { return awsapi.Caller(ctx).Arn }

// repositoryName checks a name and returns it.
func repositoryName(name *string) (string, error) {
	switch {
	case aws.ToString(name) == "":
		return "", repositoryNameRequired()
	case gitrepo.ValidName(*name) != nil:
		return "", invalidRepositoryName(*name)
	}
	return *name, nil
}

// repository finds the repository that a request names.
func (s *Service) repository(ctx context.Context, name *string) (gitrepo.Repository, error) {
	n, err := repositoryName(name)
	if err != nil {
		return gitrepo.Repository{}, err
	}
	r, err := s.repos.Get(ctx, n)
	return r, missing(err, n)
}

// missing turns the store's "no such repository" into the API's.
func missing(err error, name string) error {
	if errors.Is(err, gitrepo.ErrNoRepository) {
		return repositoryDoesNotExist(name)
	}
	return err
}

// branchName checks a branch's name, which may be given as a ref, and returns it.
func branchName(name *string) (string, error) {
	if aws.ToString(name) == "" {
		return "", branchNameRequired()
	}
	n := strings.TrimPrefix(*name, "refs/heads/")
	if gitrepo.ValidBranch(n) != nil || strings.HasPrefix(n, "refs/") {
		return "", invalidBranchName(*name)
	}
	return n, nil
}
