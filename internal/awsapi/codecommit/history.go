package codecommit

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"

	"github.com/conveyor-cd/conveyor/internal/gitrepo"
)

const (
	versionsPerPage = 100
	maxVersionsPage = 1000
	maxVersions     = 10000 // of a file; older ones are left out
)

// ListFileCommitHistory implements the operation.
func (s *Service) ListFileCommitHistory(ctx context.Context, in *sdk.ListFileCommitHistoryInput) (*sdk.ListFileCommitHistoryOutput, error) {
	p, err := readPath(in.FilePath)
	if err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults, versionsPerPage, maxVersionsPage)
	if err != nil {
		return nil, err
	}
	var c gitrepo.Commit
	err = s.view(ctx, in.RepositoryName, func(v *gitrepo.View) error {
		c, err = resolve(v, aws.ToString(in.CommitSpecifier))
		return err
	})
	if err != nil {
		return nil, err
	}
	all, err := s.repos.History(ctx, *in.RepositoryName, c.ID, p, maxVersions)
	if err != nil {
		return nil, missing(err, *in.RepositoryName)
	}
	some, next, err := page(all, "history", in.NextToken, size)
	out := &sdk.ListFileCommitHistoryOutput{RevisionDag: []types.FileVersion{}, NextToken: next}
	for _, version := range some {
		out.RevisionDag = append(out.RevisionDag, types.FileVersion{
			Commit: commitOf(version.Commit), BlobId: aws.String(version.Blob), Path: aws.String(version.Path), RevisionChildren: append([]string{}, version.Children...),
		})
	}
	return out, err
}
