package codecommit_test

import (
	"errors"
	"path/filepath"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/codecommit"
	"github.com/aws/aws-sdk-go-v2/service/codecommit/types"
	"golang.org/x/sync/errgroup"

	"github.com/conveyor-cd/conveyor/internal/awsapi/codecommit"
	"github.com/conveyor-cd/conveyor/internal/store"
	"github.com/conveyor-cd/conveyor/internal/store/sqlstore/sqltest"
)

// Two servers are asked at once to merge a pull request: one does, and the other answers that it is closed or, if it could
// not wait for the branch, that it was being changed.
func TestTwoServersAreAskedToMerge(t *testing.T) {
	t.Parallel()
	sqltest.Each(t, func(t *testing.T, db store.Store) {
		dir := filepath.Join(t.TempDir(), "repos")
		one, _ := serve(t, db, dir)
		other, _ := serve(t, db, dir)
		s := openShop(t, one)
		id := s.pull("work", "main").PullRequestId
		errs := make([]error, 2)
		var both errgroup.Group
		for i, server := range []*codecommit.Service{one, other} {
			both.Go(func() error {
				_, errs[i] = server.MergePullRequestByThreeWay(s.Context(), &sdk.MergePullRequestByThreeWayInput{PullRequestId: id, RepositoryName: str("shop")})
				return nil
			})
		}
		_ = both.Wait()
		lost := errors.Join(errs...)
		var closed *types.PullRequestAlreadyClosedException
		var busy *types.ConcurrentReferenceUpdateException
		if (errs[0] == nil) == (errs[1] == nil) || !errors.As(lost, &closed) && !errors.As(lost, &busy) {
			t.Errorf("%v; %v", errs[0], errs[1])
		}
		merged := s.get(id).PullRequestTargets[0].MergeMetadata
		if !merged.IsMerged || *merged.MergeCommitId != s.tip("main") {
			t.Errorf("%+v, and the branch is at %s", merged, s.tip("main"))
		}
	})
}
