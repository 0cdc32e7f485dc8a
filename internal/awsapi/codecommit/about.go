package codecommit

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/conveyor-cd/conveyor/internal/awsapi"
	"github.com/conveyor-cd/conveyor/internal/pull"
)

// aboutMembers are those that name a pull request or a comment, and the repositories of a new pull request.
var aboutMembers = []string{"targets.*.repositoryName", "pullRequestId", "commentId", "inReplyTo"}

// resources finds the repository of a request that names a pull request or a comment, and that of a new pull request, so
// that a policy for the repository is one for them, too.
func (s *Service) resources(ctx context.Context, _ string, in awsapi.Members) ([]string, error) {
	var arns []string
	for _, name := range in.Texts("targets.*.repositoryName") {
		if _, err := repositoryName(&name); err == nil {
			arns = append(arns, s.opts.Place.ARN("codecommit", name))
		}
	}
	for _, member := range []string{"commentId", "inReplyTo"} {
		id, err := commentID(aws.String(in.Text(member)))
		if err != nil {
			continue
		}
		if c, err := s.pulls.Comment(ctx, id, ""); err == nil {
			return []string{s.opts.Place.ARN("codecommit", c.Repository)}, nil
		}
	}
	p, err := s.requested(ctx, in)
	if p.Repository != "" {
		arns = append(arns, s.opts.Place.ARN("codecommit", p.Repository))
	}
	return arns, err
}

// requested is the pull request that a request names; the zero Request when there is none.
func (s *Service) requested(ctx context.Context, in awsapi.Members) (pull.Request, error) {
	id, err := pullID(aws.String(in.Text("pullRequestId")))
	if err != nil {
		return pull.Request{}, nil //nolint:nilerr // the operation says so
	}
	p, err := s.pulls.Get(ctx, id)
	if errors.Is(err, pull.ErrNoRequest) {
		return pull.Request{}, nil
	}
	return p, err
}

// references gives codecommit:References its values: the branch that an operation moves, as a full ref.
func (s *Service) references(ctx context.Context, operation string, in awsapi.Members) (map[string][]string, error) {
	branch := ""
	switch {
	case strings.HasPrefix(operation, "MergePullRequest"):
		p, err := s.requested(ctx, in)
		if err != nil {
			return nil, err
		}
		branch = p.Destination
	case strings.HasPrefix(operation, "MergeBranches"):
		if branch = in.Text("targetBranch"); branch == "" {
			branch = in.Text("destinationCommitSpecifier")
		}
	case movesBranch[operation]:
		branch = in.Text("branchName")
	}
	if branch == "" {
		return nil, nil
	}
	if !strings.HasPrefix(branch, "refs/") {
		branch = "refs/heads/" + branch
	}
	return map[string][]string{"codecommit:References": {branch}}, nil
}

// movesBranch are the operations that make, move or delete the branch they name.
var movesBranch = map[string]bool{
	"CreateBranch": true, "DeleteBranch": true, "CreateCommit": true, "PutFile": true, "DeleteFile": true,
}
