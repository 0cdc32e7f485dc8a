package codecommit

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
)

// about finds the repository of a request that names a pull request or a comment, and that of a new pull request, so that
// a policy for the repository is one for them, too.
func (s *Service) about(ctx context.Context, in any) []string {
	if n, ok := in.(*sdk.CreatePullRequestInput); ok {
		var names []string
		for _, t := range n.Targets {
			if _, err := repositoryName(t.RepositoryName); err == nil {
				names = append(names, *t.RepositoryName)
			}
		}
		return names
	}
	pullRequest, comment := names(in)
	if comment != nil {
		if c, err := s.pulls.Comment(ctx, *comment, ""); err == nil {
			return []string{c.Repository}
		}
		return nil
	}
	id, err := pullID(pullRequest)
	if err != nil {
		return nil
	}
	if p, err := s.pulls.Get(ctx, id); err == nil {
		return []string{p.Repository}
	}
	return nil
}

// names are the ids of the pull request and the comment an input names.
func names(in any) (pullRequest, comment *string) {
	switch n := in.(type) {
	case *sdk.GetPullRequestInput:
		return n.PullRequestId, nil
	case *sdk.UpdatePullRequestTitleInput:
		return n.PullRequestId, nil
	case *sdk.UpdatePullRequestDescriptionInput:
		return n.PullRequestId, nil
	case *sdk.UpdatePullRequestStatusInput:
		return n.PullRequestId, nil
	case *sdk.DescribePullRequestEventsInput:
		return n.PullRequestId, nil
	case *sdk.CreatePullRequestApprovalRuleInput:
		return n.PullRequestId, nil
	case *sdk.UpdatePullRequestApprovalRuleContentInput:
		return n.PullRequestId, nil
	case *sdk.DeletePullRequestApprovalRuleInput:
		return n.PullRequestId, nil
	case *sdk.UpdatePullRequestApprovalStateInput:
		return n.PullRequestId, nil
	case *sdk.GetPullRequestApprovalStatesInput:
		return n.PullRequestId, nil
	case *sdk.EvaluatePullRequestApprovalRulesInput:
		return n.PullRequestId, nil
	case *sdk.OverridePullRequestApprovalRulesInput:
		return n.PullRequestId, nil
	case *sdk.GetPullRequestOverrideStateInput:
		return n.PullRequestId, nil
	case *sdk.GetCommentsForPullRequestInput:
		return n.PullRequestId, nil
	case *sdk.GetCommentInput:
		return nil, wanted(n.CommentId)
	case *sdk.UpdateCommentInput:
		return nil, wanted(n.CommentId)
	case *sdk.DeleteCommentContentInput:
		return nil, wanted(n.CommentId)
	case *sdk.PutCommentReactionInput:
		return nil, wanted(n.CommentId)
	case *sdk.GetCommentReactionsInput:
		return nil, wanted(n.CommentId)
	case *sdk.PostCommentReplyInput:
		return nil, wanted(n.InReplyTo)
	}
	return nil, nil
}

// wanted is an id that could be one.
func wanted(id *string) *string {
	if _, err := commentID(id); err != nil {
		return aws.String("-")
	}
	return id
}
